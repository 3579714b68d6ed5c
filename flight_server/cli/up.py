"""The commands that serve: ``up`` a folder, ``demo`` the packaged example, ``serve`` a store."""

import json
import logging
import shlex
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps
from importlib import resources
from pathlib import Path

import click

import flight_server
from flight_client import connect
from flight_client.ingest import Source
from flight_server.cli.limits import with_capacity
from flight_server.cli.progress import ingest_with_progress, with_source
from flight_server.cli.session import DEFAULT_PORT, Signals, interruptible, open_server, options, serving
from flight_server.cli.watch import WATCH_OPTION, watch_and_ingest
from flight_server.rpc.server import FlightServer
from flight_server.serving.service import Capacity

SHOWN_DATASET = "dim_qualified_names"
OpenServer = Callable[[], FlightServer]
_SERVING = (
    click.option("--store", type=click.Path(path_type=Path, file_okay=False), help="Where the data is kept."),
    click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on."),
    click.option(
        "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
    ),
    click.option(
        "--advertise",
        multiple=True,
        metavar="URI",
        help="Another server over the same store, to which readers are sent too; repeatable.",
    ),
)


def _with_server(command: Callable[..., None]) -> Callable[..., None]:
    """A command that is given a function that opens its server, and the options that say of what and where."""

    @options(*_SERVING)
    @with_capacity
    @wraps(command)
    def run(
        *arguments: object,
        store: Path | None,
        host: str,
        port: int,
        advertise: tuple[str, ...],
        capacity: Capacity,
        **others: object,
    ) -> None:
        command(*arguments, server=partial(open_server, store, host, port, advertise, capacity), **others)

    return run


@click.command()
@with_source
@_with_server
@WATCH_OPTION
def up(source: Source, server: OpenServer, *, watch: bool) -> None:
    """Extract a folder of Python source, and serve it.

    What has not changed since the last time is not extracted again.

    Example: flight-server up ~/src/django
    """
    _ingest_and_serve(source, server(), watch=watch)


@click.command()
@_with_server
def demo(server: OpenServer) -> None:
    """Extract and serve the small example repo that comes with the package.

    Example: flight-server demo --port 0
    """
    with resources.as_file(resources.files(flight_server) / "demo_repo") as path:
        _ingest_and_serve(Source(path, "demo", jobs=1), server())


@click.command()
@_with_server
def serve(server: OpenServer) -> None:
    """Serve a store as it is.

    Example: flight-server serve --store ./data
    """
    _serve(server(), lambda _: None)


def _ingest_and_serve(source: Source, server: FlightServer, *, watch: bool = False) -> None:
    def ingest(uri: str) -> None:
        with connect(uri) as client:
            click.echo(ingest_with_progress(client, source))

    def go_on_ingesting(uri: str, came: Signals) -> None:
        with connect(uri) as client:
            watch_and_ingest(client, source, came)

    _serve(server, ingest, source.repo, go_on_ingesting if watch else _wait)


def _wait(_uri: str, came: Signals) -> None:
    came.wait()


def _serve(
    server: FlightServer,
    prepare: Callable[[str], None],
    repo: str | None = None,
    meanwhile: Callable[[str, Signals], None] = _wait,
) -> None:
    """Serve until Ctrl-C or SIGTERM, which end it with exit code 0 once it listens."""
    _log_to_stderr()
    with interruptible() as came, serving(server):
        prepare(server.uri)
        with suppress(KeyboardInterrupt):
            click.echo(f"listening on {server.uri}")
            if repo is not None:
                click.echo(_how_to_read(server.uri, repo))
            meanwhile(server.uri, came)


def _log_to_stderr() -> None:
    """A line for each call on stderr, from this server alone and not from the libraries below it."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("flight_server")
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def _how_to_read(uri: str, repo: str) -> str:
    """A line each for pyarrow, DuckDB and Polars, to be pasted into a shell."""
    ticket = json.dumps(json.dumps({"repo": repo, "dataset": SHOWN_DATASET}))
    dataset = f'from flight_client import connect; d = connect("{uri}").dataset("{repo}", "{SHOWN_DATASET}")'
    return "\n".join(
        f"  python -c {shlex.quote(code)}"
        for code in (
            f'import pyarrow.flight as f; print(f.connect("{uri}").do_get(f.Ticket({ticket})).read_all())',
            f'import duckdb; {dataset}; print(duckdb.sql("from d limit 10"))',
            f"import polars; {dataset}; print(polars.scan_pyarrow_dataset(d).head(10).collect())",
        )
    )
