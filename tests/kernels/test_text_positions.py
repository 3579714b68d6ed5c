"""Line and character to byte offset, against Python's own strings."""

import re

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_server.kernels.text_positions import OUT_OF_RANGE, UTF8, UTF16, UTF32, line_index

UNITS = {UTF8: ("utf-8", 1), UTF16: ("utf-16-le", 2), UTF32: ("utf-32-le", 4)}
TEXTS = st.lists(st.text(st.sampled_from("ab é中🦁\n\r"), max_size=14), min_size=1, max_size=4)
POSITIONS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-1, 6), st.integers(-1, 9), st.sampled_from((UTF8, UTF16, UTF32))),
    min_size=1,
    max_size=40,
)


def offset(text: str, line: int, character: int, encoding: int) -> int:
    """Where a prefix of the line has so many code units; OUT_OF_RANGE if none has."""
    pieces = re.split("(\r\n|\r|\n)", text)
    if line < 0 or 2 * line >= len(pieces):
        return OUT_OF_RANGE
    codec, size = UNITS[encoding]
    before, content = "".join(pieces[: 2 * line]), pieces[2 * line]
    for end in range(len(content) + 1):
        if len(content[:end].encode(codec)) == character * size:
            return len((before + content[:end]).encode())
    return OUT_OF_RANGE


@settings(max_examples=200, deadline=None)
@given(TEXTS, POSITIONS)
def test_positions_are_those_of_python_strings(texts: list[str], positions: list[tuple[int, int, int, int]]) -> None:
    positions = [(file % len(texts), *rest) for file, *rest in positions]
    found = line_index(pa.chunked_array([pa.array(texts)])).offsets(*map(np.array, zip(*positions, strict=True)))
    assert found.tolist() == [offset(texts[file], *rest) for file, *rest in positions]


def test_texts_in_chunks_and_slices_and_without_a_value() -> None:
    texts = pa.chunked_array([pa.array(["skipped", "é\nx"]).slice(1), pa.array([None, "🦁y"], pa.string())])
    found = line_index(texts).offsets(*map(np.array, ([0, 1, 2], [1, 0, 0], [1, 0, 2], [UTF16] * 3)))
    assert found.tolist() == [4, 0, 4]


def test_no_texts_and_no_positions() -> None:
    none = np.zeros(0, np.int64)
    assert line_index(pa.chunked_array([], pa.string())).offsets(none, none, none, none).tolist() == []


def test_lines_on_which_all_encodings_count_alike() -> None:
    texts = line_index(pa.chunked_array([pa.array(["plain\né\nplain"])]))
    assert texts.only_ascii(np.array([0, 0, 0]), np.array([0, 1, 2])).tolist() == [True, False, True]
