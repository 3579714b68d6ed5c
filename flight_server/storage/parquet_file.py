"""Parquet files: written in row groups, streamed, with a checksum in every page; and the checksums of whole files.

The bytes depend on the rows and the row groups alone, not on how the rows were batched or sliced or on what lies below
a null: so a file's hash stands for its rows, for one version of pyarrow.
"""

import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flight_server.storage.store_errors import reading, writing

_READ_ROWS = 16 * 1024
_READ_BUFFER_BYTES = 64 * 1024
_CHECKSUM_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Checksums:
    """What a file's bytes must be: their number, their CRC-32, and a blake2b of them in hex."""

    bytes: int
    crc32: int
    content_hash: str


class RowGroupWriter:
    """A Parquet file that is being written, a row group at a time. Everything that it raises is a StorageError."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        encodings = {column.name: _encoding(column) for column in schema}
        with writing("a file"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._sink = pa.OSFile(str(path), "wb")
            self._writer = pq.ParquetWriter(
                self._sink,
                schema,
                compression="lz4",
                write_page_checksum=True,
                write_statistics=True,
                use_dictionary=[name for name, encoding in encodings.items() if encoding is None],
                column_encoding={name: encoding for name, encoding in encodings.items() if encoding is not None},
            )

    def write(self, rows: pa.Table) -> None:
        """Write one row group. Chunks are joined: where they end would otherwise show in the pages."""
        with writing("a row group"):
            self._writer.write_table(rows.combine_chunks(), row_group_size=max(rows.num_rows, 1))

    def close(self) -> None:
        """Write the footer."""
        with writing("a file's footer"):
            try:
                self._writer.close()
            finally:
                self._sink.close()


def _encoding(column: pa.Field) -> str | None:
    """How a column's values are written, if not by dictionary.

    Numbers are mostly offsets, each near the one before. Most ids of what is in a file differ, but each starts as the
    one before it does.
    """
    name: str = column.name
    if pa.types.is_integer(column.type):
        return "DELTA_BINARY_PACKED"
    is_id = pa.types.is_string(column.type) and name.endswith("_id") and name != "file_id"
    return "DELTA_BYTE_ARRAY" if is_id else None


def read_batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a file, in small batches, one column page at a time: 32 open files take little memory."""
    with (
        reading(f"file {path.name}"),
        pq.ParquetFile(
            path, page_checksum_verification=True, pre_buffer=False, buffer_size=_READ_BUFFER_BYTES
        ) as source,
    ):
        yield from source.iter_batches(batch_size=_READ_ROWS, use_threads=False)


def distinct_values(path: Path, column: str) -> frozenset[str]:
    """The values of a file's column."""
    with (
        reading(f"file {path.name}"),
        pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as source,
    ):
        values = source.read(columns=[column], use_threads=False).column(column).cast(pa.string())
    return frozenset(pc.unique(pc.fill_null(values, "")).to_pylist())


def column_hashes(path: Path, metadata: pq.FileMetaData) -> dict[str, str]:
    """For each column a hash of its stored pages, the same whenever the column's values are the same."""
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
    """The CRC-32 of a file's bytes; several times faster than the hash."""
    crc = 0
    with path.open("rb") as source:
        while block := source.read(_CHECKSUM_BYTES):
            crc = zlib.crc32(block, crc)
    return crc
