"""Reads of one source folder's outputs, in three ways in one run; prints seconds and ratios.

Beside this server: DuckDB's SQL in this process over the same Parquet files, and a bare Flight server that streams the
finished rows from memory.

    python benchmarks/read.py ~/src/django
"""

import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
from pyarrow import flight

from flight_client import connect
from flight_client.ingest import ingest
from flight_server.cli.hosting import open_server

RUNS = 7
SQL = {
    "callsite_qname_candidates": """
        select call_id, q.name as qname, path, call_bstart, call_bend, q.source as qname_source
        from (select *, unnest(callee_qnames) as q from '{store}/raw/cst_callsites/*/*.parquet')
        where q.name <> ''""",
    "dim_qualified_names": """
        select distinct 'qname:' || name as qname_id, name as qname from (
            select unnest(callee_qnames).name as name from '{store}/raw/cst_callsites/*/*.parquet'
            union all
            select unnest(qnames).name from '{store}/raw/cst_defs/*/*.parquet')
        where name <> '' order by qname""",
    "cst_name_refs": "select * from '{store}/raw/cst_name_refs/*/*.parquet'",
}


class Bare(flight.FlightServerBase):
    """Streams one table from memory: the limit that any Flight server has on this machine."""

    def __init__(self) -> None:
        super().__init__("grpc://127.0.0.1:0")
        self.table = pa.table({})

    def do_get(self, _context: flight.ServerCallContext, _ticket: flight.Ticket) -> flight.RecordBatchStream:
        """The table."""
        return flight.RecordBatchStream(self.table)


def seconds(read: Callable[[], pa.Table]) -> float:
    """The median of RUNS reads, after a first read that fills the caches."""
    read()
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter()
        read()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def main(source: Path) -> None:
    """Ingest the folder into a store of its own, then read each output three ways."""
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, pyarrow {pa.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        server, bare = open_server(Path(folder)), Bare()
        with connect(server.uri) as client:
            done = ingest(client, source, repo="repo")
            print(f"{source.name}: {done.files} files, {sum(done.rows.values())} rows")
            print(f"{'output':<28}{'rows':>9}{'server s':>10}{'DuckDB s':>10}{'ratio':>7}{'bare s':>9}{'ratio':>7}")
            for output, sql in SQL.items():
                query = sql.format(store=f"{folder}/repos/repo")
                table = client.read("repo", output).read_all()
                bare.table = table
                limit = flight.connect(f"grpc://127.0.0.1:{bare.port}")
                ours = seconds(lambda output=output: client.read("repo", output).read_all())
                duck = seconds(lambda query=query: duckdb.sql(query).to_arrow_table())
                wire = seconds(lambda limit=limit: limit.do_get(flight.Ticket(b"")).read_all())
                print(
                    f"{output:<28}{table.num_rows:>9}{ours:>10.3f}{duck:>10.3f}{ours / duck:>7.2f}"
                    f"{wire:>9.3f}{ours / wire:>7.2f}"
                )
        server.stop()
        bare.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]).expanduser())
