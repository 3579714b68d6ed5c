"""A server in this process: opened over a store folder, limited by options, and stopped gracefully."""

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypedDict, Unpack

import click
import platformdirs

from arrowdsl.errors import DataError
from flight_client.extract import MissingExtraError
from flight_server.cli.exits import EXPECTED, report
from flight_server.cli.session import DEFAULT_PORT, grouped
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.known_fingerprints import installed_build
from flight_server.serving.limits import Limits
from flight_server.serving.service import CAPACITY, Capacity, Service
from flight_server.storage.artifacts import DEFAULT_BYTES
from flight_server.storage.store import Store

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SIZE = re.compile(r"(\d+) *([KMGT]?)(?:I?B)?", re.IGNORECASE)
_DEFAULTS = Limits()
MAX_PORT, NO_PORT = 65535, "none"
HTTP_DISTANCE = 1000
STORE_VARIABLE = "FLIGHT_SERVER_STORE"


def default_store() -> Path:
    """The folder for a user's data by the platform's convention."""
    return platformdirs.user_data_path("flight-server", appauthor=False)


class HttpPort(Protocol):
    """The HTTP port of a running server."""

    uri: str

    def stop(self) -> None:
        """Stop listening."""


@dataclass(frozen=True)
class RunningServer:
    """A service and its ports: Flight, and HTTP if the extra is installed and the port wanted."""

    flight: FlightServer
    http: HttpPort | None

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
        if self.http is not None:
            self.http.stop()
        return ended


OpenServer = Callable[..., RunningServer]  # ``warms`` as in ``open_server``


def open_server(
    store: Path | None,
    host: str = "127.0.0.1",
    port: int = 0,
    advertised: Sequence[str] = (),
    capacity: Capacity = CAPACITY,
    http_port: int | None = None,
    *,
    warms: bool = False,
) -> RunningServer:
    """A running server over a store folder, by default that of the user; without ``http_port`` it has no HTTP."""
    service = Service(Store(store or default_store()), load_pipeline(), capacity, installed_build(), warms=warms)
    server = FlightServer(service, host, port, advertised)
    if http_port is None:
        return RunningServer(server, None)
    web = importlib.import_module("flight_server.web")
    try:
        return RunningServer(server, web.serve_http(service, host, http_port))
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


def _leave(code: int) -> None:
    sys.stdout.flush()
    os._exit(code)


def _http_port(context: click.Context, _: click.Parameter, text: str | None) -> int | None:
    """The HTTP port; by default HTTP_DISTANCE above Flight's, if the extra is installed."""
    missing = [name for name in ("starlette", "uvicorn", "prometheus_client") if importlib.util.find_spec(name) is None]
    if text is None:
        port = context.params.get("port", DEFAULT_PORT)
        above = port + HTTP_DISTANCE if port + HTTP_DISTANCE <= MAX_PORT else port - HTTP_DISTANCE
        return None if missing else above if port else 0
    if text == NO_PORT:
        return None
    if missing:
        raise MissingExtraError(f"--http-port needs {missing[0]}: pip install 'flight-server[http]'")
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise click.BadParameter(f"{text!r} is no port; allowed: {NO_PORT}, or 0 to {MAX_PORT}")
    return int(text)


def _bytes(_: click.Context, __: click.Parameter, text: str) -> int:
    """The number of bytes in a text such as 500M or 8GiB; units are powers of 1024."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is not a size; allowed: a whole number of bytes, or of K, M, G, T")
    return int(found[1]) * _UNITS[found[2].upper()]


def size_text(size: int) -> str:
    """A size in the largest unit that divides it.

    >>> size_text(8 * 1024**3)
    '8G'
    """
    unit, factor = max((each for each in _UNITS.items() if size % each[1] == 0), key=lambda each: each[1])
    return f"{size // factor}{unit}"


class LimitOptions(TypedDict):
    """The options that are limits, as in Limits."""

    streams: int
    waiting: int
    wait_seconds: float
    memory: int
    query_seconds: float | None
    idle_seconds: float
    drain_seconds: float
    slow_seconds: float | None


def _opener(
    store: Path | None,
    host: str,
    port: int,
    advertise: tuple[str, ...],
    http_port: int | None,
    cache_size: int,
    **limits: Unpack[LimitOptions],
) -> OpenServer:
    return partial(open_server, store, host, port, advertise, Capacity(Limits(**limits), cache_size), http_port)


# Adds the options to a command, which gets a function that opens the server in its argument ``server``.
with_server = grouped(
    "server",
    _opener,
    click.option(
        "--store",
        type=click.Path(path_type=Path, file_okay=False),
        envvar=STORE_VARIABLE,
        help=f"The store's folder, also by {STORE_VARIABLE}.  [default: {default_store()}]",
    ),
    click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on."),
    click.option(
        "--port",
        default=DEFAULT_PORT,
        show_default=True,
        type=click.IntRange(0, MAX_PORT),
        is_eager=True,
        help="0: any free port.",
    ),
    click.option(
        "--http-port",
        callback=_http_port,
        metavar="PORT|none",
        help="The port for health, metrics and rows over HTTP.  [default: --port plus 1000]",
    ),
    click.option(
        "--advertise",
        multiple=True,
        metavar="URI",
        help="Another server over the same store, to which readers are also sent; repeatable.",
    ),
    click.option(
        "--cache-size",
        callback=_bytes,
        metavar="SIZE",
        default=size_text(DEFAULT_BYTES),
        show_default=True,
        help="Disk space for cached results; 0: no cache.",
    ),
    click.option(
        "--memory",
        callback=_bytes,
        metavar="SIZE",
        default=size_text(_DEFAULTS.memory),
        show_default=True,
        help="About how much memory streams and computations may take together; further ones wait.",
    ),
    click.option(
        "--max-streams",
        "streams",
        type=click.IntRange(1),
        default=_DEFAULTS.streams,
        show_default=True,
        help="Streams that run at the same time; further streams wait.",
    ),
    click.option(
        "--max-waiting",
        "waiting",
        type=click.IntRange(1),
        default=_DEFAULTS.waiting,
        show_default=True,
        help="Streams that may wait; further streams are refused.",
    ),
    click.option(
        "--max-wait",
        "wait_seconds",
        type=click.FloatRange(0),
        default=_DEFAULTS.wait_seconds,
        show_default=True,
        help="Seconds that a stream waits before it is refused.",
    ),
    click.option(
        "--query-timeout",
        "query_seconds",
        type=click.FloatRange(0, min_open=True),
        help="Seconds that a stream may run.  [default: no limit]",
    ),
    click.option(
        "--idle-timeout",
        "idle_seconds",
        type=click.FloatRange(0, min_open=True),
        default=_DEFAULTS.idle_seconds,
        show_default=True,
        help="Seconds after which a client that neither reads nor writes is disconnected.",
    ),
    click.option(
        "--drain-timeout",
        "drain_seconds",
        type=click.FloatRange(0),
        default=_DEFAULTS.drain_seconds,
        show_default=True,
        help="Seconds that running calls get to end when the server stops.",
    ),
    click.option(
        "--slow-query",
        "slow_seconds",
        type=click.FloatRange(0),
        metavar="SECONDS",
        help="Log calls that take longer as warnings.  [default: none]",
    ),
)
