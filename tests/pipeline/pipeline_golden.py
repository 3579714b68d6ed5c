"""Golden files: the outputs' rows over the demo repo, in canonical order, a line of JSON each.

To write them anew after a wanted change: ``python tests/pipeline/pipeline_golden.py``; then review the difference.
Nulls are left out, and a file's id is written as its path. Files with syntax that only newer interpreters read are
left out of the repo, so the lines are the same on all.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from flight_client import Client, connect
from flight_client.ingest import ingest
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.service import Service
from flight_server.storage.store import Store

DEMO = Path(__file__).parents[2] / "flight_server" / "demo_repo"
GOLDEN = Path(__file__).parent / "golden"
OUTPUTS = ("dim_qualified_names", "callsite_qname_candidates", "violations")
_NEEDS_3_12 = "generic.py"


def golden_lines() -> dict[str, list[str]]:
    """The lines of each output's golden file."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "demo"
        shutil.copytree(DEMO, root, ignore=shutil.ignore_patterns(_NEEDS_3_12, "__pycache__"))
        server = FlightServer(Service(Store(Path(folder) / "store"), load_pipeline()))
        try:
            with connect(server.uri) as client:
                ingest(client, root, repo="demo", jobs=1)
                return _lines(client)
        finally:
            server.stop()


def _lines(client: Client) -> dict[str, list[str]]:
    files = client.read("demo", "repo_files", columns=["file_id", "path"]).read_all().to_pylist()
    ids = {row["file_id"]: row["path"] for row in files}
    rows = {output: client.read("demo", output, order="canonical").read_all().to_pylist() for output in OUTPUTS}
    return {output: [_line(row, ids) for row in found] for output, found in rows.items()}


def _line(row: Mapping[str, object], ids: Mapping[str, str]) -> str:
    line = json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False)
    for file_id, shown in ids.items():
        line = line.replace(file_id, shown)
    return line


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for output, lines in golden_lines().items():
        (GOLDEN / f"{output}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
