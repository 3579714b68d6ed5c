"""The check of a store: what is damaged, what is missing, and what nobody needs; and the repair.

Every file that a manifest names is read once. A snapshot is whole if its manifest and all its files are as they were
written. Files of running commits have a second name, in a staging folder, and are not reported.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pyarrow.parquet as pq

from arrowdsl.errors import SchemaMismatchError
from arrowdsl.schema.schema import SchemaTransform
from flight_client.contracts.raw import RAW_TABLES
from flight_server.storage.artifacts import ArtifactStore
from flight_server.storage.commit import publish_tables
from flight_server.storage.history import listed_numbers, missing_numbers, strays
from flight_server.storage.manifests import FileEntry, Manifest, TableEntry, load, verify
from flight_server.storage.paths import GLOBAL, Part, RepoPaths
from flight_server.storage.retention import forget, unlinked_files
from flight_server.storage.store_errors import SnapshotGoneError, StoreCorruptError, UnknownSnapshotError, reading

Fault = Literal["damaged", "missing", "unreferenced", "foreign"]


@dataclass(frozen=True)
class Finding:
    """A fault of one file: its path in the store's folder, a description, and its size in bytes."""

    fault: Fault
    file: str
    text: str
    bytes: int = 0


@dataclass(frozen=True)
class RepoCheck:
    """The check of one repo: its findings, the listed snapshots, and those of them that are whole, ascending."""

    repo: str
    findings: tuple[Finding, ...]
    listed: tuple[int, ...]
    whole: tuple[int, ...]

    @property
    def newest_is_whole(self) -> bool:
        """Whether the newest snapshot is whole, and no newer one is missing."""
        is_missing = any(each.fault == "missing" and each.file.endswith(".json") for each in self.findings)
        return self.whole[-1:] == self.listed[-1:] and not is_missing

    @property
    def is_clean(self) -> bool:
        """Whether nothing is damaged or missing. Files that nobody needs do no harm."""
        return not any(finding.fault in ("damaged", "missing") for finding in self.findings)


def check_repo(paths: RepoPaths, artifacts: ArtifactStore) -> RepoCheck:
    """Check a repo's manifests, files, row counts and contracts, and its cached results.

    Raises StorageError if the machine refuses to read a file, StoreVersionError if a newer program wrote the store.
    """
    candidates = unlinked_files(paths)  # before the manifests are read: a commit that ends now names its files
    manifests, findings = _manifests(paths)
    entries = {(name, file.file): file for each in manifests.values() for name, file in _files(each)}
    bad: set[str] = set()
    for (table, name), entry in entries.items():
        if (fault := _fault(paths.folder / name, table, entry)) is not None:
            bad.add(name)
            kind: Fault = "damaged" if (paths.folder / name).exists() else "missing"
            findings.append(Finding(kind, name, fault, entry.bytes))
    named = {name for _, name in entries}
    unneeded = [path for path in candidates if _relative(paths, path) not in named]
    findings += [
        Finding("unreferenced", _relative(paths, path), "no snapshot needs it", path.stat().st_size)
        for path in unneeded
        if path.exists()
    ]
    findings += [Finding("foreign", _relative(paths, path), "it is not one of this store's") for path in strays(paths)]
    findings += [
        Finding("damaged", f"artifacts/{name}", "a cached result does not match its checksums", size)
        for name, size in artifacts.damaged(paths.name)
    ]
    listed = listed_numbers(paths)
    broken = [number for number, manifest in manifests.items() if bad & manifest.files()]
    whole = [number for number in listed if number in manifests and number not in broken]
    return RepoCheck(paths.name, tuple(findings), tuple(listed), tuple(whole))


def repair_repo(paths: RepoPaths, artifacts: ArtifactStore) -> tuple[str, ...]:
    """Make the newest snapshot whole, and delete what is damaged or not needed; returns a sentence for each step.

    If the newest snapshot is damaged or missing, the repo goes back to the newest whole one. If none is whole, damaged
    parts are removed from all tables that are stored by file, so that the next ingest extracts their files again.
    """
    found, steps = check_repo(paths, artifacts), []
    if not found.newest_is_whole:
        steps.append(_make_whole(paths, found))
        found = check_repo(paths, artifacts)
    broken = [number for number in found.listed if number not in found.whole]
    if broken and found.newest_is_whole:
        for number in broken:
            forget(paths, number)
        steps.append(f"damaged snapshots were deleted: {', '.join(map(str, broken))}")
        found = check_repo(paths, artifacts)
    freed = 0
    for finding in found.findings:
        if finding.file.startswith("artifacts/"):
            artifacts.drop(finding.file.removeprefix("artifacts/"))
        elif finding.fault == "unreferenced":
            (paths.folder / finding.file).unlink(missing_ok=True)
        else:
            continue
        freed += finding.bytes
    if freed:
        steps.append(f"{freed} bytes of files that nobody needs or can read were deleted")
    return tuple(steps)


def _make_whole(paths: RepoPaths, found: RepoCheck) -> str:
    if found.whole:
        good = load(paths, found.whole[-1])
        made = publish_tables(paths, good.parts, good.tables, {"repair": f"back to snapshot {good.number}"})
        return (
            f"snapshot {made.number} is a copy of snapshot {good.number}, the newest that is whole; the next ingest"
            " brings back the changes since then"
        )
    manifests, _ = _manifests(paths)
    readable = [number for number in found.listed if number in manifests]
    if not readable:
        return "no snapshot can be read: drop the repo and ingest it again"
    head = manifests[readable[-1]]
    bad = {finding.file for finding in found.findings if finding.fault in ("damaged", "missing")}
    tables, lost = _without(head, bad)
    made = publish_tables(paths, head.parts, tables, {"repair": f"snapshot {head.number} without damaged parts"})
    return (
        f"snapshot {made.number} is snapshot {head.number} without the damaged parts ({', '.join(lost)}); the next"
        " ingest brings back the rows of source files, a put those of other tables"
    )


def _without(head: Manifest, bad: set[str]) -> tuple[Mapping[str, TableEntry], list[str]]:
    """The tables without damaged files; a part of source files goes from all tables, and the names of what is lost."""
    lost = {
        (name, part) for name, table in head.tables.items() for part, file in table.files.items() if file.file in bad
    }
    parts = {part for _, part in lost if part != GLOBAL}

    def is_good(name: str, table: TableEntry, part: Part) -> bool:
        return (name, part) not in lost and (part not in parts or table.column is None)

    tables = {
        name: replace(
            table,
            files=MappingProxyType({part: file for part, file in table.files.items() if is_good(name, table, part)}),
        )
        for name, table in head.tables.items()
    }
    return MappingProxyType(tables), sorted(f"{name}/{part}" for name, part in lost)


def _manifests(paths: RepoPaths) -> tuple[dict[int, Manifest], list[Finding]]:
    """The manifests that can be read, and the faults of the others."""
    manifests: dict[int, Manifest] = {}
    findings = [
        Finding("missing", _relative(paths, paths.manifest(number)), "the manifest of the newest snapshot is missing")
        for number in missing_numbers(paths)
    ]
    listed = listed_numbers(paths)
    for number in sorted({*listed} | paths.retired_numbers()):
        try:
            manifests[number] = load(paths, number)
        except UnknownSnapshotError:
            continue  # retention has deleted it
        except StoreCorruptError as error:  # other errors say nothing about the bytes, so they end the check
            if number in listed:
                path = paths.manifest(number)
                findings.append(Finding("damaged", _relative(paths, path), error.message, path.stat().st_size))
    return manifests, findings


def _files(manifest: Manifest) -> Iterator[tuple[str, FileEntry]]:
    return ((name, file) for name, table in manifest.tables.items() for file in table.files.values())


def _fault(path: Path, table: str, entry: FileEntry) -> str | None:
    """A description of a stored file's fault, or None. Raises StorageError if the machine refuses to read it."""
    if not path.exists():
        return "the file is missing"
    try:
        verify(path, entry)
        with reading(f"stored file {path.name}"), pq.ParquetFile(path) as file:
            if file.metadata.num_rows != entry.rows:
                return f"the file has {file.metadata.num_rows} rows, its manifest says {entry.rows}"
            if table in RAW_TABLES:
                SchemaTransform(schema=RAW_TABLES[table].plain_schema).check(file.schema_arrow)
    except (StoreCorruptError, SnapshotGoneError) as error:
        return error.message
    except SchemaMismatchError as error:
        return f"the file does not fit the contract of {table}: {error.message}"
    return None


def _relative(paths: RepoPaths, path: Path) -> str:
    return path.relative_to(paths.folder).as_posix()
