"""Ten queries of the cookbook's kind by DuckDB and Polars: through a FlightDataset, and over a local Parquet copy."""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from flight_client import connect
from flight_client.polars_scan import scan_polars
from stages.machine import line, served

RUNS, LONG = 3, 500
DUCKDB = {
    "count": "select count(*) from calls",
    "calls by shape": "select callee_shape, count(*) from calls group by 1 order by 2 desc",
    "most called names": "select qname, count(*) as n from candidates group by 1 order by n desc, qname limit 20",
    "calls in a file": "select call_id, callee_text from calls where path = '{path}'",
    "long calls": "select path, callee_text from calls where call_bend - call_bstart > {long}",
    "builtins": "select count(*) from candidates where qname_source = 'BUILTIN'",
    "files that call isinstance": "select distinct path from candidates where qname = 'builtins.isinstance'",
    "names of each call": "select avg(n) from (select call_id, count(*) as n from candidates group by 1)",
    "calls with their names": "select count(*) from calls join candidates using (call_id)",
    "files by calls": "select path, count(*), max(arg_count) from calls group by 1 order by 2 desc limit 10",
}
POLARS: dict[str, Callable[[pl.LazyFrame, pl.LazyFrame, str], pl.LazyFrame]] = {
    "count": lambda calls, _, __: calls.select(pl.len()),
    "calls by shape": lambda calls, _, __: calls.group_by("callee_shape").len(),
    "most called names": lambda _, candidates, __: candidates.group_by("qname").len().top_k(20, by="len"),
    "calls in a file": lambda calls, _, path: calls.filter(pl.col("path") == path).select("call_id", "callee_text"),
    "long calls": lambda calls, _, __: calls.filter(pl.col("call_bend") - pl.col("call_bstart") > LONG).select("path"),
    "builtins": lambda _, candidates, __: candidates.filter(pl.col("qname_source") == "BUILTIN").select(pl.len()),
    "files that call isinstance": lambda _, candidates, __: candidates.filter(
        pl.col("qname") == "builtins.isinstance"
    ).select(pl.col("path").unique()),
    "names of each call": lambda _, candidates, __: candidates.group_by("call_id").len().select(pl.col("len").mean()),
    "calls with their names": lambda calls, candidates, __: (
        calls.select("call_id").join(candidates.select("call_id"), on="call_id").select(pl.len())
    ),
    "files by calls": lambda calls, _, __: calls.group_by("path").agg(pl.len(), pl.col("arg_count").max()),
}


def run(store: Path) -> None:
    """The repo with the most call sites."""
    with served(store) as server, connect(server.uri) as client, tempfile.TemporaryDirectory() as folder:
        real = [repo for repo in client.repos() if repo != "synthetic"]
        repo = max(real, key=lambda each: client.info(each, "cst_callsites").rows or 0)
        remote = {"calls": "cst_callsites", "candidates": "callsite_qname_candidates"}
        far, near = {}, {}
        for name, dataset in remote.items():
            path = Path(folder) / f"{name}.parquet"
            pq.write_table(client.read(repo, dataset).read_all(), path)
            far[name], near[name] = client.dataset(repo, dataset), ds.dataset(path)
        path = client.read(repo, "cst_callsites", columns=["path"], limit=1).read_all()["path"][0].as_py()
        _compare("DuckDB", lambda what: _duckdb(far, what, path), lambda what: _duckdb(near, what, path))
        lazy = [scan_polars(server.uri, repo, dataset) for dataset in remote.values()]
        _compare("Polars", lambda what: _polars(lazy, what, path), lambda what: _polars(_scanned(near), what, path))


def _compare(engine: str, far: Callable[[str], int], near: Callable[[str], int]) -> None:
    totals = [0.0, 0.0]
    for what in DUCKDB:
        rows = far(what), near(what)
        if rows[0] != rows[1]:
            raise RuntimeError(f"{engine}, {what}: {rows} rows")
        seconds = [min(_timed(partial(each, what)) for _ in range(RUNS)) for each in (far, near)]
        totals = [total + each for total, each in zip(totals, seconds, strict=True)]
        line(f"{engine}: {what}", f"{seconds[0]:.3f} s", f"{seconds[1]:.3f} s", seconds[0] / seconds[1], "<= 1.5")
    line(f"{engine}: all", f"{totals[0]:.3f} s", f"{totals[1]:.3f} s", totals[0] / totals[1], "<= 1.5")


def _duckdb(datasets: dict[str, ds.Dataset], what: str, path: str) -> int:
    connection = duckdb.connect()
    for name, dataset in datasets.items():
        connection.register(name, dataset)
    return connection.execute(DUCKDB[what].format(path=path, long=LONG)).to_arrow_table().num_rows


def _scanned(datasets: dict[str, ds.Dataset]) -> list[pl.LazyFrame]:
    return [pl.scan_pyarrow_dataset(dataset) for dataset in datasets.values()]


def _polars(frames: list[pl.LazyFrame], what: str, path: str) -> int:
    return POLARS[what](*frames, path).collect().height


def _timed(call: Callable[[], int]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
