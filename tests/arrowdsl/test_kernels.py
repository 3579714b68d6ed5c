from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arrowdsl.compute.kernels import (
    distinct_sorted,
    explode,
    explode_list_column,
    first_of_each,
    flatten_list_struct_field,
    whole_groups,
)

PAIR = pa.struct([("name", pa.string()), ("n", pa.int64())])
LISTS = st.lists(
    st.none()
    | st.lists(st.none() | st.fixed_dictionaries({"name": st.text(max_size=2), "n": st.integers(0, 9)}), max_size=3),
    max_size=12,
)
METADATA = {b"contract": b"calls_v1"}


@st.composite
def chunked_tables(draw):
    """A table of ids and lists whose columns are slices in several chunks, and its lists."""
    lists = draw(LISTS)
    hidden = [[{"name": "hidden", "n": 0}]]
    whole = pa.array(hidden + lists + hidden, pa.list_(PAIR)).slice(1, len(lists))
    cut = draw(st.integers(0, len(lists)))
    column = pa.chunked_array([whole.slice(0, cut), whole.slice(cut)], pa.list_(PAIR))
    schema = pa.schema([pa.field("id", pa.int64(), nullable=False), ("pairs", pa.list_(PAIR))], metadata=METADATA)
    return pa.Table.from_arrays([pa.array(range(len(lists)), pa.int64()), column], schema=schema), lists


@given(chunked_tables())
def test_lists_become_rows_in_order(given_table):
    table, lists = given_table
    expected = [(row, element) for row, elements in enumerate(lists) for element in elements or ()]
    rows = explode_list_column(
        table, parent_id_col="id", list_col="pairs", out_parent_col="call_id", out_value_col="pair"
    )
    assert list(zip(rows["call_id"].to_pylist(), rows["pair"].to_pylist(), strict=True)) == expected
    assert rows.schema.metadata == METADATA
    assert not rows.schema.field("call_id").nullable
    fields = explode(table, "pairs", {"n": "n", "pair": None})
    assert fields["n"].to_pylist() == [element and element["n"] for _, element in expected]
    assert fields["pair"].to_pylist() == [element for _, element in expected]
    assert fields["id"].to_pylist() == [row for row, _ in expected]


@given(chunked_tables())
def test_a_field_of_the_structs_comes_in_order(given_table):
    table, lists = given_table
    expected = [element and element["name"] for elements in lists for element in elements or ()]
    assert flatten_list_struct_field(table, list_col="pairs", field="name").to_pylist() == expected


@pytest.mark.parametrize(
    "kind",
    [pa.list_(pa.int64()), pa.large_list(pa.int64()), pa.list_view(pa.int64()), pa.large_list_view(pa.int64())],
    ids=str,
)
def test_every_kind_of_list_becomes_rows(kind):
    table = pa.table({"id": [1, 2, 3, 4], "l": pa.array([[1, 2], None, [], [3]], kind)})
    assert explode(table, "l", {"v": None}).to_pydict() == {"id": [1, 1, 4], "v": [1, 2, 3]}


def test_elements_that_a_null_list_hides_stay_hidden():
    mask = pa.array([False, True, False])
    lists = pa.ListArray.from_arrays(pa.array([0, 2, 4, 5], pa.int32()), pa.array([1, 2, 3, 4, 5]), mask=mask)
    assert explode(pa.table({"id": [1, 2, 3], "l": lists}), "l", {"v": None}).to_pydict() == {
        "id": [1, 1, 3],
        "v": [1, 2, 5],
    }


def test_long_strings_are_repeated_for_each_element():
    table = pa.table({"text": ["x" * 1_000_000] * 3, "l": [list(range(20))] * 3})
    exploded = explode(table, "l", {"v": None})
    assert exploded.num_rows == 60
    assert exploded["text"].nbytes > 60_000_000


@pytest.mark.parametrize("kind", [pa.string(), pa.int64(), pa.float64(), pa.large_string()], ids=str)
def test_distinct_values_of_nothing_keep_their_type(kind):
    assert distinct_sorted(pa.chunked_array([], kind)) == pa.array([], kind)
    assert distinct_sorted(pa.array([None], kind)) == pa.array([], kind)


@given(st.lists(st.none() | st.text(max_size=3), max_size=20), st.integers(0, 20))
def test_distinct_values_are_sorted_and_not_null(values, cut):
    expected = sorted({value for value in values if value is not None})
    assert distinct_sorted(pa.array(values, pa.string())).to_pylist() == expected
    chunks = pa.chunked_array([values[:cut], values[cut:]], pa.string())
    assert distinct_sorted(chunks).to_pylist() == expected


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "a": st.sampled_from([1, 2, None]),
            "b": st.sampled_from(["x", "y", None]),
            "score": st.sampled_from([1.0, 2.0, None]),
        }
    ),
    max_size=20,
)
KEYED = pa.schema([("a", pa.int64()), ("b", pa.string()), ("score", pa.float32())])


@given(ROWS, st.integers(0, 20))
def test_of_equal_keys_the_first_by_tie_breakers_then_by_order_stays(rows, cut):
    best: dict = {}
    for number, row in enumerate(rows):
        rank = (row["score"] is None, -(row["score"] or 0), number)
        best[row["a"], row["b"]] = min(best.get((row["a"], row["b"]), rank), rank)
    whole = pa.Table.from_pylist(rows, KEYED)
    table = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
    mask = first_of_each(table, ("a", "b"), (("score", "descending"),))
    kept = [True] * len(rows) if mask is None else mask.to_pylist()
    assert [number for number, keep in enumerate(kept) if keep] == sorted(number for *_, number in best.values())


@given(st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(1, 4)), max_size=8), st.integers(1, 5))
def test_runs_are_never_spread_over_two_tables(runs, size):
    values = [value for value, length in runs for _ in range(length)]
    batches = pa.table({"k": pa.array(values, pa.string()), "row": range(len(values))}).to_batches(max_chunksize=size)
    empty = pa.table({"k": pa.array([], pa.string()), "row": pa.array([], pa.int64())}).to_batches()
    tables = [table["k"].to_pylist() for table in whole_groups(iter([*empty, *batches, *empty]), "k")]
    assert [value for table in tables for value in table] == values
    assert all(tables)
    assert all(before[-1] != after[0] for before, after in pairwise(tables))
