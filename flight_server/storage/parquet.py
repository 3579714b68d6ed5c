"""Tables as sorted Parquet files by part: streamed, in bounded memory.

Rows are buffered up to a limit. Then the buffer is split by part and sorted, and each part's rows are written to a file
in the background while more rows arrive. The last part's file stays open; if the next rows continue it in order, they
are appended. So any number of rows that arrive in the order of part and path give one file for each part. Rows in
another order give a new file for each part every time the limit is reached; a commit merges these files.
"""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

from arrowdsl.schema.schema import EncodingPolicy
from flight_server.storage.commit import sync
from flight_server.storage.manifests import FileEntry
from flight_server.storage.parquet_file import NO_OPTIONS, ROW_GROUP_ROWS, ParquetFileWriter
from flight_server.storage.partitioning import Layout, Partitioning, PartRows
from flight_server.storage.paths import Part
from flight_server.storage.store_errors import StorageError, writing
from flight_server.storage.validation import BatchSource, aligned, batches_of, encoded_schema, unchecked

WAITING_BYTES = 64 * 1024 * 1024  # of buffered rows in all running puts together
LEAST_WAITING_BYTES = 8 * 1024 * 1024  # of buffered rows that every put may have
UNPARTITIONED = Partitioning()
_THREADS = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="write")  # shared by all puts
_RUNNING: set["_Writer"] = set()  # all puts that run now share WAITING_BYTES


@dataclass(frozen=True)
class PartFile:
    """A file with rows of one part, sorted by the partition column.

    Rows whose key is in ``dropped`` are ignored. ``stored`` is the file's entry in a manifest, if it is committed.
    """

    path: Path
    part: Part
    rows: int
    dropped: frozenset[str] = frozenset()
    stored: FileEntry | None = None


def write_dataset_parquet(
    data: pa.Table | BatchSource,
    base_dir: Path | str,
    *,
    schema: pa.Schema | None = None,
    encoding_policy: EncodingPolicy | None = None,
    partitioning: Partitioning = UNPARTITIONED,
    opts: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> tuple[PartFile, ...]:
    """Stream a table into Parquet files in the folder ``base_dir``; raises as ``write_parts``.

    ``schema`` is the data's own by default. ``opts`` are options of pyarrow's ParquetWriter. Raises StorageError if the
    folder has files, unless ``overwrite`` is set. Then the new files are written to a folder beside it, which replaces
    it by renames when all files are on the disk. If the process dies between the two renames, the old files are in
    ``.NAME.previous``, and the next call moves them back first.
    """
    batches = batches_of(data)
    layout = Layout(batches.schema if schema is None else schema, encoding_policy or EncodingPolicy(), partitioning)
    folder = Path(base_dir).absolute()
    previous = folder.with_name(f".{folder.name}.previous")
    draft = folder.with_name(f".{folder.name}.{uuid4().hex}")
    with writing("a folder"):
        if previous.exists() and not folder.exists():
            previous.rename(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if not overwrite and any(folder.iterdir()):
            raise StorageError("the folder to write to has files in it; allowed: a new or empty one, overwrite=True")
    try:
        files = write_parts(batches, draft, layout, opts=opts or {})
        with writing("a folder"):
            draft.mkdir(exist_ok=True)
            sync([*(file.path for file in files), draft])
            shutil.rmtree(previous, ignore_errors=True)
            folder.rename(previous)
            draft.rename(folder)
            sync([folder.parent])
        shutil.rmtree(previous, ignore_errors=True)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return tuple(replace(file, path=folder / file.path.name) for file in files)


def write_parts(
    data: BatchSource,
    folder: Path,
    layout: Layout,
    *,
    opts: Mapping[str, Any] = NO_OPTIONS,
    check: Callable[[], None] = unchecked,
) -> tuple[PartFile, ...]:
    """Stream a table into new Parquet files in a folder, each for one part.

    Each batch is aligned to the layout's schema, then encoded, then split by part. Without a
    partition column all rows go to one file, in the order given. The files of a part are in the order in which their
    rows arrived. ``check`` is called before each batch and stops the writing by raising. After an error the files
    written so far are deleted. Raises SchemaMismatchError before the first batch if the schemas don't fit,
    NullValueError, MalformedDataError, StorageError.
    """
    with closing(_Writer(layout, folder, opts)) as writer:
        for rows in aligned(data, layout.schema, layout.encoding, check=check):
            writer.add(rows)
        return writer.finish()


class _OpenFile:
    """A part's file that is being written. The put's thread adds rows; one background job at a time writes them."""

    def __init__(self, path: Path, part: Part, schema: pa.Schema, options: Mapping[str, Any]) -> None:
        self.path = path
        self.part = part
        self.rows = 0
        self._last = ""
        self._added: list[PartRows] = []
        self._schema = schema
        self._options = options
        self._writer: ParquetFileWriter | None = None

    def continues_with(self, piece: PartRows) -> bool:
        """Whether the file stays sorted if these rows are added."""
        return self.part == piece.part and self._last <= piece.first

    def add(self, piece: PartRows) -> None:
        """Add rows for the next background job."""
        self._added.append(piece)
        self._last = piece.last
        self.rows += len(piece)

    def write(self) -> None:
        """Write the added rows; runs as a background job."""
        if self._writer is None:
            self._writer = ParquetFileWriter(self.path, self._schema, self._options)
        while self._added:
            for rows in self._added.pop(0).tables(ROW_GROUP_ROWS):
                self._writer.write(rows)

    def finish(self) -> None:
        """Write the added rows and the footer; runs as a background job."""
        self.write()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def discard(self) -> None:
        """Delete the file."""
        if self._writer is not None:
            self._writer.discard()
        self.path.unlink(missing_ok=True)


class _Writer:
    """The buffered rows, the files so far (the last one is open), and the background jobs that write them."""

    def __init__(self, layout: Layout, folder: Path, options: Mapping[str, Any]) -> None:
        self._partitioning = layout.partitioning
        self._schema = encoded_schema(layout.schema, layout.encoding)
        self._folder = folder
        self._options = options
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = 0
        self._files: list[_OpenFile] = []
        self._jobs: list[Future[None]] = []
        self._comes_in_order = True
        self._is_complete = False
        _RUNNING.add(self)

    def add(self, rows: pa.Table) -> None:
        self._waiting.append(rows)
        self._waiting_bytes += rows.nbytes
        share = max(WAITING_BYTES // max(len(_RUNNING), 1), LEAST_WAITING_BYTES)
        if self._waiting_bytes >= (LEAST_WAITING_BYTES if self._comes_in_order else share):
            pieces = self._split()
            self._comes_in_order = self._comes_in_order and self._are_in_order(pieces)
            if self._comes_in_order or self._waiting_bytes >= share:
                self._flush(pieces)
                self._start(self._files[-1].write)

    def finish(self) -> tuple[PartFile, ...]:
        self._wait()
        if self._waiting:
            self._flush(self._split())
        if self._files:
            self._start(self._files[-1].finish)
        self._wait()
        self._is_complete = True
        return tuple(PartFile(file.path, file.part, file.rows) for file in self._files)

    def close(self) -> None:
        """Delete the files, unless all were written."""
        _RUNNING.discard(self)
        wait(self._jobs)
        if not self._is_complete:
            for file in self._files:
                file.discard()

    def _split(self) -> list[PartRows]:
        """The buffered rows by part. Earlier rows are written first, to free their memory."""
        self._wait()
        return list(self._partitioning.split(pa.concat_tables(self._waiting)))

    def _are_in_order(self, pieces: Sequence[PartRows]) -> bool:
        """Whether the rows arrived sorted, and none belongs to a part whose file is finished."""
        written = {file.part for file in self._files}
        first, *rest = pieces
        return (
            all(piece.order is None for piece in pieces)
            and not any(piece.part in written for piece in rest)
            and (first.part not in written or self._files[-1].continues_with(first))
        )

    def _flush(self, pieces: Sequence[PartRows]) -> None:
        """Add the buffered rows to files, and start the jobs that finish all files but the last."""
        self._waiting, self._waiting_bytes = [], 0
        for piece in pieces:
            if not self._files or not self._files[-1].continues_with(piece):
                if self._files:
                    self._start(self._files[-1].finish)
                path = self._folder / f"{piece.part}-{uuid4().hex}.parquet"
                self._files.append(_OpenFile(path, piece.part, self._schema, self._options))
            self._files[-1].add(piece)

    def _start(self, job: Callable[[], None]) -> None:
        self._jobs.append(_THREADS.submit(job))

    def _wait(self) -> None:
        """Wait for all jobs; raise the first error."""
        jobs, self._jobs = self._jobs, []
        wait(jobs)
        for job in jobs:
            job.result()
