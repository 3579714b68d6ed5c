"""Polars over ``scan_polars``: the rows of the same frame in memory, and requests for no more than the query needs."""

import polars as pl
import pytest
from wire_server import ROWS

from flight_client.polars_scan import scan_polars

LOCAL = pl.from_arrow(ROWS).lazy()
C = pl.col
PREDICATES = {
    "equal": C("s") == "a",
    "less": C("i") < 3,
    "mirrored": pl.lit(3) <= C("i"),
    "a small type": C("i8") > 100,
    "beyond a small type": C("i8") < 1000,
    "unsigned": C("u64") >= 7,
    "a fraction": C("i") > 2.5,
    "NaN is the largest float": C("f") > 0.5,
    "a float": C("f32") == 0.5,
    "in": C("s").is_in(["a", "é", None]),
    "not in": ~C("s").is_in(["a", "é"]),
    "not in or null": ~C("s").is_in(["a", "é"]) | C("s").is_null(),
    "in with nulls": C("s").is_in(["a", None], nulls_equal=True),
    "integers": C("i").is_in([1, 7, -128]),
    "not equal": C("i") != 5,
    "not": ~(C("i") == 5),
    "null": C("s").is_null(),
    "not null": C("d").is_not_null() & C("b"),
    "or": (C("i") > 6) | C("s").str.starts_with("a"),
    "or what is not known": (C("i") > 6) | (C("f") > 0.4),
    "ends": C("s").str.ends_with("%"),
    "contains": C("s").str.contains("b", literal=True),
    "a pattern": C("s").str.contains("^a."),
    "between": C("i").is_between(1, 7),
    "columns": C("i") > C("id"),
    "categories": C("d") == "x",
    "categories in order": C("d") < "y",
    "bytes": C("bytes") == b"a",
    "a time": C("t").is_null(),
    "a chain": (C("i") > 0) & (C("i") < 100) & (C("f") < 1) & C("s").is_in(["a", "ab", "a_b"]),
    "nothing": C("s") == pl.lit(None, dtype=pl.String),
}


@pytest.fixture
def frame(server):
    server.tickets.clear()
    return scan_polars(server.uri, "r", "t")


@pytest.mark.parametrize("predicate", PREDICATES.values(), ids=PREDICATES)
def test_the_rows_are_those_of_a_frame_in_memory(frame, predicate):
    assert frame.filter(predicate).select("id").collect().equals(LOCAL.filter(predicate).select("id").collect())


def test_columns_and_filter_are_sent(frame, server):
    found = frame.filter(C("i") > 5, C("f") < 0.9, C("s").is_in(["é", "A"])).select("id").collect()
    assert found.to_dict(as_series=False) == {"id": [5]}
    ticket = server.tickets[-1]
    assert sorted(ticket["columns"]) == ["f", "i", "id", "s"]
    assert ticket["where"] == {
        "op": "and",
        "args": [
            {"op": ">", "args": [{"property": "i"}, 5]},
            {"op": "in", "args": [{"property": "s"}, ["é", "A"]]},
        ],
    }


def test_the_number_of_rows_is_sent(frame, server):
    assert frame.head(3).select("s").collect().height == 3
    assert server.tickets[-1]["limit"] == 3
    assert server.tickets[-1]["columns"] == ["s"]


def test_a_limit_comes_before_a_filter_or_after_it(frame):
    for query in (lambda each: each.head(4).filter(C("i") > 0), lambda each: each.filter(C("i") > 0).head(2)):
        assert query(frame).select("id").collect().equals(query(LOCAL).select("id").collect())


def test_a_frame_can_be_collected_again_and_streamed(frame):
    by_name = frame.group_by("d").len().sort("d")
    assert by_name.collect().equals(by_name.collect(engine="streaming"))
    assert frame.collect().shape == ROWS.shape
