"""Many readers: sixteen slow ones, for the server's memory; sixty-four at full speed, for rows and fairness."""

import json
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Mapping
from pathlib import Path

from flight_client import connect
from stages.limit import request_of
from stages.machine import FOLDER, Serving, served

SLOW, PAUSE, WATCHED = 16, 0.05, 40.0  # readers; seconds between their batches; seconds
FAST, PROCESSES, SECONDS = 64, 4, 60.0


def run(store: Path, output: str) -> None:
    """Both, over ``output`` = repo/dataset, the largest."""
    request = request_of(output)
    with served(store) as server:
        slow(server, request)
    with served(store) as server:
        fast(server, request)


def slow(server: Serving, request: Mapping[str, object]) -> None:
    """Memory while the readers pause after each batch."""
    ended = threading.Event()

    def crawl() -> None:
        with connect(server.uri) as client, client.read(request["repo"], request["dataset"]) as reader:
            for _ in reader:
                if ended.wait(PAUSE):
                    return

    before = server.memory()["now"]
    readers = [threading.Thread(target=crawl) for _ in range(SLOW)]
    for reader in readers:
        reader.start()
    seen = []
    for _ in range(int(WATCHED / 2)):
        time.sleep(2)
        seen.append(server.memory()["now"])
    ended.set()
    for reader in readers:
        reader.join()
    mib = [f"{each / 2**20:.0f}" for each in (before, seen[0], seen[len(seen) // 2], seen[-1], server.memory()["peak"])]
    print(
        f"{SLOW} slow readers: MiB before, at first, half way, at the end, peak: {', '.join(mib)}   goal < 1024, flat"
    )


def fast(server: Serving, request: Mapping[str, object]) -> None:
    """Reads over and over, every one checked against the first."""
    expected = checksum(server.uri, request)
    workers = [
        subprocess.Popen(
            [sys.executable, str(FOLDER.parent / "serve.py"), "hammer", server.uri, json.dumps(request), expected],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    batches = [count for worker in workers for count in json.loads(worker.communicate()[0])]
    fair = max(batches) / max(min(batches), 1)
    print(
        f"{FAST} readers for {SECONDS:.0f} s: no error, every finished read right; batches of the slowest, fastest"
        f" {min(batches)}, {max(batches)}   ratio {fair:.2f}   goal <= 3;"
        f" peak {server.memory()['peak'] / 2**20:.0f} MiB"
    )


def hammer(uri: str, request: Mapping[str, object], expected: str) -> None:
    """A process's share of the fast readers; prints how many batches each of them got."""
    counts = [0] * (FAST // PROCESSES)
    wrong: list[str] = []
    end = time.monotonic() + SECONDS

    def read(number: int) -> None:
        with connect(uri) as client:
            while time.monotonic() < end:
                found = 0
                with client.read(request["repo"], request["dataset"]) as reader:
                    for batch in reader:
                        found = zlib.crc32(batch.serialize(), found)
                        counts[number] += 1
                        if time.monotonic() > end:
                            return
                if f"{found:08x}" != expected:
                    wrong.append(f"{found:08x}")

    threads = [threading.Thread(target=read, args=(number,)) for number in range(len(counts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise RuntimeError(f"{len(wrong)} reads had other rows")
    print(json.dumps(counts))


def checksum(uri: str, request: Mapping[str, object]) -> str:
    """Of the batches as they come, which are the same on every run."""
    found = 0
    with connect(uri) as client, client.read(request["repo"], request["dataset"]) as reader:
        for batch in reader:
            found = zlib.crc32(batch.serialize(), found)
    return f"{found:08x}"
