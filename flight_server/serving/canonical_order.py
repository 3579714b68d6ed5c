"""Rows in canonical order, in bounded memory: sorted runs are written to disk, then merged piece by piece."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.merging import merge_sorted
from arrowdsl.plan.batches import Batches
from arrowdsl.plan.stopping import Check
from arrowdsl.schema.schema import SortKey
from flight_server.storage.artifact_file import Artifact
from flight_server.storage.artifacts import ArtifactStore

RUN_BYTES = 64 * 1024 * 1024
PIECE_ROWS = 4 * 1024


def in_canonical_order(
    batches: Batches, keys: Sequence[SortKey], artifacts: ArtifactStore, check: Check, run_bytes: int = RUN_BYTES
) -> Batches:
    """The rows sorted stably by ``keys``; more than ``run_bytes`` are sorted with files in the artifacts' folder."""
    with ExitStack() as open_runs:
        runs: list[Artifact] = []
        with closing(batches):
            tables = (_sorted(table, keys) for table in _gathered(batches, run_bytes))
            waiting = next(tables, None)
            for table in tables:
                check()
                if waiting is not None:
                    runs.append(open_runs.enter_context(_spilled(waiting, artifacts)))
                waiting = table
        if waiting is None:
            return
        if not runs:
            yield from waiting.to_batches()
            return
        pieces = [run.batches() for run in runs]

        def order(table: pa.Table) -> npt.NDArray[np.integer]:
            check()
            return np.asarray(_order(table, keys))

        yield from merge_sorted([*pieces, iter(waiting.to_batches(PIECE_ROWS))], order)


def _gathered(batches: Batches, size: int) -> Iterator[pa.Table]:
    """The rows in tables of at least ``size`` bytes each, except for the last one."""
    gathered: list[pa.RecordBatch] = []
    gathered_bytes = 0
    for batch in batches:
        gathered.append(batch)
        gathered_bytes += batch.nbytes
        if gathered_bytes >= size:
            yield pa.Table.from_batches(gathered)
            gathered, gathered_bytes = [], 0
    if gathered:
        yield pa.Table.from_batches(gathered)


def _sorted(table: pa.Table, keys: Sequence[SortKey]) -> pa.Table:
    return table.take(_order(table, keys)).combine_chunks()


def _order(table: pa.Table, keys: Sequence[SortKey]) -> pa.Array:
    """The row numbers in sorted order, by a stable sort of decoded columns: Arrow can't sort dictionaries."""
    columns = {name: _values(table.column(name)) for name, _ in keys}
    return pc.sort_indices(pa.table(columns), sort_keys=list(keys))


def _values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _spilled(table: pa.Table, artifacts: ArtifactStore) -> Artifact:
    """The table in an unnamed file, which is deleted when it is closed."""
    draft = artifacts.draft(table.schema)
    try:
        for batch in table.to_batches(PIECE_ROWS):
            draft.write(batch)
        return draft.finish("a sorted run")
    finally:
        draft.discard()
