"""An artifact's file: Arrow IPC, a record batch at a time, each column of each batch with a checksum of its own.

The checksums stand in the batches' metadata, so whoever reads a few columns checks just these. A process checks a
column of a batch when it reads it for the first time, and again once the file was modified: to check what is sent at
once costs as much as to send it. The last batch has no rows; its metadata is the index: the rows of every batch, and
which batches belong to which part. Any Arrow reader can open the file. An open ``Artifact`` can be read to its end even
when its file was deleted meanwhile.
"""

import json
import os
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path

import pyarrow as pa

from arrowdsl.schema.schema import columns_of
from flight_server.storage.paths import Part
from flight_server.storage.store_errors import StoreCorruptError, writing

_CHECKS = b"crc32"
_INDEX = b"index"
_KNOWN_FILES = 4096


@dataclass(frozen=True)
class Span:
    """Batches that lie together: the number of the first, how many, and their rows and bytes in memory."""

    first: int
    batches: int
    rows: int
    bytes: int


class Artifact:
    """A finished file. Its methods may be called from several threads; each raises StoreCorruptError for damage."""

    def __init__(self, path: Path) -> None:
        """Open it; raises FileNotFoundError."""
        self.path = path
        self._source = pa.OSFile(str(path), "rb")
        with _checking():
            reader = pa.ipc.open_file(self._source)
            self.schema: pa.Schema = reader.schema
            index = _checked_index(reader)
        self._spans = {_part(name): Span(*numbers) for name, numbers in index.items()}

    @cached_property
    def all(self) -> Span:
        """All its batches."""
        spans = self._spans.values()
        return Span(0, *(sum(getattr(span, name) for span in spans) for name in ("batches", "rows", "bytes")))

    def span(self, part: Part | None = None) -> Span:
        """The batches of a part; of all of them for none."""
        return self.all if part is None else self._spans.get(part, Span(0, 0, 0, 0))

    def batches(self, columns: Sequence[str] | None = None, part: Part | None = None) -> Iterator[pa.RecordBatch]:
        """The batches, each checked; only the named columns are read, and come in the order of the file's schema."""
        places = range(len(self.schema)) if columns is None else sorted({self.schema.names.index(n) for n in columns})
        options = pa.ipc.IpcReadOptions(included_fields=None if columns is None else [*places], use_threads=False)
        span = self.span(part)
        with _checking():
            reader = pa.ipc.open_file(self._source, options=options)
            version = self._version()
            for number in range(span.first, span.first + span.batches):
                batch, metadata = reader.get_batch_with_custom_metadata(number)
                before, version = version, self._version()
                # read while it was modified: neither version tells what was read
                checked = _checked(version)[number] if version == before else set()
                if not checked.issuperset(places):
                    _check(batch, metadata[_CHECKS].split(), places)
                    checked.update(places)
                yield batch

    def _version(self) -> "_Version":
        status = os.fstat(self._source.fileno())
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def table(self, columns: Sequence[str] | None = None, part: Part | None = None) -> pa.Table:
        """The rows in memory; the columns in the order named."""
        schema = self.schema if columns is None else columns_of(self.schema, columns)
        names = set(schema.names)
        stored = pa.schema([column for column in self.schema if column.name in names])
        return pa.Table.from_batches(self.batches(columns, part), stored).select(schema.names)

    def content_hash(self, columns: Sequence[str] | None = None, part: Part | None = None) -> str:
        """A hash of the rows of these columns, the same for the same batches of rows in any file."""
        state = sha256()
        for batch in self.batches(columns, part):
            state.update(f"{batch.num_rows} {batch.schema}".encode())
            for column in batch.columns:
                for buffer in _buffers(column):
                    state.update(len(buffer or b"").to_bytes(8, "little") + bytes([buffer is None]))
                    state.update(buffer or b"")
        return state.hexdigest()


class ArtifactWriter:
    """Writes an artifact, part after part; raises StorageError."""

    def __init__(self, path: Path, schema: pa.Schema, *, compressed: bool = False) -> None:
        """``compressed`` with lz4: a fifth of the room, and about a fifth of the speed."""
        self.path = path
        self.bytes = 0
        self._schema = schema
        self._empty = pa.RecordBatch.from_pylist([], schema=schema)
        self._spans: dict[Part | None, list[int]] = {}
        self._count = 0
        with writing("an artifact"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._sink = pa.OSFile(str(path), "wb")
            options = pa.ipc.IpcWriteOptions(compression="lz4" if compressed else None)
            self._writer = pa.ipc.new_file(self._sink, schema, options=options)

    def write(self, batch: pa.RecordBatch, part: Part | None = None) -> pa.RecordBatch:
        """Write a batch; returns it as it will be read."""
        batch = _compact(batch, self._schema)
        self._empty = batch.slice(0, 0)  # it has the file's dictionaries
        with writing("an artifact"):
            self._writer.write_batch(batch, custom_metadata={_CHECKS: b" ".join(_checksums(batch))})
        span = self._spans.setdefault(part, [self._count, 0, 0, 0])
        self._count += 1
        self.bytes += batch.nbytes
        for place, amount in enumerate((1, batch.num_rows, batch.nbytes), start=1):
            span[place] += amount
        return batch

    def finish(self) -> None:
        """Write the index and the footer."""
        index = json.dumps({"" if part is None else str(part): span for part, span in self._spans.items()}).encode()
        with writing("an artifact"):
            self._writer.write_batch(self._empty, custom_metadata={_INDEX: b"%d %s" % (zlib.crc32(index), index)})
            self._writer.close()
            self._sink.close()


_Version = tuple[int, int, int, int]  # of a file that is open: device, inode, bytes, time of its last modification


@lru_cache(maxsize=_KNOWN_FILES)
def _checked(_: _Version) -> defaultdict[int, set[int]]:
    """The columns that this process has checked, by batch."""
    return defaultdict(set)


def _check(batch: pa.RecordBatch, checksums: Sequence[bytes], places: Sequence[int]) -> None:
    batch.validate()
    if [checksums[place] for place in places] != _checksums(batch):
        raise StoreCorruptError("an artifact is damaged: a batch does not match its checksums")


@contextmanager
def _checking() -> Iterator[None]:
    """Report whatever a damaged file makes of its reader as StoreCorruptError."""
    try:
        yield
    except (OSError, pa.ArrowException, ValueError, LookupError, TypeError) as error:
        raise StoreCorruptError("an artifact is damaged: it can't be read") from error


def _checked_index(reader: pa.RecordBatchFileReader) -> dict[str, list[int]]:
    _, metadata = reader.get_batch_with_custom_metadata(reader.num_record_batches - 1)
    checksum, _, index = metadata[_INDEX].partition(b" ")
    if int(checksum) != zlib.crc32(index):
        raise StoreCorruptError("an artifact is damaged: its index does not match its checksum")
    found: dict[str, list[int]] = json.loads(index)
    return found


def _part(name: str) -> Part | None:
    match name:
        case "":
            return None
        case "global":
            return "global"
        case _:
            return int(name)


def _compact(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with buffers that hold its rows alone, which is what a file gives back."""
    plain = [column.indices if pa.types.is_dictionary(column.type) else column for column in batch.columns]
    bare = pa.RecordBatch.from_arrays(plain, names=schema.names)
    columns = pa.ipc.read_record_batch(bare.serialize(), bare.schema).columns
    encoded = [
        pa.DictionaryArray.from_arrays(column, known.dictionary, safe=False)
        if pa.types.is_dictionary(known.type)
        else column
        for column, known in zip(columns, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(encoded, schema=schema)


def _checksums(batch: pa.RecordBatch) -> list[bytes]:
    """For each column a CRC-32, in hex, of its numbers of rows and nulls, its buffers and its dictionary's."""
    return [_checksum(column) for column in batch.columns]


def _checksum(column: pa.Array) -> bytes:
    crc = zlib.crc32(b"%d %d" % (len(column), column.null_count))
    for place, buffer in enumerate(_buffers(column)):
        if buffer is not None and buffer.size:
            crc = zlib.crc32(buffer, crc ^ place)
    return b"%x" % crc


def _buffers(column: pa.Array) -> list[pa.Buffer | None]:
    dictionary = column.dictionary.buffers() if pa.types.is_dictionary(column.type) else []
    return [*column.buffers(), *dictionary]
