"""Validation of incoming batches: valid Arrow data, cut to 64 Ki rows, aligned to a table's schema and encoded."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.errors import SchemaMismatchError, one_of
from arrowdsl.plan.batches import BATCH_ROWS
from arrowdsl.schema.schema import EncodingPolicy, SchemaTransform
from flight_server.storage.store_errors import MalformedDataError, RowCountError


class BatchSource(Protocol):
    """Record batches of one schema that can be read once, such as a RecordBatchReader."""

    @property
    def schema(self) -> pa.Schema:
        """The schema of every batch."""

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The batches."""


def unchecked() -> None:
    """The default for ``check`` arguments, which never stops the work."""


def batches_of(data: pa.Table | BatchSource) -> BatchSource:
    """The data as a source of batches."""
    return data.to_reader(max_chunksize=BATCH_ROWS) if isinstance(data, pa.Table) else data


def validated(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, if it is valid Arrow data; else raises MalformedDataError.

    A batch from a client must be validated before anything reads its values, since wrong offsets crash the process.
    """
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as error:
        raise MalformedDataError(f"a batch is not valid Arrow data: {error}") from error
    return batch


def aligned(
    data: BatchSource, schema: pa.Schema, encoding: EncodingPolicy, *, check: Callable[[], None] = unchecked
) -> Iterator[pa.Table]:
    """The batches, cut to 64 Ki rows, aligned to the schema's columns and types, and encoded.

    ``check`` is called before each cut and stops the stream by raising. Raises the errors of ``validated``,
    SchemaTransform and EncodingPolicy.
    """
    transform = SchemaTransform(schema=schema)
    _check_schema(transform, data.schema)
    for batch in data:
        check()
        validated(batch)
        for start in range(0, batch.num_rows, BATCH_ROWS):
            check()
            rows = pa.Table.from_batches([batch.slice(start, BATCH_ROWS)])
            yield encoding.apply(transform.apply(_castable(rows)))


def check_rows(expected: Mapping[str, int] | None, put: Mapping[str, int]) -> None:
    """Raise RowCountError if the tables have other numbers of rows than expected; None expects nothing."""
    if expected is None:
        return
    wrong = [
        f"{name}: expected {expected.get(name, 0)}, put {put.get(name, 0)}"
        for name in sorted({*expected, *put})
        if expected.get(name, 0) != put.get(name, 0)
    ]
    if wrong:
        raise RowCountError(
            f"the rows put are not the rows expected ({one_of(wrong, limit=10)}); put these tables again"
        )


def encoded_schema(schema: pa.Schema, encoding: EncodingPolicy) -> pa.Schema:
    """The schema that tables of ``schema`` have once they are encoded."""
    return encoding.apply(schema.empty_table()).schema


def _check_schema(transform: SchemaTransform, schema: pa.Schema) -> None:
    try:
        _ = schema.names
    except UnicodeDecodeError as error:
        raise MalformedDataError("a column's name is not UTF-8") from error
    try:
        transform.check(_castable(schema.empty_table()).schema)
    except pa.ArrowNotImplementedError as error:
        raise SchemaMismatchError(f"a column has a type that can't be read: {error}") from error


def _castable(rows: pa.Table) -> pa.Table:
    """The rows without run-end encoding and without dictionaries of string views, which pyarrow can't cast.

    Polars sends such dictionaries.
    """
    for index, column in enumerate(rows.schema):
        if pa.types.is_run_end_encoded(column.type):
            decode = pc.run_end_decode
        elif pa.types.is_dictionary(column.type) and pa.types.is_string_view(column.type.value_type):
            decode = _without_views
        else:
            continue
        # A column without chunks is decoded as one empty array, which shows the decoded type.
        chunks = [decode(chunk) for chunk in rows.column(index).chunks or [pa.array([], column.type)]]
        rows = rows.set_column(index, column.name, pa.chunked_array(chunks))
    return rows


def _without_views(array: pa.Array) -> pa.Array:
    return pa.DictionaryArray.from_arrays(array.indices, array.dictionary.cast(pa.string()))
