"""Retention: how long snapshots and their files stay.

Only the newest snapshots of a repo are listed. An older one is *retired*: a marker next to its manifest hides it. A
reader that has its number, in a ticket or a dataset, may open it for the first half of the grace. After the grace its
files are deleted, unless a listed snapshot has them too. Readers in other processes can't be seen, so half of the grace
must be longer than the longest stream. The manifest stays even longer, so that its number stays taken (``commit``).

The race with a running commit: its new files have two names, one in its staging folder and one in ``raw``, and its
manifest can only be linked out of the staging folder. So ``prune`` first renames the staging folders of dead
transactions. Then it lists the files in ``raw`` that have one name: their commits have published them, or never will.
Only then does it read the manifests. A file that no manifest names by then is garbage, however slow some process is.
Files that a running commit takes over from older snapshots are also in the newest one, which is never retired; if they
are not, the commit conflicts.
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

_AWAY = ".away-"


def retire(paths: RepoPaths, keep: int) -> None:
    """Hide all snapshots but the ``keep`` newest."""
    for number in paths.visible_numbers()[:-keep]:
        paths.retired(number).touch(exist_ok=True)


def is_in_grace(paths: RepoPaths, number: int, seconds: float) -> bool:
    """Whether a snapshot was retired at most so many seconds ago."""
    marker = paths.retired(number)
    return number >= 0 and paths.manifest(number).exists() and marker.exists() and not _is_older(marker, seconds)


def sweep(paths: RepoPaths, age: float) -> None:
    """Delete the staging folders that have not changed for ``age`` seconds: their process died."""
    for folder in _entries(paths.staging):
        if folder.name.startswith(_AWAY):
            shutil.rmtree(folder, ignore_errors=True)
        elif _is_older(folder, age):
            # Renamed first: from here on the transaction can't publish, even if its process is alive.
            with suppress(FileNotFoundError):
                shutil.rmtree(folder.rename(folder.with_name(f"{_AWAY}{uuid4().hex}")), ignore_errors=True)


def prune(paths: RepoPaths, *, grace: float, age: float, held: Collection[int]) -> None:
    """Delete the files that only retired snapshots have, ``grace`` seconds after their retirement.

    Snapshots in ``held`` are still read by this process. A transaction whose folder has not changed for ``age``
    seconds is dead.
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
        # Every transaction that could take this number is older than the marker, so it was swept above.
        if _is_older(paths.retired(number), max(grace, age)):
            paths.manifest(number).unlink(missing_ok=True)
            paths.retired(number).unlink(missing_ok=True)


def drop(paths: RepoPaths) -> None:
    """Make a repo invisible in one step, then delete it. Raises FileNotFoundError if there is none.

    A reader that holds a snapshot's number must never get another repo's rows under it. So the last number is noted
    before, for a repo of this name that is made at once, and again after, when no commit can add a number any more.
    """
    _note_dropped(paths, max(paths.numbers(), default=0))
    away = RepoPaths(paths.folder.rename(paths.folder.with_name(f"{_AWAY}{uuid4().hex}")))
    _note_dropped(paths, max(away.numbers(), default=0))
    shutil.rmtree(away.folder, ignore_errors=True)


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
        if folder.name.startswith(_AWAY):
            shutil.rmtree(folder, ignore_errors=True)


def _named(paths: RepoPaths, expired: set[int]) -> set[str]:
    named: set[str] = set()
    for number in paths.numbers() - expired:
        # A manifest that vanishes meanwhile had expired, and another process is pruning.
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
