"""A folder of source into a server: what changed since the last time is extracted and put, in one transaction."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from flight_client.client import Client
from flight_client.client_errors import FlightClientError
from flight_client.extract import DEFAULT_LAYERS, EXTRACTED, EXTRACTOR_VERSION, SourceFile, extract, scan
from flight_client.extract.layers import known_layers, tables_of
from flight_client.extract.raw_rows import SCHEMAS
from flight_client.extract.source_files import NotAFolderError
from flight_client.puts import PutStream

INCOMPLETE = "incomplete"  # the extractor version of a table that lacks files
KNOWN = ("path", "file_sha256", "size_bytes", "module", "is_package")  # a file's rows depend on these
ATTEMPTS = 3

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Ingested:
    """What an ingest did: files found, extracted and removed, rows put by table, and the snapshot (null: no change).

    ``changed`` are the paths of the files whose content or module name was not that on the server.
    """

    repo: str
    files: int
    extracted: int
    removed: int
    rows: Mapping[str, int]
    snapshot: int | None
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceFolder:
    """What is ingested: a folder, the layers that are extracted of its files, and which files count.

    ``include`` and ``exclude`` are as in ``scan``; ``jobs`` is the number of processes, by default one for each core.
    """

    root: Path
    repo: str
    layers: Sequence[str] = DEFAULT_LAYERS
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    jobs: int | None = None


@dataclass(frozen=True)
class _Served:
    """What the server has: by path what it knows of a file, and by table the version of the extractor of its rows.

    ``snapshot`` is null for a repo that there is not.
    """

    files: Mapping[str, tuple[str, int, str, bool]]
    versions: Mapping[str, str]
    snapshot: int | None


@dataclass(frozen=True)
class _Pass:
    """Files that go through the extractor for some tables: all files into ``whole`` tables, else what has changed."""

    files: tuple[SourceFile, ...]
    layers: tuple[str, ...]
    tables: tuple[str, ...]
    whole: bool


@dataclass(frozen=True)
class _Work:
    """What is to be done: ``changed`` are the paths of files that the server does not have as they are now."""

    passes: tuple[_Pass, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def extracted(self) -> int:
        return max((len(each.files) for each in self.passes), default=0)


def ingest(
    client: Client,
    root: Path,
    *,
    repo: str,
    jobs: int | None = None,
    layers: Sequence[str] = DEFAULT_LAYERS,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    progress: Progress | None = None,
) -> Ingested:
    """Bring ``repo`` up to date with the folder ``root``: ``ingest_source`` with its arguments one by one."""
    return ingest_source(client, SourceFolder(root, repo, layers, include, exclude, jobs), progress)


def ingest_source(client: Client, source: SourceFolder, progress: Progress | None = None) -> Ingested:
    """Bring a repo up to date with a folder.

    Files that the server already has under the same sha256 and module name are left alone, but for layers of which a
    table has not been put yet, or has rows of another version of the extractor: these get the rows of all files.
    Layers not chosen lose the rows of files that have changed, and are extracted anew when they are chosen again.
    ``progress`` is told files done and files to do. When another ingest of the repo is faster, this one looks again at
    what is left to do. Raises the errors of ``scan`` and ``extract``, FlightClientError.
    """
    source = replace(source, layers=known_layers(source.layers))
    for _ in range(ATTEMPTS - 1):
        try:
            return _ingest(client, source, progress)
        except FlightClientError as error:
            if error.code != "conflict":
                raise
    return _ingest(client, source, progress)


def _ingest(client: Client, source: SourceFolder, progress: Progress | None) -> Ingested:
    repo, files = source.repo, scan(source.root, include=source.include, exclude=source.exclude)
    served = _served(client, repo)
    work = _work(files, served, source.layers)
    if not work.passes and not work.removed:
        return Ingested(repo, len(files), 0, 0, {}, None)
    begun = client.begin(repo, files=len(files))
    txn, parts = str(begun["txn"]), _whole(begun["parts"])
    if begun.get("snapshot") != served.snapshot:
        client.abort(txn)
        raise FlightClientError("conflict", f"{repo} was changed by another commit meanwhile")
    counting = _counting(progress, sum(len(each.files) for each in work.passes))
    try:
        rows: dict[str, int] = {}
        for each in work.passes:
            batches = extract(
                each.files,
                repo=repo,
                parts=parts,
                jobs=source.jobs or os.cpu_count() or 1,
                layers=each.layers,
                progress=counting,
            )
            with closing(batches):
                rows |= _put(_streams(client, repo, txn, each, work.changed), batches)
        _put(_outdated(client, repo, txn, work, served.versions.keys() - set(rows)), ())
        _check_folder(source.root)
        committed = client.commit(txn, rows, removed=work.removed)
    except BaseException:
        with suppress(FlightClientError):  # the error that led here says more
            client.abort(txn)
        raise
    snapshot = _whole(committed["snapshot"])
    return Ingested(repo, len(files), work.extracted, len(work.removed), rows, snapshot, work.changed)


def _check_folder(root: Path) -> None:
    """Files that vanish have no rows: where all have vanished with their folder, the server's rows stay."""
    if not root.is_dir():
        raise NotAFolderError(f"{root} was removed meanwhile")


def _served(client: Client, repo: str) -> _Served:
    if repo not in client.repos():
        return _Served({}, {}, None)
    infos = {info.dataset: info for info in client.infos(repo, kind="raw")}
    snapshot = _whole(infos["repo_files"].metadata.get("snapshot"))
    made_by = {table: (infos[table].schema.metadata or {}).get(b"extractor_version") for table in EXTRACTED}
    with client.read(repo, "repo_files", columns=KNOWN, snapshot=snapshot) as reader:
        files = reader.read_all()
    paths, *known = (files.column(name).to_pylist() for name in KNOWN)
    versions = {table: version.decode() for table, version in made_by.items() if version is not None}
    return _Served(dict(zip(paths, zip(*known, strict=True), strict=True)), versions, snapshot)


def _work(files: tuple[SourceFile, ...], served: _Served, layers: Sequence[str]) -> _Work:
    """Layers that lack rows get them of all files, the others of those that have changed; ``repo_files`` goes along."""
    changed = tuple(file for file in files if _is_changed(file, served))
    removed = tuple(sorted(served.files.keys() - {file.path for file in files}))
    outdated = {table for table in tables_of(layers) if served.versions.get(table) != EXTRACTOR_VERSION}
    if "repo_files" in outdated:  # a new repo, or one that another version made
        whole = _Pass(files, tuple(layers), tables_of(layers), whole=True)
        return _Work((whole,), tuple(file.path for file in changed), removed)
    lacking = tuple(layer for layer in layers if outdated.intersection(tables_of([layer])))
    current = tuple(layer for layer in layers if layer not in lacking)
    passes = []
    if lacking:
        passes.append(
            _Pass(files, lacking, tuple(name for name in tables_of(lacking) if name != "repo_files"), whole=True)
        )
    if changed:
        passes.append(_Pass(changed, current, tables_of(current), whole=False))
    return _Work(tuple(passes), tuple(file.path for file in changed), removed)


def _is_changed(file: SourceFile, served: _Served) -> bool:
    """Whether the server lacks the file as it is now; only a file of the same size and module is read and hashed."""
    sha256, *rest = served.files.get(file.path, ("",))
    return rest != [file.size, file.module.name, file.module.is_package] or sha256 != file.sha256


def _streams(
    client: Client, repo: str, txn: str, work: _Pass, changed: Sequence[str]
) -> Iterator[tuple[str, PutStream]]:
    """A put for each table, also for those that get no rows: their old ones go."""
    mode, removed = ("replace", ()) if work.whole else ("files", changed)
    for table in work.tables:
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
            if table in streams:
                streams[table].write(batch)
        for stream in streams.values():
            stream.end()
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
