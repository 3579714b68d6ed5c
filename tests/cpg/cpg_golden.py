"""How many nodes and edges of each kind the fixture repo has, written anew by ``python tests/cpg/cpg_golden.py``.

Left out is what an interpreter's bytecode decides, and what points-to does, which has golden files of its own.
"""

import json
import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
from cpg_store import ALL_LAYERS, FIXTURE, rows_of, served

from flight_client import connect
from flight_client.contracts.raw import RAW_TABLES
from flight_server.rpc.server import FlightServer
from flight_server.serving.service import Service

GOLDEN = Path(__file__).parent / "golden" / "graph_counts.json"
RUNTIME = {
    "rt_objects": [{"rt_id": "rt:pkg.base.Base", "name": "Base", "obj_type": "class"}],
    "rt_signatures": [{"sig_id": "sig:1", "rt_id": "rt:pkg.base.Base", "signature": "()"}],
    "rt_signature_params": [{"param_id": "sig:1/0", "sig_id": "sig:1", "name": "self"}],
    "rt_members": [{"member_id": "rt:pkg.base.Base/run", "rt_id": "rt:pkg.base.Base", "name": "run"}],
}
BY_POINTS_TO = frozenset({"TYPE", "PY_EXTERNAL"})


def put(service: Service, tables: dict[str, list[dict[str, object]]], mode: str = "replace") -> None:
    """Put rows into tables of the repo."""
    server = FlightServer(service)
    try:
        with connect(server.uri) as client:
            for table, rows in tables.items():
                client.put("repo", table, pa.Table.from_pylist(rows, RAW_TABLES[table].plain_schema), mode=mode)
    finally:
        server.stop()


def graph_counts(service: Service) -> dict[str, int]:
    """Nodes by kind, edges by kind and rule."""
    nodes = rows_of(service, "cpg_nodes", columns=("node_kind",)).column("node_kind").to_pylist()
    columns = ("edge_kind", "rule_name", "origin", "resolution_method")
    edges = rows_of(service, "cpg_edges", columns=columns).to_pylist()
    counts = Counter(kind for kind in nodes if not kind.startswith("BC_") and kind not in BY_POINTS_TO)
    counts += Counter(
        "{edge_kind} by {rule_name}".format(**edge)
        for edge in edges
        if edge["origin"] != "dis" and edge["resolution_method"] != "points_to"
    )
    return dict(sorted(counts.items()))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = served(Path(folder), FIXTURE, ALL_LAYERS)
        put(made, RUNTIME)
        GOLDEN.write_text(json.dumps(graph_counts(made), indent=1) + "\n")
