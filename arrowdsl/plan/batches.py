"""Streams of record batches: cutting large batches, merging small ones, decoding, limits."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa

from arrowdsl.schema.schema import plain

BATCH_ROWS = 64 * 1024
BATCH_BYTES = 7 * 512 * 1024  # a batch and its headers fit into 4 MiB, the largest message that many clients take

Batches = Generator[pa.RecordBatch, None, None]


@dataclass(frozen=True)
class Stream:
    """Record batches of one schema, which can be read once; ``batches.close()`` stops the plan that computes them."""

    schema: pa.Schema
    batches: Batches


def rebatch(batches: Iterable[pa.RecordBatch], rows: int = BATCH_ROWS, size: int = BATCH_BYTES) -> Batches:
    """The same rows in batches of at most ``rows`` rows and ``size`` bytes, small ones merged; none is empty.

    A batch of at least a quarter of either bound is not merged, to avoid a copy. The first batch is not merged either,
    so that it is yielded at once. A single row over ``size`` bytes is a batch by itself.
    """
    held: list[pa.RecordBatch] = []
    held_rows = held_size = 0
    first = True
    for batch in batches:
        for piece, piece_size in _cut(batch, rows, size):
            passes = first or piece.num_rows * 4 >= rows or piece_size * 4 >= size
            if held and (passes or held_rows + piece.num_rows > rows or held_size + piece_size > size):
                yield _joined(held)
                held, held_rows, held_size = [], 0, 0
            if passes:
                first = False
                yield piece
                continue
            held.append(piece)
            held_rows += piece.num_rows
            held_size += piece_size
    if held:
        yield _joined(held)


def decoded(batches: Batches) -> Batches:
    """The rows with dictionary columns decoded; batches with dictionaries are cut to at most BATCH_ROWS rows."""
    with closing(batches):
        for batch in batches:
            if not any(pa.types.is_dictionary(kind) for kind in batch.schema.types):
                yield batch
                continue
            schema = plain(batch.schema)
            for start in range(0, batch.num_rows, BATCH_ROWS):
                columns = batch.slice(start, BATCH_ROWS).columns
                values = [column.cast(kind) for column, kind in zip(columns, schema.types, strict=True)]
                yield pa.RecordBatch.from_arrays(values, schema=schema)


def limited(batches: Batches, rows: int) -> Batches:
    """The first ``rows`` rows; the source is closed as soon as they have been read."""
    with closing(batches):
        if rows == 0:
            return
        for batch in batches:
            yield batch.slice(0, rows)
            rows -= batch.num_rows
            if rows <= 0:
                return


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _cut(batch: pa.RecordBatch, rows: int, size: int) -> Iterator[tuple[pa.RecordBatch, int]]:
    """The batch in pieces within both bounds, each with its size in bytes; a piece that is too large is halved."""
    for start in range(0, batch.num_rows, rows):
        piece = batch if batch.num_rows <= rows else batch.slice(start, rows)
        piece_size = piece.nbytes
        if piece_size > size and piece.num_rows > 1:
            middle = piece.num_rows // 2
            yield from _cut(piece.slice(0, middle), rows, size)
            yield from _cut(piece.slice(middle), rows, size)
        else:
            yield piece, piece_size
