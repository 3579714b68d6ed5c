"""The rows of one part on their way into sorted runs.

Rows wait until a row group of exactly 64 Ki is full, and go to the part's open run: a file sorted by the partition
column. Rows that don't wait in order are sorted first; rows below the run's last key close it and start another. A
part that came sorted is one run and needs no more work; several are merged (``runs``). Row groups are shorter only at
the end of a run, and where rows take more than 512 bytes on average.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from flight_server.storage.background import Background
from flight_server.storage.parquet_file import RowGroupWriter
from flight_server.storage.partitioning import PartRows, keys_of
from flight_server.storage.paths import Part
from flight_server.storage.store_errors import StorageError

ROW_GROUP_ROWS = 64 * 1024
ROW_GROUP_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class WrittenFile:
    """A sorted run: rows of one part, ascending in the partition column."""

    path: Path
    part: Part
    rows: int


class PartWriter:
    """Writes one part; ``waiting_bytes`` is the memory that its rows take until they are written."""

    def __init__(
        self,
        part: Part,
        column: str | None,
        schema: pa.Schema,
        next_path: Callable[[Part], Path],
        encoding: Background,
    ) -> None:
        self.waiting_bytes = 0
        self._part = part
        self._column = column
        self._schema = schema
        self._next_path = next_path
        self._encoding = encoding
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._waiting_last = ""
        self._is_sorted = True
        self._file: RowGroupWriter | None = None
        self._file_last = ""
        self._file_rows = 0
        self._due: list[Callable[[], None]] = []
        self._runs: list[WrittenFile] = []

    def add(self, piece: PartRows) -> None:
        """Take rows in; write what makes full row groups."""
        self._is_sorted = self._is_sorted and (not self._waiting or self._waiting_last <= piece.first)
        self._waiting_last = piece.last
        self._wait(piece.rows)
        if self.waiting_bytes >= ROW_GROUP_BYTES:
            self._write(all_rows=True)
        elif self._waiting_rows >= ROW_GROUP_ROWS:
            self._write(all_rows=False)
        self._hand_over()

    def finish(self) -> list[WrittenFile]:
        """Write what waits; the runs, in the order that their rows came."""
        self._write(all_rows=True)
        self._close()
        self._hand_over()
        return self._runs

    def discard(self) -> None:
        """Delete what was written."""
        if self._file is not None:
            with suppress(StorageError):  # the disk may be full: the footer does not matter any more
                self._file.close()
            self._file.path.unlink(missing_ok=True)
        for run in self._runs:
            run.path.unlink(missing_ok=True)

    def _wait(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        self._waiting_rows += rows.num_rows
        self.waiting_bytes += rows.nbytes

    def _write(self, *, all_rows: bool) -> None:
        if not self._waiting_rows:
            return
        rows = self._sorted_rows()
        self._waiting, self._waiting_rows, self.waiting_bytes, self._is_sorted = [], 0, 0, True
        if self._file is not None and self._key(rows, 0) < self._file_last:
            self._close()
        if self._file is None:
            self._file = RowGroupWriter(self._next_path(self._part), self._schema)
        start = 0
        while start < rows.num_rows and (all_rows or rows.num_rows - start >= ROW_GROUP_ROWS):
            group = rows.slice(start, ROW_GROUP_ROWS)
            self._due.append(partial(self._file.write, group))
            self._file_rows += group.num_rows
            start += group.num_rows
        self._file_last = self._key(rows, start - 1)
        if start < rows.num_rows:
            self._waiting_last = self._key(rows, rows.num_rows - 1)
            self._wait(rows.slice(start))

    def _hand_over(self) -> None:
        if self._due:
            due, self._due = self._due, []
            self._encoding.do(partial(_all, due))

    def _sorted_rows(self) -> pa.Table:
        rows = pa.concat_tables(self._waiting)
        if self._is_sorted or self._column is None:
            return rows
        rows = rows.combine_chunks()
        return rows.take(pc.sort_indices(keys_of(rows, self._column)))  # a stable sort

    def _key(self, rows: pa.Table, index: int) -> str:
        if self._column is None:
            return ""
        key: str = keys_of(rows.slice(index, 1), self._column)[0].as_py()
        return key

    def _close(self) -> None:
        if self._file is not None:
            file, rows, self._file, self._file_rows = self._file, self._file_rows, None, 0
            self._due.append(file.close)
            self._runs.append(WrittenFile(file.path, self._part, rows))


def _all(steps: Sequence[Callable[[], None]]) -> None:
    for step in steps:
        step()
