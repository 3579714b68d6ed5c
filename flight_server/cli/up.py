"""The commands that serve: ``up`` a folder, ``demo`` the packaged example, ``serve`` a store."""

import json
import logging
import shlex
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import resources
from pathlib import Path

import click

import flight_server
from flight_client import connect
from flight_client.extract import LAYERS
from flight_server.cli.progress import EXTRACTION_OPTIONS, ingest_with_progress, repo_name
from flight_server.cli.session import DEFAULT_PORT, interruptible, open_server, options, serving
from flight_server.rpc.server import FlightServer

SHOWN_DATASET = "dim_qualified_names"
_SERVING = (
    click.option("--store", type=click.Path(path_type=Path, file_okay=False), help="Where the data is kept."),
    click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on."),
    click.option(
        "--port", default=DEFAULT_PORT, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
    ),
)


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--repo", help="The repo's name.  [default: the folder's name]")
@options(*_SERVING, *EXTRACTION_OPTIONS)
def up(
    path: Path, repo: str | None, store: Path | None, host: str, port: int, jobs: int | None, layers: tuple[str, ...]
) -> None:
    """Extract a folder of Python source, and serve it.

    What has not changed since the last time is not extracted again.

    Example: flight-server up ~/src/django
    """
    _ingest_and_serve(path, repo or repo_name(path), open_server(store, host, port), jobs, layers)


@click.command()
@options(*_SERVING)
def demo(store: Path | None, host: str, port: int) -> None:
    """Extract and serve the small example repo that comes with the package.

    Example: flight-server demo --port 0
    """
    with resources.as_file(resources.files(flight_server) / "demo_repo") as path:
        _ingest_and_serve(path, "demo", open_server(store, host, port), 1, LAYERS)


@click.command()
@options(*_SERVING)
def serve(store: Path | None, host: str, port: int) -> None:
    """Serve a store as it is.

    Example: flight-server serve --store ./data
    """
    _serve(open_server(store, host, port), lambda _: None)


def _ingest_and_serve(path: Path, repo: str, server: FlightServer, jobs: int | None, layers: tuple[str, ...]) -> None:
    def ingest(uri: str) -> None:
        with connect(uri) as client:
            click.echo(ingest_with_progress(client, path, repo, jobs, layers))

    _serve(server, ingest, repo)


def _serve(server: FlightServer, prepare: Callable[[str], None], repo: str | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM, which end it with exit code 0 once it listens."""
    _log_to_stderr()
    with interruptible(), serving(server):
        prepare(server.uri)
        with suppress(KeyboardInterrupt):
            click.echo(f"listening on {server.uri}")
            if repo is not None:
                click.echo(_how_to_read(server.uri, repo))
            threading.Event().wait()


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
