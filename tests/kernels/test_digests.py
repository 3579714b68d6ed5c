"""Digests of rows: the same however rows are cut, other for other values, spelled in a fixed width."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from flight_server.kernels.digests import digests, spelled

TEXTS = st.text(max_size=40) | st.sampled_from(["a" * 600, "a" * 601, "\0", "\0\0", ""])


def ids(seed: str, *columns: list[str]) -> list[str]:
    return spelled("edge:", digests(seed, [pa.array(column, pa.string()) for column in columns])).to_pylist()


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=20))
def test_equal_rows_have_equal_digests_and_others_have_others(rows: list[tuple[str, str]]) -> None:
    found = ids("kind", *map(list, zip(*rows, strict=True)))
    assert len(set(found)) == len(set(rows))
    assert found == [ids("kind", [left], [right])[0] for left, right in rows]


def test_columns_and_seeds_count() -> None:
    assert len({ids("a", ["x"], ["y"])[0], ids("a", ["y"], ["x"])[0], ids("b", ["x"], ["y"])[0]}) == 3
    assert ids("a", ["xy"], [""]) != ids("a", ["x"], ["y"])


def test_a_digest_is_the_same_on_every_machine() -> None:
    assert ids("CONTAINS", ["def:a"], ["def:b"]) == ["edge:eWSp8xTBhxaFXaPUOIaRQw"]


def test_many_similar_values_have_distinct_digests() -> None:
    texts = [f"ast:file:0123456789abcdef:{number}" for number in range(50_000)]
    assert len(set(ids("kind", texts, texts[::-1]))) == len(texts)


def test_no_rows() -> None:
    assert ids("kind", [], []) == []
