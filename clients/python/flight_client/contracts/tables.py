"""All tables by flight name, and how a table is stored: by path, else by file, else in one piece."""

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from arrowdsl.schema.schema import SortKey, TableSpec
from flight_client.contracts.outputs import OUTPUTS
from flight_client.contracts.raw import RAW_TABLES

TABLES: Mapping[str, TableSpec] = MappingProxyType({**RAW_TABLES, **OUTPUTS})
BY_CONTRACT: Mapping[str, str] = MappingProxyType({spec.contract: name for name, spec in TABLES.items()})


def partition_column(schema: pa.Schema) -> str | None:
    """The column that decides a row's part; null for tables that live in the part ``global``."""
    return next((name for name in ("path", "file_id") if name in schema.names), None)


def canonical_order(spec: TableSpec) -> tuple[SortKey, ...]:
    """The contract's canonical order; raw tables are ordered by file, and otherwise stay as they were put in."""
    column = partition_column(spec.schema)
    return spec.order or (((column, "ascending"),) if column else ())
