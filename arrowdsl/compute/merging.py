"""Merging sorted runs of rows, a piece of each run at a time, without comparing row by row.

A step sorts the pieces in memory together. Rows that sort before the last row of every piece precede all rows that have
not been read yet, so they are returned.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MERGED_ROWS = 256 * 1024
LEAST_ROWS = 4 * 1024

Order = Callable[[pa.Table], npt.NDArray[np.integer]]


def merge_sorted(runs: Sequence[Iterator[pa.RecordBatch]], order: Order) -> Iterator[pa.RecordBatch]:
    """The rows of sorted runs in order; equal rows come in the order of their runs.

    ``order`` returns the indices that sort a table stably; it may raise to end the merge. About 256 Ki rows are
    in memory.
    """
    wanted = max(LEAST_ROWS, MERGED_ROWS // max(len(runs), 1))
    at_hand: list[tuple[pa.Table | None, Iterator[pa.RecordBatch]]] = [(None, run) for run in runs]
    while True:
        filled = [(_filled(table, run, wanted), run) for table, run in at_hand]
        tables = [table for table, _ in filled if table is not None]
        rest = [run for table, run in filled if table is not None]
        if not tables:
            return
        together = pa.concat_tables(tables)
        places = order(together)
        ends = np.cumsum([table.num_rows for table in tables])
        rank = np.empty(len(places), np.int64)
        rank[places] = np.arange(len(places))
        safe = places[: int(rank[ends - 1].min()) + 1]
        yield from together.take(pa.array(safe)).combine_chunks().to_batches()
        taken = np.bincount(np.searchsorted(ends, safe, side="right"), minlength=len(tables)).tolist()
        at_hand = [
            (table.slice(count) if count < table.num_rows else None, run)
            for table, count, run in zip(tables, taken, rest, strict=True)
        ]


def _filled(table: pa.Table | None, run: Iterator[pa.RecordBatch], rows: int) -> pa.Table | None:
    """The rest of a piece, filled up from its run to ``rows`` rows; None at the end of the run."""
    pieces = [] if table is None else [table]
    count = 0 if table is None else table.num_rows
    while count < rows and (batch := next(run, None)) is not None:
        pieces.append(pa.Table.from_batches([batch]))
        count += batch.num_rows
    return pa.concat_tables(pieces) if pieces else None
