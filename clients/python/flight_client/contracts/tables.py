"""All tables by flight name, and the column that cuts a table into parts: its path, else its file, else none."""

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from arrowdsl.schema.schema import SortKey, TableSpec
from flight_client.contracts.outputs import OUTPUTS
from flight_client.contracts.raw import RAW_TABLES

TABLES: Mapping[str, TableSpec] = MappingProxyType({**RAW_TABLES, **OUTPUTS})
BY_CONTRACT: Mapping[str, str] = MappingProxyType({spec.contract: name for name, spec in TABLES.items()})


def partition_column(schema: pa.Schema) -> str | None:
    """The column that decides a row's part; None for a table in the part ``global``."""
    return next((name for name in ("path", "file_id") if name in schema.names), None)


def canonical_order(spec: TableSpec) -> tuple[SortKey, ...]:
    """The contract's canonical order; a raw table is ordered by file, and within a file as it was put."""
    column = partition_column(spec.schema)
    return spec.order or (((column, "ascending"),) if column else ())
