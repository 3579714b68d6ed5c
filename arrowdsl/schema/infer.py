"""Schemas for tables that are built row by row: the registered schema, or else an inferred one.

With a registered schema a table has the same columns and types whether it has a million rows or none.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pyarrow as pa

from arrowdsl.errors import SchemaMismatchError
from arrowdsl.schema.schema import SchemaTransform

_NO_SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType({})


def infer_schema_or_registry(
    name: str, tables: Sequence[pa.Table], *, registry: Mapping[str, pa.Schema] = _NO_SCHEMAS
) -> pa.Schema:
    """The registered schema of ``name``, if any, followed by the other columns of the tables in order of appearance.

    Inferred columns are nullable; their types are promoted if no value is lost. Raises SchemaMismatchError if the
    tables have no common schema, or if there is neither a table nor a registered schema.
    """
    registered = registry.get(name)
    inferred = [pa.schema(column.with_nullable(nullable=True) for column in table.schema) for table in tables]
    if registered is None and not any(inferred):
        raise SchemaMismatchError(f"no schema for {name}: no table to infer one from, and none is registered")
    try:
        merged = pa.unify_schemas([pa.schema([]), *inferred], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SchemaMismatchError(f"the tables of {name} have no common schema: {error}") from error
    if registered is None:
        return merged
    extra = [column for column in merged if column.name not in registered.names]
    return pa.schema([*registered, *extra], metadata=registered.metadata)


def align_table_to_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with exactly the columns and types of ``schema``; absent columns are null, other columns dropped."""
    return SchemaTransform(schema=schema).apply(table)
