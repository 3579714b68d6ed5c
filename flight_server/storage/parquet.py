"""Tables as Parquet files by part: streamed, in sorted runs, in bounded memory."""

from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from arrowdsl.schema.schema import EncodingPolicy
from flight_server.storage.background import Background
from flight_server.storage.part_writer import PartWriter, WrittenFile
from flight_server.storage.partitioning import Partitioning
from flight_server.storage.paths import Part
from flight_server.storage.store_errors import StorageError, writing
from flight_server.storage.validation import Batches, aligned, batches_of, encoded_schema, unchecked

WAITING_BYTES = 256 * 1024 * 1024  # of all that write together
LEAST_WAITING_BYTES = 64 * 1024 * 1024
OPEN_PARTS = 512  # each may have a file open
UNPARTITIONED = Partitioning()
Place = Callable[[Part, int], Path]


def write_dataset_parquet(
    data: pa.Table | Batches,
    base_dir: Path | str,
    *,
    schema: pa.Schema | None = None,
    encoding_policy: EncodingPolicy | None = None,
    partitioning: Partitioning = UNPARTITIONED,
    check: Callable[[], None] = unchecked,
) -> tuple[WrittenFile, ...]:
    """Stream a table into Parquet files below ``base_dir``, which must be empty or absent; they are named ``part-run``.

    Each batch is aligned to ``schema`` (the data's own if none is given), then encoded, then cut into parts; without
    a partition column all rows go to one file, in the order given. The files of a part are in the order of their
    rows' arrival. ``check`` is called before each batch and stops the writing by raising. When anything raises,
    the files written so far are deleted. Raises SchemaMismatchError before the first batch when the schemas don't
    fit, NullValueError, MalformedDataError, StorageError.
    """
    folder = _empty_folder(Path(base_dir))
    return write_runs(
        data,
        lambda part, run: folder / f"{part}-{run}.parquet",
        schema=schema,
        encoding_policy=encoding_policy,
        partitioning=partitioning,
        check=check,
    )


def write_runs(
    data: pa.Table | Batches,
    place: Place,
    *,
    schema: pa.Schema | None = None,
    encoding_policy: EncodingPolicy | None = None,
    partitioning: Partitioning = UNPARTITIONED,
    check: Callable[[], None] = unchecked,
) -> tuple[WrittenFile, ...]:
    """The same, with files where ``place`` says, given a part and a number for each."""
    batches = batches_of(data)
    schema = batches.schema if schema is None else schema
    encoding = EncodingPolicy() if encoding_policy is None else encoding_policy
    writer = _DatasetWriter(place, encoded_schema(schema, encoding), partitioning)
    with closing(writer):
        for rows in aligned(batches, schema, encoding, check=check):
            writer.add(rows)
        return writer.finish()


class _DatasetWriter:
    """The open parts, the one that got no rows for longest first, and the runs of the parts that were closed.

    Data may come part by part, as an extractor gives it: then a part is closed, and encoded, when the next begins, so
    that little waits and little is left to do at the end. As soon as a batch has rows of several parts, or of a part
    that was closed, parts stay open until too many are, or too many bytes wait in them. Then one that gets no rows any
    more is closed, and where all do, the one in which most waits: data in any order becomes as few runs as it can.
    """

    _writing: ClassVar[set["_DatasetWriter"]] = set()

    def __init__(self, place: Place, schema: pa.Schema, partitioning: Partitioning) -> None:
        self._place = place
        self._schema = schema
        self._partitioning = partitioning
        self._open: dict[Part, PartWriter] = {}
        self._last: dict[Part, int] = {}
        self._batches = self._waiting = 0
        self._comes_by_part = True
        self._finished: list[WrittenFile] = []
        self._is_complete = False
        self._numbers = count()
        self._encoding = Background()
        self._writing.add(self)

    def add(self, rows: pa.Table) -> None:
        pieces = list(self._partitioning.split(rows))
        if not pieces:
            return
        self._comes_by_part = self._comes_by_part and len(pieces) == 1 and not self._was_closed(pieces[0].part)
        self._batches += 1
        for piece in pieces:
            writer = self._open.pop(piece.part, None) or self._new(piece.part)
            self._open[piece.part] = writer
            self._last[piece.part] = self._batches
            self._waiting -= writer.waiting_bytes
            writer.add(piece)
            self._waiting += writer.waiting_bytes
        while len(self._open) > 1 and (self._comes_by_part or self._is_crowded()):
            self._finish(self._dispensable())

    def finish(self) -> tuple[WrittenFile, ...]:
        for part in list(self._open):
            self._finish(part)
        self._encoding.finish()
        self._is_complete = True
        return tuple(self._finished)

    def close(self) -> None:
        """Delete what was written, unless all was."""
        self._writing.discard(self)
        self._encoding.close()
        if self._is_complete:
            return
        for writer in self._open.values():
            writer.discard()
        for written in self._finished:
            written.path.unlink(missing_ok=True)

    def _new(self, part: Part) -> PartWriter:
        return PartWriter(part, self._partitioning.column, self._schema, self._next_path, self._encoding)

    def _next_path(self, part: Part) -> Path:
        return self._place(part, next(self._numbers))

    def _was_closed(self, part: Part) -> bool:
        return part not in self._open and any(run.part == part for run in self._finished)

    def _is_crowded(self) -> bool:
        return len(self._open) > OPEN_PARTS or self._waiting > self._most_waiting()

    @classmethod
    def _most_waiting(cls) -> int:
        return max(WAITING_BYTES // max(len(cls._writing), 1), LEAST_WAITING_BYTES)

    def _dispensable(self) -> Part:
        """The open part that got no rows for longest, unless it got some in the last batches too."""
        first = next(iter(self._open))
        if self._comes_by_part or self._last[first] < self._batches - 1:
            return first
        return max(self._open, key=lambda part: self._open[part].waiting_bytes)

    def _finish(self, part: Part) -> None:
        waiting = self._open[part].waiting_bytes
        self._finished += self._open[part].finish()
        self._waiting -= waiting
        del self._open[part]  # not before: what fails is discarded


def _empty_folder(folder: Path) -> Path:
    """The folder, made if need be; nothing is ever written over, so one with files in it is refused."""
    with writing("a folder"):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StorageError("the folder to write to has files in it; allowed: an empty or a new one")
    return folder
