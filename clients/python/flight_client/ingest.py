"""A folder of source into a server: what changed since the last time is extracted and put, in one transaction."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from flight_client.client import Client
from flight_client.errors import FlightClientError
from flight_client.extract import EXTRACTED, EXTRACTOR_VERSION, LAYERS, SourceFile, extract, scan
from flight_client.extract.layers import known_layers, tables_of
from flight_client.extract.tables import SCHEMAS
from flight_client.puts import PutStream

INCOMPLETE = "incomplete"  # the extractor version of a table that lacks files

ATTEMPTS = 3

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


@dataclass(frozen=True)
class _Served:
    """What the server has: each file's sha256 by path, and by table the version of the extractor that made its rows.

    ``snapshot`` is null for a repo that there is not.
    """

    files: Mapping[str, str]
    versions: Mapping[str, str]
    snapshot: int | None


@dataclass(frozen=True)
class _Work:
    """What is to be done: ``changed`` are paths whose text the server does not have, ``removed`` those that are gone.

    ``whole`` says that all files are extracted, since a table lacks rows or has those of another extractor.
    """

    extracted: tuple[SourceFile, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    whole: bool


def ingest(
    client: Client,
    root: Path,
    *,
    repo: str,
    jobs: int | None = None,
    layers: Sequence[str] = LAYERS,
    progress: Progress | None = None,
) -> Ingested:
    """Bring ``repo`` up to date with the folder ``root``.

    Files whose sha256 the server already has are left alone, unless a table of the ``layers`` has not been put yet, or
    another version of the extractor made its rows. Other layers lose the rows of files that have changed, and are
    extracted anew when they are chosen again. ``jobs`` is the number of processes (the machine's cores by default).
    ``progress`` is told files done and files to do. When another ingest of the repo is faster, this one looks again at
    what is left to do. Raises the errors of ``scan`` and ``extract``, FlightClientError.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _ingest(client, root, repo, jobs, layers, progress)
        except FlightClientError as error:
            if error.code != "conflict":
                raise
    return _ingest(client, root, repo, jobs, layers, progress)


def _ingest(
    client: Client, root: Path, repo: str, jobs: int | None, layers: Sequence[str], progress: Progress | None
) -> Ingested:
    files, tables = scan(root), tables_of(known_layers(layers))
    served = _served(client, repo)
    work = _work(files, served, tables)
    if not work.extracted and not work.removed:
        return Ingested(repo, len(files), 0, 0, {}, None)
    begun = client.begin(repo, files=len(files))
    txn, parts = str(begun["txn"]), _whole(begun["parts"])
    if begun.get("snapshot") != served.snapshot:
        client.abort(txn)
        raise FlightClientError("conflict", f"{repo} was changed by another commit meanwhile")
    batches = extract(
        work.extracted,
        repo=repo,
        root=root,
        parts=parts,
        jobs=jobs or os.cpu_count() or 1,
        layers=layers,
        progress=_counting(progress, len(work.extracted)),
    )
    try:
        with closing(batches):
            rows = _put(_streams(client, repo, txn, work, tables), batches)
        _put(_outdated(client, repo, txn, work, served.versions.keys() - set(tables)), ())
        committed = client.commit(txn, rows, removed=work.removed)
    except BaseException:
        with suppress(FlightClientError):  # the error that led here says more
            client.abort(txn)
        raise
    return Ingested(repo, len(files), len(work.extracted), len(work.removed), rows, _whole(committed["snapshot"]))


def _served(client: Client, repo: str) -> _Served:
    if repo not in client.repos():
        return _Served({}, {}, None)
    infos = {info.dataset: info for info in client.infos(repo)}
    snapshot = _whole(infos["repo_files"].metadata.get("snapshot"))
    made_by = {table: (infos[table].schema.metadata or {}).get(b"extractor_version") for table in EXTRACTED}
    with client.read(repo, "repo_files", columns=["path", "file_sha256"], snapshot=snapshot) as reader:
        files = reader.read_all()
    sums = dict(zip(files.column("path").to_pylist(), files.column("file_sha256").to_pylist(), strict=True))
    versions = {table: version.decode() for table, version in made_by.items() if version is not None}
    return _Served(sums, versions, snapshot)


def _work(files: Sequence[SourceFile], served: _Served, tables: Iterable[str]) -> _Work:
    changed = tuple(file for file in files if served.files.get(file.path) != file.sha256)
    removed = tuple(sorted(served.files.keys() - {file.path for file in files}))
    whole = any(served.versions.get(table) != EXTRACTOR_VERSION for table in tables)
    return _Work(tuple(files) if whole else changed, tuple(file.path for file in changed), removed, whole)


def _streams(
    client: Client, repo: str, txn: str, work: _Work, tables: Iterable[str]
) -> Iterator[tuple[str, PutStream]]:
    """A put for each table, also for those that get no rows: their old ones go."""
    mode, removed = ("replace", ()) if work.whole else ("files", work.changed)
    for table in tables:
        yield table, client.open_put(repo, table, SCHEMAS[table], mode=mode, txn=txn, removed=removed)


def _outdated(
    client: Client, repo: str, txn: str, work: _Work, tables: Iterable[str]
) -> Iterator[tuple[str, PutStream]]:
    """A put for each table of the layers not chosen that takes the changed files' rows away, and says that it did."""
    if work.changed:
        for table in sorted(tables):
            metadata = {**(SCHEMAS[table].metadata or {}), b"extractor_version": INCOMPLETE}
            schema = SCHEMAS[table].with_metadata(metadata)
            yield table, client.open_put(repo, table, schema, mode="files", txn=txn, removed=work.changed)


def _put(opened: Iterable[tuple[str, PutStream]], batches: Iterable[tuple[str, pa.RecordBatch]]) -> dict[str, int]:
    """Put the batches as they come into their tables' streams; gives the rows of each."""
    streams: dict[str, PutStream] = {}
    try:
        streams.update(opened)
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
