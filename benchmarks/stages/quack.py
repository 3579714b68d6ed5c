"""The same table served to Arrow batches by this server and by DuckDB's Quack protocol: a full scan and a filtered one.

Servers and clients are processes of their own; both servers have the rows ready (a cached result; a table in memory).
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from flight_client import connect
from stages.limit import NARROW, SYNTHETIC, request_of
from stages.machine import FOLDER, Drained, line, process, served, side_by_side

RUNS = 3
START = 1000  # rows that begin before it: a thousandth or so of the synthetic table


def run(store: Path, output: str, python: Path) -> None:
    """``python`` is the interpreter that has Quack."""
    with served(store) as server, connect(server.uri) as client, tempfile.TemporaryDirectory() as folder:
        synthetic = "synthetic" in client.repos()
        request = {**SYNTHETIC, "columns": NARROW} if synthetic else request_of(output)
        whole = client.read(request["repo"], request["dataset"])
        parquet = Path(folder) / "t.parquet"
        with whole, pq.ParquetWriter(parquet, whole.schema) as writer:  # which also caches it
            for batch in whole:
                writer.write_batch(batch)
        column = "call_bstart" if "call_bstart" in whole.schema.names else "bstart"
        where = {"op": "<", "args": [{"property": column}, START]}
        names = request.get("columns", ["path", column])
        asked = {
            "full scan": ({**request, "columns": names}, f"select {', '.join(names)} from remote.t", ">= 5"),
            "filtered projection": (
                {**request, "columns": names, "where": where},
                f"select {', '.join(names)} from remote.t where {column} < {START}",
                ">= 1",
            ),
        }
        with process(python, FOLDER / "quack_peer.py", "serve", parquet) as quack:
            for what, (ticket, sql, goal) in asked.items():
                compare(f"{request['dataset']}: {what}", server.uri, ticket, python, quack.uri, sql, goal)


def compare(  # the pair, in turn
    what: str, uri: str, ticket: Mapping[str, object], python: Path, quack: str, sql: str, goal: str
) -> None:
    """Both clients in processes of their own."""
    ours, theirs = side_by_side(
        RUNS,
        lambda: _read(sys.executable, FOLDER.parent / "serve.py", "read", uri, json.dumps(ticket)),
        lambda: _read(python, FOLDER / "quack_peer.py", "read", quack, sql),
    )
    if ours.rows != theirs.rows:
        raise RuntimeError(f"{what}: {ours.rows} and {theirs.rows} rows")
    line(
        f"{what}, {ours.rows / 1e6:.2f} M rows",
        f"{ours.seconds:.3f} s",
        f"{theirs.seconds:.3f} s",
        theirs.seconds / ours.seconds,
        goal,
    )
    line(
        "  first batch", f"{ours.first * 1e3:.1f} ms", f"{theirs.first * 1e3:.1f} ms", theirs.first / ours.first, ">= 1"
    )


def _read(*command: str | Path) -> Drained:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return Drained(found["first"], found["seconds"], found["rows"], 0)
