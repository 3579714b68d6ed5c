"""Rows in canonical order, in bounded memory: sorted runs are written to disk, and merged a piece of each at a time.

A piece of the merge is sorted with Arrow's sort, not row by row. Some rows of each run are in memory. Those that sort
before the last of them of every run come before all rows that are still on disk, so they are sent.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.plan.batches import Batches
from arrowdsl.plan.stopping import Check
from arrowdsl.schema.schema import SortKey
from flight_server.storage.artifact_file import Artifact
from flight_server.storage.artifacts import ArtifactStore

RUN_BYTES = 64 * 1024 * 1024
PIECE_ROWS = 4 * 1024
MERGED_ROWS = 256 * 1024


def in_canonical_order(
    batches: Batches, keys: Sequence[SortKey], artifacts: ArtifactStore, check: Check, run_bytes: int = RUN_BYTES
) -> Batches:
    """The rows sorted stably by ``keys``; more than ``run_bytes`` of them are sorted in the artifacts' folder."""
    with ExitStack() as open_runs:
        runs: list[Artifact] = []
        with closing(batches):
            tables = (_sorted(table, keys) for table in _gathered(batches, run_bytes))
            held = next(tables, None)
            for table in tables:
                check()
                if held is not None:
                    runs.append(open_runs.enter_context(_spilled(held, artifacts)))
                held = table
        if held is None:
            return
        if not runs:
            yield from held.to_batches()
            return
        pieces = [run.batches() for run in runs]
        yield from _merged([*pieces, iter(held.to_batches(PIECE_ROWS))], keys, check)


def _gathered(batches: Batches, size: int) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    held_bytes = 0
    for batch in batches:
        held.append(batch)
        held_bytes += batch.nbytes
        if held_bytes >= size:
            yield pa.Table.from_batches(held)
            held, held_bytes = [], 0
    if held:
        yield pa.Table.from_batches(held)


def _sorted(table: pa.Table, keys: Sequence[SortKey]) -> pa.Table:
    return table.take(_order(table, keys)).combine_chunks()


def _order(table: pa.Table, keys: Sequence[SortKey]) -> pa.Array:
    """The rows' numbers in order, by a stable sort; the engine can't sort dictionaries."""
    columns = {name: _values(table.column(name)) for name, _ in keys}
    return pc.sort_indices(pa.table(columns), sort_keys=list(keys))


def _values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _spilled(table: pa.Table, artifacts: ArtifactStore) -> Artifact:
    """The table in a file without a name, which is deleted once it is closed."""
    draft = artifacts.draft(table.schema)
    try:
        for batch in table.to_batches(PIECE_ROWS):
            draft.write(batch)
        return draft.finish("a sorted run")
    finally:
        draft.discard()


def _merged(runs: Sequence[Iterator[pa.RecordBatch]], keys: Sequence[SortKey], check: Check) -> Batches:
    """The rows of sorted runs in order; of equal ones those of the earlier run first."""
    wanted = max(PIECE_ROWS, MERGED_ROWS // len(runs))
    held: list[tuple[pa.Table | None, Iterator[pa.RecordBatch]]] = [(None, run) for run in runs]
    while True:
        check()
        filled = [(_filled(table, run, wanted), run) for table, run in held]
        tables = [table for table, _ in filled if table is not None]
        rest = [run for table, run in filled if table is not None]
        if not tables:
            return
        together = pa.concat_tables(tables)
        order = np.asarray(_order(together, keys))
        ends = np.cumsum([table.num_rows for table in tables])
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        safe = order[: int(rank[ends - 1].min()) + 1]
        yield from together.take(pa.array(safe)).combine_chunks().to_batches()
        taken = np.bincount(np.searchsorted(ends, safe, side="right"), minlength=len(tables)).tolist()
        held = [
            (table.slice(count) if count < table.num_rows else None, run)
            for table, count, run in zip(tables, taken, rest, strict=True)
        ]


def _filled(table: pa.Table | None, run: Iterator[pa.RecordBatch], rows: int) -> pa.Table | None:
    """The rest of a piece, and more of its run until there are so many rows; None at the end of the run."""
    pieces = [] if table is None else [table]
    count = 0 if table is None else table.num_rows
    while count < rows and (batch := next(run, None)) is not None:
        pieces.append(pa.Table.from_batches([batch]))
        count += batch.num_rows
    return pa.concat_tables(pieces) if pieces else None
