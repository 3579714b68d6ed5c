import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arrowdsl.compute.expr import Call, Column, Literal
from arrowdsl.errors import SchemaMismatchError
from arrowdsl.finalize import VIOLATIONS, finalize, violations
from arrowdsl.plan.nodes import Scan
from arrowdsl.plan.optimize import optimize
from arrowdsl.plan.runner import run_plan
from arrowdsl.plan.source import PlanCatalog
from arrowdsl.schema.schema import TableSpec

SPEC = TableSpec(
    "t",
    "t_v1",
    pa.schema(
        [
            pa.field("path", pa.string(), nullable=False),
            pa.field("id", pa.string(), nullable=False),
            ("score", pa.float32()),
            ("row", pa.int64()),
        ]
    ),
    "cpg",
    key=("path", "id"),
    tie_breakers=(("score", "descending"),),
)
KEYLESS = TableSpec("k", "k_v1", SPEC.schema, "cpg")
ROWS = [
    ("p", "b", 0.5, 0),
    ("p", "a", 0.5, 1),
    ("p", "b", 0.9, 2),
    ("p", None, 0.1, 3),
    ("p", "b", 0.9, 4),
    ("q", "b", None, 5),
    (None, None, None, 6),
]


def table(rows):
    columns = zip(*rows, strict=True) if rows else [[], [], [], []]
    kinds = [pa.string(), pa.string(), pa.float32(), pa.int64()]
    arrays = [pa.array(values, kind) for values, kind in zip(columns, kinds, strict=True)]
    return pa.Table.from_arrays(arrays, names=SPEC.schema.names)


def run(plan, rows):
    catalog = PlanCatalog({"t": table(rows)})
    found = run_plan(optimize(plan, catalog), catalog)
    assert found.equals(run_plan(plan, catalog))
    return found


def test_of_equal_keys_the_best_stays_in_its_place():
    assert run(finalize(Scan("t"), SPEC), ROWS)["row"].to_pylist() == [1, 2, 5]


def test_what_is_left_out_is_reported_once_with_its_key_and_count():
    assert run(violations(Scan("t"), SPEC), ROWS).to_pylist() == [
        {
            "row_key": "null, null",
            "column": "path",
            "check": "required_non_null",
            "detail": "the value is null",
            "rows": 1,
        },
        {"row_key": "p, null", "column": "id", "check": "required_non_null", "detail": "the value is null", "rows": 1},
        {
            "row_key": "p, b",
            "column": "path, id",
            "check": "key",
            "detail": "the key occurs more than once; one row stays",
            "rows": 2,
        },
    ]


def test_rows_without_a_key_are_checked_for_nulls_alone():
    assert run(finalize(Scan("t"), KEYLESS), ROWS)["row"].to_pylist() == [0, 1, 2, 4, 5]
    assert run(violations(Scan("t"), KEYLESS), ROWS)["rows"].to_pylist() == [1, 1]


def test_no_rows_break_nothing():
    assert run(finalize(Scan("t"), SPEC), []).num_rows == 0
    assert run(violations(Scan("t"), SPEC), []).schema == VIOLATIONS


def test_columns_that_the_contract_lacks_stay():
    catalog = PlanCatalog({"t": table(ROWS).append_column("extra", [list("abcdefg")])})
    assert run_plan(finalize(Scan("t"), SPEC), catalog)["extra"].to_pylist() == ["b", "c", "f"]


def test_a_plan_without_a_required_column_is_refused():
    plan = finalize(Scan("t").select("path", "score", "row"), SPEC)
    with pytest.raises(SchemaMismatchError, match="the kernel does not fit its input"):
        run_plan(plan, PlanCatalog({"t": table(ROWS)}))


KEYS = st.tuples(
    st.sampled_from(["p", "q", None]),
    st.sampled_from(["a", "b", None]),
    st.sampled_from([None, 0.5, 0.9]),
)


@given(st.lists(KEYS, max_size=20))
@settings(max_examples=60)
def test_every_row_comes_out_or_is_counted(keys):
    rows = [(*key, number) for number, key in enumerate(keys)]
    kept, broken = run(finalize(Scan("t"), SPEC), rows), run(violations(Scan("t"), SPEC), rows)
    assert kept.num_rows + sum(broken["rows"].to_pylist()) == len(rows)
    assert kept["row"].to_pylist() == sorted(kept["row"].to_pylist())


@given(st.lists(KEYS, max_size=20))
@settings(max_examples=60)
def test_held_by_group_the_rows_are_the_same_as_held_at_once(keys):
    rows = [(*key, number) for number, key in enumerate(sorted(keys, key=lambda key: str(key[0])))]
    at_once, grouped = (run(finalize(Scan("t"), SPEC, group_by=group), rows) for group in (None, "path"))
    assert grouped.equals(at_once)
    broken = [run(violations(Scan("t"), SPEC, group_by=group), rows) for group in (None, "path")]
    whole, parts = (sorted(each.to_pylist(), key=str) for each in broken)
    assert parts == whole


def test_a_filter_on_the_key_gives_the_same_rows_before_and_behind():
    here = Call("=", (Column("id"), Literal("b")))
    assert run(finalize(Scan("t"), SPEC).where(here), ROWS)["row"].to_pylist() == [2, 5]


def test_a_filter_on_another_column_does_not_change_which_row_stays():
    weak = Call("<", (Column("score"), Literal(0.6)))
    assert run(finalize(Scan("t"), SPEC).where(weak), ROWS)["row"].to_pylist() == [1]
