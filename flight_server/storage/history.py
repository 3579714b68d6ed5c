"""The snapshots that a repo has: the newest one, found in constant time, and those that are listed.

Numbers rise by one with each commit, and snapshots are retired and deleted from the oldest. So the newest snapshot is a
number that is not retired, and whose successor has no manifest. A hint, in memory or in the file ``newest``, says where
to look first. A hint that is too low, or names a deleted snapshot, is noticed: then the folder is listed.
"""

import logging
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from flight_server.storage.manifests import Manifest, load
from flight_server.storage.paths import RepoPaths
from flight_server.storage.recent import Recent
from flight_server.storage.store_errors import StoreCorruptError, UnknownSnapshotError

LOG = logging.getLogger("flight_server")
_HINTS = Recent[int](4096)


def newest(paths: RepoPaths) -> Manifest | None:
    """The newest snapshot's manifest, or None for a repo without a snapshot.

    The newest snapshot is never retired. Only a drop of the repo can delete it before it is loaded.
    """
    number = newest_number(paths)
    return None if number is None else load(paths, number)


def newest_number(paths: RepoPaths) -> int | None:
    """The newest snapshot's number, or None for a repo without a snapshot."""
    hint = _HINTS.get(paths.folder) or _stored_hint(paths)
    number = hint if _is_listed(paths, hint) else None
    while number is not None and paths.manifest(number + 1).exists():
        number = number + 1 if _is_listed(paths, number + 1) else None
    # The order of the checks matters: were a successor deleted before its check, ``number`` was retired before that.
    if number is None or not _is_listed(paths, number):
        number = _newest_of(paths, paths.numbers() - paths.retired_numbers())
        _require_hinted(paths, number or 0)
    if number is not None:
        _HINTS.put(paths.folder, number)
    return number


def listed_numbers(paths: RepoPaths) -> list[int]:
    """The snapshots that are not retired, or pinned, ascending; empty for a repo that does not exist.

    Markers are listed first. Retirement creates the marker, and pruning deletes it only after the manifest. So a
    manifest that is listed here without a marker was visible when the listing began.
    """
    retired = paths.retired_numbers()
    numbers = paths.numbers()
    last = _newest_of(paths, numbers - retired)
    listed = (numbers - retired) | (numbers & paths.pinned_numbers())
    return [] if last is None else sorted(number for number in listed if number <= last)


def next_number(paths: RepoPaths, head: Manifest | None) -> int:
    """The number for a snapshot on top of ``head``; one that no snapshot of a repo of this name has had.

    A reader may still ask for an old number, so it must never mean other rows. Raises StoreCorruptError if somebody
    deleted the newest manifest.
    """
    last = max(paths.dropped_numbers(), default=0) if head is None else head.number
    _require_hinted(paths, last)
    return last + 1


def strays(paths: RepoPaths) -> list[Path]:
    """The files in a repo's folder that are not this program's."""
    files = (paths.manifest, paths.retired, paths.read, paths.pinned)
    known = {file(number) for number in paths.numbers() for file in files}
    last = _newest_of(paths, paths.numbers()) or 0
    fakes = {paths.manifest(number) for number in paths.numbers() if number > last}
    in_raw = {*paths.raw.rglob("*")} - {*paths.raw.glob("*/*/*.parquet")}
    found = (*paths.folder.glob("*"), *paths.snapshots.glob("*"), *in_raw)
    ours = (known - fakes) | {paths.newest_hint}
    return sorted(
        path for path in found if path.is_file() and path not in ours and not path.name.startswith(".newest-")
    )


def missing_numbers(paths: RepoPaths) -> range:
    """The numbers up to that in the hint which have no manifest any more, though newest snapshots had them."""
    last = _newest_of(paths, paths.numbers()) or 0
    return range(last + 1, max(last, _stored_hint(paths)) + 1)


def number_after_all(paths: RepoPaths) -> int:
    """As ``next_number``, by listing the folder: also if the newest manifest is damaged or missing."""
    last = _newest_of(paths, paths.numbers()) or 0
    return max(last, _stored_hint(paths), *paths.dropped_numbers(), 0) + 1


def remember_newest(paths: RepoPaths, number: int) -> None:
    """Store the hint after a commit; a hint that can't be written is only a slower start."""
    _HINTS.put(paths.folder, number)
    draft = paths.snapshots / f".newest-{uuid4().hex}"
    with suppress(OSError):
        try:
            draft.write_text(f"{number} {zlib.crc32(b'%d' % number)}")
            draft.replace(paths.newest_hint)
        finally:
            draft.unlink(missing_ok=True)


def _is_listed(paths: RepoPaths, number: int) -> bool:
    return number > 0 and not paths.retired(number).exists() and paths.manifest(number).exists()


def _newest_of(paths: RepoPaths, numbers: Iterable[int]) -> int | None:
    """The highest number, without files that only look like manifests.

    A manifest that can't be read, and whose predecessor is not there either, is not this program's, unless it is the
    only one. If its predecessor is there, it is damaged, and the caller's attempt to load it says so.
    """
    falling = sorted(numbers, reverse=True)
    for number in falling:
        if number == falling[-1] or paths.manifest(number - 1).exists() or _loads(paths, number):
            return number
        LOG.warning("%s: the file %s is not a manifest of this store; ignored", paths.name, paths.manifest(number).name)
    return None


def _loads(paths: RepoPaths, number: int) -> bool:
    try:
        load(paths, number)
    except (StoreCorruptError, UnknownSnapshotError):
        return False
    return True


def _require_hinted(paths: RepoPaths, number: int) -> None:
    """Raise StoreCorruptError if the hint is above ``number``, but its manifest is missing.

    The hint is written after the manifest is on the disk, and the newest manifest is never deleted.
    """
    hint = _stored_hint(paths)
    if hint > number and not paths.manifest(hint).exists():
        raise StoreCorruptError(f"the manifest of {paths.name}'s newest snapshot, {hint}, is missing")


def _stored_hint(paths: RepoPaths) -> int:
    """The number in the file ``newest``; 0 if there is none, or if it does not match its checksum."""
    try:
        number, crc = map(int, paths.newest_hint.read_bytes().split())
    except (OSError, ValueError):
        return 0
    return number if crc == zlib.crc32(b"%d" % number) else 0
