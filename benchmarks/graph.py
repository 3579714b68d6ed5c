"""The graph of one source folder, computed and read in full over Flight; prints rows, seconds, bytes and ratios.

First, edges made by projections and joins, compared with the same query in DuckDB over the same Parquet files, with all
columns of ``cpg_edges``; the fastest of RUNS. DuckDB returns an Arrow table in this process, while the server sends its
rows over Flight; so the rows are also read without Flight. The ratio is that of the time with Flight. Then each output
is read once, without a cached result.

    python benchmarks/graph.py ~/src/django
"""

import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow as pa

from arrowdsl.plan.stopping import never
from flight_client import Client, connect
from flight_client.ingest import ingest
from flight_server.cli.hosting import open_server
from flight_server.pipeline.driver import load_pipeline
from flight_server.serving.request import request_from_json
from flight_server.serving.service import Service
from flight_server.serving.stream import open_read
from flight_server.storage.store import Store

RUNS = 3
OUTPUTS = (
    *("reaching_defs", "ast_edges", "sym_function_partitions", "type_exprs_norm", "types_norm", "diagnostics_norm"),
    *("rel_callsite_qname", "points_to", "call_graph", "cpg_nodes", "cpg_edges", "cpg_props"),
)
AST = "'ast:' || file_id || ':' || {idx}"
ARG = "'arg:' || a.file_id || ':' || a.bstart || '-' || a.bend"
# kind: source, destination, span, path, from where
EDGES = {
    "AST_PARENT_OF": (
        AST.format(idx="parent_ast_idx"),
        AST.format(idx="ast_idx"),
        "bstart, bend",
        "path",
        "{ast_nodes} where parent_ast_idx is not null",
    ),
    "SCOPE_BINDS": ("scope_id", "symbol_row_id", "null::bigint, null::bigint", "path", "{sym_symbols}"),
    "CFG_NEXT": ("src", "dst", "null::bigint, null::bigint", "path", "{cfg_flow} where kind = 'next'"),
    "ARGUMENT_OF": (
        ARG,
        "c.call_id",
        "a.bstart, a.bend",
        "a.path",
        "{ast_nodes} a join {cst_callsites} c on a.file_id = c.file_id and a.parent_ast_idx = c.ast_idx"
        " where a.field_name in ('args', 'keywords')",
    ),
    "USE_SITE_OF": (
        "r.name_ref_id",
        "s.symbol_row_id",
        "r.bstart, r.bend",
        "r.path",
        "{cst_name_refs} r join {sym_symbols} s on r.scope_id = s.scope_id and r.name = s.name"
        " where r.expr_ctx in ('LOAD', 'DEL')"
        " and r.ref_kind in ('name', 'import', 'def', 'param', 'except', 'match')",
    ),
    "HAS_SCOPE": (
        "s.def_id",
        "s.scope_id",
        "s.bstart, s.bend",
        "s.path",
        "{sym_scopes} s where s.def_id in (select def_id from {cst_defs})",
    ),
}
RULES = {"USE_SITE_OF": "name_read"}  # the rule that the SQL implements, for kinds with several rules


def sql(kind: str, store: str) -> str:
    """The query of one kind."""
    src, dst, span, path, rows = EDGES[kind]
    tables = {
        name: f"'{store}/raw/{name}/*/*.parquet'"
        for name in ("ast_nodes", "cfg_flow", "cst_callsites", "cst_defs", "cst_name_refs", "sym_symbols", "sym_scopes")
    }
    return f"""
        select bstart, bend, '{kind}:' || src || '>' || dst as edge_id, '{kind}' as edge_kind, src as src_node_id,
            dst as dst_node_id, path, 'x' as origin, 'structural' as resolution_method, 1.0::float as confidence,
            1.0::float as score, null::int as symbol_roles, null::varchar as qname_source,
            null::varchar as ambiguity_group_id, 'x' as rule_name, 0::int as rule_priority
        from (select {span.replace(", ", " as bstart, ")} as bend, {src} as src, {dst} as dst, {path} as path
            from {rows.format(**tables)})"""


def fastest(read: Callable[[], pa.Table]) -> tuple[float, pa.Table]:
    """The seconds of the fastest of RUNS reads, and its rows."""
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter()
        table = read()
        taken.append(time.perf_counter() - started)
    return min(taken), table


def in_process(service: Service, asked: dict[str, object]) -> pa.Table:
    """The rows of a request without Flight."""
    stream = open_read(service.read(request_from_json(asked)), never)
    with closing(stream.batches) as batches:
        return pa.Table.from_batches(batches, stream.schema)


def kinds_beside_sql(client: Client, service: Service, store: str) -> None:
    """A line for each kind: rows, the server's seconds with and without Flight, DuckDB's, and their ratio."""
    print(f"{'edges':<16}{'rows':>9}{'server s':>10}{'no Flight':>10}{'DuckDB s':>10}{'ratio':>7}")
    total = [0.0, 0.0, 0.0]
    for kind in EDGES:
        asked: dict[str, object] = {"kinds": [kind]}
        if kind in RULES:
            asked["where"] = {"op": "=", "args": [{"property": "rule_name"}, RULES[kind]]}
        ours, edges = fastest(lambda asked=asked: client.read("repo", "cpg_edges", **asked).read_all())
        whole = {"repo": "repo", "dataset": "cpg_edges", **asked}
        bare, _ = fastest(lambda whole=whole: in_process(service, whole))
        query = sql(kind, store)
        duck, rows = fastest(lambda query=query: duckdb.sql(query).to_arrow_table())
        if edges.num_rows != rows.num_rows:
            raise SystemExit(f"{kind}: {edges.num_rows} rows from the server, {rows.num_rows} by SQL")
        total = [before + more for before, more in zip(total, (ours, bare, duck), strict=True)]
        print(f"{kind:<16}{edges.num_rows:>9}{ours:>10.3f}{bare:>10.3f}{duck:>10.3f}{ours / duck:>7.2f}")
    ours, bare, duck = total
    print(f"{'together':<25}{ours:>10.3f}{bare:>10.3f}{duck:>10.3f}{ours / duck:>7.2f}")


def whole_outputs(client: Client) -> None:
    """A line for each output: rows, bytes and seconds of its first read, and the process's peak memory by then."""
    print(f"{'output':<26}{'rows':>9}{'MiB':>8}{'s':>8}{'peak MiB':>10}")
    for output in OUTPUTS:
        started = time.perf_counter()
        rows = size = 0
        with client.read("repo", output) as reader:
            for batch in reader:
                rows += batch.num_rows
                size += batch.nbytes
        taken = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"{output:<26}{rows:>9}{size / 2**20:>8.1f}{taken:>8.2f}{peak:>10}")


def main(source: Path) -> None:
    """Ingest the folder into a store of its own, then measure."""
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, pyarrow {pa.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        server = open_server(Path(folder))
        with connect(server.uri) as client:
            done = ingest(client, source, repo="repo")
            print(f"{source.name}: {done.files} files, {sum(done.rows.values())} rows")
            service = Service(Store(Path(folder)), load_pipeline())
            kinds_beside_sql(client, service, f"{folder}/repos/repo")
            whole_outputs(client)
        server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]).expanduser())
