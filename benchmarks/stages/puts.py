"""A put over Flight against the same rows written locally by pyarrow, with the same codec, in the same order.

Once in the order in which an extractor sends them, by part and path; and once in an order that has to be sorted.
"""

import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flight_client import connect
from stages.machine import line, served

RUNS = 3
TABLES = ("cst_name_refs", "cst_callsites")


def run(store: Path) -> None:
    """Tables of the repo that has most of them."""
    with served(store) as source, connect(source.uri) as client:
        real = [repo for repo in client.repos() if repo != "synthetic"]
        repo = max(real, key=lambda each: client.info(each, TABLES[0]).rows or 0)
        files = client.info(repo, "repo_files").rows or 1
        data = {name: client.read(repo, name).read_all() for name in TABLES}
    for name, table in data.items():
        _compare(f"{name}, by part", name, table, repo, files)
        _compare(f"{name}, to be sorted", name, table, "another", files)  # whose files are in other parts


def _compare(what: str, name: str, table: pa.Table, repo: str, files: int) -> None:
    remote, local = [], []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server, connect(server.uri) as client:
            txn = client.begin(repo, files=files)["txn"]
            started = time.perf_counter()
            client.put(repo, name, table, txn=txn)
            client.commit(txn, {name: table.num_rows})
            remote.append(time.perf_counter() - started)
            started = time.perf_counter()
            pq.write_table(table, Path(folder) / "local.parquet", compression="lz4")
            local.append(time.perf_counter() - started)
    ours, theirs = min(remote), min(local)
    rows, size = table.num_rows, table.nbytes
    shown = [f"{rows / each / 1e6:.2f} M rows/s" for each in (ours, theirs)]
    line(f"put {what}: {size / 1e6:.0f} MB, {size / ours / 1e6:.0f} MB/s", *shown, theirs / ours, ">= 0.6")
