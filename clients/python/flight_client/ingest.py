"""A folder of source into a server: what changed since the last time is extracted and put, in one transaction."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from flight_client.client import Client
from flight_client.errors import FlightClientError
from flight_client.extract import EXTRACTED, EXTRACTOR_VERSION, extract, scan
from flight_client.extract.tables import SCHEMAS
from flight_client.puts import PutStream

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Ingested:
    """What an ingest did: files found, extracted and removed, rows put by table, and the snapshot (null: no change)."""

    repo: str
    files: int
    extracted: int
    removed: int
    rows: Mapping[str, int]
    snapshot: int | None


def ingest(
    client: Client, root: Path, *, repo: str, jobs: int | None = None, progress: Progress | None = None
) -> Ingested:
    """Bring ``repo`` up to date with the folder ``root``.

    Files whose sha256 the server already has are left alone, unless another version of the extractor made the rows.
    ``jobs`` is the number of processes (the machine's cores by default). ``progress`` is told files done and files to
    do. Raises the errors of ``scan``, and FlightClientError.
    """
    files = scan(root)
    known = _known(client, repo)
    changed = tuple(file for file in files if known is None or known.get(file.path) != file.sha256)
    removed = tuple(sorted((known or {}).keys() - {file.path for file in files}))
    if known is not None and not changed and not removed:
        return Ingested(repo, len(files), 0, 0, {}, None)
    begun = client.begin(repo, files=len(files))
    txn, parts = str(begun["txn"]), _whole(begun["parts"])
    batches = extract(
        changed,
        repo=repo,
        root=root,
        parts=parts,
        jobs=jobs or os.cpu_count() or 1,
        progress=_counting(progress, len(changed)),
    )
    try:
        with closing(batches):
            if known is None:
                rows = _put(client, repo, txn, batches)
            else:
                rows = _put(client, repo, txn, batches, mode="files", removed=[file.path for file in changed])
        committed = client.commit(txn, rows, removed=removed)
    except BaseException:
        with suppress(FlightClientError):  # the error that led here says more
            client.abort(txn)
        raise
    return Ingested(repo, len(files), len(changed), len(removed), rows, _whole(committed["snapshot"]))


def _known(client: Client, repo: str) -> Mapping[str, str] | None:
    """The sha256 of each file that the server has, by path; null when all is to be extracted anew."""
    if repo not in client.repos():
        return None
    with client.read(repo, "repo_files", columns=["path", "file_sha256"]) as reader:
        made_by = (reader.schema.metadata or {}).get(b"extractor_version", b"").decode()
        files = reader.read_all()
    if made_by != EXTRACTOR_VERSION:
        return None
    return dict(zip(files.column("path").to_pylist(), files.column("file_sha256").to_pylist(), strict=True))


def _put(
    client: Client,
    repo: str,
    txn: str,
    batches: Iterable[tuple[str, pa.RecordBatch]],
    *,
    mode: str = "replace",
    removed: Sequence[str] = (),
) -> dict[str, int]:
    """Put the batches as they come, a stream for each table; gives the rows of each."""
    streams: dict[str, PutStream] = {}
    try:
        for table in EXTRACTED:  # also those that get no rows: their old ones go
            streams[table] = client.open_put(repo, table, SCHEMAS[table], mode=mode, txn=txn, removed=removed)
        for table, batch in batches:
            streams[table].write(batch)
        for stream in streams.values():
            stream.finish()
    except BaseException:
        for stream in streams.values():
            with suppress(FlightClientError):  # each may have been refused; the first error is the one to raise
                stream.abandon()
        raise
    return {table: stream.rows for table, stream in streams.items()}


def _counting(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        if progress is not None:
            progress(done, total)

    return advance


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise FlightClientError("protocol", f"the server answered {value!r} where a whole number was due")
    return value
