"""What the stages share: servers in processes of their own, clocks, memory, and lines that end in a ratio."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from flight_client.peers import Endpoint, Peers
from flight_client.tickets import encode

FOLDER = Path(__file__).parent
LISTENING = "listening on "


@dataclass(frozen=True)
class Serving:
    """A server under test: where it listens, and its process."""

    uri: str
    pid: int

    def memory(self) -> Mapping[str, int]:
        """Bytes now and at the peak (Linux: VmRSS and VmHWM)."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        kib = {line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if line.startswith("Vm")}
        return {"now": kib["VmRSS"] * 1024, "peak": kib["VmHWM"] * 1024}


@dataclass(frozen=True)
class Drained:
    """A stream read to its end: seconds to the first batch and to the last, rows, bytes in memory."""

    first: float
    seconds: float
    rows: int
    bytes: int


def describe() -> str:
    """The machine, for the head of every run."""
    cpus = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    model = cpus[0].partition(":")[2].strip() if cpus else platform.processor() or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{model}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}, pyarrow {pa.__version__}, load {load:.1f}"
    )


@contextmanager
def process(*command: str | Path) -> Iterator[Serving]:
    """A server that says where it listens on a line of stdout; killed at the end of the block."""
    started = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        if started.stdout is None:
            raise RuntimeError("no stdout")
        for line in started.stdout:
            if LISTENING in line:
                yield Serving(line.partition(LISTENING)[2].strip(), started.pid)
                return
        raise RuntimeError(f"{command[0]} ended before it listened")
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()


def served(store: Path, *options: str) -> AbstractContextManager[Serving]:
    """Our server over a store."""
    return process(sys.executable, "-m", "flight_server", "serve", "--store", store, "--port", "0", *options)


def drained(batches: Iterable[pa.RecordBatch], started: float) -> Drained:
    """Read the batches and forget them."""
    first, rows, size = 0.0, 0, 0
    for batch in batches:
        first = first or time.perf_counter() - started
        rows += batch.num_rows
        size += batch.nbytes
    return Drained(first, time.perf_counter() - started, rows, size)


def drain(uri: str, request: Mapping[str, object] | None = None) -> Drained:
    """Read one stream as the client's own reader does, on a connection that is open; a bare server has no request."""
    peers = Peers(uri, None, {})
    try:
        peers.origin.wait_for_available(30)
        started = time.perf_counter()
        call, _ = peers.open(Endpoint(b"" if request is None else encode(request)))
        return drained(_chunks(call), started)
    finally:
        peers.close()


def side_by_side(runs: int, *reads: Callable[[], Drained]) -> list[Drained]:
    """Each read in turn, ``runs`` times; of each the fastest."""
    taken = [[read() for read in reads] for _ in range(runs)]
    return [min(column, key=lambda each: each.seconds) for column in zip(*taken, strict=True)]


def line(what: str, ours: str, theirs: str, ratio: float, goal: str) -> None:
    """A result: what was measured, both figures, their ratio, and the goal."""
    print(f"{what:<46} {ours:>16} {theirs:>16}   ratio {ratio:6.2f}   goal {goal}")


def rate(read: Drained) -> str:
    """Bytes per second, for people."""
    return f"{read.bytes / read.seconds / 1e6:.0f} MB/s"


def _chunks(call: object) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            yield call.read_chunk().data
        except StopIteration:
            return


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
