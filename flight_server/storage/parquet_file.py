"""Writing and reading one Parquet file, and its checksums.

Row groups have 64 Ki rows, and every page has a checksum. The bytes depend on the rows alone, not on how the rows were
batched or sliced, nor on the bytes under a null. So with one version of pyarrow, equal rows have equal file hashes.
"""

import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from arrowdsl.plan.batches import BATCH_ROWS
from flight_server.storage.store_errors import StorageError, reading, writing

ROW_GROUP_ROWS = BATCH_ROWS
ROW_GROUP_BYTES = 32 * 1024 * 1024  # fewer rows make a row group if they take more than 512 bytes on average
_READ_ROWS = 16 * 1024
_READ_BUFFER_BYTES = 64 * 1024
_CHECKSUM_BYTES = 1024 * 1024
NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Checksums:
    """A file's size, CRC-32 and blake2b (in hex)."""

    bytes: int
    crc32: int
    content_hash: str


class ParquetFileWriter:
    """A Parquet file that is being written; rows are buffered until a row group is full.

    Raises only StorageError. ``options`` are options of pyarrow's ParquetWriter and override the defaults.
    """

    def __init__(self, path: Path, schema: pa.Schema, options: Mapping[str, Any] = NO_OPTIONS) -> None:
        self.path = path
        self._waiting: list[pa.Table] = []
        self._rows = self._bytes = 0
        encodings = {column.name: _encoding(column) for column in schema}
        defaults = {
            "compression": "lz4",
            "write_page_checksum": True,
            "write_statistics": True,
            "use_dictionary": [name for name, encoding in encodings.items() if encoding is None],
            "column_encoding": {name: encoding for name, encoding in encodings.items() if encoding is not None},
        }
        with writing("a file"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._sink = pa.OSFile(str(path), "wb")
            self._writer = pq.ParquetWriter(self._sink, schema, **{**defaults, **options})

    def write(self, rows: pa.Table) -> None:
        """Add rows, and write the row groups that are full."""
        self._waiting.append(rows)
        self._rows += rows.num_rows
        self._bytes += rows.nbytes
        if self._rows < ROW_GROUP_ROWS and self._bytes < ROW_GROUP_BYTES:
            return
        waiting = pa.concat_tables(self._waiting)
        full = self._rows if self._bytes >= ROW_GROUP_BYTES else self._rows - self._rows % ROW_GROUP_ROWS
        self._write(waiting.slice(0, full))
        rest = waiting.slice(full)
        self._waiting, self._rows, self._bytes = [rest], rest.num_rows, rest.nbytes

    def close(self) -> None:
        """Write the buffered rows and the footer."""
        with writing("a file's footer"):
            try:
                if self._rows:
                    self._write(pa.concat_tables(self._waiting))
                self._writer.close()
            finally:
                self._sink.close()

    def discard(self) -> None:
        """Close and delete the file, even if it can't be completed."""
        self._rows = 0
        with suppress(StorageError, pa.ArrowInvalid):  # the disk may be full; the footer does not matter any more
            self.close()
        self.path.unlink(missing_ok=True)

    def _write(self, rows: pa.Table) -> None:
        """Write row groups. The chunks of each are joined first, since chunk borders would change the pages."""
        with writing("a row group"):
            for start in range(0, rows.num_rows, ROW_GROUP_ROWS):
                group = rows.slice(start, ROW_GROUP_ROWS).combine_chunks()
                self._writer.write_table(group, row_group_size=group.num_rows)


def _encoding(column: pa.Field) -> str | None:
    """The Parquet encoding of a column; None for dictionary encoding.

    Integers are mostly offsets, each close to the one before. Most ids in a file differ, but neighbours share a prefix.
    """
    name: str = column.name
    if pa.types.is_integer(column.type):
        return "DELTA_BINARY_PACKED"
    is_id = pa.types.is_string(column.type) and name.endswith("_id") and name != "file_id"
    return "DELTA_BYTE_ARRAY" if is_id else None


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a file in small batches. One page per column is in memory, so 32 open files need little of it."""
    with (
        reading(f"file {path.name}"),
        pq.ParquetFile(
            path, page_checksum_verification=True, pre_buffer=False, buffer_size=_READ_BUFFER_BYTES
        ) as source,
    ):
        yield from source.iter_batches(batch_size=_READ_ROWS, use_threads=False)


def distinct_values(path: Path, column: str) -> frozenset[str]:
    """The distinct values of a column in a file; null counts as ''."""
    with (
        reading(f"file {path.name}"),
        pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as source,
    ):
        values = source.read(columns=[column], use_threads=False).column(column).cast(pa.string())
    return frozenset(pc.unique(pc.fill_null(values, "")).to_pylist())


def column_hashes(path: Path, metadata: pq.FileMetaData) -> dict[str, str]:
    """A hash of each column's stored pages; equal values have equal hashes."""
    states: dict[str, blake2b] = {}
    with path.open("rb") as source:
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            for place in range(group.num_columns):
                chunk = group.column(place)
                pages = (chunk.dictionary_page_offset, chunk.data_page_offset)
                source.seek(min(offset for offset in pages if offset is not None))
                state = states.setdefault(chunk.path_in_schema.partition(".")[0], blake2b(digest_size=16))
                state.update(b"%d %d " % (group.num_rows, chunk.total_compressed_size))
                state.update(source.read(chunk.total_compressed_size))
    return {name: state.hexdigest() for name, state in states.items()}


def stored_bytes(group: pq.RowGroupMetaData, columns: Collection[str]) -> int:
    """The bytes that some columns take in a row group."""
    chunks = (group.column(place) for place in range(group.num_columns))
    return sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema.partition(".")[0] in columns)


def checksums(path: Path) -> Checksums:
    """The checksums of a file's bytes."""
    crc, size, content = 0, 0, blake2b(digest_size=16)
    with path.open("rb") as source:
        while block := source.read(_CHECKSUM_BYTES):
            crc, size = zlib.crc32(block, crc), size + len(block)
            content.update(block)
    return Checksums(size, crc, content.hexdigest())


def crc32(path: Path) -> int:
    """The CRC-32 of a file's bytes; several times faster than ``checksums``."""
    crc = 0
    with path.open("rb") as source:
        while block := source.read(_CHECKSUM_BYTES):
            crc = zlib.crc32(block, crc)
    return crc
