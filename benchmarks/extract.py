"""Extraction of one source folder compared with other tools in one run; prints seconds and ratios.

    python benchmarks/extract.py ~/src/django --scip-python node_modules/.bin/scip-python --libcst

- ``up``: all default layers, from the cold start of the interpreter until the rows are committed and served, in its own
  process; compared with ``scip-python index`` on a copy of the folder.
- The layer ``cst`` in one process; compared with LibCST's MetadataWrapper with three providers in one process.
- One process compared with two.
- The time of each stage in one process, over all files.
"""

import argparse
import ast
import gc
import importlib
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from flight_client import connect
from flight_client.contracts.ids import file_id, parts_for
from flight_client.extract import DEFAULT_LAYERS, EXTRACTED, SourceFile, extract, scan
from flight_client.extract.interpreter import PARSE_DEPTH
from flight_client.extract.layers import layer_tables
from flight_client.extract.raw_rows import SCHEMAS, TableRows
from flight_client.extract.source_text import decode, read
from flight_client.extract.walk_definitions import walk_file
from flight_server.cli.hosting import open_server

PROVIDERS = ("QualifiedNameProvider", "ByteSpanPositionProvider", "ExpressionContextProvider")


@dataclass(frozen=True, order=True)
class Taken:
    """Wall-clock seconds, and CPU seconds including child processes, which a busy machine changes less."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.2f} s (of processors: {self.cpu:.2f} s)"

    def beside(self, ours: "Taken") -> str:
        """The ratio of this time to ours."""
        return f"{self}; {self.wall / ours.wall:.1f} times as long, {self.cpu / ours.cpu:.1f} times the processors"


def taken(work: Callable[[], object], runs: int = 1) -> Taken:
    """The shortest of several runs."""

    def once() -> Taken:
        started, used = time.perf_counter(), _processors()
        work()
        return Taken(time.perf_counter() - started, _processors() - used)

    return min(once() for _ in range(runs))


def _processors() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def up(root: Path) -> None:
    """The time that a user waits: from the command to the line "listening on …"."""
    with tempfile.TemporaryDirectory() as store:
        words = [sys.executable, "-m", "flight_server", "up", str(root), "--store", store, "--port", "0"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            for line in process.stdout or ():
                if line.startswith("listening"):
                    break
            process.terminate()


def scip_python(command: str, root: Path) -> None:
    """``scip-python index`` on a copy, with its index put beside it; packages are not looked up."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        shutil.copytree(root, copy / root.name)
        (copy / "environment.json").write_text("[]")
        words = [command, "index", str(copy), "--project-name", root.name, "--project-version", "0"]
        words += ["--environment", str(copy / "environment.json"), "--output", str(copy / "index.scip"), "--quiet"]
        heap = os.environ | {"NODE_OPTIONS": "--max-old-space-size=8192"}
        subprocess.run(words, cwd=copy, env=heap, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def libcst(files: Sequence[SourceFile]) -> None:
    """LibCST's tree and the three providers' metadata of each file; files that LibCST can't parse are skipped."""
    cst, metadata = importlib.import_module("libcst"), importlib.import_module("libcst.metadata")
    providers = [getattr(metadata, name) for name in PROVIDERS]
    for file in files:
        try:
            module = cst.parse_module(Path(file.abs_path).read_bytes())
        except cst.ParserSyntaxError:
            continue
        metadata.MetadataWrapper(module, unsafe_skip_copy=True).resolve_many(providers)


def extracted(files: Sequence[SourceFile], jobs: int, layers: Sequence[str] = DEFAULT_LAYERS) -> None:
    """Drain the extractor."""
    for _ in extract(files, repo="repo", parts=parts_for(len(files)), jobs=jobs, layers=layers):
        pass


class Stages:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the block's time to a stage."""
        started = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - started

    def report(self) -> None:
        """A line for each, with its share."""
        total = sum(self.seconds.values())
        for name, taken in self.seconds.items():
            print(f"  {name:<14}{taken:>8.2f} s{taken / total:>7.0%}")
        print(f"  {'all':<14}{total:>8.2f} s")


def by_stage(files: Sequence[SourceFile]) -> Stages:
    """Each file through the stages of extraction, then all batches through a put and a commit."""
    stages = Stages()
    rows = {name: TableRows(name) for name in EXTRACTED}
    batches: list[tuple[str, pa.RecordBatch]] = []
    for number, file in enumerate(files, 1):
        _file_by_stage(file, rows, stages)
        if number % 64 == 0 or number == len(files):
            with stages.stage("to Arrow"):
                batches += [(name, made.batch()) for name, made in rows.items() if made.files]
            rows = {name: TableRows(name) for name in EXTRACTED}
    with tempfile.TemporaryDirectory() as store:
        server = open_server(Path(store))
        with connect(server.uri) as client:
            txn = str(client.begin("repo", files=len(files))["txn"])
            with stages.stage("put"):
                streams = {name: client.open_put("repo", name, SCHEMAS[name], txn=txn) for name in EXTRACTED}
                for name, batch in batches:
                    streams[name].write(batch)
                for stream in streams.values():
                    stream.end()
                for stream in streams.values():
                    stream.finish()
            with stages.stage("commit"):
                client.commit(txn, {name: stream.rows for name, stream in streams.items()})
        server.stop()
    return stages


def _file_by_stage(file: SourceFile, rows: dict[str, TableRows], stages: Stages) -> None:
    identity = file_id("repo", file.path)
    try:
        with stages.stage("read, decode"):
            source = decode(read(file.abs_path))
        with stages.stage("parse"):
            tree = ast.parse(source.code)
        with stages.stage("walk"):
            walk = walk_file(tree, source, file.module, identity)
        for layer in DEFAULT_LAYERS:
            with stages.stage(f"layer {layer}"):
                found = layer_tables([layer], tree, walk)
            with stages.stage("to Arrow"):
                for name, columns in found.items():
                    rows[name].add(identity, file.path, columns)
    except (SyntaxError, ValueError, LookupError, OSError):
        return


def machine() -> str:
    """The machine and the versions."""
    models = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    name = models[0].partition(": ")[2] if models else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, Python {platform.python_version()}, pyarrow {pa.__version__}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def main() -> None:
    """Run the requested stages, and print their figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("root", type=Path)
    parser.add_argument(
        "--scip-python", metavar="COMMAND", help="compare with it; npm install @sourcegraph/scip-python"
    )
    parser.add_argument("--libcst", action="store_true", help="compare with it; it takes minutes")
    parser.add_argument("--runs", type=int, default=3, help="our own runs, of which the best counts")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(PARSE_DEPTH)
    files = scan(asked.root)
    print(machine())
    print(f"{asked.root.name}: {len(files)} files, {sum(file.size for file in files) / 1e6:.1f} MB")
    ours = taken(lambda: up(asked.root), asked.runs)
    print(f"up, cold to served, all default layers: {ours}")
    if asked.scip_python:
        theirs = taken(lambda: scip_python(asked.scip_python, asked.root))
        print(f"scip-python index: {theirs.beside(ours)}")
    ours = taken(lambda: extracted(files, 1, ["cst"]), asked.runs)
    print(f"layer cst, one process: {ours}")
    if asked.libcst:
        print(f"LibCST with {', '.join(PROVIDERS)}: {taken(lambda: libcst(files)).beside(ours)}")
    one, two = (taken(lambda jobs=jobs: extracted(files, jobs), asked.runs) for jobs in (1, 2))
    print(f"extraction, one process: {one}")
    print(f"extraction, two processes: {two}; {one.wall / two.wall:.2f} times as fast")
    gc.disable()
    print("stages, one process:")
    by_stage(files).report()


if __name__ == "__main__":
    main()
