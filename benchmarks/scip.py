"""A SCIP index into a server: seconds, and peak memory of client and server, each a process of its own.

First the index as it is, then one with the same documents again and again under other paths, of so many megabytes:
memory must not follow the size.

    python benchmarks/scip.py index.scip --megabytes 300
"""

import argparse
import multiprocessing
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from flight_client import connect
from flight_client.scip import put_index
from flight_client.scip.index_file import IndexField, frames, message

MEGABYTE = 1 << 20
SEVEN_BITS = 0x7F


def varint(value: int) -> bytes:
    """A number as a protobuf varint: seven bits a byte, the lowest first."""
    if value <= SEVEN_BITS:
        return bytes([value])
    return bytes([value & SEVEN_BITS | SEVEN_BITS + 1]) + varint(value >> 7)


def field(number: int, data: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def repeated(index: Path, target: Path, size: int) -> None:
    """The index, then its documents again under other paths, until ``target`` has ``size`` bytes.

    The new path stands behind the document: of a field that comes twice the last counts.
    """
    with index.open("rb") as source, target.open("wb") as out:
        out.write(source.read())
        documents = [frame for frame in frames(source) if frame.field == IndexField.DOCUMENT]
        copy = 0
        while out.tell() < size:
            copy += 1
            for frame in documents:
                path = message(source, frame, "DocumentPath").relative_path
                source.seek(frame.start)
                out.write(field(IndexField.DOCUMENT, source.read(frame.size) + field(1, f"copy{copy}/{path}".encode())))


@contextmanager
def server(store: Path) -> Iterator[tuple[str, int]]:
    """The URI and the process id of a server over ``store``."""
    command = [sys.executable, "-m", "flight_server", "serve", "--store", str(store), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            found = next(uri for line in process.stdout or () if (uri := re.search(r"grpc://\S+", line)))
            yield found[0], process.pid
        finally:
            process.terminate()


def peak_megabytes(process: int) -> int:
    """The peak memory of a running process (Linux)."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) >> 10


def put(uri: str, index: Path) -> tuple[int, int, float, int]:
    """Documents, rows, seconds, and this process's peak memory in megabytes."""
    with connect(uri) as client:
        started = time.perf_counter()
        done = put_index(client, index, repo="repo")
        taken = time.perf_counter() - started
    return done.documents, sum(done.rows.values()), taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def main(index: Path, megabytes: int) -> None:
    """Put both indexes, each into its own store."""
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, pyarrow {pa.__version__}")
    print(f"{'index':<12}{'MB':>6}{'documents':>11}{'rows':>10}{'seconds':>9}{'client MB':>11}{'server MB':>11}")
    with (
        tempfile.TemporaryDirectory() as folder,
        multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as own,
    ):
        large = Path(folder) / "large.scip"
        repeated(index, large, megabytes * MEGABYTE)
        for name, file in (("as it is", index), ("repeated", large)):
            with server(Path(folder) / name) as (uri, process):
                documents, rows, taken, ours = own.apply(put, (uri, file))
                size = file.stat().st_size / MEGABYTE
                theirs = peak_megabytes(process)
            print(f"{name:<12}{size:>6.0f}{documents:>11}{rows:>10}{taken:>9.1f}{ours:>11}{theirs:>11}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("index", type=Path)
    arguments.add_argument("--megabytes", type=int, default=300)
    given = arguments.parse_args()
    main(given.index, given.megabytes)
