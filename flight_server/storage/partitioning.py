"""Which part a row is in. A table with a ``path`` is cut by it, else one with a ``file_id`` by that, else not at all.

Hashing, comparing and sorting happen once per distinct value of a batch, on its dictionary, never once per row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.schema.schema import DICTIONARY
from flight_client.contracts.ids import file_id, part_of, part_of_path
from flight_client.contracts.tables import partition_column
from flight_server.storage.paths import GLOBAL, Part


@dataclass(frozen=True)
class PartRows:
    """Rows of one part, sorted by the partition column, with its lowest and highest value ("" where there is none)."""

    part: Part
    rows: pa.Table
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class Partitioning:
    """How a table of ``repo`` is cut: by ``column`` into ``parts`` = 2^k parts, or into the one part ``global``."""

    column: str | None = None
    parts: int = 1
    repo: str = ""

    def part(self, key: str) -> Part:
        """The part of the rows with this value in the partition column."""
        match self.column:
            case None:
                return GLOBAL
            case "path":
                return part_of_path(self.repo, key, self.parts)
            case _:
                return part_of(key, self.parts)

    def key(self, path: str) -> str:
        """The value that rows of this file have in the partition column."""
        return path if self.column == "path" else file_id(self.repo, path)

    def split(self, rows: pa.Table) -> Iterator[PartRows]:
        """The rows by part, in part order, each sorted by the partition column and otherwise in the order given."""
        if not rows.num_rows:
            return
        if self.column is None:
            yield PartRows(GLOBAL, rows)
            return
        encoded = _encoded(rows, self.column)
        values = encoded.dictionary.to_pylist()
        ordered = sorted((self.part(value), value, code) for code, value in enumerate(values))
        rank_of_code = np.empty(len(values), np.int32)
        rank_of_code[[code for _, _, code in ordered]] = np.arange(len(values), dtype=np.int32)
        ranks = rank_of_code[encoded.indices.to_numpy()]
        if np.any(np.diff(ranks) < 0):
            rows = rows.take(pa.array(np.argsort(ranks, kind="stable")))
            ranks.sort()
        parts = np.array([part for part, _, _ in ordered])
        first_ranks = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(ordered)]
        starts = np.searchsorted(ranks, first_ranks).tolist()
        for (low, high), (start, stop) in zip(pairwise(first_ranks), pairwise(starts), strict=True):
            part, lowest, _ = ordered[low]
            yield PartRows(part, rows.slice(start, stop - start), lowest, ordered[high - 1][1])


def partitioning_of(schema: pa.Schema, parts: int, repo: str) -> Partitioning:
    """How a table of this schema is cut."""
    return Partitioning(partition_column(schema), parts, repo)


def keys_of(rows: pa.Table, column: str) -> pa.ChunkedArray:
    """The partition column as plain strings; rows without a value are with those of the empty string."""
    return pc.fill_null(rows.column(column).cast(pa.string()), "")


def _encoded(rows: pa.Table, column: str) -> pa.DictionaryArray:
    """The partition column as codes of the strings that it has: its own codes if it comes as such."""
    given = rows.column(column)
    if given.num_chunks != 1 or given.type != DICTIONARY or given.null_count:
        return pc.dictionary_encode(keys_of(rows, column).combine_chunks())
    indices, dictionary = given.chunk(0).indices.to_numpy(), given.chunk(0).dictionary
    is_used = np.bincount(indices, minlength=len(dictionary)) > 0
    number = (np.cumsum(is_used) - 1).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(number[indices]), dictionary.filter(pa.array(is_used)))
