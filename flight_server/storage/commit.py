"""Publishing: a manifest appears under the next number in one step, or not at all.

``os.link`` fails if the number is taken, so one of several processes gets it, and the others build a new manifest on
the winner's. A number is never used twice: a retired manifest keeps its name until every transaction that could still
use its number is gone (see ``retention``). So a slow writer can't link a freed number, and needs no check for that. The
obvious check, "a higher number exists, so mine is stale", would be wrong if another commit was built on mine.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flight_server.storage.manifests import Manifest, encode, newest
from flight_server.storage.paths import RepoPaths
from flight_server.storage.store_errors import UnknownTransactionError

_SYNC_THREADS = 8


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
