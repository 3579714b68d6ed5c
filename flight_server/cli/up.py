"""The commands that serve: ``up`` a folder, ``demo`` the packaged example, ``serve`` a store."""

import json
import logging
import shlex
from contextlib import suppress
from importlib import resources

import click

import flight_server
from flight_client import connect
from flight_client.ingest import SourceFolder
from flight_server.cli.hosting import OpenServer, serving, with_server
from flight_server.cli.session import interruptible
from flight_server.cli.sources import ingest_with_progress, with_source
from flight_server.cli.watch import WATCH_OPTION, watch_and_ingest
from flight_server.rpc.server import FlightServer

SHOWN_DATASET = "dim_qualified_names"


@click.command()
@with_source
@with_server
@WATCH_OPTION
def up(source: SourceFolder, server: OpenServer, *, watch: bool) -> None:
    """Extract a folder of Python source, and serve it.

    Files that have not changed since the last time are not extracted again.

    Example: flight-server up ~/src/django
    """
    _serve(server(), source, watch=watch)


@click.command()
@with_server
def demo(server: OpenServer) -> None:
    """Extract and serve the small example repo that comes with the package.

    Example: flight-server demo --port 0
    """
    with resources.as_file(resources.files(flight_server) / "demo_repo") as path:
        _serve(server(), SourceFolder(path, "demo", jobs=1))


@click.command()
@with_server
def serve(server: OpenServer) -> None:
    """Serve a store as it is.

    Example: flight-server serve --store ./data
    """
    _serve(server())


def _serve(server: FlightServer, source: SourceFolder | None = None, *, watch: bool = False) -> None:
    """Ingest the source if there is one, and serve until Ctrl-C or SIGTERM.

    After "listening on …" is printed, both signals end the command with exit code 0.
    """
    _log_to_stderr()
    with interruptible() as signals, serving(server):
        if source is not None:
            with connect(server.uri) as client:
                click.echo(ingest_with_progress(client, source))
        with suppress(KeyboardInterrupt):
            click.echo(f"listening on {server.uri}")
            if source is not None:
                click.echo(_how_to_read(server.uri, source.repo))
            if source is not None and watch:
                with connect(server.uri) as client:
                    watch_and_ingest(client, source, signals)
            else:
                signals.wait()


def _log_to_stderr() -> None:
    """Write the log of this server, a line for each call, to stderr, without the logs of libraries."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("flight_server")
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def _how_to_read(uri: str, repo: str) -> str:
    """Three shell commands that read with pyarrow, DuckDB and Polars."""
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
