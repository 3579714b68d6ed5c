"""Publishing: a manifest appears under the next number in one step, or not at all.

``os.link`` fails if the number is taken, so one of several processes gets it, and the others build a new manifest on
the winner's. A number is never taken twice: a retired manifest keeps its name until every transaction that might still
take its number is gone (``retention``). So a slow writer can't link a freed number, and no check for that is needed.
The obvious check, "a higher number exists, so mine is stale", would be wrong if another commit was built on mine.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from flight_server.storage.manifests import (
    Extractor,
    FileEntry,
    Manifest,
    TableEntry,
    encode,
    new_manifest,
    newest,
)
from flight_server.storage.paths import Part, RepoPaths
from flight_server.storage.store_errors import ConflictError, UnknownTransactionError

_SYNC_THREADS = 8


@dataclass(frozen=True)
class TableChange:
    """New files for a whole table, or (``whole`` false) for some of its parts; None is a part without rows."""

    contract: str
    column: str | None
    extractor: Extractor
    whole: bool
    files: Mapping[Part, FileEntry | None] = field(default_factory=lambda: MappingProxyType({}))

    def apply(self, old: TableEntry | None) -> TableEntry:
        """The table after the change."""
        files = {} if self.whole or old is None else dict(old.files)
        files.update({part: entry for part, entry in self.files.items() if entry is not None})
        for part in [part for part, entry in self.files.items() if entry is None]:
            files.pop(part, None)
        return TableEntry(self.contract, self.column, self.extractor, MappingProxyType(files))

    def conflicts(self, base: TableEntry | None, head: TableEntry | None) -> bool:
        """Whether ``head`` and ``base`` have other files where the change applies; equal files have equal names."""
        before, now = (_files(base), _files(head))
        if self.whole:
            return before != now or (base is None) != (head is None)
        return any(before.get(part) != now.get(part) for part in self.files)


def rebased(
    base: Manifest | None, head: Manifest | None, parts: int, changes: Mapping[str, TableChange], *, taken: int = 0
) -> Manifest:
    """A manifest with the changes on top of ``head``; raises ConflictError if ``head`` changed the same since ``base``.

    ``taken`` is the last number of a dropped repo of the same name: a reader may still ask for it.
    """
    if head is not None and (base is None or head.created != base.created):
        if head.parts != (parts if base is None else base.parts) or head.parts != parts:
            raise ConflictError("another commit changed the number of parts; begin again")
        for name, change in changes.items():
            if change.conflicts(None if base is None else base.tables.get(name), head.tables.get(name)):
                raise ConflictError(f"another commit changed the same part of {name}; begin again")
    elif head is None and base is not None:
        raise ConflictError("the repo was dropped; begin again")
    tables = {} if head is None else dict(head.tables)
    tables.update({name: change.apply(tables.get(name)) for name, change in changes.items()})
    parent = None if head is None else head.number
    return new_manifest((taken if parent is None else parent) + 1, parent, parts, tables)


def publish(paths: RepoPaths, staging: Path, build: Callable[[Manifest | None], Manifest]) -> Manifest:
    """Publish the manifest that ``build`` makes from the newest one.

    The manifest is linked out of the transaction's staging folder. A sweep or a drop renames that folder first, so
    either the link comes before, and a manifest names the files, or it fails and nothing is visible. Raises the errors
    of ``build``, UnknownTransactionError, OSError.
    """
    draft = staging / "manifest.json"
    # The draft is made before the head is read, and only overwritten afterwards. So the folder's time of change is
    # earlier than the number, and the sweep before a number is freed finds every transaction that could still take it.
    try:
        draft.touch()
    except FileNotFoundError as error:
        raise _ended() from error
    while True:
        manifest = build(newest(paths))
        try:
            with draft.open("r+b") as target:
                target.write(encode(manifest))
                target.truncate()
            sync([draft])
            paths.snapshots.mkdir(parents=True, exist_ok=True)
            os.link(draft, paths.manifest(manifest.number))
        except FileExistsError:
            continue  # another commit took the number since ``newest``
        except FileNotFoundError as error:
            raise _ended() from error
        sync([paths.snapshots, paths.folder])
        return manifest


def link_files(paths: RepoPaths, staged: Mapping[str, Path]) -> None:
    """Link staged files into the repo (relative place → staged file), and force files and folders to the disk.

    They are linked, not moved: while the staging folder exists each file has two names, by which ``retention.prune``
    sees that a commit may still publish it.
    """
    sync(staged.values())
    paths.raw.mkdir(parents=True, exist_ok=True)
    folders = {paths.folder, paths.folder.parent, paths.raw}
    for place, source in staged.items():
        target = paths.folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target)
        folders |= {target.parent, target.parent.parent}
    sync(folders)


def sync(files: Iterable[Path]) -> None:
    """Force files or folders to the disk, several at a time: many together take about as long as one."""
    with ThreadPoolExecutor(_SYNC_THREADS) as threads:
        for _ in threads.map(_sync, files):
            pass


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _ended() -> UnknownTransactionError:
    return UnknownTransactionError("the transaction expired, or its repo was dropped")


def _files(table: TableEntry | None) -> Mapping[Part, FileEntry]:
    return {} if table is None else table.files
