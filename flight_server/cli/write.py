"""The commands that change a store: ``ingest`` a folder, ``put`` a file, ``drop`` a repo."""

from contextlib import suppress
from pathlib import Path

import click
import pyarrow as pa

from flight_client import Client
from flight_client.contracts.raw import RAW_TABLES
from flight_client.contracts.tables import BY_CONTRACT
from flight_client.ingest import Source
from flight_server.cli.files import read_file
from flight_server.cli.progress import ingest_with_progress, with_source
from flight_server.cli.runtime import Runtime, inspect_and_put, with_runtime
from flight_server.cli.scip import SCIP_OPTIONS, put_index
from flight_server.cli.session import client_of, interruptible, with_client, with_writing_client
from flight_server.cli.watch import WATCH_OPTION, watch_and_ingest


@click.command()
@with_source
@click.option("--to", "uri", metavar="URI", help="The server to put it into.")
@click.option("--store", type=click.Path(path_type=Path, file_okay=False), help="A store folder, without a server.")
@SCIP_OPTIONS
@with_runtime
@WATCH_OPTION
def ingest(
    source: Source,
    uri: str | None,
    store: Path | None,
    index: Path | None,
    prefix: tuple[str, str],
    runtime: Runtime,
    *,
    watch: bool,
) -> None:
    """Extract a folder of Python source into a server; what has not changed is left alone.

    Example: flight-server ingest ~/src/django --to grpc://127.0.0.1:8815
    """
    with interruptible() as came, client_of(uri, store) as client:
        click.echo(ingest_with_progress(client, source))
        if index is not None:
            click.echo(put_index(client, source.repo, index, prefix))
        if runtime.modules:
            inspect_and_put(client, source.repo, source.root, runtime)
        if watch:
            with suppress(KeyboardInterrupt):
                watch_and_ingest(client, source, came)


@click.command()
@with_writing_client
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
@with_client
@click.argument("repo")
def drop(client: Client, repo: str) -> None:
    """Remove a repo with all its snapshots.

    Example: flight-server drop django
    """
    client.drop(repo)
    click.echo(f"{repo}: dropped")
