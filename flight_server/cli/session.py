"""What commands share: options, the server that they talk to, and the signals that end them.

A command with ``--store`` talks to a server of its own over that folder. The client and the server are loaded when a
command connects: each takes some tenths of a second.
"""

import importlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from flight_client import Client

DEFAULT_PORT = 8815
DEFAULT_URI = f"grpc://127.0.0.1:{DEFAULT_PORT}"
POLL_SECONDS = 0.5
Command = Callable[..., Any]
Decorator = Callable[[Command], Command]


@dataclass
class Signals:
    """Whether a signal came. No ``threading.Event``: the code that the signal interrupts may hold its lock."""

    came: bool = False

    def is_set(self) -> bool:
        """The same as of an event."""
        return self.came

    def wait(self) -> None:
        """Wait until a signal comes, which as a rule raises KeyboardInterrupt."""
        while not self.came:
            time.sleep(POLL_SECONDS)


@contextmanager
def interruptible() -> Iterator[Signals]:
    """Let SIGTERM end the block as Ctrl-C does, by KeyboardInterrupt; after the first signal, further ones are ignored.

    The block has to run in the main thread, where Python handles signals. If a signal comes during a finalizer, Python
    drops the exception; so code that waits without a limit also checks the object that the block is given.
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


def options(*decorators: Decorator) -> Decorator:
    """Several options as one decorator, shown in the order given."""
    return lambda command: reduce(lambda decorated, option: option(decorated), reversed(decorators), command)


def grouped(name: str, make: Callable[..., object], *decorators: Decorator) -> Decorator:
    """Several options as one argument: the command is given ``make(…)`` of their values under ``name``."""
    with_options = options(*decorators)
    keys = [param.name for param in vars(with_options(lambda: None))["__click_params__"]]

    def decorated(command: Command) -> Command:
        @wraps(command)
        def run(**values: object) -> None:
            made = make(**{key: values.pop(key) for key in keys})
            command(**{name: made}, **values)

        return with_options(run)

    return decorated


@dataclass(frozen=True)
class Target:
    """The server of a command: the one at ``uri``, or one of its own over the folder ``store``."""

    uri: str | None
    store: Path | None

    @contextmanager
    def client(self) -> "Iterator[Client]":
        """A client of the server; a server of the command's own runs for as long as the block."""
        connect = importlib.import_module("flight_client").connect
        if self.store is None:
            with connect(self.uri or DEFAULT_URI) as client:
                yield client
            return
        hosting = importlib.import_module("flight_server.cli.hosting")
        server = hosting.open_server(self.store)
        with hosting.serving(server), connect(server.uri) as client:
            yield client


def with_target(option: str = "--server", *, makes_store: bool = False) -> Decorator:
    """A command that is given a Target, and the options that name it; without ``makes_store`` the store must exist."""

    def target(uri: str | None, store: Path | None) -> Target:
        if uri is not None and store is not None:
            raise click.UsageError(f"give {option} or --store, not both")
        if store is not None and not makes_store and not store.is_dir():
            raise click.UsageError(f"there is no store {store}")
        return Target(uri, store)

    return grouped(
        "target",
        target,
        click.option(option, "uri", metavar="URI", help=f"A running server.  [default: {DEFAULT_URI}]"),
        click.option(
            "--store", type=click.Path(path_type=Path, file_okay=False), help="A store folder, without a server."
        ),
    )


def with_client(*, makes_store: bool = False) -> Decorator:
    """A command that is given a client of the server that its options name, as ``with_target`` takes them."""

    def decorated(command: Command) -> Command:
        @wraps(command)
        def run(target: Target, **others: object) -> None:
            with interruptible(), target.client() as client:
                command(client=client, **others)

        return with_target(makes_store=makes_store)(run)

    return decorated
