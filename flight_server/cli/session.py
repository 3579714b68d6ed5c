"""The common parts of commands: options, the connection to a server, and signals.

A command with ``--store`` runs its own server over that folder. The client and the server are imported when a command
connects, since each import takes some tenths of a second.
"""

import importlib
import os
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
# What goes with each call. A token in an option would be seen by everybody on the machine.
_TOKEN, _CA, _CERTIFICATE, _KEY = (f"FLIGHT_SERVER_{name}" for name in ("TOKEN", "TLS_CA", "CLIENT_CERT", "CLIENT_KEY"))
Command = Callable[..., Any]
Decorator = Callable[[Command], Command]


@dataclass
class Signals:
    """A flag set by a signal. Not a ``threading.Event``, whose lock the interrupted code may hold."""

    received: bool = False

    def is_set(self) -> bool:
        """Whether a signal has come; named as the method of ``threading.Event``."""
        return self.received

    def wait(self) -> None:
        """Wait for a signal, which usually raises KeyboardInterrupt."""
        while not self.received:
            time.sleep(POLL_SECONDS)


@contextmanager
def interruptible() -> Iterator[Signals]:
    """Raise KeyboardInterrupt in the block for SIGTERM, as for Ctrl-C; signals after the first are ignored.

    The block must run in the main thread, where Python handles signals. Python drops an exception that is raised during
    a finalizer; so code that waits without a limit must also check the yielded Signals.
    """
    interrupt = Signals()

    def receive(*_: object) -> None:
        interrupt.received = True
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, receive) for number in signals]
    try:
        yield interrupt
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def options(*decorators: Decorator) -> Decorator:
    """Several options as one decorator, shown in the order given."""
    return lambda command: reduce(lambda decorated, option: option(decorated), reversed(decorators), command)


def grouped(name: str, make: Callable[..., object], *decorators: Decorator) -> Decorator:
    """Several options as one argument: the command gets ``make(**values)`` as its argument ``name``."""
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
    """The server of a command: a running one at ``uri``, or the command's own over the folder ``store``."""

    uri: str | None
    store: Path | None

    @contextmanager
    def client(self) -> "Iterator[Client]":
        """A client of the server; the command's own server runs during the block."""
        flight_client = importlib.import_module("flight_client")
        if self.store is None:
            tls = flight_client.Tls(*map(os.environ.get, (_CA, _CERTIFICATE, _KEY)))
            uri, token = self.uri or DEFAULT_URI, os.environ.get(_TOKEN)
            with flight_client.connect(uri, token=token, tls=tls) as client:
                yield client
            return
        hosting = importlib.import_module("flight_server.cli.hosting")
        server = hosting.open_server(self.store)
        with hosting.serving(server), flight_client.connect(server.uri) as client:
            yield client


def with_target(option: str = "--server", *, makes_store: bool = False) -> Decorator:
    """Adds ``option`` and ``--store`` to a command, which gets a Target.

    Without ``makes_store``, the store must exist.
    """

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
    """Adds the options of ``with_target`` to a command, which gets a connected client."""

    def decorated(command: Command) -> Command:
        @wraps(command)
        def run(target: Target, **others: object) -> None:
            with interruptible(), target.client() as client:
                command(client=client, **others)

        return with_target(makes_store=makes_store)(run)

    return decorated
