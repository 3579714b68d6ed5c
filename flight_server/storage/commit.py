"""Publishing: a manifest appears under the next number in one step, or not at all.

``os.link`` fails if the number is taken, so one of several processes gets it, and the others build a new manifest on
the winner's. A number is never used twice: a retired manifest keeps its name until every transaction that could still
use its number is gone (see ``retention``). So a slow writer can't link a freed number, and needs no check for that. The
obvious check, "a higher number exists, so mine is stale", would be wrong if another commit was built on mine.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from flight_server.storage.history import missing_numbers, newest, next_number, number_after_all, remember_newest
from flight_server.storage.manifests import READER_VERSION, WRITER_VERSION, Manifest, TableEntry, check_version, encode
from flight_server.storage.paths import RepoPaths
from flight_server.storage.store_errors import OutcomeUnknownError, StoreCorruptError, UnknownTransactionError

_SYNC_THREADS = 8


@dataclass(frozen=True)
class Commit:
    """A new snapshot's number of parts, the transaction that makes it, the user's description, and its tables.

    ``tables_on`` makes the tables from the newest manifest, and raises if they don't fit it. A commit that
    ``replaces_all`` needs no other snapshot, so those may be damaged; ``tables_on`` gets None.
    """

    parts: int
    transaction: str
    note: Mapping[str, str]
    tables_on: Callable[[Manifest | None], Mapping[str, TableEntry]]
    replaces_all: bool = False

    def on(self, head: Manifest | None) -> Mapping[str, TableEntry]:
        """The tables on top of ``head``. Raises StoreVersionError, and the errors of ``tables_on``."""
        if head is not None:
            check_version(WRITER_VERSION, head.writer, "write")
        return self.tables_on(head)


def publish(paths: RepoPaths, staging: Path, commit: Commit) -> Manifest:
    """Publish a manifest on top of the newest one.

    The manifest is linked out of the transaction's staging folder, which a sweep or a drop renames before it deletes
    anything. If the link is made before that, the manifest names the files; if not, the link fails and nothing becomes
    visible. Raises the errors of ``Commit.on``, UnknownTransactionError, OSError, and OutcomeUnknownError if the
    manifest is visible, but the disk did not confirm that it will survive a power cut.
    """
    draft = staging / "manifest.json"
    # The draft is created before the head is read, and only overwritten afterwards. So the folder's modification time
    # is earlier than the number. The sweep before a number is freed finds every transaction that could still use it.
    try:
        draft.touch()
    except FileNotFoundError as error:
        raise _ended() from error
    while True:
        head = None if commit.replaces_all else newest(paths)
        tables = commit.on(head)
        number = number_after_all(paths) if commit.replaces_all else next_number(paths, head)
        parent = None if head is None else head.number
        manifest = Manifest(number, parent, datetime.now(UTC), commit.parts, tables, commit.transaction, commit.note)
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
        remember_newest(paths, number)
        confirm(paths, manifest)
        return manifest


def confirm(paths: RepoPaths, manifest: Manifest) -> None:
    """Force a visible manifest to the disk; raises OutcomeUnknownError if the disk refuses."""
    try:
        sync([paths.snapshots, paths.folder])
    except OSError as error:
        raise OutcomeUnknownError(
            f"snapshot {manifest.number} of {paths.name} is visible, but the disk did not confirm that it is permanent;"
            f" commit transaction {manifest.transaction} again"
        ) from error


def publish_tables(paths: RepoPaths, parts: int, tables: Mapping[str, TableEntry], note: Mapping[str, str]) -> Manifest:
    """Publish tables of stored files as the newest snapshot, whatever the state of the others."""
    for number in missing_numbers(paths):  # a gap would hide the new snapshot from processes that know an older one
        paths.retired(number).touch()
        paths.manifest(number).touch()
    transaction = uuid4().hex
    folder = paths.staging / transaction
    folder.mkdir(parents=True)
    try:
        return publish(paths, folder, Commit(parts, transaction, note, lambda _: tables, replaces_all=True))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


def create_store(root: Path) -> None:
    """Create a store's missing folders, and the file with the format's version.

    Raises StoreVersionError if a newer program wrote the store, StoreCorruptError, OSError.
    """
    repos, version = root / "repos", root / "store.json"
    if not repos.is_dir():
        root.mkdir(parents=True, exist_ok=True)
        draft = root / f".store-{uuid4().hex}"
        draft.write_text(json.dumps({"format": READER_VERSION}))
        sync([draft])
        draft.replace(version)
        repos.mkdir(exist_ok=True)
        sync([repos, root, root.absolute().parent])
    if version.exists():
        try:
            needed = int(json.loads(version.read_bytes())["format"])
        except (ValueError, KeyError, TypeError) as error:
            raise StoreCorruptError('the store\'s file store.json is damaged; allowed: {"format": N}') from error
        check_version(READER_VERSION, needed, "read")
    with suppress(OSError):  # a store that can't be written can be read
        (root / "dropped").mkdir(exist_ok=True)


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
