"""Where commands run: a server by its URI, or one of our own over a store folder."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import click

from flight_client import Client, connect
from flight_server.cli.exits import EXPECTED, report
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.service import CAPACITY, Capacity, Service
from flight_server.storage.store import Store

DEFAULT_PORT = 8815
DEFAULT_URI = f"grpc://127.0.0.1:{DEFAULT_PORT}"
POLL_SECONDS = 0.5
Arguments = ParamSpec("Arguments")
Command = Callable[..., Any]


def default_store() -> Path:
    """The folder for a user's data by the platform's custom (XDG base directory specification on Linux)."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "flight-server"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "flight-server"


def open_server(
    store: Path | None,
    host: str = "127.0.0.1",
    port: int = 0,
    advertised: Sequence[str] = (),
    capacity: Capacity = CAPACITY,
) -> FlightServer:
    """A server over a store folder (by default the user's own); it answers calls from now on."""
    service = Service(Store(store or default_store()), load_pipeline(), capacity)
    return FlightServer(service, host, port, advertised)


@contextmanager
def serving(server: FlightServer) -> Iterator[None]:
    """Serve while the block runs, then stop in good order.

    A client that neither reads nor goes away would keep the process from ending: then it ends here.
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


@dataclass
class Signals:
    """Whether a signal came. No ``threading.Event``: its lock may be held by what the signal interrupts."""

    came: bool = False

    def is_set(self) -> bool:
        """As an event has it."""
        return self.came

    def wait(self) -> None:
        """Until a signal comes; most end it by KeyboardInterrupt."""
        while not self.came:
            time.sleep(POLL_SECONDS)


@contextmanager
def interruptible() -> Iterator[Signals]:
    """Let SIGTERM end the block as Ctrl-C does, by KeyboardInterrupt; once either came, further ones are ignored.

    Signals reach Python between the instructions of the main thread, so that is where the block has to run. Where that
    happens to be a finalizer, Python drops the exception: whoever would wait for ever asks the yielded object too.
    """
    came = Signals()

    def interrupt(*_: object) -> None:
        came.came = True
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, interrupt) for number in signals]
    try:
        yield came
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def options(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options at once, shown in the order given."""
    return lambda command: reduce(lambda decorated, option: option(decorated), reversed(decorators), command)


def with_client(command: Callable[Concatenate[Client, Arguments], None]) -> Callable[..., None]:
    """A command that is given a client, and the options --server and --store that say of what; a store must exist."""
    return _with_client(command, makes_store=False)


def with_writing_client(command: Callable[Concatenate[Client, Arguments], None]) -> Callable[..., None]:
    """The same for a command that makes the store if there is none."""
    return _with_client(command, makes_store=True)


def _with_client(command: Callable[Concatenate[Client, Arguments], None], *, makes_store: bool) -> Callable[..., None]:
    @click.option("--server", "uri", metavar="URI", help=f"A running server.  [default: {DEFAULT_URI}]")
    @click.option("--store", type=click.Path(path_type=Path, file_okay=False), help="A store folder, without a server.")
    @wraps(command)
    def run(uri: str | None, store: Path | None, *arguments: Arguments.args, **options: Arguments.kwargs) -> None:
        if uri is not None and store is not None:
            raise click.UsageError("give --server or --store, not both")
        if store is not None and not makes_store and not store.is_dir():
            raise click.UsageError(f"there is no store {store}")
        with interruptible(), client_of(uri, store) as client:
            command(client, *arguments, **options)

    return run


@contextmanager
def client_of(uri: str | None, store: Path | None) -> Iterator[Client]:
    """A client of the server at ``uri``, or of one that lives for as long as the block over ``store``."""
    if store is None:
        with connect(uri or DEFAULT_URI) as client:
            yield client
        return
    server = open_server(store)
    with serving(server), connect(server.uri) as client:
        yield client
