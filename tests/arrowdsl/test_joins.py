import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arrowdsl.errors import SchemaMismatchError, UnknownColumnError
from arrowdsl.plan.joins import JoinConfig, left_join
from arrowdsl.plan.nodes import Join, Scan
from arrowdsl.plan.runner import run_plan
from arrowdsl.plan.source import DatasetSource, PlanCatalog
from arrowdsl.schema.schema import DICTIONARY

LEFT = pa.table(
    {"k": ["b", "a", None, "c", "a"], "row": [0, 1, 2, 3, 4]},
    schema=pa.schema([("k", pa.string()), pa.field("row", pa.int64(), nullable=False)], metadata={"contract": "left"}),
)
RIGHT = pa.table({"k": ["a", "b", "a", None], "row": [10, 11, 12, 13]})
CONFIG = JoinConfig.on_keys(
    keys=["k"], left_output=["k", "row"], right_output=["row"], output_suffix_for_right="_right"
)
JOINED = [("b", 0, 11), ("a", 1, 10), ("a", 1, 12), (None, 2, None), ("c", 3, None), ("a", 4, 10), ("a", 4, 12)]


def rows(table):
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def matched(kind, left, right, keys):
    join = Join(Scan("left"), Scan("right"), kind, keys, keys, ("row",)).order_by("row")
    return run_plan(join, PlanCatalog({"left": left, "right": right}))["row"].to_pylist()


def dataset(table):
    return DatasetSource(dataset=ds.dataset(table))


@pytest.mark.parametrize("left", [LEFT, dataset(LEFT)], ids=["table", "dataset"])
@pytest.mark.parametrize("right", [RIGHT, dataset(RIGHT)], ids=["table", "dataset"])
def test_left_rows_keep_their_order_and_equal_right_rows_theirs(left, right):
    joined = left_join(left, right, config=CONFIG)
    assert rows(joined) == JOINED
    assert joined.column_names == ["k", "row", "row_right"]
    assert joined.schema.metadata == LEFT.schema.metadata
    assert not joined.schema.field("row").nullable


def test_a_join_of_plans_is_a_plan_with_the_same_rows():
    plan = left_join(Scan("left"), Scan("right"), config=CONFIG)
    assert isinstance(plan, Join)
    catalog = PlanCatalog({"left": LEFT, "right": dataset(RIGHT)})
    assert rows(run_plan(plan.order_by("row", "row_right"), catalog)) == JOINED


def test_a_null_key_equals_nothing():
    assert matched("left semi", LEFT, RIGHT, ("k",)) == [0, 1, 4]
    assert matched("left anti", LEFT, RIGHT, ("k",)) == [2, 3]


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([1, 2, None])), max_size=8),
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from([1, 2, None])), max_size=8),
)
@settings(max_examples=60)
def test_joins_on_two_keys_give_the_rows_of_the_definition(left, right):
    def table(pairs):
        kinds = pa.schema([("k", pa.string()), ("n", pa.int64()), ("row", pa.int64())])
        return pa.Table.from_pylist([{"k": k, "n": n, "row": row} for row, (k, n) in enumerate(pairs)], kinds)

    config = JoinConfig(("k", "n"), ("k", "n"), ("row",), ("row",), "_right")
    equal = {
        row: [other for other, there in enumerate(right) if None not in pair and pair == there]
        for row, pair in enumerate(left)
    }
    expected = [(row, other) for row, found in equal.items() for other in found or [None]]
    assert rows(left_join(table(left), table(right), config=config)) == expected
    assert matched("left semi", table(left), table(right), ("k", "n")) == [row for row in equal if equal[row]]
    assert matched("left anti", table(left), table(right), ("k", "n")) == [row for row in equal if not equal[row]]


def test_dictionaries_join_as_the_strings_they_stand_for():
    chunks = [pa.array(["b", "a"]).dictionary_encode(), pa.array([None, "c", "a"]).dictionary_encode()]
    encoded = LEFT.set_column(0, "k", pa.chunked_array(chunks))
    assert rows(left_join(encoded, RIGHT, config=CONFIG)) == JOINED
    assert rows(left_join(LEFT, RIGHT.set_column(0, "k", RIGHT["k"].cast(DICTIONARY)), config=CONFIG)) == JOINED


def test_lists_can_not_go_through_a_join():
    nested = LEFT.append_column("list", [[[1]] * 5])
    config = JoinConfig.on_keys(keys=["k"], left_output=["k", "list"])
    with pytest.raises(SchemaMismatchError, match="lists, structs and maps can't go through a join: list on the left"):
        left_join(nested, RIGHT, config=config)
    assert left_join(nested, RIGHT, config=CONFIG).num_rows == len(JOINED)


def test_unknown_columns_are_told_with_their_side():
    with pytest.raises(UnknownColumnError, match="the right side has no z; columns: k, row"):
        left_join(LEFT, RIGHT, config=JoinConfig.on_keys(keys=["k"], left_output=["k"], right_output=["z"]))


def test_equal_names_without_a_suffix_are_refused():
    config = JoinConfig.on_keys(keys=["k"], left_output=["k", "row"], right_output=["row"])
    with pytest.raises(SchemaMismatchError, match="more than once: row"):
        left_join(LEFT, RIGHT, config=config)


def test_keys_alone_give_all_columns_and_the_keys_once():
    joined = left_join(LEFT, RIGHT.rename_columns(["k", "right_row"]), JoinConfig(keys=("k",)))
    assert joined.column_names == ["k", "row", "right_row"]
    assert rows(joined) == JOINED
    with pytest.raises(SchemaMismatchError, match="has to name left_output and right_output"):
        left_join(Scan("left"), Scan("right"), JoinConfig(keys=("k",)))


def test_a_plan_and_a_table_can_not_be_joined():
    with pytest.raises(SchemaMismatchError, match="two plans, or two tables or datasets"):
        left_join(Scan("left"), RIGHT, config=CONFIG)
