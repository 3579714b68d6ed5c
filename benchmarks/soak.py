"""Mixed load on one server for a long time: memory, file descriptors and threads stay flat, and it stops cleanly.

    python benchmarks/soak.py --seconds 1200

Clients read whole datasets, filter, query in SQL, read over HTTP, put and commit, cancel, send bad requests, and die in
the middle of streams. Every few seconds the server's own memory (RssAnon), descriptors, threads and running calls are
noted. When the load has stopped, the figures of the second quarter are compared with those of the last one. The exit
code is 1 if something grew, a reader got wrong rows, a commit that was acknowledged is missing, or the server did not
end with 0.
"""

import argparse
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from statistics import median

import httpx
import pyarrow as pa

import flight_server
from flight_client import Client, FlightClientError, connect
from flight_client.contracts.raw import RAW_TABLES
from flight_client.ingest import ingest

SCHEMA = RAW_TABLES["cst_name_refs"].schema
DATASETS = ("definitions", "call_graph", "cpg_edges", "calls", "cst_name_refs", "dim_qualified_names")
QUERIES = ("select kind, count(*) from definitions group by 1", "from call_graph limit 5", "select 1", "from nope")
DYING = """
import os, sys
from flight_client import connect
stream = connect(sys.argv[1]).read("soak", "cst_name_refs")
next(iter(stream))
os._exit(9)
"""
EXPECTED = {"busy", "conflict", "cancelled", "unknown_dataset", "unknown_repo", "invalid_sql", "snapshot_gone"}
OK, LEAVING = 200, 0.3
GROWTH_BYTES, GROWTH_SHARE, GROWTH_HANDLES = 64 * 1024 * 1024, 0.25, 16


@dataclass
class Load:
    """The load: what was done, what was acknowledged, and what went wrong."""

    uri: str
    http: str
    rows: dict[str, int]
    done: Counter[str] = field(default_factory=Counter)
    acknowledged: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, seed: int, work: "Callable[[Load, Client, random.Random], None]") -> None:
        """Do the work again and again until the load is stopped."""
        chance = random.Random(seed)
        while not self.stopped.is_set():
            with connect(self.uri, timeout=60) as client:
                for _ in range(chance.randint(1, 20)):
                    if self.stopped.is_set():
                        return
                    self.done[work.__name__] += 1
                    try:
                        work(self, client, chance)
                    except FlightClientError as error:
                        self.done[error.code] += 1
                        if error.code not in EXPECTED:
                            self.wrong.append(f"{work.__name__}: {error}")


def read(load: Load, client: Client, chance: random.Random) -> None:
    """Read a dataset whole, and count its rows."""
    name = chance.choice(DATASETS)
    rows = client.read("demo", name).read_all().num_rows
    if rows != load.rows[name]:
        load.wrong.append(f"{name} had {rows} rows, not {load.rows[name]}")


def narrow(_load: Load, client: Client, chance: random.Random) -> None:
    """Read some rows of a file."""
    client.read("demo", "calls", where=f"line > {chance.randint(0, 50)}", limit=chance.randint(0, 20)).read_all()


def query(_load: Load, client: Client, chance: random.Random) -> None:
    """Ask in SQL, sometimes wrongly."""
    client.sql(chance.choice(QUERIES), repo="demo").read_all()


def put(load: Load, client: Client, chance: random.Random) -> None:
    """Replace the rows of a file in a repo that has many."""
    path = f"m{chance.randrange(200)}"
    client.put("soak", "cst_name_refs", name_refs(path, chance.randint(1, 3000)), mode="files")
    load.acknowledged.add(path)


def cancel(_load: Load, client: Client, _chance: random.Random) -> None:
    """Leave a stream at its beginning."""
    with client.read("soak", "cst_name_refs") as stream:
        next(iter(stream), None)


def fail(_load: Load, client: Client, chance: random.Random) -> None:
    """Ask for what is not there."""
    client.read(chance.choice(("demo", "nope")), "nope").read_all()


def fetch(load: Load, _client: Client, chance: random.Random) -> None:
    """Read over HTTP, whole or in part."""
    kind = chance.choice(("csv", "jsonl", "arrow", "parquet"))
    with httpx.stream("GET", f"{load.http}/v1/demo/definitions?format={kind}", timeout=60) as answer:
        if answer.status_code != OK:
            load.wrong.append(f"HTTP answered {answer.status_code}")
        for _ in answer.iter_bytes():
            if chance.random() < LEAVING:
                return


def die(load: Load, _client: Client, _chance: random.Random) -> None:
    """A client that is killed in the middle of a stream."""
    subprocess.run([sys.executable, "-c", DYING, load.uri], check=False, capture_output=True, timeout=60)
    load.stopped.wait(2)


WORKERS = (read, read, narrow, query, put, put, cancel, fail, fetch, die)


@dataclass(frozen=True)
class Sample:
    """The server at a time: seconds since the start, bytes of its own memory, descriptors, threads, running calls."""

    at: float
    memory: int
    handles: int
    threads: int
    calls: int


def sample(pid: int, client: Client, started: float) -> Sample:
    """The server now."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    memory, threads = (int(re.findall(rf"{name}:\s+(\d+)", status)[0]) for name in ("RssAnon", "Threads"))
    handles = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    calls = client.stats()["running_calls"]
    return Sample(time.monotonic() - started, memory * 1024, handles, threads, calls if isinstance(calls, int) else 0)


def name_refs(path: str, rows: int) -> pa.Table:
    """Rows of cst_name_refs of a file."""
    given = {
        "file_id": [f"file:{path}"] * rows,
        "path": [path] * rows,
        "name_ref_id": [f"ref:{path}:{number}" for number in range(rows)],
        "bstart": list(range(rows)),
    }
    columns = [pa.array(given.get(column.name, [None] * rows), column.type) for column in SCHEMA]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


@contextmanager
def server(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A server over an empty store: its process, and the addresses of its ports."""
    words = [sys.executable, "-m", "flight_server", "serve", "--store", str(folder / "store"), "--port", "0"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([*words, "--http-port", "0"], stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            shown = ""
            while "/v1" not in shown and process.stdout is not None:
                shown += process.stdout.readline()
            yield process, re.findall(r"grpc://\S+", shown)[0], re.findall(r"(http://\S+)/v1", shown)[0]
        finally:
            process.kill()


def seeded(uri: str) -> dict[str, int]:
    """Ingest the example and a repo with many rows; returns the rows of DATASETS."""
    with connect(uri) as client, resources.as_file(resources.files(flight_server) / "demo_repo") as source:
        ingest(client, source, repo="demo", jobs=1)
        client.put("soak", "cst_name_refs", pa.concat_tables(name_refs(f"m{each}", 3000) for each in range(200)))
        return {name: client.read("demo", name).read_all().num_rows for name in DATASETS}


def soak(folder: Path, seconds: float, every: float) -> list[str]:
    """Run the load; prints the samples, and returns what went wrong."""
    with server(folder) as (process, uri, http):
        load = Load(uri, http, seeded(uri))
        threads = [threading.Thread(target=load.run, args=(seed, work)) for seed, work in enumerate(WORKERS)]
        for thread in threads:
            thread.start()
        started, samples = time.monotonic(), list[Sample]()
        with connect(uri, timeout=60) as client:
            while time.monotonic() - started < seconds and process.poll() is None:
                time.sleep(every)
                samples.append(sample(process.pid, client, started))
                now = samples[-1]
                print(
                    f"{now.at:7.0f} s  {now.memory >> 20:5} MiB  {now.handles:4} descriptors  {now.threads:4} threads"
                    f"  {now.calls:3} calls  {sum(load.done.values())} done",
                    flush=True,
                )
            load.stopped.set()
            for thread in threads:
                thread.join(60)
            stored = client.read("soak", "cst_name_refs", columns=["path"]).read_all()["path"].to_pylist()
            missing = load.acknowledged - set(stored)
        process.terminate()
        code = process.wait(60)
    print(dict(sorted(load.done.items())))
    log = (folder / "log").read_text(encoding="utf-8")
    return [
        *load.wrong[:10],
        *([f"{len(missing)} files with acknowledged commits are missing"] if missing else []),
        *([f"the server ended with {code}"] if code else []),
        *(["the log has a traceback: " + log[log.index("Traceback") :][:2000]] if "Traceback" in log else []),
        *grown(samples),
    ]


def grown(samples: list[Sample]) -> list[str]:
    """What was larger in the last quarter than in the second one; the first one fills caches."""
    quarter = len(samples) // 4
    if not quarter:
        return ["too few samples"]
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    found = []
    for name, allowed in (("memory", GROWTH_BYTES), ("handles", GROWTH_HANDLES), ("threads", GROWTH_HANDLES)):
        before, after = (median(getattr(each, name) for each in part) for part in (early, late))
        print(f"{name}: {before:.0f} in the second quarter, {after:.0f} in the last")
        if after - before > max(allowed, GROWTH_SHARE * before):
            found.append(f"{name} grew from {before:.0f} to {after:.0f}")
    return found


def main() -> None:
    """Run the load for the time that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--every", type=float, default=10, help="seconds between samples")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wrong = soak(Path(folder), arguments.seconds, arguments.every)
    print(*(wrong or ["nothing grew, nothing was lost"]), sep="\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
