"""DuckDB's Quack protocol, both ends, run by a Python that has it: ``quack_peer.py serve PARQUET | read URI SQL…``.

It needs duckdb 1.5.5, duckdb-extension-quack and duckdb-extension-httpfs, and pyarrow; nothing of this project.
"""

import json
import sys
import threading
import time
import uuid
from pathlib import Path

import duckdb
import duckdb_extension_httpfs
import duckdb_extension_quack

SECRET = uuid.NAMESPACE_DNS.hex  # both ends must have the same, and who else knows it does not matter here
PORT = 9494
BATCH = 64 * 1024


def connected() -> duckdb.DuckDBPyConnection:
    """DuckDB with the two extensions as the package index has them."""
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for package in (duckdb_extension_httpfs, duckdb_extension_quack):
        folder = Path(package.__file__).parent / "extensions" / f"v{duckdb.__version__}"
        for extension in folder.iterdir():
            connection.execute(f"load '{extension}'")
    return connection


def serve(parquet: str) -> None:
    """The file as a table in memory, served until killed."""
    connection = connected()
    connection.execute(f"create table t as from read_parquet('{parquet}')")
    connection.execute(f"call quack_serve('quack:localhost:{PORT}', token = '{SECRET}')")
    print(f"listening on quack:localhost:{PORT}", flush=True)
    threading.Event().wait()


def read(uri: str, queries: list[str]) -> None:
    """Each query's seconds to the first Arrow batch and to the last, and its rows, as a line of JSON."""
    connection = connected()
    connection.execute(f"create secret (type quack, token '{SECRET}')")
    connection.execute(f"attach '{uri}' as remote")
    for query in queries:
        started = time.perf_counter()
        reader = connection.sql(query).to_arrow_reader(BATCH)
        rows, first = 0, 0.0
        for batch in reader:
            first = first or time.perf_counter() - started
            rows += batch.num_rows
        print(json.dumps({"first": first, "seconds": time.perf_counter() - started, "rows": rows}), flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", path]:
            serve(path)
        case ["read", address, *queries]:
            read(address, queries)
