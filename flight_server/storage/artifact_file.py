"""The file of a cached result: an Arrow IPC file whose batches are encoded and cut as they are sent, and an index.

The last batch has no rows; its metadata is the index: the rows and bytes of each part's batches, the checksums of every
batch, and hashes of the values for results that other plans refer to. Verifying a batch costs as much as sending it, so
a process verifies a column of a batch on its first read, and again once the file was written to; the lengths of its
buffers are checked at every read. Any Arrow reader can open the file. An open ``Artifact`` can be read to its end even
if its file is deleted meanwhile.
"""

import json
import os
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Self

import pyarrow as pa

from flight_server.storage.paths import FileVersion, Part, version_of
from flight_server.storage.recent import Recent
from flight_server.storage.store_errors import StoreCorruptError

INDEX = b"index"  # the key of the index in the metadata of the last batch
_KNOWN_FILES = 4096

_VERIFIED = Recent[defaultdict[int, set[int]]](_KNOWN_FILES)  # for each version of a file: the columns of each batch


@dataclass(frozen=True)
class Span:
    """Adjacent batches: the number of the first, how many there are, and their rows and bytes in memory."""

    first: int = 0
    batches: int = 0
    rows: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class ArtifactIndex:
    """The spans of a result by part, the checksums of each batch by column, and hashes by part and column."""

    spans: Mapping[str, Span]
    checksums: Sequence[Sequence[int]]
    hashes: Mapping[str, Mapping[str, str]] | None

    def span(self, part: Part | None = None) -> Span:
        """The batches of a part; all batches for None."""
        if part is not None:
            return self.spans.get(str(part), Span())
        spans = self.spans.values()
        return Span(0, *(sum(getattr(span, name) for span in spans) for name in ("batches", "rows", "bytes")))

    def content_hash(self, columns: Sequence[str] | None = None, part: Part | None = None) -> str:
        """A hash of the values in these columns, the same for the same batches of rows in any file.

        Raises LookupError if the result was written without hashes.
        """
        if self.hashes is None:
            raise LookupError("the result was written without hashes")
        wanted = self.hashes if part is None else {str(part): self.hashes.get(str(part), {})}
        found = {
            name: {column: value for column, value in each.items() if columns is None or column in columns}
            for name, each in wanted.items()
        }
        return sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


class Artifact:
    """An open, complete result. Threads may share it. Every method raises StoreCorruptError if the file is damaged."""

    def __init__(self, source: pa.NativeFile, name: str, *, on_disk: bool = True) -> None:
        """``name`` is the fingerprint. A result in memory (not ``on_disk``) is not verified."""
        self.name = name
        self.on_disk = on_disk
        self._source = source
        self._users = 1
        self._lock = Lock()
        try:
            with _checking():
                reader = pa.ipc.open_file(source)
                self.schema: pa.Schema = reader.schema
                self.index = _read_index(reader)
        except BaseException:
            source.close()
            raise

    def shared(self) -> "Artifact":
        """The artifact, counted for one more user; every user must call ``close``."""
        with self._lock:
            self._users += 1
        return self

    def close(self) -> None:
        """Close the file descriptor when the last user calls this."""
        with self._lock:
            self._users -= 1
            if not self._users:
                self._source.close()

    def __enter__(self) -> Self:
        """The artifact, which is closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @property
    def size(self) -> int:
        """The bytes of the file."""
        return int(self._source.size())

    def batches(self, columns: Sequence[str] | None = None, part: Part | None = None) -> Iterator[pa.RecordBatch]:
        """The verified batches. Only the named columns are read; they have the order of the file's schema."""
        span, every = self.index.span(part), range(len(self.schema))
        with _checking():
            names = self.schema.names
            places = [*every] if columns is None else sorted({names.index(name) for name in columns})
            included = None if len(places) == len(every) else places
            options = pa.ipc.IpcReadOptions(included_fields=included, use_threads=False)
            reader = pa.ipc.open_file(self._source, options=options)
            version = self._version()
            for number in range(span.first, span.first + span.batches):
                batch = reader.get_batch(number)
                batch.validate()
                before, version = version, self._version()
                if version is not None:
                    # If the file was written to during the read, it is unknown which version the bytes belong to.
                    checked = _checked(version)[number] if _checked(version) is _checked(before) else set()
                    if not checked.issuperset(places):
                        _check(batch, self.index.checksums[number], places)
                        checked.update(places)
                yield batch

    def trust(self) -> None:
        """Mark all batches as verified, because this process has just written the file."""
        version = self._version()
        if version is not None:
            checked = _checked(version)
            for number in range(len(self.index.checksums)):
                checked[number].update(range(len(self.schema)))

    def touch(self) -> None:
        """Note the time of this use in the file. This changes the file's version, not what was verified."""
        before, status = self._version(), os.fstat(self._source.fileno())
        os.utime(self._source.fileno(), ns=(time.time_ns(), status.st_mtime_ns))
        _VERIFIED.put(self._version(), _checked(before))

    def distrust(self) -> None:
        """Forget that batches were verified, so that the next read verifies them again."""
        version = self._version()
        if version is not None:
            _checked(version).clear()

    def _version(self) -> FileVersion | None:
        return version_of(os.fstat(self._source.fileno())) if self.on_disk else None


def _checked(version: FileVersion | None) -> defaultdict[int, set[int]]:
    """The columns that this process has verified in a version of a file, by batch."""
    known = _VERIFIED.get(version)
    if known is None:
        known = defaultdict(set)
        _VERIFIED.put(version, known)
    return known


def _check(batch: pa.RecordBatch, checksums: Sequence[int], places: Sequence[int]) -> None:
    if [checksums[place] for place in places] != checksums_of(batch.columns):
        raise StoreCorruptError("a cached result is damaged: a batch does not match its checksums")


@contextmanager
def _checking() -> Iterator[None]:
    """Report every error of a reader over a damaged file as StoreCorruptError."""
    try:
        yield
    except (OSError, pa.ArrowException, ValueError, LookupError, TypeError, AttributeError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the machine's fault, not the file's
            raise
        raise StoreCorruptError("a cached result is damaged: it can't be read") from error


def _read_index(reader: pa.RecordBatchFileReader) -> ArtifactIndex:
    _, metadata = reader.get_batch_with_custom_metadata(reader.num_record_batches - 1)
    checksum, _, index = metadata[INDEX].partition(b" ")
    if int(checksum) != zlib.crc32(index):
        raise StoreCorruptError("a cached result is damaged: its index does not match its checksum")
    found = json.loads(index)
    spans = {part: Span(*numbers) for part, numbers in found["spans"].items()}
    return ArtifactIndex(spans, found["checksums"], found["hashes"])


def checksums_of(columns: Sequence[pa.Array]) -> list[int]:
    """For each column a CRC-32 of its numbers of rows and nulls, its buffers and its dictionary's."""
    return [_checksum(column) for column in columns]


def _checksum(column: pa.Array) -> int:
    crc = zlib.crc32(b"%d %d" % (len(column), column.null_count))
    for place, buffer in enumerate(buffers_of(column)):
        if buffer is not None and buffer.size:
            crc = zlib.crc32(buffer, crc ^ place)
    return crc


def buffers_of(column: pa.Array) -> list[pa.Buffer | None]:
    """The buffers of a column and of its dictionary."""
    dictionary = column.dictionary.buffers() if pa.types.is_dictionary(column.type) else []
    return [*column.buffers(), *dictionary]
