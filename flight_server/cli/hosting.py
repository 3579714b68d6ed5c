"""A server in this process: opened over a store folder, limited by options, and stopped gracefully."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypedDict, Unpack

import click
import platformdirs

from flight_server.cli.exits import EXPECTED, report
from flight_server.cli.session import DEFAULT_PORT, grouped
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.known_fingerprints import installed_build
from flight_server.serving.limits import Limits
from flight_server.serving.service import CAPACITY, Capacity, Service
from flight_server.storage.artifacts import DEFAULT_BYTES
from flight_server.storage.store import Store

OpenServer = Callable[..., FlightServer]  # ``warms`` as in ``open_server``
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SIZE = re.compile(r"(\d+) *([KMGT]?)(?:I?B)?", re.IGNORECASE)
_DEFAULTS = Limits()
STORE_VARIABLE = "FLIGHT_SERVER_STORE"


def default_store() -> Path:
    """The folder for a user's data by the platform's convention."""
    return platformdirs.user_data_path("flight-server", appauthor=False)


def open_server(
    store: Path | None,
    host: str = "127.0.0.1",
    port: int = 0,
    advertised: Sequence[str] = (),
    capacity: Capacity = CAPACITY,
    *,
    warms: bool = False,
) -> FlightServer:
    """A running server over a store folder, by default that of the user."""
    service = Service(Store(store or default_store()), load_pipeline(), capacity, installed_build(), warms=warms)
    return FlightServer(service, host, port, advertised)


@contextmanager
def serving(server: FlightServer) -> Iterator[None]:
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


def _opener(
    store: Path | None,
    host: str,
    port: int,
    advertise: tuple[str, ...],
    cache_size: int,
    **limits: Unpack[LimitOptions],
) -> OpenServer:
    return partial(open_server, store, host, port, advertise, Capacity(Limits(**limits), cache_size))


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
        "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0: any free port."
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
)
