import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from arrowdsl.compute.expr import Call, Column, Literal, Parameter
from arrowdsl.errors import DataError, SchemaMismatchError, UnknownColumnError, UnknownSourceError
from arrowdsl.plan.nodes import (
    Aggregate,
    Empty,
    Join,
    Kernel,
    KernelFunction,
    Ref,
    Scan,
    Scope,
    Union,
    bind_parameters,
    describe,
    in_scan_order,
    inputs,
    walk,
    with_inputs,
)
from arrowdsl.plan.optimize import optimize
from arrowdsl.plan.runner import run_plan
from arrowdsl.plan.schemas import schema_of
from arrowdsl.plan.source import DatasetSource, PlanCatalog, PlanSource
from arrowdsl.schema.schema import DICTIONARY, TableSpec

TABLE = pa.table(
    {"id": [3, 1, 2, 1], "kind": ["x", "y", "x", None], "list": [[1, 2], None, [], [3]]},
    schema=pa.schema([("id", pa.int64()), ("kind", pa.string()), ("list", pa.list_(pa.int64()))]),
)
SMALL = PlanCatalog({"t": TABLE})
CATALOG = PlanCatalog(SMALL.sources, {"out": PlanSource(Scan("t").select("id"), SMALL)})
t = Scan("t")
count = KernelFunction("count", 2, lambda table: pa.table({"n": [table.num_rows]}), (), replaces_columns=True)
PLANS = {
    "scan": (t, TABLE.schema),
    "narrow scan": (Scan("t", ("kind",), Call(">", (Column("id"), Literal(1)))), pa.schema([("kind", pa.string())])),
    "ref": (Ref("out", Scope.REPO), pa.schema([("id", pa.int64())])),
    "empty": (Empty(TABLE.schema), TABLE.schema),
    "filter": (t.where(Call("isNull", (Column("kind"),))), TABLE.schema),
    "project": (
        t.select("kind", twice=Column("id"), one=Literal(1, pa.int8())),
        pa.schema([("kind", pa.string()), ("twice", pa.int64()), ("one", pa.int8())]),
    ),
    "join": (
        Join(t.select("id", "kind"), t.select("id", "kind"), "inner", ("id",), ("id",), ("id",), ("id", "kind"), "_r"),
        pa.schema([("id", pa.int64()), ("id_r", pa.int64()), ("kind", pa.string())]),
    ),
    "union": (Union((t, t)), TABLE.schema),
    "aggregate": (
        Aggregate(t, ("kind",), (("id", "sum", "total"), ("id", "count", "n"))),
        pa.schema([("kind", pa.string()), ("total", pa.int64()), ("n", pa.int64())]),
    ),
    "whole aggregate": (Aggregate(t, (), (("id", "max", "last"),)), pa.schema([("last", pa.int64())])),
    "sort": (t.order_by("id"), TABLE.schema),
    "explode": (
        t.explode("list", value=None),
        pa.schema([("id", pa.int64()), ("kind", pa.string()), ("value", pa.int64())]),
    ),
    "kernel": (Kernel(t, count), pa.schema([("n", pa.int64())])),
}


@pytest.mark.parametrize(("plan", "schema"), PLANS.values(), ids=PLANS)
def test_the_schema_of_a_plan_is_that_of_its_rows(plan, schema):
    assert schema_of(plan, CATALOG).equals(schema)
    assert run_plan(plan, CATALOG).schema.equals(schema)


@pytest.mark.parametrize(
    ("plan", "rows"),
    [
        (PLANS["narrow scan"][0], [("x",), ("x",)]),
        (Union((t.select("id"), Ref("out", Scope.REPO))), [(n,) for n in (3, 1, 2, 1) * 2]),
        (t.select("id", "kind").order_by("id"), [(1, "y"), (1, None), (2, "x"), (3, "x")]),
        (t.select("id").order_by(("id", "descending")), [(3,), (2,), (1,), (1,)]),
        (t.select("id", "list").explode("list", value=None), [(3, 1), (3, 2), (1, 3)]),
        (Kernel(t, count), [(4,)]),
        (Kernel(t.select(), count), [(4,)]),
        (Aggregate(t, (), (("id", "sum", "total"),)), [(7,)]),
        (Aggregate(t, ("id",), (("kind", "count", "n"),)).order_by("id"), [(1, 1), (2, 1), (3, 1)]),
        (Kernel(t, count).where(Call(">", (Column("n"), Literal(4)))), []),
        (Ref("out", Scope.REPO).where(Call("=", (Column("id"), Literal(2)))).select(k=Literal("K")), [("K",)]),
    ],
    ids=lambda value: describe(value).replace("\n", " ") if not isinstance(value, list) else "",
)
def test_rows_of_a_plan(plan, rows):
    for each in (plan, optimize(plan, CATALOG)):
        found = run_plan(each, CATALOG)
        assert list(zip(*(column.to_pylist() for column in found.columns), strict=True)) == rows


def test_equal_rows_keep_their_order_in_a_sort_over_many_batches():
    table = pa.table({"k": [n % 3 for n in range(1000)], "row": range(1000)})
    chunked = pa.concat_tables([table.slice(start, 7) for start in range(0, 1000, 7)])
    rows = run_plan(Scan("t").order_by("k"), PlanCatalog({"t": chunked}))
    assert rows["row"].to_pylist() == sorted(range(1000), key=lambda row: (row % 3, row))


@pytest.mark.parametrize(
    ("plan", "error", "message"),
    [
        (Scan("z"), UnknownSourceError, "unknown table 'z'; tables: t"),
        (Ref("z", Scope.PART), UnknownSourceError, "unknown output 'z'; outputs: out"),
        (Scan("t", ("z",)), UnknownColumnError, "unknown columns: z; columns: id, kind, list"),
        (t.select("z"), UnknownColumnError, "unknown column 'z'"),
        (t.order_by("z"), SchemaMismatchError, "the sort does not fit its input: .*z"),
        (t.distinct("z"), SchemaMismatchError, "the aggregate does not fit its input: .*z"),
        (Aggregate(t, (), (("id", "nonsense", "n"),)), SchemaMismatchError, "the aggregate does not fit its input"),
        (t.explode("id", value=None), SchemaMismatchError, "the explode does not fit its input"),
        (t.explode("z", value=None), SchemaMismatchError, "the explode does not fit its input: .*z"),
        (Join(t, t, "inner", ("id",), ("kind",), ("id",)), SchemaMismatchError, "the join does not fit its input"),
        (t.select("id", id=Literal(1)), SchemaMismatchError, "the project gives columns more than once: id"),
        (t.select(n=Call("concat", (Column("id"),))), SchemaMismatchError, "the project does not fit its input"),
        (Union(()), SchemaMismatchError, "a union of no plans has no schema"),
        (Union((t.select("id"), t.select("kind"))), SchemaMismatchError, "plans in a union differ: id int64 and kind"),
    ],
)
def test_a_plan_that_can_not_run_is_an_error_and_not_a_crash(plan, error, message):
    assert issubclass(error, DataError)
    with pytest.raises(error, match=message):
        run_plan(plan, CATALOG)


def test_dictionaries_come_out_of_scans_as_the_strings_they_stand_for(tmp_path):
    schema = pa.schema([pa.field("kind", DICTIONARY, nullable=False), ("n", pa.int64())])
    encoded = pa.table({"kind": ["a", "b", "a"], "n": [1, 2, 3]}, schema=schema)
    pq.write_table(encoded, tmp_path / "t.parquet")
    spec = TableSpec("t", "t_v1", schema, "raw")
    files = ds.dataset(tmp_path / "t.parquet")
    plan = t.where(Call("like", (Column("kind"), Literal("a%")))).order_by(("kind", "descending"))
    for source in (encoded, DatasetSource(dataset=files), DatasetSource(dataset=files, spec=spec)):
        rows = run_plan(optimize(plan, catalog := PlanCatalog({"t": source})), catalog)
        assert rows.to_pylist() == [{"kind": "a", "n": 1}, {"kind": "a", "n": 3}]
        assert rows.schema.field("kind").type == pa.string()


def test_branches_of_a_union_may_differ_in_nullability_and_metadata():
    required = pa.schema([pa.field("id", pa.int64(), nullable=False)], metadata={"a": "b"})
    keep = KernelFunction("keep", 1, lambda table: table.cast(required), ("id",))
    branches = (t.select("id"), Kernel(t.select("id"), keep), Empty(required))
    for plan in (Union(branches), Union(branches[::-1]), Union(branches).distinct("id")):
        assert sorted(set(run_plan(plan, CATALOG)["id"].to_pylist())) == [1, 2, 3]


def test_nodes_say_what_they_read_and_can_be_rebuilt():
    plan = Join(t, Union((t, t)), "inner", ("id",), ("id",), ("id",))
    assert inputs(plan) == (t, Union((t, t)))
    other = with_inputs(plan, [Scan("u"), Scan("v")])
    assert inputs(other) == (Scan("u"), Scan("v"))
    assert [type(node).__name__ for node in walk(plan)] == ["Join", "Scan", "Union", "Scan", "Scan"]
    assert all(with_inputs(node, inputs(node)) == node for node in (*walk(plan), *(p for p, _ in PLANS.values())))


def test_equal_plans_are_equal_and_hash_alike():
    for plan, _ in PLANS.values():
        assert hash(plan) == hash(with_inputs(plan, inputs(plan)))


def test_parameters_are_bound_wherever_they_stand():
    here = Call("=", (Column("kind"), Parameter("part")))
    plan = Union((t.where(here), Scan("t", None, here))).select("id", part=Parameter("part"))
    bound = bind_parameters(plan, {Parameter("part"): Literal("x")})
    assert run_plan(bound, CATALOG).to_pylist() == [{"id": n, "part": "x"} for n in (3, 2, 3, 2)]


def test_rows_computed_row_by_row_are_in_the_order_of_their_scan():
    assert in_scan_order(t.where(Literal(value=True)).explode("list", value=None).select("id"))
    assert not any(map(in_scan_order, (t.order_by("id"), Union((t, t)), Ref("out", Scope.PART), t.distinct("id"))))


def test_a_plan_is_told_as_text():
    plan = Union((t.order_by("id", ("kind", "descending")), Kernel(t, count), Empty(TABLE.schema)))
    assert describe(Aggregate(plan, ("id",), (("kind", "count", "n"),))) == (
        "aggregate id, n = count(kind)\n"
        "  union\n"
        "    sort id, kind descending\n"
        "      scan t\n"
        "    kernel count v2\n"
        "      scan t\n"
        "    nothing"
    )
