"""Publishing: a manifest appears under the next number in one step, or not at all.

``os.link`` fails if the number is taken, so one of several processes gets it, and the others build a new manifest on
the winner's. A number is never used twice: a retired manifest keeps its name until every transaction that could still
use its number is gone (see ``retention``). So a slow writer can't link a freed number, and needs no check for that. The
obvious check, "a higher number exists, so mine is stale", would be wrong if another commit was built on mine.
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
    """The new files of a table: of all its parts (``whole``) or of some. None is a part without rows."""

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
        """Whether the files that the change replaces differ between ``base`` and ``head``."""
        before, now = (_files(base), _files(head))
        if self.whole:
            return before != now or (base is None) != (head is None)
        return any(before.get(part) != now.get(part) for part in self.files)


def rebased(
    base: Manifest | None, head: Manifest | None, parts: int, changes: Mapping[str, TableChange], *, taken: int = 0
) -> Manifest:
    """A manifest with the changes on top of ``head``; raises ConflictError if ``head`` changed the same files.

    ``base`` is the manifest that the changes were made on. ``taken`` is the last number of a dropped repo of the same
    name; it is not used again, because a reader may still ask for it.
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

    The manifest is linked out of the transaction's staging folder, which a sweep or a drop renames before it deletes
    anything. If the link is made before that, the manifest names the files; if not, the link fails and nothing becomes
    visible. Raises the errors of ``build``, UnknownTransactionError, OSError.
    """
    draft = staging / "manifest.json"
    # The draft is created before the head is read, and only overwritten afterwards. So the folder's modification time
    # is earlier than the number. The sweep before a number is freed finds every transaction that could still use it.
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
    """Link staged files into the repo (relative path → staged file), and force files and folders to the disk.

    They are linked, not moved. While the staging folder exists, each file has two names, and ``retention.prune`` spares
    such files because a commit may still publish them.
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
    """Force files or folders to the disk, several at a time, which takes about as long as a single one."""
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
