"""Strings become numbers in the order of their text, so that whatever is decided by number is decided by the source.

Numbers start at 1; 0 is null.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.columns import Ints, ints

Strings: TypeAlias = pa.ChunkedArray | pa.Array


@dataclass(frozen=True)
class Texts:
    """Numbered strings: ``values[n - 1]`` is the string with number n."""

    values: pa.Array

    def find(self, strings: Strings) -> Ints:
        """The strings' numbers, 0 where a string is null or has none."""
        return _positions(pc.index_in(strings, value_set=self.values)) + 1

    def of(self, numbers: Ints) -> pa.Array:
        """The strings with these numbers, null for 0."""
        return self.values.take(pa.array(numbers - 1, mask=numbers == 0))

    def coded(self, numbers: Ints) -> pa.DictionaryArray:
        """The same as codes: what has more rows than strings takes less room so."""
        return pa.DictionaryArray.from_arrays(pa.array((numbers - 1).astype(np.int32), mask=numbers == 0), self.values)

    def one(self, text: str) -> int:
        """A string's number, 0 if it has none."""
        return int(self.find(pa.array([text]))[0])


def numbered(columns: Sequence[Strings]) -> tuple[Texts, list[Ints]]:
    """The distinct strings of the columns, and each column as numbers."""
    encoded = _chunks(columns).dictionary_encode().combine_chunks()
    values: pa.Array = encoded.dictionary
    order = pc.sort_indices(values).to_numpy()
    number = np.zeros(len(values) + 1, np.int64)  # null, -1, falls on the last
    number[order] = np.arange(1, len(values) + 1)
    ends = np.cumsum([len(column) for column in columns])
    return Texts(values.take(pa.array(order))), np.split(number[_positions(encoded.indices)], ends[:-1])


def texts(columns: Sequence[Strings]) -> Texts:
    """The distinct strings of the columns."""
    distinct = pc.unique(_chunks(columns)).drop_null()
    return Texts(distinct.take(pc.sort_indices(distinct)))


def coded(values: pa.Array, numbers: Ints) -> pa.DictionaryArray:
    """The values at these positions, as codes; null where the value is."""
    absent = values.is_null().to_numpy(zero_copy_only=False)[numbers]
    return pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32), mask=absent), values.fill_null(""))


def _positions(found: Strings) -> Ints:
    flat = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return ints(flat.fill_null(-1).to_numpy(zero_copy_only=False))


def _chunks(columns: Sequence[Strings]) -> pa.ChunkedArray:
    chunks = [
        chunk for column in columns for chunk in (column.chunks if isinstance(column, pa.ChunkedArray) else [column])
    ]
    return pa.chunked_array([chunk.cast(pa.string()) for chunk in chunks], pa.string())
