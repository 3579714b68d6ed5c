"""The stream of a read: its parts in order, a few of them computed ahead of the reader; then the order and the limit.

A complete read of a part reads the part's cached result, which is computed first if it is missing; each batch is sent
as it is read from the file. A narrowed read takes its rows from a cached result if there is one, and otherwise runs the
plan with filter and columns pushed down.

Each part that must be computed has its own thread, which pauses while WAITING_BYTES of its batches are queued. So
memory is bounded by the number of threads, and the reader's thread stops at once when its client disconnects. Stored
batches are read in the reader's thread, since passing them between threads would cost more than reading them.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pyarrow as pa

from arrowdsl.compute import expr as expressions
from arrowdsl.compute.evaluate import matching
from arrowdsl.plan.batches import Batches, Stream, limited, rebatch
from arrowdsl.plan.nodes import Empty, Scope
from arrowdsl.plan.runner import open_stream
from arrowdsl.plan.stopping import Check, stopped_by
from arrowdsl.schema.schema import rebuilt
from flight_client.contracts.tables import canonical_order
from flight_server.serving.batch_queue import WAITING_BYTES, BatchQueue
from flight_server.serving.canonical_order import RUN_BYTES, in_canonical_order
from flight_server.serving.estimates import part_bytes
from flight_server.serving.read import Read
from flight_server.serving.snapshot_results import PartCatalog, Piece
from flight_server.storage.store_errors import StorageError, reading

SIDE_BY_SIDE = 4
SIDE_BY_SIDE_BYTES = 256 * 1024 * 1024  # more than two parts run at once only if together they take less than this
STREAM_BYTES = 4 * 1024 * 1024


def open_read(read: Read, check: Check) -> Stream:
    """The rows as they are sent: aligned, encoded, and cut to batch size.

    ``check`` is called for each batch, and regularly while the stream waits for one; its exception ends the stream.
    Raises OutdatedTablesError before the first row.
    """
    read.check_inputs()
    batches = _all_pieces(read, check)
    if read.request.order == "canonical" and canonical_order(read.spec):
        batches = in_canonical_order(batches, canonical_order(read.spec), read.results.store.artifacts, check)
    if read.request.limit is not None:
        batches = limited(batches, read.request.limit)
    if not read.is_complete or read.request.order is not None:
        batches = _cut_to_size(read, batches, check)
    return Stream(read.schema, batches)


def stream_bytes(read: Read) -> int:
    """An estimate of the bytes that the stream holds: running plans, queued batches, and rows to be sorted."""
    parts = [part_bytes(read.output, read.snapshot, part) for part in read.parts]
    width = _width(read)
    computed = {piece.part for piece in read.pieces() if not _is_stored(read, piece)}
    waiting = min(width, len(computed)) * WAITING_BYTES
    # the computation of a cached result takes its own memory from the budget
    running = 0 if read.is_complete or not computed else sum(sorted(parts)[-width:])
    sorting = min(3 * RUN_BYTES, sum(parts)) if read.request.order == "canonical" else 0
    return STREAM_BYTES + waiting + running + sorting


def _width(read: Read) -> int:
    largest = max((part_bytes(read.output, read.snapshot, part) for part in read.parts), default=0)
    return SIDE_BY_SIDE if largest * SIDE_BY_SIDE <= SIDE_BY_SIDE_BYTES else 2


def _is_stored(read: Read, piece: Piece) -> bool:
    """Whether the rows are stored or cached, and need not be computed."""
    return read.is_raw or read.results.cached(piece) is not None


def _all_pieces(read: Read, check: Check) -> Batches:
    """The rows of all pieces, in order; a few pieces that must be computed run ahead of the reader."""
    width = _width(read)
    queues: list[BatchQueue] = []
    ahead = deque[Iterator[pa.RecordBatch]]()
    try:
        with reading(f"{read.request.repo}/{read.output.name}"):
            for piece in read.pieces():
                rows = partial(_rows, read, piece)
                if _is_stored(read, piece):
                    ahead.append(_read_here(rows, check))
                else:
                    queues.append(BatchQueue.start(rows))
                    ahead.append(queues[-1].batches(check))
                if len(ahead) == width:
                    yield from ahead.popleft()
            while ahead:
                yield from ahead.popleft()
    finally:
        for queue in queues:
            queue.abandon()


def _read_here(rows: Callable[[], Batches], check: Check) -> Iterator[pa.RecordBatch]:
    """The batches, read on demand in the reader's own thread."""
    with closing(rows()) as batches:
        while True:
            with stopped_by(check):
                batch = next(batches, None)
            if batch is None:
                return
            check()
            yield batch


def _rows(read: Read, piece: Piece) -> Batches:
    """The encoded rows of one piece, including the columns to sort by.

    They are taken from the complete result if the read is complete or the result is cached. A fixpoint can't be
    narrowed: its complete result is computed, unless the filter excludes all its rows.
    """
    if not read.is_raw and (
        read.is_complete
        or read.results.cached(piece, prepare=True) is not None
        or (piece.scope is Scope.FIXPOINT and not isinstance(read.plan(piece), Empty))
    ):
        return _from_result(read, piece)
    return _run(read, piece)


def _run(read: Read, piece: Piece) -> Batches:
    """The rows of the plan with filter and columns pushed down."""
    catalog = PartCatalog(read.results, piece.part)
    with closing(open_stream(read.plan(piece), catalog).batches) as rows:
        yield from read.read_encoding.batches(rows)


def _from_result(read: Read, piece: Piece) -> Batches:
    """The rows of a complete result, filtered and narrowed if the request asks for it.

    If neither disk nor memory can hold the result of a part, its plan runs for this stream alone.
    """
    where, schema = read.where(piece.part), read.read_encoding.schema
    columns = dict.fromkeys((*schema.names, *(() if where is None else expressions.columns(where))))
    any_sent = False
    try:
        with closing(read.results.batches(piece, tuple(columns))) as batches:
            for stored in batches:
                batch = stored if where is None else matching(stored, where)
                if batch.num_rows:
                    yield rebuilt(batch if batch.schema.names == schema.names else batch.select(schema.names), schema)
                    any_sent = True
    except StorageError:
        if any_sent or piece.scope is not Scope.PART:
            raise
    else:
        return
    yield from _run(read, piece)


def _cut_to_size(read: Read, batches: Batches, check: Check) -> Batches:
    """The rows in batches of bounded size, without the columns that were only needed for sorting."""
    width = len(read.schema)
    with closing(batches):
        for batch in rebatch(batches):
            check()
            chosen = batch if batch.num_columns == width else batch.select(range(width))
            yield rebuilt(chosen, read.schema)
