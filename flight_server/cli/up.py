"""The commands that serve: ``up`` a folder, ``demo`` the packaged example, ``serve`` a store."""

import importlib.util
import shlex
from contextlib import suppress
from importlib import resources

import click

import flight_server
from flight_client.ingest import SourceFolder
from flight_server.cli.configuration import configurable
from flight_server.cli.hosting import OpenServer, own_client, serving
from flight_server.cli.log_output import LogOutput, with_log
from flight_server.cli.server_options import with_server
from flight_server.cli.session import DEFAULT_URI, interruptible
from flight_server.cli.sources import ingest_with_progress, with_source
from flight_server.cli.watch import WATCH_OPTION, watch_and_ingest
from flight_server.serving.warming import FIRST

SHOWN_DATASET, SHOWN_COLUMNS = "definitions", "select qname, path, line"


@configurable
@with_source
@with_server
@WATCH_OPTION
@with_log
def up(source: SourceFolder, server: OpenServer, log: LogOutput, *, watch: bool) -> None:
    """Extract a folder of Python source, and serve it.

    Files that have not changed since the last time are not extracted again. Paths in the tables are relative to PATH.

    Example: flight-server up ~/src/django
    """
    _serve(server, log, source, watch=watch)


@configurable
@with_server
@with_log
def demo(server: OpenServer, log: LogOutput) -> None:
    """Extract and serve the small example repo that comes with the package.

    Example: flight-server demo --port 0
    """
    with resources.as_file(resources.files(flight_server) / "demo_repo") as path:
        _serve(server, log, SourceFolder(path, "demo", jobs=1))


@configurable
@with_server
@with_log
def serve(server: OpenServer, log: LogOutput) -> None:
    """Serve a store as it is.

    Example: flight-server serve --store ./data
    """
    _serve(server, log)


def _serve(opens: OpenServer, log: LogOutput, source: SourceFolder | None = None, *, watch: bool = False) -> None:
    """Ingest the source if there is one, and serve until Ctrl-C or SIGTERM.

    After "listening on …" is printed, both signals end the command with exit code 0.
    """
    log.start()
    server = opens()
    with interruptible() as signals, serving(server):
        if source is not None:
            with own_client(server) as client:
                click.echo(ingest_with_progress(client, source))
        with suppress(KeyboardInterrupt):
            if source is None and server.is_new:
                click.echo(f"there was no store {server.service.store.root}: this is a new, empty one")
            click.echo(f"listening on {server.uri}")
            if server.http is not None:
                click.echo(f"  {server.http.uri}/v1 (rows), /readyz (health), /metrics")
            if source is not None:
                click.echo(_how_to_read(server.uri, source.repo))
                server.service.warming.request(source.repo, FIRST)
            if source is not None and watch:
                with own_client(server) as client:
                    watch_and_ingest(client, source, signals)
            else:
                signals.wait()


def _how_to_read(uri: str, repo: str) -> str:
    """Shell commands that read with what is installed: SQL, pyarrow, DuckDB, Polars."""
    dataset = f'from flight_client import connect; d = connect("{uri}").dataset("{repo}", "{SHOWN_DATASET}")'
    codes = {
        "pyarrow": f"{dataset}; print(d.head(10).to_pylist())",
        "duckdb": f'import duckdb; {dataset}; print(duckdb.sql("from d {SHOWN_COLUMNS} limit 10"))',
        "polars": f'import polars as p; {dataset}; print(p.scan_pyarrow_dataset(d).select("qname").head(10).collect())',
    }
    installed = {library: code for library, code in codes.items() if importlib.util.find_spec(library)}
    server = "" if uri == DEFAULT_URI else f" --server {uri}"
    sql = f'flight-server sql {repo} "from {SHOWN_DATASET} {SHOWN_COLUMNS} limit 10"{server}'
    lines = [*([sql] if "duckdb" in installed else []), *(f"python -c {shlex.quote(c)}" for c in installed.values())]
    return "\n".join(f"  {line}" for line in lines)
