"""Retention: which snapshots stay, and what is deleted when.

A snapshot that is not among the newest is *retired*: a marker next to its manifest hides it from those who look for
one. Who has its number, in a ticket or a dataset, may go on opening it for half of a grace; when all of that is over
its files are deleted, unless a kept snapshot has them too. Other processes' readers can't be seen, so half of the grace
must be longer than the longest stream. Its manifest stays longer still, to keep its number taken (``commit``).

What if a commit is running? Its new files have two names, in its staging folder and in ``raw``, and its manifest can
only be linked out of that folder. So ``prune`` first renames away the staging folders of dead transactions; then lists
the files in ``raw`` with one name: whoever brought them has published them, or never will; and only then reads the
manifests. A file that no manifest names by now is garbage, however slow some process is. The files that a running
commit carries on from older snapshots are in the newest one too, which is always kept, or the commit conflicts.
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
    """Hide all but the ``keep`` newest snapshots from those who look for one."""
    for number in paths.visible_numbers()[:-keep]:
        paths.retired(number).touch(exist_ok=True)


def lingers(paths: RepoPaths, number: int, seconds: float) -> bool:
    """Whether a snapshot was retired no longer than so many seconds ago."""
    marker = paths.retired(number)
    return number >= 0 and paths.manifest(number).exists() and marker.exists() and not _is_older(marker, seconds)


def sweep(paths: RepoPaths, age: float) -> None:
    """Delete the staging folders that have shown no sign of life for ``age`` seconds: their process died."""
    for folder in _entries(paths.staging):
        if folder.name.startswith(_AWAY):
            shutil.rmtree(folder, ignore_errors=True)
        elif _is_older(folder, age):
            # Renamed first: from here on the transaction can't publish, should it live after all.
            with suppress(FileNotFoundError):
                shutil.rmtree(folder.rename(folder.with_name(f"{_AWAY}{uuid4().hex}")), ignore_errors=True)


def prune(paths: RepoPaths, *, grace: float, age: float, held: Collection[int]) -> None:
    """Delete the files that only retired snapshots have, ``grace`` seconds after their retirement.

    ``held`` are the snapshots that this process still reads, ``age`` is after how many seconds without a sign of life
    a transaction is dead.
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
        # Every transaction that could have taken this number was swept above: it is older than the marker.
        if _is_older(paths.retired(number), max(grace, age)):
            paths.manifest(number).unlink(missing_ok=True)
            paths.retired(number).unlink(missing_ok=True)


def drop(paths: RepoPaths) -> None:
    """Make a repo invisible in one step, then delete it. Raises FileNotFoundError if there is none.

    Its last number is noted before, for whoever makes a repo of this name at once, and after, when no commit can add
    another: a reader that holds a number must never be given another repo's rows under it.
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
    """Delete what is left of drops that were interrupted."""
    for folder in _entries(repos):
        if folder.name.startswith(_AWAY):
            shutil.rmtree(folder, ignore_errors=True)


def _named(paths: RepoPaths, expired: set[int]) -> set[str]:
    named: set[str] = set()
    for number in paths.numbers() - expired:
        # One that vanishes while it is read was expired, and another process is pruning.
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
