"""The commands that write: ``ingest`` a folder, ``put`` a file, ``drop`` a repo."""

import sys
from contextlib import suppress
from pathlib import Path

import click
import pyarrow as pa

from flight_client import Client
from flight_client.contracts.raw import RAW_TABLES
from flight_client.contracts.tables import BY_CONTRACT
from flight_client.ingest import SourceFolder
from flight_server.cli.extra_layers import ExtraLayers, put_extras, with_extras
from flight_server.cli.session import Target, interruptible, with_client, with_target
from flight_server.cli.sources import ingest_with_progress, with_source
from flight_server.cli.table_files import read_file
from flight_server.cli.watch import WATCH_OPTION, watch_and_ingest


@click.command()
@with_source
@with_target("--to", makes_store=True)
@with_extras
@WATCH_OPTION
def ingest(source: SourceFolder, target: Target, extras: ExtraLayers, *, watch: bool) -> None:
    """Extract a folder of Python source into a server.

    Files that have not changed since the last time are not extracted again.

    Example: flight-server ingest ~/src/django --to grpc://127.0.0.1:8815
    """
    with interruptible() as signals, target.client() as client:
        click.echo(ingest_with_progress(client, source))
        put_extras(client, source, extras)
        if watch:
            with suppress(KeyboardInterrupt):
                watch_and_ingest(client, source, signals)


@click.command()
@with_client(makes_store=True)
@click.argument("repo")
@click.argument("table")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--mode", type=click.Choice(["replace", "append", "files"]), default="replace", show_default=True)
def put(client: Client, repo: str, table: str, file: Path, mode: str) -> None:
    """Put a Parquet, Arrow IPC or CSV file into a raw table.

    In CSV an empty field is null, lists and maps are JSON, bytes are base64.

    Example: flight-server put django rt_objects objects.parquet
    """
    spec = RAW_TABLES.get(BY_CONTRACT.get(table, table))
    with read_file(file, pa.schema([]) if spec is None else spec.plain_schema) as reader:
        reply = client.put(repo, table, reader, mode=mode)
    click.echo(f"{repo}/{table}: {reply['rows']} rows, snapshot {reply['snapshot']}")


@click.command()
@with_client()
@click.argument("repo")
@click.option("--yes", is_flag=True, help="Don't ask.")
def drop(client: Client, repo: str, *, yes: bool) -> None:
    """Remove a repo with all its snapshots and cached results.

    On a terminal it asks first.

    Example: flight-server drop django
    """
    if sys.stdin.isatty() and not yes:
        click.confirm(f"Remove {repo} with all its snapshots?", abort=True)
    client.drop(repo)
    click.echo(f"{repo}: dropped")
