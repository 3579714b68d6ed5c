"""Retention: how long snapshots and their files stay.

Only the newest snapshots of a repo are listed. An older snapshot is *retired*: a marker next to its manifest hides it.
A snapshot that was read has a marker too, whose time is that of the last read. While a retired snapshot is in its grace
period, which begins again with each read, it may be opened by its number. Then its files are deleted, unless a listed
snapshot also has them. A snapshot that nobody has read goes after UNREAD_SECONDS, so many quick commits don't fill the
disk. The manifest is emptied and stays longer than the files, so that its number is not used again (see ``commit``).

The race with a running commit: each of its new files has two names, one in its staging folder and one in ``raw``, and
its manifest can only be linked out of the staging folder. So ``prune`` first renames the staging folders of dead
transactions. Then it lists the files in ``raw`` that have one name: their commits have published them, or never will.
Then it reads the manifests. A file that no manifest names at that point is garbage, even if a process is slow. Files
that a running commit reuses from older snapshots are also in the newest snapshot, which is never retired; if they are
not, the commit fails with a conflict.
"""

import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from math import inf
from pathlib import Path
from uuid import uuid4

from flight_server.storage.commit import sync
from flight_server.storage.history import listed_numbers, newest_number, number_after_all
from flight_server.storage.manifests import load
from flight_server.storage.paths import RepoPaths
from flight_server.storage.recent import Recent
from flight_server.storage.store_errors import StoreCorruptError, UnknownSnapshotError

UNREAD_SECONDS = 60.0  # a retired snapshot that nobody has read stays this long
NOTE_SECONDS = 60.0  # between two notes of reads of one snapshot by one process
_NOTED = Recent[float](4096)
_DELETED = ".away-"  # begins the name of a folder that is about to be deleted


def retire(paths: RepoPaths, keep: int, older_than: float = 0.0) -> list[int]:
    """Hide the snapshots that are older than this many seconds, but not the ``keep`` newest; returns their numbers.

    They are hidden from the oldest on; ``history`` relies on this order.
    """
    retired = []
    for number in sorted({*listed_numbers(paths)} - paths.retired_numbers())[:-keep]:
        if not _is_older(paths.manifest(number), older_than):
            break
        paths.retired(number).touch(exist_ok=True)
        retired.append(number)
    return retired


def retire_one(paths: RepoPaths, number: int) -> None:
    """Hide one snapshot, if there is one of this number."""
    if number > 0 and paths.manifest(number).exists():
        paths.retired(number).touch(exist_ok=True)


def may_open(paths: RepoPaths, number: int, grace: float) -> bool:
    """Whether a snapshot is listed (pinned ones are), or in the first half of its grace period.

    Files are deleted at its end, so a stream that begins now has at least the other half. Each part that it opens
    begins the period again.
    """
    if number <= 0 or not paths.manifest(number).exists():
        return False
    is_listed = not paths.retired(number).exists() or paths.pinned(number).exists()
    return is_listed or not _is_unused(paths, number, grace / 2)


def note_read(paths: RepoPaths, number: int) -> None:
    """Note that a snapshot is read, at most once a minute; a store that can't be written keeps no note."""
    key, now = (paths.folder, number), time.monotonic()
    if now - (_NOTED.get(key) or -inf) > NOTE_SECONDS:
        _NOTED.put(key, now)
        with suppress(OSError):
            paths.read(number).touch()


def _is_unused(paths: RepoPaths, number: int, seconds: float) -> bool:
    """Whether a retired snapshot was neither retired nor read within this time."""
    marks = (paths.retired(number), paths.read(number))
    return all(_is_older(mark, seconds) for mark in marks if mark.exists())


def sweep(paths: RepoPaths, age: float) -> None:
    """Delete the staging folders that have not changed for ``age`` seconds: their process died."""
    for folder in _entries(paths.staging):
        if folder.name.startswith(_DELETED):
            shutil.rmtree(folder, ignore_errors=True)
        elif _is_older(folder, age):
            # After the rename the transaction can't publish, even if its process is alive.
            with suppress(FileNotFoundError):
                shutil.rmtree(folder.rename(folder.with_name(f"{_DELETED}{uuid4().hex}")), ignore_errors=True)


def prune(paths: RepoPaths, *, grace: float, age: float, held: Collection[int]) -> int:
    """Delete the files that only retired snapshots have, once their grace period is over; returns the bytes freed.

    This process still reads the snapshots in ``held``, which are spared. A transaction whose folder has not changed for
    ``age`` seconds is dead.
    """
    sweep(paths, age)
    candidates = unlinked_files(paths)
    retired, read = paths.retired_numbers() - paths.pinned_numbers() - {*held}, paths.read_numbers()
    expired = {
        number
        for number in retired
        if _is_unused(paths, number, grace if number in read else min(grace, UNREAD_SECONDS))
    }
    named = _named(paths, expired)
    unneeded = [file for file in candidates if file.relative_to(paths.folder).as_posix() not in named]
    freed = sum(map(_size, unneeded))
    for file in unneeded:
        file.unlink(missing_ok=True)
    oldest = min(paths.numbers() - paths.retired_numbers(), default=0)  # the others are deleted in their order
    for number in expired:
        forget(paths, number, age if number < oldest else inf)
    for number in read - paths.numbers():  # a reader may be late
        paths.read(number).unlink(missing_ok=True)
    return freed


def forget(paths: RepoPaths, number: int, age: float = inf) -> None:
    """Retire a snapshot and empty its manifest; delete it when no transaction could still use its number.

    Such a transaction is older than the marker of retirement, and dead after ``age`` seconds.
    """
    manifest, marker = paths.manifest(number), paths.retired(number)
    for note in (paths.read(number), paths.pinned(number)):
        note.unlink(missing_ok=True)
    if not marker.exists():
        marker.touch()
    if _is_older(marker, age):
        manifest.unlink(missing_ok=True)
        marker.unlink(missing_ok=True)
    elif manifest.exists() and manifest.stat().st_size:
        draft = paths.snapshots / f".{uuid4().hex}"
        draft.touch()
        draft.replace(manifest)


def drop(paths: RepoPaths) -> None:
    """Make a repo invisible in one step, then delete it. Raises FileNotFoundError if there is none.

    A reader that has a snapshot's number must never get another repo's rows for it. So the folder moves to a name with
    the last number, and stays there empty. That needs no free space on the disk. A commit that comes before the move
    may take one more number; ``finish_drop`` corrects the name.
    """
    target = paths.dropped(number_after_all(paths) - 1)
    target.parent.mkdir(exist_ok=True)
    paths.folder.rename(target)
    sync([target.parent, paths.folder.parent])
    finish_drop(paths, target)


def finish_drop(paths: RepoPaths, folder: Path) -> None:
    """Delete the contents of a dropped repo's folder, and the folders of earlier drops of the same name."""
    target = paths.dropped(number_after_all(RepoPaths(folder)) - 1)
    if target.name > folder.name:
        with suppress(OSError):  # another process does the same
            folder = folder.rename(target)
            sync([folder.parent])
    for child in _entries(folder):
        shutil.rmtree(child, ignore_errors=True)
    for number in paths.dropped_numbers():
        with suppress(OSError):  # the folder is not empty: another process deletes its contents
            if number < max(paths.dropped_numbers()):
                paths.dropped(number).rmdir()


def finish_drops(store: Path) -> None:
    """Finish drops that were interrupted."""
    for folder in _entries(store / "dropped"):
        name, _, number = folder.name.rpartition(".")
        if number.isdecimal() and any(_entries(folder)):
            finish_drop(RepoPaths(store / "repos" / name), folder)


def _named(paths: RepoPaths, expired: set[int]) -> set[str]:
    """The files of all snapshots but the expired ones; a file that only looks like a manifest names none.

    Raises StoreCorruptError if a listed manifest is damaged, since its files are unknown then. A damaged manifest that
    is retired can't be opened any more.
    """
    named: set[str] = set()
    last, retired = newest_number(paths) or 0, paths.retired_numbers()
    for number in paths.numbers() - expired:
        try:
            named |= load(paths, number).files() if number <= last else set()
        except UnknownSnapshotError:
            continue  # it had expired, and another process is pruning
        except StoreCorruptError:
            if number not in retired:
                raise
    return named


def unlinked_files(paths: RepoPaths) -> list[Path]:
    """The stored files that no running commit has in its staging folder."""
    folders = (part for table in _entries(paths.raw) for part in _entries(table))
    return [file for part in folders for file in _entries(part) if file.suffix == ".parquet" and _has_one_name(file)]


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):  # a file that is not ours is ignored
        return []


def _has_one_name(file: Path) -> bool:
    with suppress(FileNotFoundError):
        return file.stat().st_nlink == 1
    return False


def folder_bytes(folder: Path) -> int:
    """The bytes of all files in a folder; a file with several names there counts once for each."""
    return sum(_size(file) for file in folder.rglob("*") if file.is_file())


def _size(file: Path) -> int:
    with suppress(FileNotFoundError):
        return file.stat().st_size
    return 0


def _is_older(path: Path, seconds: float) -> bool:
    with suppress(FileNotFoundError):
        return time.time() - path.stat().st_mtime >= seconds
    return False
