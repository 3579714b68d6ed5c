"""The part of each row. A table is partitioned by its column ``path``, else by its ``file_id``, else not at all.

Each distinct value is hashed and compared once, on the column's dictionary, never once per row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.schema.schema import DICTIONARY, EncodingPolicy
from flight_client.contracts.ids import file_id, part_of, part_of_path
from flight_client.contracts.tables import partition_column
from flight_server.storage.paths import GLOBAL, Part

Numbers = npt.NDArray[np.integer]


@dataclass(frozen=True)
class PartRows:
    """Rows of one part, sorted by the partition column; ``first`` and ``last`` are its lowest and highest value.

    ``order`` has the positions of the rows in ``source``; None if the rows are all of ``source``, in its order. So rows
    are copied only when they are read.
    """

    part: Part
    source: pa.Table
    order: pa.Array | None = None
    first: str = ""
    last: str = ""

    def __len__(self) -> int:
        """The number of rows."""
        return self.source.num_rows if self.order is None else len(self.order)

    @property
    def rows(self) -> pa.Table:
        """All rows."""
        return self.source if self.order is None else self.source.take(self.order)

    def tables(self, size: int) -> Iterator[pa.Table]:
        """The rows in tables of ``size`` rows; the last may be smaller."""
        for start in range(0, len(self), size):
            yield (
                self.source.slice(start, size)
                if self.order is None
                else self.source.take(self.order.slice(start, size))
            )


@dataclass(frozen=True)
class Partitioning:
    """A table of ``repo`` is cut by ``column`` into ``parts`` = 2^k parts; without a column it is one global part."""

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
        """The value of the partition column in the rows of this file."""
        return path if self.column == "path" else file_id(self.repo, path)

    def split(self, rows: pa.Table) -> Iterator[PartRows]:
        """The rows by part, in part order, each part sorted stably by the partition column."""
        if not rows.num_rows:
            return
        if self.column is None:
            yield PartRows(GLOBAL, rows)
            return
        codes, values = _encoded(rows, self.column)
        ordered = sorted((self.part(value), value, code) for code, value in enumerate(values))
        ranks = _ranks(codes, [code for _, _, code in ordered])
        order = None
        if np.any(ranks[1:] < ranks[:-1]):
            order = np.argsort(ranks, kind="stable")
            ranks, rows = ranks[order], rows.combine_chunks()
        parts = np.array([part for part, _, _ in ordered])
        first_ranks = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(ordered)]
        starts = np.searchsorted(ranks, first_ranks).tolist()
        for (low, high), (start, stop) in zip(pairwise(first_ranks), pairwise(starts), strict=True):
            part, first, _ = ordered[low]
            last = ordered[high - 1][1]
            if order is None:
                yield PartRows(part, rows.slice(start, stop - start), None, first, last)
            else:
                yield PartRows(part, rows, pa.array(order[start:stop]), first, last)

    def order(self, rows: pa.Table) -> Numbers:
        """The positions of the rows in the order of the partition column, by a stable sort."""
        if self.column is None:
            return np.arange(rows.num_rows)
        codes, values = _encoded(rows, self.column)
        return np.argsort(_ranks(codes, sorted(range(len(values)), key=values.__getitem__)), kind="stable")


def partitioning_of(schema: pa.Schema, parts: int, repo: str) -> Partitioning:
    """The partitioning of a table of this schema."""
    return Partitioning(partition_column(schema), parts, repo)


@dataclass(frozen=True)
class Layout:
    """How a table's rows are stored: its plain schema and encoding, the partitioning, and the contract's name."""

    schema: pa.Schema
    encoding: EncodingPolicy
    partitioning: Partitioning
    contract: str = ""


def keys_of(rows: pa.Table, column: str) -> pa.ChunkedArray:
    """The partition column as plain strings; null counts as the empty string."""
    return pc.fill_null(rows.column(column).cast(pa.string()), "")


def _ranks(codes: Numbers, ordered_codes: list[int]) -> Numbers:
    """The position of each code in the list, as small integers, because numpy sorts 16 bits fastest."""
    rank_of_code = np.empty(len(ordered_codes), np.min_scalar_type(len(ordered_codes)))
    rank_of_code[ordered_codes] = np.arange(len(ordered_codes))
    return rank_of_code[codes]


def _encoded(rows: pa.Table, column: str) -> tuple[Numbers, list[str]]:
    """The partition column as codes, and the distinct values that the codes stand for."""
    given = rows.column(column)
    if given.num_chunks != 1 or given.type != DICTIONARY or given.null_count:
        encoded = pc.dictionary_encode(keys_of(rows, column).combine_chunks())
        return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()
    codes, dictionary = given.chunk(0).indices.to_numpy(), given.chunk(0).dictionary
    is_used = np.bincount(codes, minlength=len(dictionary)) > 0
    return (np.cumsum(is_used) - 1)[codes], dictionary.filter(pa.array(is_used)).to_pylist()
