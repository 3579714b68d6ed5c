"""The commands that change a store: ``ingest`` a folder, ``put`` a file, ``drop`` a repo."""

from pathlib import Path

import click
import pyarrow as pa

from flight_client import Client
from flight_server.cli.files import read_file
from flight_server.cli.progress import EXTRACTION_OPTIONS, ingest_with_progress, repo_name
from flight_server.cli.session import client_of, interruptible, options, with_client
from flight_server.contracts.raw import RAW_TABLES
from flight_server.contracts.tables import BY_CONTRACT


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--to", "uri", metavar="URI", help="The server to put it into.")
@click.option("--store", type=click.Path(path_type=Path, file_okay=False), help="A store folder, without a server.")
@click.option("--repo", help="The repo's name.  [default: the folder's name]")
@options(*EXTRACTION_OPTIONS)
def ingest(
    path: Path, uri: str | None, store: Path | None, repo: str | None, jobs: int | None, layers: tuple[str, ...]
) -> None:
    """Extract a folder of Python source into a server; what has not changed is left alone.

    Example: flight-server ingest ~/src/django --to grpc://127.0.0.1:8815
    """
    name = repo or repo_name(path)
    with interruptible(), client_of(uri, store) as client:
        click.echo(ingest_with_progress(client, path, name, jobs, layers))


@click.command()
@with_client
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
