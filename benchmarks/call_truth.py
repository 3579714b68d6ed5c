"""How sure call edges are: the share of each rule's edges that are seen when packages run their own tests.

    python benchmarks/call_truth.py packages.json --record tests/calls/seen_by_rule.json

``packages.json`` is a list of objects: ``name``; ``folder``, where the tests start; ``package``, the package's folder
below it; ``python``, an interpreter that has its requirements and pytest; ``tests``, arguments of pytest. Each package
is profiled in a process of its own (``profile_calls.py``) and ingested into a server. Judged are the callees at calls
that ran five times or more. "Not seen" does not mean wrong: the tests may not take a branch.
"""

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flight_client import Client, connect
from flight_client.ingest import ingest
from flight_server.pipeline.driver import load_pipeline
from flight_server.points_to.call_confidence import CONFIDENCE
from flight_server.rpc.server import FlightServer
from flight_server.serving.service import Service
from flight_server.storage.store import Store

LEAST = 5  # times that a call ran
SURE = 0.9
Place = tuple[str, int]  # a path, and the byte at which a call ends
Definition = tuple[str, int]  # a path, and the line of ``def``


@dataclass(frozen=True)
class Observed:
    """What a package's tests did: how often calls ran, and their callees."""

    ran: Mapping[Place, int]
    seen: Mapping[Place, set[Definition]]


def main() -> None:
    """Print a table of rules, and the recall of each package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", type=Path)
    parser.add_argument("--record", type=Path, help="write the shares of the rules here")
    options = parser.parse_args()
    judged: Counter[str] = Counter()
    right: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as work:
        server = FlightServer(Service(Store(Path(work) / "store"), load_pipeline()))
        try:
            with connect(server.uri) as client:
                for package in json.loads(options.packages.read_text(encoding="utf-8")):
                    _measure(client, package, Path(work), judged, right)
        finally:
            server.stop()
    shares = {
        rule.name.lower(): {
            "stated": CONFIDENCE[rule],
            "seen": round(right[rule.name.lower()] / max(1, judged[rule.name.lower()]), 3),
            "edges": judged[rule.name.lower()],
        }
        for rule in CONFIDENCE
    }
    for name, row in shares.items():
        _say(f"{name:16} stated {row['stated']:.2f}  seen {row['seen']:.3f}  of {row['edges']}")
    if options.record:
        record = {name: {"seen": row["seen"], "edges": row["edges"]} for name, row in shares.items()}
        options.record.write_text(f"{json.dumps(record, indent=1)}\n", encoding="utf-8")


def _measure(client: Client, package: Mapping[str, str], work: Path, judged: Counter[str], right: Counter[str]) -> None:
    root = (Path(package["folder"]) / package["package"]).resolve()
    observed = _observed(_profiled(package, root, work), root)
    shutil.copytree(root, work / package["name"] / root.name, ignore=shutil.ignore_patterns("__pycache__", "tests"))
    ingest(client, work / package["name"], repo=package["name"], jobs=2)
    lines = _definitions(client, package["name"])
    rows = client.read(package["name"], "call_graph").read_all().to_pylist()
    predicted: dict[tuple[Place, Definition], float] = defaultdict(float)
    for row in rows:
        definition = lines.get(row["callee_def_id"])
        if row["call_id"] is None or definition is None:
            continue
        place = (row["path"], row["bend"])
        predicted[place, definition] = max(predicted[place, definition], row["confidence"])
        if observed.ran.get(place, 0) >= LEAST:
            judged[row["rule_name"]] += 1
            right[row["rule_name"]] += definition in observed.seen.get(place, ())
    calls = [(place, callee) for place, callees in observed.seen.items() for callee in callees]
    found = [predicted.get(call, 0.0) for call in calls]
    _say(
        f"{package['name']:14} {len(calls):6} callees at calls: {sum(known > 0 for known in found) / len(calls):.3f}"
        f" known, {sum(known >= SURE - 1e-6 for known in found) / len(calls):.3f} at {SURE}"
    )


def _profiled(package: Mapping[str, str], root: Path, work: Path) -> Mapping[str, list[list[object]]]:
    """What the package's tests call."""
    out = work / f"{package['name']}.json"
    script = Path(__file__).with_name("profile_calls.py")
    command = [package["python"], str(script), str(out), str(root), "-q", "-p", "no:cacheprovider", *package["tests"]]
    where = {**os.environ, "PYTHONPATH": str(root.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, cwd=package["folder"], env=where, stdout=subprocess.DEVNULL, check=False)
    found: Mapping[str, list[list[object]]] = json.loads(out.read_text(encoding="utf-8"))
    return found


def _observed(rows: Mapping[str, list[list[object]]], root: Path) -> Observed:
    """The profile's rows with byte offsets, and with the lines of ``def`` in place of those of decorators."""
    texts = {path: Path(path).read_bytes() for path in {str(row[0]) for row in (*rows["ran"], *rows["seen"])}}
    texts |= {path: Path(path).read_bytes() for path in {str(row[3]) for row in rows["seen"]}}
    starts = {path: _line_starts(text) for path, text in texts.items()}
    lines = {path: _lines_of_definitions(ast.parse(text)) for path, text in texts.items()}
    short = {path: Path(path).relative_to(root.parent).as_posix() for path in texts}
    ran: Counter[Place] = Counter()
    seen: dict[Place, set[Definition]] = defaultdict(set)
    for path, line, column, count in rows["ran"]:
        ran[short[path], starts[path][line - 1] + column] += count
    for path, line, column, file, first, name, _ in rows["seen"]:
        definition = lines[file].get((first, name))
        if definition:
            seen[short[path], starts[path][line - 1] + column].add((short[file], definition))
    return Observed(ran, seen)


def _line_starts(text: bytes) -> list[int]:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return starts


def _lines_of_definitions(tree: ast.AST) -> dict[tuple[int, str], int]:
    """The line of ``def`` by the first line, decorators included, and the name."""
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    lambdas = (node for node in ast.walk(tree) if isinstance(node, ast.Lambda))
    found = {
        (min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.name): node.lineno
        for node in functions
    }
    return {**found, **{(node.lineno, "<lambda>"): node.lineno for node in lambdas}}


def _definitions(client: Client, repo: str) -> dict[str, Definition]:
    """The place of each function, by its id; generators are left out, since a profile sees who resumes them."""
    rows: Iterable[Mapping[str, object]] = client.read(repo, "cst_defs").read_all().to_pylist()
    return {
        str(row["def_id"]): (str(row["path"]), int(str(row["line"])))
        for row in rows
        if row["kind"] in {"function", "lambda"} and not row["is_generator"]
    }


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
