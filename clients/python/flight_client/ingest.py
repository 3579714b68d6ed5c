"""Ingesting a folder of source into a server: changed files are extracted, and their rows put in one transaction."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from flight_client.client import Client
from flight_client.client_errors import FlightClientError
from flight_client.extract import DEFAULT_LAYERS, EXTRACTED, EXTRACTOR_VERSION, SourceFile, extract, scan
from flight_client.extract.layers import known_layers, tables_of
from flight_client.extract.raw_rows import SCHEMAS
from flight_client.extract.source_files import NotAFolderError
from flight_client.git_state import git_state
from flight_client.parse_errors import ParseError, parse_errors, readable
from flight_client.puts import PutStream, put_batches
from flight_client.tickets import whole_number

INCOMPLETE = "incomplete"  # the extractor version of a table that lacks files
# The columns of repo_files that a file's rows depend on.
STATE_COLUMNS = ("path", "file_sha256", "size_bytes", "module", "is_package", "source_root", "root_reason")
ATTEMPTS = 3

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Ingested:
    """The result of an ingest: files found, extracted and removed, rows by table, and the snapshot (None: no change).

    ``changed`` are the paths of the files whose content or module name differed from the server's. ``repaired`` says
    what the server did because stored files were damaged.
    """

    repo: str
    files: int
    extracted: int
    removed: int
    rows: Mapping[str, int]
    snapshot: int | None
    changed: tuple[str, ...] = ()
    repaired: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceFolder:
    """A folder to be ingested, with the layers to extract and the files to include.

    ``include``, ``exclude`` and ``source_roots`` are as in ``scan``; ``jobs`` is the number of processes, by default
    one for each core.
    The interpreter ``python`` parses the files that the running one can't.
    ``label`` names the snapshot, as in v5.2.
    """

    root: Path
    repo: str
    layers: Sequence[str] = DEFAULT_LAYERS
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    jobs: int | None = None
    python: str | None = None
    label: str | None = None
    source_roots: Sequence[Path] = ()

    def files(self) -> tuple[SourceFile, ...]:
        """Its source files; raises the errors of ``scan``."""
        return scan(self.root, include=self.include, exclude=self.exclude, source_roots=self.source_roots)


@dataclass(frozen=True)
class _Served:
    """The state of a repo at the server: its files by path, and the extractor's version by table.

    ``files`` maps a path to its values of the other columns of STATE_COLUMNS. ``snapshot`` is None for a new repo.
    """

    files: Mapping[str, tuple[object, ...]]
    versions: Mapping[str, str]
    snapshot: int | None


@dataclass(frozen=True)
class _Pass:
    """A run of the extractor for some tables: over all files if ``whole`` is set, else over the changed files."""

    files: tuple[SourceFile, ...]
    layers: tuple[str, ...]
    tables: tuple[str, ...]
    whole: bool


@dataclass(frozen=True)
class _Work:
    """The work to be done; ``changed`` are the paths of files that are new or differ from the server's."""

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
    python: str | None = None,
    source_roots: Sequence[Path] = (),
    progress: Progress | None = None,
) -> Ingested:
    """Bring ``repo`` up to date with the folder ``root``: ``ingest_source`` with its arguments one by one."""
    source = SourceFolder(root, repo, layers, include, exclude, jobs, python, source_roots=source_roots)
    return ingest_source(client, source, progress)


def ingest_source(client: Client, source: SourceFolder, progress: Progress | None = None) -> Ingested:
    """Bring a repo up to date with a folder.

    Files that the server has with the same sha256 and module name are not extracted again. The exception is a layer
    with a table that was never put, or that another version of the extractor made: this layer is extracted from all
    files. Layers that are not chosen lose the rows of changed files, and are extracted anew when they are chosen again.
    A file with a parse error counts as changed if the interpreter ``source.python`` can parse it.
    ``progress`` is called with the number of finished files and of all files. If another ingest of the repo commits
    first, this one starts again with the remaining work. Raises FlightClientError, and the errors of ``scan`` and
    ``extract``.
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
    repo, files = source.repo, source.files()
    is_new = repo not in client.repos()
    repaired = () if is_new else _repaired(client, repo)
    served = _Served({}, {}, None) if is_new else _served(client, repo)
    if source.python is not None and served.snapshot is not None:
        served = _without_readable(served, files, source.python, parse_errors(client, repo, served.snapshot))
    work = _work(files, served, source.layers)
    if not work.passes and not work.removed and source.label is None:
        return Ingested(repo, len(files), 0, 0, {}, None, repaired=repaired)
    counting = _counting(progress, sum(len(each.files) for each in work.passes))
    with client.transaction(repo, files=len(files)) as begun:
        txn, rows = str(begun["txn"]), dict[str, int]()
        if begun.get("snapshot") != served.snapshot:
            raise FlightClientError("conflict", f"{repo} was changed by another commit meanwhile")
        for each in work.passes:
            batches = extract(
                each.files,
                repo=repo,
                parts=whole_number(begun, "parts"),
                jobs=source.jobs or os.cpu_count() or 1,
                layers=each.layers,
                progress=counting,
                python=source.python,
            )
            with closing(batches):
                rows |= put_batches(_streams(client, repo, txn, each, work.changed), batches)
        put_batches(_outdated(client, repo, txn, work, served.versions.keys() - set(rows)), ())
        _check_folder(source.root)
        note = git_state(source.root) | ({} if source.label is None else {"label": source.label})
        snapshot = whole_number(client.commit(txn, rows, removed=work.removed, note=note), "snapshot")
    return Ingested(repo, len(files), work.extracted, len(work.removed), rows, snapshot, work.changed, repaired)


def _repaired(client: Client, repo: str) -> tuple[str, ...]:
    """Have the server repair a repo whose stored files are damaged: the rows that are lost are extracted again."""
    if client.maintenance.is_sound(repo):
        return ()
    steps = client.maintenance.check(repo, repair=True).get("steps")
    return tuple(map(str, steps)) if isinstance(steps, list) else ()


def _check_folder(root: Path) -> None:
    """Raise NotAFolderError if the folder was removed: a commit would then delete the rows of all its files."""
    if not root.is_dir():
        raise NotAFolderError(f"{root} was removed meanwhile")


def _served(client: Client, repo: str) -> _Served:
    infos = {info.dataset: info for info in client.infos(repo, kind="raw")}
    snapshot = whole_number(infos["repo_files"].metadata, "snapshot")
    made_by = {table: (infos[table].schema.metadata or {}).get(b"extractor_version") for table in EXTRACTED}
    versions = {table: version.decode() for table, version in made_by.items() if version is not None}
    is_current = versions.get("repo_files") == EXTRACTOR_VERSION  # another version may have other columns
    with client.read(
        repo, "repo_files", columns=STATE_COLUMNS[: None if is_current else 1], snapshot=snapshot
    ) as reader:
        files = reader.read_all().to_pylist()
    return _Served({file.pop("path"): tuple(file.values()) for file in files}, versions, snapshot)


def _without_readable(
    served: _Served, files: Sequence[SourceFile], python: str, errors: Sequence[ParseError]
) -> _Served:
    """The state without the hashes of the files that have errors and that ``python`` can parse."""
    failed = {error.path for error in errors}
    found = readable(python, [file for file in files if file.path in failed])
    unknown = {path: ("", *served.files[path][1:]) for path in found if path in served.files}
    return replace(served, files={**served.files, **unknown})


def _work(files: tuple[SourceFile, ...], served: _Served, layers: Sequence[str]) -> _Work:
    """Layers with outdated tables are extracted from all files, the others and ``repo_files`` from changed files."""
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
    """Whether the file is new or differs from the server's; it is hashed only if its size and module are equal."""
    sha256, *rest = served.files.get(file.path) or ("",)
    module = file.module
    named = [module.dotted, module.is_package, module.root, module.reason]
    return rest != [file.size, *named] or sha256 != file.sha256


def _streams(
    client: Client, repo: str, txn: str, work: _Pass, changed: Sequence[str]
) -> Iterator[tuple[str, PutStream]]:
    """A put for each table, even without rows, since it deletes the table's old rows."""
    mode, removed = ("replace", ()) if work.whole else ("files", changed)
    for table in work.tables:
        yield table, client.open_put(repo, table, SCHEMAS[table], mode=mode, txn=txn, removed=removed)


def _outdated(
    client: Client, repo: str, txn: str, work: _Work, tables: Iterable[str]
) -> Iterator[tuple[str, PutStream]]:
    """A put for each table of the other layers, which deletes the changed files' rows and marks it INCOMPLETE."""
    if work.changed:
        for table in sorted(tables):
            metadata = {**(SCHEMAS[table].metadata or {}), b"extractor_version": INCOMPLETE}
            schema = SCHEMAS[table].with_metadata(metadata)
            yield table, client.open_put(repo, table, schema, mode="files", txn=txn, removed=work.changed)


def _counting(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        if progress is not None:
            progress(done, total)

    return advance
