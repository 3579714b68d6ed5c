"""Properties as JSON: what a JSON reader makes of them is the value that the table has."""

import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from flight_server.pipeline.properties import json_of

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(["\0", "\x1f\n", '\\"\t', "\x7f"])
STRUCT = pa.struct([("name", pa.string()), ("flags", pa.list_(pa.int32()))])


@given(st.lists(st.none() | st.lists(st.none() | TEXTS)))
def test_lists_are_read_as_they_were(values: list[list[str | None] | None]) -> None:
    found = json_of(pa.array(values, pa.list_(pa.string()))).to_pylist()
    assert [text and json.loads(text) for text in found] == values


@given(st.lists(st.fixed_dictionaries({"name": TEXTS, "flags": st.lists(st.integers(-9, 9))})))
def test_structs_are_read_as_they_were(values: list[dict[str, object]]) -> None:
    assert [json.loads(text) for text in json_of(pa.array(values, STRUCT)).to_pylist()] == values
