"""The notation of table contracts: ``"name column:type required! …"``, columns separated by blanks.

What a column means stands in ``raw_columns`` and ``output_columns``.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa

from arrowdsl.schema.schema import DICTIONARY, SchemaMetadataSpec, SortKey, TableSpec, Vocabulary
from flight_client.contracts.output_columns import OUTPUT_COLUMNS
from flight_client.contracts.raw_columns import RAW_COLUMNS

FILE = "file_id! path!"
SPAN = "bstart:i64 bend:i64"
LINES = "line:i32 end_line:i32"

TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "str": pa.string(),
        "i8": pa.int8(),
        "i32": pa.int32(),
        "i64": pa.int64(),
        "f32": pa.float32(),
        "f64": pa.float64(),
        "bool": pa.bool_(),
        "bin": pa.binary(),
        "dict": DICTIONARY,
        "strs": pa.list_(pa.string()),
        "map": pa.map_(pa.string(), pa.string()),
        "qnames": pa.list_(pa.struct([("name", pa.string()), ("source", pa.string())])),
        "cells": pa.list_(pa.struct([("cell", pa.int32()), ("bstart", pa.int64()), ("bend", pa.int64())])),
        "text": pa.struct([("text", pa.string()), ("language", pa.string())]),
    }
)
_MEANINGS: Mapping[str, str] = MappingProxyType(
    dict(line.split(": ", 1) for line in f"{RAW_COLUMNS}{OUTPUT_COLUMNS}".splitlines() if line)
)


def columns(table: str, notation: str) -> list[pa.Field]:
    """The fields: ``name`` is a string, ``name:type`` has a type of ``TYPES``, a ``!`` at the end means not null.

    What a column means is the field's metadata ``comment``.
    """
    fields = []
    for word in notation.split():
        name, _, kind = word.rstrip("!").partition(":")
        comment = _MEANINGS.get(f"{table}.{name}", _MEANINGS.get(name, ""))
        nullable = not word.endswith("!")
        fields.append(pa.field(name, TYPES[kind or "str"], nullable=nullable, metadata={"comment": comment}))
    return fields


def meaning(column: pa.Field) -> str:
    """What a column of a contract means: one sentence, with units."""
    return bytes((column.metadata or {}).get(b"comment", b"")).decode()


def ascending(notation: str) -> tuple[SortKey, ...]:
    """A canonical order: all columns ascending."""
    return tuple((name, "ascending") for name in notation.split())


def contract(
    contract_name: str,
    layer: str,
    notation: str,
    *,
    name: str | None = None,
    extractor: str | None = None,
    key: str = "",
    order: str = "",
    tie_breakers: Iterable[SortKey] = (),
    vocabularies: Mapping[str, Vocabulary] | None = None,
) -> TableSpec:
    """A table's contract. ``contract_name`` ends in ``_vN``; the flight name is the rest, without ``py_``."""
    stem, _, version = contract_name.rpartition("_v")
    metadata = {"contract_name": contract_name, "contract_version": version}
    if extractor is not None:
        metadata["extractor_name"] = extractor
    table = name or stem.removeprefix("py_")
    return TableSpec(
        name=table,
        contract=contract_name,
        schema=SchemaMetadataSpec(schema_metadata=metadata).apply(pa.schema(columns(table, notation))),
        layer=layer,
        key=tuple(key.split()),
        tie_breakers=tuple(tie_breakers),
        order=ascending(order),
        vocabularies=MappingProxyType(dict(vocabularies or {})),
    )
