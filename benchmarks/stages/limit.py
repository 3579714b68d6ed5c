"""A cached output over one stream, against a bare Flight server that has the same batches in memory; and a restart."""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from flight_client import connect
from stages.machine import FOLDER, Drained, drain, line, process, rate, served, side_by_side

RUNS = 5
SYNTHETIC = {"repo": "synthetic", "dataset": "callsite_qname_candidates"}
NARROW = ["call_bstart", "call_bend", "qname"]  # 8 + 8 + (4 + 12) bytes


def run(store: Path, output: str) -> None:
    """The synthetic table of 32 bytes a row if it was made, and ``output`` = repo/dataset."""
    with served(store) as server:
        with connect(server.uri) as client:
            requests = [request_of(output)]
            if "synthetic" in client.repos():
                requests.insert(0, {**SYNTHETIC, "columns": NARROW})
        for request in requests:
            compare(server.uri, request)
    for request in requests:
        restart(store, request)


def compare(uri: str, request: Mapping[str, object]) -> None:
    """Both servers at once, each in its process, read in turn by the same reader."""
    drain(uri, {key: value for key, value in request.items() if key != "columns"})  # so that it is cached
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "batches.arrow"
        save(uri, request, path)
        with process(sys.executable, FOLDER / "bare.py", path) as bare:
            ours, limit = side_by_side(RUNS, lambda: drain(uri, request), lambda: drain(bare.uri))
    report(f"{request['repo']}/{request['dataset']}", ours, limit)


def restart(store: Path, request: Mapping[str, object]) -> None:
    """The first batch of a new server's first stream and of its second; the connection is open already."""
    with served(store) as server:
        drain(server.uri, {"repo": request["repo"], "dataset": "repo_files", "limit": 1})
        first, second = (drain(server.uri, request).first for _ in range(2))
    name = f"{request['repo']}/{request['dataset']}"
    line(f"  restart {name}", f"{first * 1e3:.1f} ms", f"{second * 1e3:.1f} ms", first / second, "<= 50 ms")


def report(what: str, ours: Drained, limit: Drained) -> None:
    """Throughput and the first batch."""
    if ours.rows != limit.rows:
        raise RuntimeError(f"{ours.rows} and {limit.rows} rows")
    size = ours.bytes / ours.rows
    line(
        f"{what}: {ours.rows / 1e6:.1f} M rows of {size:.0f} B",
        rate(ours),
        rate(limit),
        limit.seconds / ours.seconds,
        ">= 0.88",
    )
    first = [f"{each.first * 1e3:.1f} ms" for each in (ours, limit)]
    line("  first batch", *first, ours.first / limit.first, "<= 5 ms")


def request_of(output: str) -> Mapping[str, object]:
    """The request of all of an output, named as repo/dataset."""
    repo, _, dataset = output.partition("/")
    return {"repo": repo, "dataset": dataset}


def save(uri: str, request: Mapping[str, object], path: Path) -> None:
    """The stream's batches in an IPC file."""
    options = {key: value for key, value in request.items() if key not in {"repo", "dataset"}}
    with (
        connect(uri) as client,
        client.read(request["repo"], request["dataset"], **options) as reader,
        pa.ipc.new_file(str(path), reader.schema) as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)
