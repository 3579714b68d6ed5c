"""Merging sorted runs: their rows in the order of the partition column, and among equal keys run by run.

Runs are read in small batches and cut where the key changes; ``heapq.merge`` puts the pieces in order. So the loop is
over the files (or paths) in a part, never over rows, and memory holds a batch of each run. Keys may be dropped from a
run: that is how rows are replaced and removed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import merge
from operator import attrgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.schema.schema import SchemaTransform
from flight_server.storage.manifests import FileEntry, verify
from flight_server.storage.parquet_file import distinct_values, read_batches
from flight_server.storage.partitioning import keys_of

MERGED_ROWS = 64 * 1024
_NO_KEYS: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Run:
    """A sorted file of so many rows of one part; those with a dropped key don't count. ``stored`` if committed."""

    path: Path
    rows: int
    dropped: frozenset[str] = _NO_KEYS
    stored: FileEntry | None = None

    def without(self, keys: frozenset[str]) -> "Run":
        """The run without the rows that have one of these keys either."""
        return replace(self, dropped=self.dropped | keys)

    def settled(self, column: str | None) -> "Run":
        """The run with none but those dropped keys that it has; a committed file is checked before it is read."""
        if self.stored is not None:
            verify(self.path, self.stored)
        if not self.dropped or column is None:
            return self
        return replace(self, dropped=self.dropped & distinct_values(self.path, column))


def merged(runs: Iterable[Run], column: str | None, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of runs, merged by ``column`` (the partition column), in batches of about 64 Ki rows of ``schema``.

    Raises SchemaMismatchError when a run was written under another contract and does not fit.
    """
    pieces = merge(*(_pieces(run, column, SchemaTransform(schema=schema)) for run in runs), key=attrgetter("key"))
    return _joined(_coalesced(pieces))


@dataclass(frozen=True)
class _Piece:
    """Rows ``start`` to ``stop`` of a batch, which have the same key."""

    key: str
    batch: pa.RecordBatch
    start: int
    stop: int

    def rows(self) -> pa.RecordBatch:
        return self.batch.slice(self.start, self.stop - self.start)


def _pieces(run: Run, column: str | None, transform: SchemaTransform) -> Iterator[_Piece]:
    for stored in read_batches(run.path):
        rows = transform.apply(pa.Table.from_batches([stored])).combine_chunks()
        [batch] = rows.to_batches()
        if column is None:
            yield _Piece("", batch, 0, batch.num_rows)
            continue
        encoded = pc.run_end_encode(keys_of(rows, column).combine_chunks())
        start = 0
        for key, stop in zip(encoded.values.to_pylist(), encoded.run_ends.to_pylist(), strict=True):
            if key not in run.dropped:
                yield _Piece(key, batch, start, stop)
            start = stop


def _coalesced(pieces: Iterable[_Piece]) -> Iterator[pa.RecordBatch]:
    """The pieces' rows, neighbours of the same batch in one."""
    current: _Piece | None = None
    for piece in pieces:
        if current is not None and current.batch is piece.batch and current.stop == piece.start:
            current = _Piece(piece.key, piece.batch, current.start, piece.stop)
            continue
        if current is not None:
            yield current.rows()
        current = piece
    if current is not None:
        yield current.rows()


def _joined(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= MERGED_ROWS:
            yield from pa.Table.from_batches(waiting).combine_chunks().to_batches()
            waiting, rows = [], 0
    if waiting:
        yield from pa.Table.from_batches(waiting).combine_chunks().to_batches()
