"""Streams of rows as bytes: Arrow IPC stream, Parquet, CSV and JSON lines.

No byte is produced before the first batch is there, so a read that fails at its beginning leaves no output behind.
"""

import json
import math
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from types import MappingProxyType
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv, ipc

_JSON_ROWS = 4096


class RowWriter(Protocol):
    """A writer of one format."""

    def write_batch(self, batch: pa.RecordBatch) -> object:
        """Write the rows."""

    def close(self) -> object:
        """Write what stands at the end."""


class _Sink:
    """A file, for pyarrow: collects the bytes that are written until they are taken."""

    closed = False

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._position = 0

    def tell(self) -> int:
        return self._position

    def write(self, data: bytes) -> int:
        self._chunks.append(bytes(data))
        self._position += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """The bytes may still be taken."""

    def taken(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data


@dataclass(frozen=True)
class RowFormat:
    """A format: its media type, and the function that makes a writer for a sink and a schema."""

    media_type: str
    writer: Callable[[_Sink, pa.Schema], RowWriter]


def encoded(name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    """The rows in one of FORMATS, in chunks of about a batch. If a batch raises, what stands at the end is missing."""
    first = list(islice(batches, 1))
    sink = _Sink()
    writer = FORMATS[name].writer(sink, schema)
    for batch in chain(first, batches):
        writer.write_batch(batch)
        if data := sink.taken():
            yield data
    writer.close()
    yield sink.taken()


@dataclass(frozen=True)
class _CsvWriter:
    """Lists, structs and maps as JSON, bytes as base64, an empty field for null."""

    writer: csv.CSVWriter
    schema: pa.Schema

    @classmethod
    def over(cls, sink: _Sink, schema: pa.Schema) -> "_CsvWriter":
        flat = pa.schema([(column.name, flat_type(column.type)) for column in schema])
        return cls(csv.CSVWriter(sink, flat), flat)

    def write_batch(self, batch: pa.RecordBatch) -> None:
        columns = [_flattened(column) for column in batch.columns]
        self.writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self.schema))

    def close(self) -> None:
        self.writer.close()


@dataclass(frozen=True)
class _JsonLinesWriter:
    """A JSON object on a line for each row."""

    sink: _Sink

    def write_batch(self, batch: pa.RecordBatch) -> None:
        for start in range(0, batch.num_rows, _JSON_ROWS):
            rows = batch.slice(start, _JSON_ROWS).to_pylist()
            self.sink.write("".join(f"{_json(row)}\n" for row in rows).encode())

    def close(self) -> None:
        """There is no end."""


def _json(row: dict[str, object]) -> str:
    with suppress(ValueError):
        return json.dumps(row, ensure_ascii=False, allow_nan=False, default=_plain)
    return json.dumps(_finite(row), ensure_ascii=False, default=_plain)


def _finite(value: object) -> object:
    """The value with null for the floats that JSON lacks: NaN and the infinities."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case dict():
            return {key: _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
    return value


def flat_type(data_type: pa.DataType) -> pa.DataType:
    """The type of a column in CSV: nested columns and bytes are text."""
    if pa.types.is_dictionary(data_type):
        return data_type.value_type
    return pa.string() if pa.types.is_nested(data_type) or pa.types.is_binary(data_type) else data_type


def _flattened(column: pa.Array) -> pa.Array:
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        return pa.array([None if value is None else _cell(value) for value in column.to_pylist()], pa.string())
    return column.cast(flat_type(column.type))


def _cell(value: object) -> str:
    return b64encode(value).decode() if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False)


def _plain(value: object) -> str:
    """A value that JSON lacks: bytes as base64, dates and decimals as text."""
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)


FORMATS: Mapping[str, RowFormat] = MappingProxyType(
    {
        "jsonl": RowFormat("application/x-ndjson", lambda sink, _: _JsonLinesWriter(sink)),
        "csv": RowFormat("text/csv; charset=utf-8", _CsvWriter.over),
        "arrow": RowFormat("application/vnd.apache.arrow.stream", ipc.new_stream),
        "parquet": RowFormat("application/vnd.apache.parquet", partial(pq.ParquetWriter, compression="zstd")),
    }
)
