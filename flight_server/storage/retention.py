"""Retention: how long snapshots and their files stay.

Only the newest snapshots of a repo are listed. An older snapshot is *retired*: a marker next to its manifest hides it.
A reader that has its number, in a ticket or a dataset, may open it during the first half of the grace period. After the
grace period its files are deleted, unless a listed snapshot also has them. Readers in other processes can't be seen, so
half of the grace period must be longer than the longest stream. The manifest stays longer than the files, so that its
number is not used again (see ``commit``).

The race with a running commit: each of its new files has two names, one in its staging folder and one in ``raw``, and
its manifest can only be linked out of the staging folder. So ``prune`` first renames the staging folders of dead
transactions. Then it lists the files in ``raw`` that have one name: their commits have published them, or never will.
Then it reads the manifests. A file that no manifest names at that point is garbage, even if a process is slow. Files
that a running commit reuses from older snapshots are also in the newest snapshot, which is never retired; if they are
not, the commit fails with a conflict.
"""

import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from flight_server.storage.manifests import load
from flight_server.storage.paths import RepoPaths
from flight_server.storage.store_errors import UnknownSnapshotError

_DELETED = ".away-"  # begins the name of a folder that is about to be deleted


def retire(paths: RepoPaths, keep: int) -> None:
    """Hide all snapshots but the ``keep`` newest."""
    for number in paths.visible_numbers()[:-keep]:
        paths.retired(number).touch(exist_ok=True)


def is_in_grace(paths: RepoPaths, number: int, seconds: float) -> bool:
    """Whether a snapshot was retired at most ``seconds`` seconds ago."""
    marker = paths.retired(number)
    return number >= 0 and paths.manifest(number).exists() and marker.exists() and not _is_older(marker, seconds)


def sweep(paths: RepoPaths, age: float) -> None:
    """Delete the staging folders that have not changed for ``age`` seconds: their process died."""
    for folder in _entries(paths.staging):
        if folder.name.startswith(_DELETED):
            shutil.rmtree(folder, ignore_errors=True)
        elif _is_older(folder, age):
            # After the rename the transaction can't publish, even if its process is alive.
            with suppress(FileNotFoundError):
                shutil.rmtree(folder.rename(folder.with_name(f"{_DELETED}{uuid4().hex}")), ignore_errors=True)


def prune(paths: RepoPaths, *, grace: float, age: float, held: Collection[int]) -> None:
    """Delete the files that only retired snapshots have, ``grace`` seconds after the snapshots were retired.

    This process still reads the snapshots in ``held``, which are spared. A transaction whose folder has not changed for
    ``age`` seconds is dead.
    """
    sweep(paths, age)
    candidates = [file for file in _files(paths.raw) if _has_one_name(file)]
    named = _named(
        paths, {number for number in paths.retired_numbers() - {*held} if _is_older(paths.retired(number), grace)}
    )
    for file in candidates:
        if file.relative_to(paths.folder).as_posix() not in named:
            file.unlink(missing_ok=True)
    for number in paths.retired_numbers() - {*held}:
        # Every transaction that could use this number is older than the marker, so it was swept above.
        if _is_older(paths.retired(number), max(grace, age)):
            paths.manifest(number).unlink(missing_ok=True)
            paths.retired(number).unlink(missing_ok=True)


def drop(paths: RepoPaths) -> None:
    """Make a repo invisible in one step, then delete it. Raises FileNotFoundError if there is none.

    A reader that has a snapshot's number must never get another repo's rows for it. So the repo's last number is stored
    before the rename, in case a repo of this name is created right after it, and again after the rename, when no commit
    can add a number any more.
    """
    _note_dropped(paths, max(paths.numbers(), default=0))
    renamed = RepoPaths(paths.folder.rename(paths.folder.with_name(f"{_DELETED}{uuid4().hex}")))
    _note_dropped(paths, max(renamed.numbers(), default=0))
    shutil.rmtree(renamed.folder, ignore_errors=True)


def last_dropped(paths: RepoPaths) -> int:
    """The highest snapshot number that a dropped repo of this name had; 0 if none was dropped."""
    try:
        return int(paths.dropped.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _note_dropped(paths: RepoPaths, number: int) -> None:
    paths.dropped.parent.mkdir(exist_ok=True)
    draft = paths.dropped.with_name(f".{uuid4().hex}")
    draft.write_text(str(max(number, last_dropped(paths))))
    draft.replace(paths.dropped)


def finish_drops(repos: Path) -> None:
    """Finish drops that were interrupted."""
    for folder in _entries(repos):
        if folder.name.startswith(_DELETED):
            shutil.rmtree(folder, ignore_errors=True)


def _named(paths: RepoPaths, expired: set[int]) -> set[str]:
    named: set[str] = set()
    for number in paths.numbers() - expired:
        # A manifest that is gone by now had expired, and another process is pruning.
        with suppress(UnknownSnapshotError):
            named |= load(paths, number).files()
    return named


def _files(raw: Path) -> Iterator[Path]:
    for table in _entries(raw):
        for part in _entries(table):
            yield from _entries(part)


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except FileNotFoundError:
        return []


def _has_one_name(file: Path) -> bool:
    with suppress(FileNotFoundError):
        return file.stat().st_nlink == 1
    return False


def _is_older(path: Path, seconds: float) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime >= seconds
    return False
