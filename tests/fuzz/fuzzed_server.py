"""A server in a process of its own, and what must hold of every answer to it."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pyarrow as pa
from pyarrow import flight

from flight_client import connect
from flight_client.contracts.raw import RAW_TABLES

SCHEMA = RAW_TABLES["cst_name_refs"].schema
LEAKS = re.compile(r"Traceback|File \"|\.py\b(?!')|site-packages|flight_server/|/tmp")
# pyarrow adds the traceback of get_schema; of this project it names no more than one frame without a path
SCHEMA_TRACE = re.compile(
    r"Python exception: Traceback[^\n]*\n +File \"pyarrow/_flight\.pyx\"[^\n]*\n"
    r" +File \"flight_server\", line \d+, in call\n"
)
SERVICE = "/arrow.flight.protocol.FlightService/"
ROWS = 4000
MOST_RECEIVED = 65536
MOST_GROWTH = 300 * 1024 * 1024  # bytes: caches that fill; a leak of a KiB per input would show over a large run
SECONDS = 60.0


def name_refs(rows: int, paths: int = 40) -> pa.Table:
    given = {
        "file_id": [f"file:{number % paths}" for number in range(rows)],
        "path": [f"pkg/m{number % paths}" for number in range(rows)],
        "name_ref_id": [f"ref:{number}" for number in range(rows)],
        "name": ["x"] * rows,
        "bstart": list(range(rows)),
    }
    return pa.Table.from_arrays(
        [pa.array(given.get(column.name, [None] * rows), column.type) for column in SCHEMA], schema=SCHEMA
    )


@dataclass
class FuzzedServer:
    """The process, its ports, and clients that know only the protocol."""

    process: subprocess.Popen[str]
    uri: str
    http: tuple[str, int]
    flight: flight.FlightClient
    raw: grpc.Channel
    codes: dict[str, int] = field(default_factory=dict)
    inputs: int = 0

    def ask(self, work) -> None:
        """Run a call; whatever comes of it must be rows or a clean error."""
        try:
            work()
        except (pa.ArrowException, flight.FlightError, OSError) as error:  # Arrow's IOError is Python's OSError
            self.check(error)
        self._check_alive()

    def check(self, error: Exception) -> None:
        text = str(error).partition("gRPC client debug context")[0].partition("Client context")[0]
        text = SCHEMA_TRACE.sub("", text)
        assert not LEAKS.search(text), text
        info = getattr(error, "extra_info", b"")
        code = json.loads(info)["code"] if info else (re.findall(r"\[(\w+)\]", text) or ["transport"])[-1]
        assert code not in ("internal", "storage_error", "store_corrupt", "out_of_memory"), text
        self.codes[code] = self.codes.get(code, 0) + 1

    def call(self, method: str, messages: list[bytes]) -> None:
        """A call of gRPC with bytes in place of messages."""
        call = self.raw.stream_stream(SERVICE + method)(iter(messages), timeout=SECONDS)
        with suppress(grpc.RpcError):
            list(call)
        assert call.code() is not grpc.StatusCode.DEADLINE_EXCEEDED, "the server hangs"
        details = SCHEMA_TRACE.sub("", call.details() or "")
        assert not LEAKS.search(details), details
        assert "[internal]" not in details, details
        self._check_alive()

    def send_http(self, data: bytes) -> bytes:
        """The answer to these bytes, until the server closes or answers 64 KiB."""
        received = b""
        # a server may refuse before all was sent
        with suppress(ConnectionError), socket.create_connection(self.http, timeout=SECONDS) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while len(received) < MOST_RECEIVED and (chunk := connection.recv(MOST_RECEIVED)):
                received += chunk
        self._check_alive()
        return received

    def _check_alive(self) -> None:
        self.inputs += 1
        assert self.process.poll() is None, "the server has ended"

    def resident(self) -> int:
        """The bytes of the process's own memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) * 1024

    def handles(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))


@contextmanager
def fuzzed_server(folder: Path) -> Iterator[FuzzedServer]:
    words = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        "flight_server",
        "serve",
        "--store",
        str(folder / "store"),
        "--port",
        "0",
    ]
    words += ["--http-port", "0", "--max-wait", "5", "--query-timeout", "20", "--no-warm"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        shown = ""
        while "/v1" not in shown:
            shown += process.stdout.readline()
        uri = re.search(r"grpc://\S+", shown)[0]
        host, port = re.search(r"http://([\d.]+):(\d+)", shown).groups()
        address = uri.removeprefix("grpc://")
        with flight.connect(uri) as plain, grpc.insecure_channel(address) as raw, connect(uri) as client:
            client.put("seeded", "cst_name_refs", name_refs(ROWS))
            running = FuzzedServer(process, uri, (host, int(port)), plain, raw)
            before = running.resident()
            yield running
            _check_the_end(running, client, before)
        process.terminate()
        assert process.wait(30) == 0
        logged = (folder / "log").read_text()
        assert "Traceback" not in logged, logged[:3000]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _check_the_end(server: FuzzedServer, client, before: int) -> None:
    print(f"{server.inputs} inputs, {server.resident() - before} bytes more, answers: {server.codes}")
    deadline = time.monotonic() + 30
    while client.stats()["running_calls"]:
        assert time.monotonic() < deadline, "calls hang"
        time.sleep(0.05)
    assert client.stats("seeded")["tables"] == {
        "cst_name_refs": {"rows": ROWS, "bytes": client.stats("seeded")["tables"]["cst_name_refs"]["bytes"]}
    }
    assert client.read("seeded", "cst_name_refs").read_all().num_rows == ROWS
    assert server.resident() - before < MOST_GROWTH, server.resident() - before
    assert server.handles() < 200
