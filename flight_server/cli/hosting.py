"""A server in this process: opened over a store folder, and stopped gracefully."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import platformdirs

from arrowdsl.errors import DataError
from flight_client import Client, connect
from flight_server.access.door import OPEN_DOOR, UNIX, Door
from flight_server.cli.exits import EXPECTED, report
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.known_fingerprints import installed_build
from flight_server.serving.service import CAPACITY, Capacity, Service
from flight_server.storage.store import Store


def default_store() -> Path:
    """The folder for a user's data by the platform's convention."""
    return platformdirs.user_data_path("flight-server", appauthor=False)


class HttpPort(Protocol):
    """The HTTP port of a running server."""

    uri: str

    def stop(self) -> None:
        """Stop listening."""


class CallTraces(Protocol):
    """The traces of a running server's calls."""

    def stop(self) -> None:
        """Send what waits."""


@dataclass(frozen=True)
class RunningServer:
    """A service and its ports: Flight, and HTTP if the extra is installed and the port wanted; perhaps its traces."""

    flight: FlightServer
    http: HttpPort | None = None
    traces: CallTraces | None = None
    is_new: bool = False  # the store: its folder was missing

    @property
    def uri(self) -> str:
        """The address of the Flight port."""
        return self.flight.uri

    @property
    def service(self) -> Service:
        """The service behind the ports."""
        return self.flight.service

    def stop(self) -> bool:
        """Stop gracefully; returns whether all calls have ended. Health can be asked until the calls are drained."""
        ended = self.flight.stop()
        for each in (self.http, self.traces):
            if each is not None:
                each.stop()
        return ended


OpenServer = Callable[..., RunningServer]


def open_server(
    store: Path | None,
    host: str = "127.0.0.1",
    port: int = 0,
    advertised: Sequence[str] = (),
    capacity: Capacity = CAPACITY,
    http_port: int | None = None,
    door: Door = OPEN_DOOR,
    *,
    warms: bool = False,
    traces: bool = False,
    open_store: Callable[[Path], Store] = Store,
) -> RunningServer:
    """A running server over a store folder, by default that of the user; without ``http_port`` it has no HTTP.

    ``open_store`` gives the store its options. With ``traces`` it sends a span for each call to OpenTelemetry.
    """
    folder = store or default_store()
    is_new = not folder.is_dir()
    service = Service(open_store(folder), load_pipeline(), capacity, installed_build(), warms=warms)
    sends = importlib.import_module("flight_server.serving.traces").Traces() if traces else None
    if sends is not None:
        service.calls.observers.append(sends.observe)
    server = FlightServer(service, host, port, advertised, door)
    if http_port is None or host.startswith(UNIX):
        return RunningServer(server, None, sends, is_new)
    web = importlib.import_module("flight_server.web")
    try:
        return RunningServer(server, web.serve_http(service, host, http_port, door), sends, is_new)
    except DataError:
        server.stop()
        raise


@contextmanager
def serving(server: RunningServer) -> Iterator[None]:
    """Serve while the block runs, then stop gracefully.

    If a client neither reads nor disconnects, the process could not end: then this function ends the process.
    """
    try:
        yield
    except BaseException as error:
        if not server.stop() and isinstance(error, EXPECTED):
            _leave(report(error))
        raise
    if not server.stop():
        _leave(0)


@contextmanager
def own_client(server: RunningServer) -> Iterator[Client]:
    """A client of a server in this process, which needs no token: it calls at a socket in a folder of its own."""
    door = server.flight.door
    if door.gate.is_open and door.certificate is None:
        with connect(server.uri) as client:
            yield client
        return
    with TemporaryDirectory(prefix="flight-server-") as folder:  # only this user can open it
        inner = FlightServer(server.service, f"{UNIX}{folder}/own")
        try:
            with connect(inner.uri) as client:
                yield client
        finally:
            inner.leave()


def _leave(code: int) -> None:
    sys.stdout.flush()
    os._exit(code)
