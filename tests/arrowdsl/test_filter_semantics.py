import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from reference_filters import SCHEMA, evaluate, filters, tables

from arrowdsl.compute.cql2 import from_cql2
from arrowdsl.compute.evaluate import check_predicate, to_arrow
from arrowdsl.compute.expr import (
    Call,
    Column,
    Literal,
    Parameter,
    Values,
    describe,
    substitute,
)
from arrowdsl.compute.fold import fold
from arrowdsl.errors import ExpressionError, UnknownColumnError
from arrowdsl.plan.nodes import Scan
from arrowdsl.plan.optimize import optimize
from arrowdsl.plan.runner import run_plan
from arrowdsl.plan.source import DatasetSource, PlanCatalog


def rows_by_engine(where, source):
    catalog = PlanCatalog({"t": source})
    plan = Scan("t").where(where).select("row")
    plain, optimized = (run_plan(each, catalog)["row"].to_pylist() for each in (plan, optimize(plan, catalog)))
    assert plain == optimized
    return plain


def rows_by_reference(where, table):
    return [row["row"] for row in table.to_pylist() if evaluate(where, row) is True]


@given(tables(), filters())
@settings(max_examples=150)
def test_filters_keep_the_rows_that_sql_keeps(table, where):
    assert rows_by_engine(where, table) == rows_by_reference(where, table)


@given(tables(), filters())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_skipping_row_groups_loses_no_row(tmp_path, table, where):
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=2)
    source = DatasetSource(ds.dataset(tmp_path / "t.parquet"))
    assert rows_by_engine(where, source) == rows_by_reference(where, table)


@given(tables(), filters())
@settings(max_examples=150)
def test_folding_keeps_the_meaning(table, where):
    for row in table.to_pylist():
        assert evaluate(fold(where), row) == evaluate(where, row)


@pytest.mark.parametrize(
    ("column", "function", "constant", "kept"),
    [
        (pa.array([0.9, 0.8, None], pa.float32()), ">=", 0.9, [0]),
        (pa.array([2**53, 2**53 + 1, None]), "=", 2**53 + 1, [1]),
        (pa.array([2**53, 2**53 + 1, None]), "=", float(2**53), [0]),
        (pa.array([2, 3, None]), "<", 2.5, [0]),
        (pa.array([2, 3, None]), "<>", 2.5, [0, 1]),
        (pa.array([1, None], pa.int8()), "<", 300, [0]),
        (pa.array([2**64 - 1, None], pa.uint64()), ">", -1, [0]),
        (pa.array([float("inf"), 1.0], pa.float32()), ">", 1e300, [0]),
        (pa.array(["b", "a", None], pa.large_string()), ">", "a", [0]),
    ],
)
def test_constants_compare_exactly_with_columns_of_another_type(column, function, constant, kept):
    table = pa.table({"row": range(len(column)), "x": column})
    assert rows_by_engine(Call(function, (Column("x"), Literal(constant))), table) == kept


def test_a_choice_outside_the_columns_range_equals_nothing():
    table = pa.table({"row": range(3), "x": pa.array([1, 200, None], pa.uint8())})
    assert rows_by_engine(Call("in", (Column("x"), Values((-1, 200, 256, 1.5, 1e300)))), table) == [1]


def test_a_typed_null_is_compared_like_a_null_of_a_column():
    table = pa.table({"row": [0]})
    unknown = Call(">=", (Literal(None, pa.float32()), Literal(0.5)))
    assert rows_by_engine(unknown, table) == rows_by_engine(Call("not", (unknown,)), table) == []
    assert rows_by_engine(Call("isNull", (unknown,)), table) == [0]


def test_coalesce_gives_constants_the_type_of_its_columns():
    table = pa.table({"row": [0, 1], "score": pa.array([None, 0.1], pa.float32())})
    score = Call("coalesce", (Column("score"), Literal(0.9)))
    assert rows_by_engine(Call(">=", (score, Literal(0.9))), table) == [0]
    with pytest.raises(ExpressionError, match="mixes"):
        to_arrow(Call("coalesce", (Column("score"), Column("row"))), table.schema)


def test_concat_joins_strings():
    plan = Scan("t").select(both=Call("concat", (Literal("x:"), Column("s"))))
    assert run_plan(plan, PlanCatalog({"t": pa.table({"s": ["a", None]})}))["both"].to_pylist() == ["x:a", None]


COLUMN = {name: Column(name) for name in SCHEMA.names}


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (Call("=", (COLUMN["s"], Literal(1))), "s = 1 compares string, number"),
        (Call("<", (COLUMN["b"], Literal(value=True))), "boolean; < takes operands of one kind: number, string"),
        (Call("=", (COLUMN["s"], Literal(None))), "use isNull for nulls"),
        (Call("in", (COLUMN["i64"], Values((1, "a")))), "compares number, string"),
        (Call("between", (COLUMN["i64"], Literal(1), Literal("a"))), "i64 between 1 and 'a' compares number, string"),
        (Call("like", (COLUMN["i64"], Literal("a"))), "like takes a string and a pattern"),
        (Call("like", (COLUMN["s"], COLUMN["s"])), "like takes a string and a pattern"),
        (Call("like", (COLUMN["s"], Literal(1))), "like takes a string and a pattern"),
        (Call("in", (COLUMN["s"], COLUMN["s"])), "has no value here"),
        (Call("and", (COLUMN["b"], COLUMN["s"])), "a filter must be true or false, s is a string"),
        (Call("not", (Literal(1),)), "1 is a number"),
        (Call("nonsense", (COLUMN["s"],)), "has no value here"),
        (Call("=", (Call("like", (COLUMN["s"], Literal("a"))), Literal("a"))), "compares boolean, string"),
        (Call("=", (COLUMN["s"], Parameter("part"))), r"\$part has no value here"),
    ],
)
def test_operands_that_do_not_go_together_are_refused(where, message):
    with pytest.raises(ExpressionError, match=message):
        to_arrow(where, SCHEMA)


@pytest.mark.parametrize("value", [Literal(1), COLUMN["s"], COLUMN["f64"]])
def test_a_filter_is_true_or_false(value):
    with pytest.raises(ExpressionError, match="a filter must be true or false"):
        check_predicate(value, SCHEMA)
    with pytest.raises(ExpressionError):
        run_plan(optimize(Scan("t").where(value), catalog := PlanCatalog({"t": SCHEMA.empty_table()})), catalog)


def test_an_unknown_column_is_told_with_those_that_exist():
    with pytest.raises(UnknownColumnError, match=r"unknown column 'z'; columns: row, i8, .*, b"):
        to_arrow(Call("=", (Column("z"), Literal(1))), SCHEMA)


def test_a_parameter_is_replaced_by_its_value():
    where = Call("=", (Column("s"), Parameter("part")))
    bound = substitute(where, {Parameter("part"): Literal("3")})
    assert bound == Call("=", (Column("s"), Literal("3")))
    assert describe(bound) == "s = '3'"


@pytest.mark.parametrize(
    ("where", "folded"),
    [
        (Call("=", (Literal("a"), Literal("a"))), Literal(value=True)),
        (Call("<>", (Literal("a"), Literal("a"))), Literal(value=False)),
        (Call("in", (Literal("a"), Values(("b", "c")))), Literal(value=False)),
        (Call(">=", (Literal(0.9, pa.float32()), Literal(0.9))), Literal(value=True)),
        (Call("=", (Literal(None, pa.string()), Literal("a"))), Literal(None, pa.bool_())),
        (Call("isNull", (Literal(None, pa.string()),)), Literal(value=True)),
        (Call("not", (Call("=", (Literal("a"), Literal("a"))),)), Literal(value=False)),
        (Call("and", (COLUMN["b"], Literal(value=False))), Literal(value=False)),
        (Call("or", (COLUMN["b"], Literal(value=True))), Literal(value=True)),
        (Call("and", (Literal(value=True), COLUMN["b"])), COLUMN["b"]),
        (Call("and", (COLUMN["b"], Literal(1))), Call("and", (COLUMN["b"], Literal(1)))),
    ],
)
def test_constants_are_worked_out_before_a_row_is_seen(where, folded):
    assert repr(fold(where)) == repr(folded)


def _chain(op, terms):
    return {"op": op, "args": [{"op": "=", "args": [{"property": "i64"}, number]} for number in range(terms)]}


def _nested(levels):
    document = {"property": "b"}
    for _ in range(levels):
        document = {"op": "not", "args": [document]}
    return document


@pytest.mark.parametrize(
    "document",
    [
        _chain("or", 499),
        _chain("and", 499),
        _nested(32),
        {"op": "and", "args": [{"op": "between", "args": [{"property": "i64"}, 0, n]} for n in range(499)]},
        {"op": "in", "args": [{"property": "i64"}, list(range(100_000))]},
        {"op": "in", "args": [{"property": "s"}, [str(number) for number in range(100_000)]]},
    ],
    ids=["wide or", "wide and", "deep", "many between", "many numbers", "many strings"],
)
def test_the_largest_allowed_filters_run(tmp_path, document):
    table = pa.table({name: pa.array([1, 0] * 5).cast(SCHEMA.field(name).type) for name in SCHEMA.names})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=2)
    where = from_cql2(document)
    assert rows_by_engine(where, DatasetSource(ds.dataset(tmp_path / "t.parquet"))) == rows_by_engine(where, table)


def test_like_takes_an_escaped_backslash_for_one():
    table = pa.table({"s": ["a\\b1", "a\\\\b", "ab", "a%", "a1"]})
    plan = Scan("t").where(Call("like", (Column("s"), Literal("a\\\\b%"))))
    assert run_plan(plan, PlanCatalog({"t": table})).column("s").to_pylist() == ["a\\b1"]
