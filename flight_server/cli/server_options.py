"""The options of a server: its store, its ports and its limits."""

import importlib.util
import re
from functools import partial
from pathlib import Path
from typing import Unpack

import click

from flight_client.extract import MissingExtraError
from flight_server.cli.door_options import DOOR_OPTIONS, DoorOptions, door_of
from flight_server.cli.hosting import OpenServer, default_store, open_server
from flight_server.cli.session import DEFAULT_PORT, grouped, options
from flight_server.serving.limits import Limits
from flight_server.serving.service import Capacity
from flight_server.storage.artifacts import DEFAULT_BYTES
from flight_server.storage.store import IDLE_SECONDS, KEPT_SNAPSHOTS, Store

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SIZE = re.compile(r"(\d+) *([KMGT]?)(?:I?B)?", re.IGNORECASE)
_DEFAULTS = Limits()
MAX_PORT, NO_PORT = 65535, "none"
HTTP_DISTANCE = 1000


def _http_port(text: str | None, port: int) -> int | None:
    """The HTTP port; by default HTTP_DISTANCE above Flight's port, if the extra is installed."""
    missing = [name for name in ("starlette", "uvicorn", "prometheus_client") if importlib.util.find_spec(name) is None]
    if text is None:
        above = port + HTTP_DISTANCE if port + HTTP_DISTANCE <= MAX_PORT else port - HTTP_DISTANCE
        return None if missing else above if port else 0
    if text == NO_PORT:
        return None
    if missing:
        raise MissingExtraError(f"--http-port needs {missing[0]}: pip install 'flight-server[http]'")
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise click.BadParameter(
            f"{text!r} is no port; allowed: {NO_PORT}, or 0 to {MAX_PORT}", param_hint="--http-port"
        )
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


class LimitOptions(DoorOptions):
    """The options that are limits, and those of the door."""

    memory: int
    max_streams: int
    max_waiting: int
    max_wait: float
    query_timeout: float | None
    idle_timeout: float
    drain_timeout: float
    slow_query: float | None


def _limits(given: LimitOptions) -> Limits:
    return Limits(
        memory=given["memory"],
        streams=given["max_streams"],
        waiting=given["max_waiting"],
        wait_seconds=given["max_wait"],
        query_seconds=given["query_timeout"],
        idle_seconds=given["idle_timeout"],
        drain_seconds=given["drain_timeout"],
        slow_seconds=given["slow_query"],
    )


def _opener(
    store: Path | None,
    host: str,
    port: int,
    advertise: tuple[str, ...],
    http_port: str | None,
    cache_size: int,
    *,
    keep_snapshots: int,
    txn_timeout: float,
    no_warm: bool,
    traces: bool,
    **limits: Unpack[LimitOptions],
) -> OpenServer:
    capacity = Capacity(_limits(limits), cache_size)
    if traces and importlib.util.find_spec("opentelemetry") is None:
        raise MissingExtraError("--traces needs opentelemetry: pip install 'flight-server[otel]'")
    http = _http_port(http_port, port)
    open_store = partial(Store, keep=keep_snapshots, idle=txn_timeout)
    opener = partial(open_server, warms=not no_warm, traces=traces, open_store=open_store)
    return partial(opener, store, host, port, advertise, capacity, http, door_of(limits))


SERVER_OPTIONS = options(
    click.option(
        "--store",
        type=click.Path(path_type=Path, file_okay=False),
        help=f"The store's folder.  [default: {default_store()}]",
    ),
    click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on."),
    click.option(
        "--port",
        default=DEFAULT_PORT,
        show_default=True,
        type=click.IntRange(0, MAX_PORT),
        help="0: any free port.",
    ),
    click.option(
        "--http-port",
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
        "--keep-snapshots",
        type=click.IntRange(1),
        default=KEPT_SNAPSHOTS,
        show_default=True,
        help="Snapshots of a repo that stay listed; older ones are retired, unless they are pinned.",
    ),
    click.option(
        "--txn-timeout",
        type=click.FloatRange(0, min_open=True),
        default=IDLE_SECONDS,
        show_default=True,
        help="Seconds after which a transaction that receives nothing is aborted.",
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
        type=click.IntRange(1),
        default=_DEFAULTS.streams,
        show_default=True,
        help="Streams that run at the same time; further streams wait.",
    ),
    click.option(
        "--max-waiting",
        type=click.IntRange(1),
        default=_DEFAULTS.waiting,
        show_default=True,
        help="Streams that may wait; further streams are refused.",
    ),
    click.option(
        "--max-wait",
        type=click.FloatRange(0),
        default=_DEFAULTS.wait_seconds,
        show_default=True,
        help="Seconds that a stream waits before it is refused.",
    ),
    click.option(
        "--query-timeout",
        type=click.FloatRange(0, min_open=True),
        help="Seconds that a stream may run.  [default: no limit]",
    ),
    click.option(
        "--idle-timeout",
        type=click.FloatRange(0, min_open=True),
        default=_DEFAULTS.idle_seconds,
        show_default=True,
        help="Seconds after which a client that neither reads nor writes is disconnected.",
    ),
    click.option(
        "--drain-timeout",
        type=click.FloatRange(0),
        default=_DEFAULTS.drain_seconds,
        show_default=True,
        help="Seconds that running calls get to end when the server stops.",
    ),
    click.option(
        "--slow-query",
        type=click.FloatRange(0),
        metavar="SECONDS",
        help="Log calls that take longer as warnings.  [default: none]",
    ),
    click.option(
        "--traces",
        is_flag=True,
        help="Send a span for each call to OpenTelemetry, as the variables OTEL_… say.",
    ),
    DOOR_OPTIONS,
    click.option("--no-warm", is_flag=True, help="Compute nothing in the background, only what is read."),
)
# Adds the options to a command, which gets a function that opens the server in its argument ``server``.
with_server = grouped("server", _opener, SERVER_OPTIONS)
