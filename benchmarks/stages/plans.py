"""Outputs that are not cached, against DuckDB's SQL in this process over the same Parquet files."""

import shutil
import time
from functools import partial
from pathlib import Path

import duckdb

from flight_client import connect
from stages.machine import Drained, drain, drained, line, served, side_by_side

RUNS = 3
SQL = {
    "callsite_qname_candidates": """
        select call_id, q.name as qname, path, call_bstart, call_bend, q.source as qname_source
        from (select *, unnest(callee_qnames) as q from '{tables}/cst_callsites/*/*.parquet')
        where q.name <> ''""",
    "dim_qualified_names": """
        select distinct 'qname:' || name as qname_id, name as qname from (
            select unnest(callee_qnames).name as name from '{tables}/cst_callsites/*/*.parquet'
            union all
            select unnest(qnames).name from '{tables}/cst_defs/*/*.parquet')
        where name <> '' order by qname""",
    "cst_name_refs": "select * from '{tables}/cst_name_refs/*/*.parquet'",
    "cst_callsites": "select * from '{tables}/cst_callsites/*/*.parquet'",
}


def run(store: Path) -> None:
    """Every repo of the store but the synthetic one."""
    with served(store) as server, connect(server.uri) as client:
        repos = [repo for repo in client.repos() if repo != "synthetic"]
    for repo in repos:
        for output, sql in SQL.items():
            query = sql.format(tables=store / "repos" / repo / "raw")
            ours, duck = side_by_side(RUNS, partial(_uncached, store, repo, output), partial(_in_process, query))
            line(
                f"{repo}/{output}: {ours.rows / 1e6:.2f} M rows",
                f"{ours.seconds:.3f} s",
                f"{duck.seconds:.3f} s",
                ours.seconds / duck.seconds,
                "<= 1.0",
            )
            line(
                "  first batch",
                f"{ours.first * 1e3:.1f} ms",
                f"{duck.first * 1e3:.1f} ms",
                ours.first / duck.first,
                "<= 100 ms",
            )


def _uncached(store: Path, repo: str, output: str) -> Drained:
    """A new server over a store without cached results; the connection is open before the clock runs."""
    shutil.rmtree(store / "artifacts", ignore_errors=True)
    with served(store) as server:
        drain(server.uri, {"repo": repo, "dataset": "repo_files", "limit": 1})
        return drain(server.uri, {"repo": repo, "dataset": output})


def _in_process(query: str) -> Drained:
    connection = duckdb.connect()
    started = time.perf_counter()
    return drained(connection.sql(query).to_arrow_reader(64 * 1024), started)
