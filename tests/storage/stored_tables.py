"""Small tables to put."""

from collections.abc import Iterable

import pyarrow as pa

from arrowdsl.schema.schema import TableSpec
from flight_server.storage import history
from flight_server.storage.recent import Recent

ROWS = TableSpec(
    "rows",
    "rows_v1",
    pa.schema(
        [pa.field("path", pa.string(), nullable=False), pa.field("value", pa.int64())],
        metadata={"extractor_name": "hand"},
    ),
    "test",
)
OTHER = TableSpec("other", "other_v1", ROWS.schema, "test")
BY_ID = TableSpec("by_id", "by_id_v1", pa.schema([pa.field("file_id", pa.string(), nullable=False)]), "test")
reader = pa.RecordBatchReader.from_batches
LOOSE = TableSpec("loose", "loose_v1", pa.schema([pa.field("value", pa.int64())]), "test")


def rows(pairs: Iterable[tuple[str, int | None]]) -> pa.Table:
    pairs = list(pairs)
    columns = {"path": [path for path, _ in pairs], "value": [value for _, value in pairs]}
    return pa.table(columns, schema=ROWS.plain_schema)


def pairs_of(table: pa.Table) -> list[tuple[str, int | None]]:
    return list(zip(table["path"].to_pylist(), table["value"].to_pylist(), strict=True))


def forget_hints() -> None:
    """Let this process know as little of the newest snapshots as a new one."""
    vars(history)["_HINTS"] = Recent(4096)
