"""The catalog as Flight SQL's tables: catalogs, schemas, tables, columns and keys. A repo is a schema."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from google.protobuf.message import Message

from flight_client.contracts.tables import TABLES
from flight_server.rpc.flight_sql.sql_info import sql_info, type_info
from flight_server.serving.service import Service
from flight_server.serving.sql.database import CATALOG

RAW, OUTPUT = "TABLE", "VIEW"
_TEXT = pa.string()


def _schema(notation: str, kinds: Mapping[str, pa.DataType]) -> pa.Schema:
    """Columns of text, or of the type in ``kinds``; a ``!`` after the name means not null."""
    names = ((word.rstrip("!"), not word.endswith("!")) for word in notation.split())
    return pa.schema([pa.field(name, kinds.get(name, _TEXT), nullable) for name, nullable in names])


_CATALOGS = _schema("catalog_name!", {})
_SCHEMAS = _schema("catalog_name db_schema_name!", {})
_TABLES = _schema("catalog_name db_schema_name table_name! table_type!", {})
_TABLES_WITH_SCHEMA = _schema(
    "catalog_name db_schema_name table_name! table_type! table_schema!", {"table_schema": pa.binary()}
)
_TYPES = _schema("table_type!", {})
_PRIMARY_KEYS = _schema(
    "catalog_name db_schema_name table_name! column_name! key_name key_sequence!", {"key_sequence": pa.int32()}
)
_FOREIGN_KEYS = _schema(
    "pk_catalog_name pk_db_schema_name pk_table_name! pk_column_name! fk_catalog_name fk_db_schema_name fk_table_name!"
    " fk_column_name! key_sequence! fk_key_name pk_key_name update_rule! delete_rule!",
    {"key_sequence": pa.int32(), "update_rule": pa.uint8(), "delete_rule": pa.uint8()},
)


def _catalogs(_service: Service, _asked: Message) -> pa.Table:
    return pa.Table.from_pylist([{"catalog_name": CATALOG}], schema=_CATALOGS)


def _schemas(service: Service, asked: Message) -> pa.Table:
    repos = _repos(service, asked.catalog, asked.db_schema_filter_pattern)
    return pa.Table.from_pylist([_place(repo) for repo in repos], schema=_SCHEMAS)


def _tables(service: Service, asked: Message) -> pa.Table:
    wanted = _like(asked.table_name_filter_pattern)
    types = frozenset(asked.table_types) or {RAW, OUTPUT}
    rows = [
        {**_place(repo), "table_name": name, "table_type": kind, "table_schema": read.schema}
        for repo in _repos(service, asked.catalog, asked.db_schema_filter_pattern)
        for read in service.catalog(repo, {})
        if (kind := RAW if read.is_raw else OUTPUT) in types and wanted(name := read.output.name)
    ]
    if not asked.include_schema:
        return pa.Table.from_pylist(rows, schema=_TABLES)
    for row in rows:
        row["table_schema"] = _with_remarks(row["table_schema"]).serialize().to_pybytes()
    return pa.Table.from_pylist(rows, schema=_TABLES_WITH_SCHEMA)


def _table_types(_service: Service, _asked: Message) -> pa.Table:
    return pa.Table.from_pylist([{"table_type": kind} for kind in (RAW, OUTPUT)], schema=_TYPES)


def _primary_keys(service: Service, asked: Message) -> pa.Table:
    spec = TABLES.get(asked.table)
    rows = [
        {**_place(repo), "table_name": asked.table, "column_name": column, "key_sequence": number}
        for repo in _repos(service, asked.catalog, "")
        if asked.db_schema in ("", repo)
        for number, column in enumerate(() if spec is None else spec.key, 1)
    ]
    return pa.Table.from_pylist(rows, schema=_PRIMARY_KEYS)


def _foreign_keys(_service: Service, _asked: Message) -> pa.Table:
    """No rows: contracts have no foreign keys."""
    return _FOREIGN_KEYS.empty_table()


def _repos(service: Service, catalog: str, pattern: str) -> list[str]:
    wanted = _like(pattern)
    return [repo for repo in service.store.repos() if catalog in ("", CATALOG) and wanted(repo)]


def _place(repo: str) -> dict[str, Any]:
    return {"catalog_name": CATALOG, "db_schema_name": repo}


def _like(pattern: str) -> Callable[[str], bool]:
    """Whether a name fits a pattern with ``%`` and ``_``; every name fits an empty one."""
    pieces = ({"%": ".*", "_": "."}.get(each, re.escape(each)) for each in pattern or "%")
    fits = re.compile("".join(pieces), re.DOTALL)
    return lambda name: fits.fullmatch(name) is not None


def _with_remarks(schema: pa.Schema) -> pa.Schema:
    """The schema with the columns' descriptions as Flight SQL's remarks."""
    return pa.schema([_with_remark(column) for column in schema], metadata=schema.metadata)


def _with_remark(column: pa.Field) -> pa.Field:
    metadata = column.metadata or {}
    if b"comment" not in metadata:
        return column
    return column.with_metadata({**metadata, b"ARROW:FLIGHT:SQL:REMARKS": metadata[b"comment"]})


CATALOG_TABLES: Mapping[str, Callable[[Service, Message], pa.Table]] = MappingProxyType(
    {
        "CommandGetSqlInfo": lambda _, asked: sql_info(asked.info),
        "CommandGetXdbcTypeInfo": lambda _, asked: type_info(asked.data_type),
        "CommandGetCatalogs": _catalogs,
        "CommandGetDbSchemas": _schemas,
        "CommandGetTables": _tables,
        "CommandGetTableTypes": _table_types,
        "CommandGetPrimaryKeys": _primary_keys,
        "CommandGetExportedKeys": _foreign_keys,
        "CommandGetImportedKeys": _foreign_keys,
        "CommandGetCrossReference": _foreign_keys,
    }
)
