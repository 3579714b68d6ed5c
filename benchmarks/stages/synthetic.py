"""A repo ``synthetic``: call sites whose candidates are a table of 32 bytes a row (two offsets, a name of 12 bytes)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_client import connect
from flight_client.contracts.ids import file_id
from flight_client.contracts.raw import RAW_TABLES
from stages.machine import served

CHUNK, FILES = 1 << 18, 1024


def run(store: Path, rows: int) -> None:
    """Put it, unless it is there."""
    with served(store) as server, connect(server.uri) as client:
        if "synthetic" in client.repos():
            return
        schema = RAW_TABLES["cst_callsites"].schema
        txn = client.begin("synthetic", files=FILES)["txn"]
        data = pa.RecordBatchReader.from_batches(schema, _chunks(rows, schema))
        client.put("synthetic", "cst_callsites", data, txn=txn)
        client.commit(txn, {"cst_callsites": rows})


def _chunks(rows: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for number, start in enumerate(range(0, rows, CHUNK)):
        count = min(CHUNK, rows - start)
        path = f"m{number % FILES:04}.py"
        numbers = np.arange(start, start + count)
        names = pc.binary_join_element_wise(
            "pkg.f", pc.utf8_lpad(pa.array(numbers % 9_999_991).cast(pa.string()), 7, "0"), ""
        )
        columns = {
            "file_id": pa.repeat(file_id("synthetic", path), count),
            "path": pa.repeat(path, count),
            "call_id": pc.binary_join_element_wise("call:", pa.array(numbers).cast(pa.string()), ""),
            "call_bstart": pa.array(numbers),
            "call_bend": pa.array(numbers + 20),
            "callee_qnames": pa.ListArray.from_arrays(
                pa.array(np.arange(count + 1), pa.int32()),
                pa.StructArray.from_arrays([names, pa.repeat("LOCAL", count)], fields=_names_fields(schema)),
            ),
        }
        arrays = [columns.get(field.name, pa.nulls(count, field.type)) for field in schema]
        yield pa.RecordBatch.from_arrays(
            [array.cast(field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema
        )


def _names_fields(schema: pa.Schema) -> list[pa.Field]:
    return list(schema.field("callee_qnames").type.value_type)
