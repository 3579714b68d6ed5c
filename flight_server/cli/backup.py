"""``backup``: a snapshot's raw tables as plain Parquet files, in a folder or a tar file; ``restore`` puts them back."""

import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq

from arrowdsl.errors import DataError
from flight_client import Client
from flight_client.contracts.ids import FILES_PER_PART
from flight_server.cli.session import with_client
from flight_server.storage.parquet_file import ParquetFileWriter, checksums
from flight_server.storage.store_errors import writing

_CONTENTS = "backup.json"
_FORMAT = 1
_TAR = ".tar"


class BackupError(DataError):
    """A folder or file that is not a backup, or not a whole one."""

    code = "bad_backup"


@click.command()
@with_client()
@click.argument("repo")
@click.argument("destination", type=click.Path(path_type=Path))
@click.option("--snapshot", type=click.IntRange(1), help="The snapshot.  [default: the newest]")
def backup(client: Client, repo: str, destination: Path, snapshot: int | None) -> None:
    """Write a snapshot's raw tables as Parquet into a new folder or .tar file.

    The backup is that of one snapshot, whatever is committed meanwhile.

    Example: flight-server backup django django.tar
    """
    if destination.exists():
        raise BackupError(f"{destination} exists already; allowed: a new folder, or a new file that ends in .tar")
    with tempfile.TemporaryDirectory(dir=destination.absolute().parent, prefix=".backup-") as name:
        folder = Path(name) / destination.stem
        folder.mkdir()
        contents = _write(client, repo, snapshot, folder)
        with writing("the backup"):
            if destination.suffix == _TAR:
                packed = Path(name) / destination.name
                with tarfile.open(packed, "w") as tar:
                    tar.add(folder, destination.stem)
                packed.rename(destination)
            else:
                folder.rename(destination)
    click.echo(f"{repo}: snapshot {contents['snapshot']}, {len(contents['tables'])} tables in {destination}")


@click.command()
@with_client(makes_store=True)
@click.argument("source", type=click.Path(path_type=Path, exists=True))
def restore(client: Client, source: Path) -> None:
    """Put the tables of a backup back, as the newest snapshot of their repo.

    Example: flight-server restore django.tar
    """
    with _folder_of(source) as folder:
        contents = _contents(folder, source)
        repo, tables = contents["repo"], contents["tables"]
        with client.transaction(repo, contents["parts"] * FILES_PER_PART) as begun:
            for table, expected in tables.items():
                with pq.ParquetFile(folder / f"{table}.parquet") as file:
                    batches = pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches())
                    done = client.put(repo, table, batches, txn=str(begun["txn"]))
                if done["rows"] != expected["rows"]:
                    raise BackupError(f"{table} has {done['rows']} rows in {source}, {expected['rows']} were written")
            rows = {table: expected["rows"] for table, expected in tables.items()}
            note = {**contents["note"], "restored": f"snapshot {contents['snapshot']}"}
            made = client.commit(str(begun["txn"]), rows, note=note)
    click.echo(f"{repo}: snapshot {made['snapshot']} has the rows of {source}")


def _write(client: Client, repo: str, snapshot: int | None, folder: Path) -> dict[str, Any]:
    """Write the tables and their list; returns the list."""
    infos = client.infos(repo, kind="raw")
    number = snapshot or next(int(str(info.metadata["snapshot"])) for info in infos)
    described = next(each for each in _described(client, repo) if each["snapshot"] == number)
    tables = {}
    for info in (client.info(repo, each.dataset, snapshot=number) for each in infos):
        if b"extractor_version" not in (info.schema.metadata or {}) and not info.rows:
            continue  # the table was never put
        path = folder / f"{info.dataset}.parquet"
        writer, rows = ParquetFileWriter(path, info.schema), 0
        try:
            with client.read(repo, info.dataset, snapshot=number) as reader:
                for batch in reader:
                    writer.write(pa.Table.from_batches([batch]).cast(info.schema))
                    rows += batch.num_rows
        finally:
            writer.close()
        tables[info.dataset] = {"rows": rows, "blake2b": checksums(path).content_hash}
    contents = {
        "format": _FORMAT,
        "repo": repo,
        "snapshot": number,
        "created": described["created"],
        "note": described["note"],
        "parts": described["parts"],
        "tables": tables,
    }
    with writing("the backup"):
        (folder / _CONTENTS).write_text(json.dumps(contents, indent=1))
    return contents


def _described(client: Client, repo: str) -> Iterator[Mapping[str, Any]]:
    return (each for each in client.snapshots(repo) if isinstance(each, dict))


@contextmanager
def _folder_of(source: Path) -> Iterator[Path]:
    """The folder of a backup; a tar file is unpacked for the time of the block."""
    if source.is_dir():
        yield source
        return
    with tempfile.TemporaryDirectory() as name:
        try:
            with tarfile.open(source) as tar:
                tar.extractall(name, filter="data")
        except (tarfile.TarError, OSError) as error:
            raise BackupError(f"{source} is neither a folder nor a tar file: {error}") from error
        yield next((path.parent for path in Path(name).rglob(_CONTENTS)), Path(name))


def _contents(folder: Path, source: Path) -> dict[str, Any]:
    """The list of a backup's tables, whose files are compared with their checksums."""
    try:
        contents: dict[str, Any] = json.loads((folder / _CONTENTS).read_text())
        if contents["format"] > _FORMAT:
            raise BackupError(f"{source} was written by a newer flight-server; update flight-server")
        for table, expected in contents["tables"].items():
            if checksums(folder / f"{table}.parquet").content_hash != expected["blake2b"]:
                raise BackupError(f"{source} is damaged: {table}.parquet does not match its checksum")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{source} is not a backup, or not a whole one: {error!r}") from error
    return contents
