"""Making what arrives fit a table: checked as Arrow data, cut to 64 Ki rows, aligned to the schema, encoded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.errors import SchemaMismatchError
from arrowdsl.schema.schema import EncodingPolicy, SchemaTransform
from flight_server.storage.store_errors import MalformedDataError

BATCH_ROWS = 64 * 1024


class Batches(Protocol):
    """What can be put: batches, one by one, and the schema that they have. A RecordBatchReader is one."""

    @property
    def schema(self) -> pa.Schema:
        """The schema of every batch."""

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The batches, once."""


@dataclass(frozen=True)
class BatchStream:
    """Batches from an iterator, with the schema that they have: what can be put, made of what is at hand."""

    schema: pa.Schema
    batches: Iterable[pa.RecordBatch]

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The batches."""
        return iter(self.batches)


def unchecked() -> None:
    """A check that lets everything go on."""


def batches_of(data: pa.Table | Batches) -> Batches:
    """The data as something to iterate over."""
    return data.to_reader(max_chunksize=BATCH_ROWS) if isinstance(data, pa.Table) else data


def aligned(
    data: Batches, schema: pa.Schema, encoding: EncodingPolicy, *, check: Callable[[], None] = unchecked
) -> Iterator[pa.Table]:
    """The batches, cut to 64 Ki rows, with the columns and types of the schema and encoded.

    ``check`` is called before each cut and stops the stream by raising. Raises MalformedDataError for a batch that is
    not valid Arrow (nothing else may look into it: wrong offsets crash the process), and what SchemaTransform raises.
    """
    transform = SchemaTransform(schema=schema)
    _decoded_schema_check(transform, data.schema)
    for batch in data:
        check()
        try:
            batch.validate(full=True)
        except pa.ArrowInvalid as error:
            raise MalformedDataError(f"a batch is not valid Arrow data: {error}") from error
        for start in range(0, batch.num_rows, BATCH_ROWS):
            check()
            rows = pa.Table.from_batches([batch.slice(start, BATCH_ROWS)])
            yield encoding.apply(transform.apply(_decoded(rows)))


def encoded_schema(schema: pa.Schema, encoding: EncodingPolicy) -> pa.Schema:
    """The schema that tables of ``schema`` have once they are encoded."""
    return encoding.apply(schema.empty_table()).schema


def _decoded_schema_check(transform: SchemaTransform, schema: pa.Schema) -> None:
    try:
        _ = schema.names
    except UnicodeDecodeError as error:
        raise MalformedDataError("a column's name is not UTF-8") from error
    try:
        transform.check(_decoded(schema.empty_table()).schema)
    except pa.ArrowNotImplementedError as error:
        raise SchemaMismatchError(f"a type that can't be read: {error}") from error


def _decoded(rows: pa.Table) -> pa.Table:
    """The rows without the encodings that pyarrow's casts can't undo."""
    for index, column in enumerate(rows.schema):
        decode = _decoder(column.type)
        if decode is not None:
            # An empty array where there is no chunk, which shows the decoded type.
            chunks = [decode(chunk) for chunk in rows.column(index).chunks or [pa.array([], column.type)]]
            rows = rows.set_column(index, column.name, pa.chunked_array(chunks))
    return rows


def _decoder(kind: pa.DataType) -> Callable[[pa.Array], pa.Array] | None:
    if pa.types.is_run_end_encoded(kind):
        return _run_ends_decoded
    if pa.types.is_dictionary(kind) and pa.types.is_string_view(kind.value_type):
        return _values_plain
    return None


def _run_ends_decoded(array: pa.Array) -> pa.Array:
    return pc.run_end_decode(array)


def _values_plain(array: pa.Array) -> pa.Array:
    """Dictionaries of views, as Polars sends them, as dictionaries of strings."""
    return pa.DictionaryArray.from_arrays(array.indices, array.dictionary.cast(pa.string()))
