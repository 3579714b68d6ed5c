"""Contracts of tables, and the transformations that give a table the schema of its contract.

A ``TableSpec`` is the contract of one table. Alignment (``SchemaTransform``) gives a table the columns, types and
metadata of a schema. Encoding (``EncodingPolicy``) turns string columns into dictionary columns with a constant
vocabulary. Plans work on plain strings, so tables are aligned and then encoded once, at the very end.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.errors import NullValueError, SchemaMismatchError, UnknownColumnError, first_line, one_of

Direction = Literal["ascending", "descending"]
SortKey = tuple[str, Direction]
Vocabulary = tuple[str, ...]
DICTIONARY = pa.dictionary(pa.int32(), pa.string())
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)


@dataclass(frozen=True)
class SchemaMetadataSpec:
    """Metadata that is merged into a schema; its keys win over the schema's own."""

    schema_metadata: Mapping[str, str] = field(default_factory=dict)

    def apply(self, schema: pa.Schema) -> pa.Schema:
        """The schema with the metadata merged in."""
        merged = dict(schema.metadata or {})
        merged.update({_encoded(key): _encoded(value) for key, value in self.schema_metadata.items()})
        return schema.with_metadata(merged)


@dataclass(frozen=True)
class TableSpec:
    """The contract of one table.

    In ``schema``, required columns are not nullable, encoded columns have the type ``DICTIONARY``, and the metadata is
    the contract's. ``key`` is unique; of rows with equal keys the first by ``tie_breakers`` stays. ``order`` is the
    canonical order. ``vocabularies`` has the constant vocabulary of each encoded column.
    """

    name: str
    contract: str
    schema: pa.Schema
    layer: str
    key: tuple[str, ...] = ()
    tie_breakers: tuple[SortKey, ...] = ()
    order: tuple[SortKey, ...] = ()
    vocabularies: Mapping[str, Vocabulary] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def version(self) -> int:
        """The contract's version, from the schema's metadata."""
        return int(self.schema.metadata[b"contract_version"])

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The columns that may not be null."""
        return tuple(column.name for column in self.schema if not column.nullable)

    @cached_property
    def plain_schema(self) -> pa.Schema:
        """The schema inside plans, with strings in place of dictionaries."""
        return plain(self.schema)

    @cached_property
    def encoding(self) -> "EncodingPolicy":
        """The policy that encodes this table's dictionary columns."""
        return EncodingPolicy(specs=tuple(EncodingSpec(c, v) for c, v in self.vocabularies.items()))


def empty_table(schema: pa.Schema) -> pa.Table:
    """An empty table with exactly this schema, including metadata and dictionary types."""
    return schema.empty_table()


def plain(schema: pa.Schema) -> pa.Schema:
    """The schema with each dictionary type replaced by its value type; nullability and metadata stay."""
    if not any(map(pa.types.is_dictionary, schema.types)):
        return schema
    columns = [c.with_type(c.type.value_type) if pa.types.is_dictionary(c.type) else c for c in schema]
    return pa.schema(columns, metadata=schema.metadata)


@dataclass(frozen=True)
class SchemaTransform:
    """Aligns tables to ``schema``: puts columns in its order, casts them, and fills absent nullable columns with nulls.

    ``safe_cast`` refuses casts that lose information. Columns that the schema does not have are dropped, or appended if
    ``keep_extra_columns`` is set.
    """

    schema: pa.Schema
    safe_cast: bool = True
    keep_extra_columns: bool = False

    def apply(self, table: pa.Table) -> pa.Table:
        """The aligned table.

        Raises SchemaMismatchError for an absent required column or a cast that fails, and NullValueError for nulls
        in a required column.
        """
        self.check(table.schema)
        columns = [self._column(table, wanted) for wanted in self.schema]
        schema = self.output_schema(table.schema)
        columns += [table.column(name) for name in schema.names[len(self.schema) :]]
        return pa.Table.from_arrays(columns, schema=schema)

    def check(self, schema: pa.Schema) -> None:
        """Raise SchemaMismatchError if no table of this schema can be aligned, before any row is read."""
        given = Counter(schema.names)  # there may be a hundred thousand columns
        repeated = sorted(name for name, times in given.items() if times > 1)
        if repeated:
            raise SchemaMismatchError(f"columns appear more than once: {one_of(repeated)}")
        missing = [c.name for c in self.schema if not c.nullable and c.name not in given]
        if missing:
            raise SchemaMismatchError(f"required columns are missing: {one_of(missing)}; given: {one_of(schema.names)}")
        for wanted in self.schema:
            if wanted.name in given:
                self._cast(pa.chunked_array([], schema.field(wanted.name).type), wanted)

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """The schema that ``apply`` gives to tables of ``schema``."""
        if not self.keep_extra_columns:
            return self.schema
        extra = [column for column in schema if column.name not in self.schema.names]
        return pa.schema([*self.schema, *extra], metadata=self.schema.metadata)

    def _column(self, table: pa.Table, wanted: pa.Field) -> pa.ChunkedArray:
        if wanted.name not in table.schema.names:
            return pa.chunked_array([pa.nulls(table.num_rows, wanted.type)])
        column = self._cast(table.column(wanted.name), wanted)
        if not wanted.nullable and column.null_count:
            raise NullValueError(f"column {wanted.name} is required and has {column.null_count} nulls")
        return column

    def _cast(self, column: pa.ChunkedArray, wanted: pa.Field) -> pa.ChunkedArray:
        if column.type == wanted.type:
            return column
        if pa.types.is_list_view(column.type) or pa.types.is_large_list_view(column.type):
            column = pa.chunked_array(map(_gathered, column.chunks), pa.large_list(column.type.value_type))
        if "list_view<" in str(column.type):
            raise SchemaMismatchError(f"column {wanted.name}: {column.type} has list views inside, which can't be cast")
        try:
            if pa.types.is_dictionary(column.type) and pa.types.is_nested(wanted.type):
                column = column.cast(column.type.value_type)
            return column.cast(wanted.type, safe=self.safe_cast)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
            raise SchemaMismatchError(
                f"column {wanted.name}: {column.type} can't be cast to {wanted.type} ({first_line(error)})"
            ) from error


@dataclass(frozen=True)
class EncodingSpec:
    """A column to be dictionary-encoded, against a constant vocabulary if one is given."""

    column: str
    vocabulary: Vocabulary | None = None


@dataclass(frozen=True)
class EncodingPolicy:
    """Dictionary-encodes the named columns.

    With a constant vocabulary all batches have the same dictionary, which the IPC file format requires and a stream's
    reader receives only once. Columns that the table does not have are ignored.
    """

    specs: tuple[EncodingSpec, ...] = ()

    def apply(self, table: pa.Table) -> pa.Table:
        """The table with the columns encoded; raises SchemaMismatchError for a value outside its vocabulary."""
        for spec in self.specs:
            index = table.schema.get_field_index(spec.column)
            if index >= 0:
                encoded = _encode(table.column(index), spec)
                table = table.set_column(index, table.field(index).with_type(encoded.type), encoded)
        return table


def _encode(column: pa.ChunkedArray, spec: EncodingSpec) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if spec.vocabulary is None:
        return column.dictionary_encode().unify_dictionaries()
    if not any(is_type(column.type) for is_type in _TEXT):
        raise SchemaMismatchError(f"column {spec.column}: {column.type} has no values of a vocabulary of strings")
    vocabulary = pa.array(spec.vocabulary, pa.string())
    indices = pc.index_in(column.cast(pa.string()), value_set=vocabulary)
    if indices.null_count != column.null_count:
        outside = pc.unique(column.filter(pc.and_(pc.is_null(indices), pc.is_valid(column)))).to_pylist()
        raise SchemaMismatchError(
            f"column {spec.column}: {one_of(outside)} not in its vocabulary; allowed: {one_of(spec.vocabulary)}"
        )
    chunks = [pa.DictionaryArray.from_arrays(chunk, vocabulary) for chunk in indices.chunks]
    return pa.chunked_array(chunks, DICTIONARY)


def _gathered(views: pa.Array) -> pa.Array:
    """List views as lists. pyarrow's own cast makes lists without their last offset, and reading them may crash."""
    lengths = pc.fill_null(pc.list_value_length(views), 0).cast(pa.int64())
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)])
    return pa.LargeListArray.from_arrays(offsets, views.flatten(), mask=views.is_null())


def rebuilt(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch under a schema of the same names and types; metadata and nullability may differ."""
    if batch.schema.equals(schema, check_metadata=True):
        return batch
    return pa.RecordBatch.from_arrays(batch.columns, schema=schema) if schema.names else batch  # keeps the row count


def columns_of(schema: pa.Schema, names: Iterable[str]) -> pa.Schema:
    """The schema narrowed to the named columns, in the order named; metadata stays. Raises UnknownColumnError."""
    names = list(names)
    unknown = [name for name in names if name not in schema.names]
    if unknown:
        raise UnknownColumnError(f"unknown columns: {one_of(unknown)}; columns: {one_of(schema.names)}")
    return pa.schema([schema.field(name) for name in names], metadata=schema.metadata)


def _encoded(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
