"""Strings as numbers, in an order that depends on the source alone, because limits keep the lowest numbers.

Ids of definitions, places and sites are numbered by the path of their file, then by their text; names by their text
alone. No number depends on the hash in a file id, hence none on the repo's name, nor on the order of the facts. Numbers
start at 1; 0 is null.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_client.contracts.ids import FILE_ID_LENGTH
from flight_server.points_to.integer_columns import NONE, Ints, Mask, ints

Strings: TypeAlias = pa.ChunkedArray | pa.Array

_STARTS = tuple(f"{kind}def:" for kind in ("", "x:", "var:", "ret:", "yld:", "obj:", "site:"))


@dataclass(frozen=True)
class Interned:
    """Numbered strings: ``values[n - 1]`` is the string with number n.

    ``files`` has, by number, the number of the file that the id belongs to (see ``FileOrder``), or 0.
    """

    values: pa.Array
    files: Ints = field(default_factory=lambda: NONE)

    def find(self, strings: Strings) -> Ints:
        """The strings' numbers; 0 for null and for strings without a number."""
        return positions(pc.index_in(strings, value_set=self.values)) + 1

    def of(self, numbers: Ints) -> pa.Array:
        """The strings with these numbers, null for 0."""
        return self.values.take(pa.array(numbers - 1, mask=numbers == 0))

    def coded(self, numbers: Ints) -> pa.DictionaryArray:
        """Like ``of``, but dictionary-encoded, which takes less memory if there are more rows than strings."""
        return pa.DictionaryArray.from_arrays(pa.array((numbers - 1).astype(np.int32), mask=numbers == 0), self.values)


@dataclass(frozen=True)
class FileOrder:
    """The ids of files, in the order of their paths."""

    ids: Interned

    @classmethod
    def of(cls, repo_files: pa.Table) -> "FileOrder":
        """The files of the table ``repo_files``."""
        return cls(Interned(repo_files["file_id"].take(pc.sort_indices(repo_files["path"])).combine_chunks()))

    def numbered(self, columns: Sequence[Strings]) -> tuple[Interned, list[Ints]]:
        """The distinct ids of the columns, and each column as numbers."""
        encoded = _chunks(columns).dictionary_encode().combine_chunks()
        found, order = self._in_order(encoded.dictionary)
        number = np.zeros(len(order) + 1, np.int64)  # index -1, which stands for null, is the last element
        number[order] = np.arange(1, len(order) + 1)
        ends = np.cumsum([len(column) for column in columns])
        return found, np.split(number[positions(encoded.indices)], ends[:-1])

    def interned(self, column: Strings) -> Interned:
        """The distinct ids of a column."""
        return self._in_order(pc.unique(_chunks([column])).drop_null())[0]

    def _in_order(self, ids: pa.Array) -> tuple[Interned, Ints]:
        """The ids ordered by file and text, and the position of each in ``ids``."""
        files = self._files(ids)
        order = pc.sort_indices(ids).to_numpy()
        order = order[np.argsort(files[order], kind="stable")]
        return Interned(ids.take(pa.array(order)), np.concatenate([[0], files[order]])), order

    def _files(self, ids: pa.Array) -> Ints:
        """The number of each id's file. Ids are sliced as bytes, since counting characters takes five times as long."""
        octets, found = ids.cast(pa.binary()), pa.nulls(len(ids), pa.binary())
        for length in sorted(set(map(len, _STARTS))):
            is_here = reduce(pc.or_, (pc.starts_with(ids, start) for start in _STARTS if len(start) == length))
            found = pc.if_else(is_here, pc.binary_slice(octets, length, length + FILE_ID_LENGTH), found)
        return positions(pc.index_in(found, value_set=self.ids.values.cast(pa.binary()))) + 1


def interned(columns: Sequence[Strings]) -> Interned:
    """The distinct strings of the columns, in the order of their text."""
    distinct = pc.unique(_chunks(columns)).drop_null()
    return Interned(distinct.take(pc.sort_indices(distinct)))


def coded(values: pa.Array, numbers: Ints) -> pa.DictionaryArray:
    """The values at these positions, dictionary-encoded; null where the value is null."""
    absent = flags(values.is_null())[numbers]
    return pa.DictionaryArray.from_arrays(pa.array(numbers.astype(np.int32), mask=absent), values.fill_null(""))


def put_strings(values: pa.Array, at: Ints, more: Strings) -> pa.Array:
    """The strings, with ``more`` in place of those at the positions ``at``."""
    if not len(at):
        return values
    index = np.arange(len(values))
    index[at] = len(values) + np.arange(len(at))
    return pa.concat_arrays([values, _flat(more).cast(pa.string())]).take(pa.array(index))


def positions(found: Strings) -> Ints:
    """An Arrow column of integers as numpy; null becomes -1."""
    return ints(_flat(found).fill_null(-1).to_numpy(zero_copy_only=False))


def flags(column: Strings) -> Mask:
    """An Arrow column of booleans as numpy; null becomes false."""
    mask: Mask = _flat(column).fill_null(fill_value=False).to_numpy(zero_copy_only=False)
    return mask


def is_one_of(strings: Strings, *values: str) -> Mask:
    """Which strings are one of the values."""
    return flags(pc.is_in(strings, pa.array(values)))


def _flat(column: Strings) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _chunks(columns: Sequence[Strings]) -> pa.ChunkedArray:
    chunks = [
        chunk for column in columns for chunk in (column.chunks if isinstance(column, pa.ChunkedArray) else [column])
    ]
    return pa.chunked_array([chunk.cast(pa.string()) for chunk in chunks], pa.string())
