"""The folders and files of a store.

repos/<repo>/snapshots/00000000000000000007.json     a snapshot's manifest
repos/<repo>/snapshots/00000000000000000007.retired  marks the snapshot as retired: it is not listed
repos/<repo>/snapshots/00000000000000000007.read     its time is the last time at which the snapshot was read
repos/<repo>/snapshots/00000000000000000007.pinned   the snapshot stays listed, also if it is retired
repos/<repo>/snapshots/newest                        the newest number, as a hint: it may be too low
repos/<repo>/raw/<table>/<part>/<uuid>.parquet       immutable
repos/<repo>/staging/<transaction>/…                 not yet committed
dropped/<repo>.00000000000000000009                  an empty folder: the last number of a repo that was dropped

Other files in these folders are ignored.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from flight_server.storage.store_errors import InvalidNameError

Part = int | Literal["global"]
FileVersion = tuple[int, ...]
GLOBAL: Final = "global"

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_NUMBER_DIGITS = 20
_NUMBER = re.compile(rf"\d{{{_NUMBER_DIGITS}}}", re.ASCII)


def is_name(text: str) -> bool:
    """Whether a repo or a table may have this name. Such a name is always a single, visible path segment."""
    return _NAME.fullmatch(text) is not None


def checked_name(kind: str, text: str) -> str:
    """The name of a ``kind``, repo or table; raises InvalidNameError."""
    if not is_name(text):
        raise InvalidNameError(
            f"{text[:120]!r} is not a valid {kind} name; allowed: 1 to 100 of A-Z a-z 0-9 . _ - without a leading dot"
        )
    return text


@dataclass(frozen=True)
class RepoPaths:
    """The folders and files of one repo."""

    folder: Path

    @property
    def name(self) -> str:
        """The repo's name."""
        return self.folder.name

    @property
    def snapshots(self) -> Path:
        """The folder of manifests."""
        return self.folder / "snapshots"

    @property
    def raw(self) -> Path:
        """The folder of committed files."""
        return self.folder / "raw"

    @property
    def staging(self) -> Path:
        """The folder of running transactions."""
        return self.folder / "staging"

    @property
    def newest_hint(self) -> Path:
        """The file with the number of the newest snapshot, which may be too low."""
        return self.snapshots / "newest"

    def dropped(self, number: int) -> Path:
        """The folder that remains when the repo is dropped; ``number`` is the last one that it used."""
        return self.folder.parent.parent / "dropped" / f"{self.name}.{number:0{_NUMBER_DIGITS}}"

    def dropped_numbers(self) -> set[int]:
        """The last numbers of dropped repos of this name."""
        return _numbers(self.dropped(0).parent, f"{self.name}.", "")

    def manifest(self, number: int) -> Path:
        """The manifest of a snapshot."""
        return self.snapshots / f"{number:0{_NUMBER_DIGITS}}.json"

    def retired(self, number: int) -> Path:
        """The marker that retires a snapshot."""
        return self.snapshots / f"{number:0{_NUMBER_DIGITS}}.retired"

    def read(self, number: int) -> Path:
        """The marker whose modification time is the last time at which the snapshot was read."""
        return self.snapshots / f"{number:0{_NUMBER_DIGITS}}.read"

    def pinned(self, number: int) -> Path:
        """The marker of a snapshot that stays listed."""
        return self.snapshots / f"{number:0{_NUMBER_DIGITS}}.pinned"

    def pinned_numbers(self) -> set[int]:
        """The snapshots that have a marker of a pin."""
        return _numbers(self.snapshots, "", ".pinned")

    def numbers(self) -> set[int]:
        """All snapshots that have a manifest, retired or not."""
        return _numbers(self.snapshots, "", ".json")

    def retired_numbers(self) -> set[int]:
        """The snapshots that have a marker of retirement."""
        return _numbers(self.snapshots, "", ".retired")

    def read_numbers(self) -> set[int]:
        """The snapshots that have a marker of their last read."""
        return _numbers(self.snapshots, "", ".read")


def repos_of(store: Path) -> list[RepoPaths]:
    """The repos of a store's folder, sorted by name. A repo without a visible snapshot is being created or dropped."""
    folders = (store / "repos").iterdir() if (store / "repos").is_dir() else ()
    return [RepoPaths(folder) for folder in sorted(folders) if is_name(folder.name) and folder.is_dir()]


def version_of(status: os.stat_result) -> FileVersion:
    """A value that differs once a file was written to or replaced: device, inode, size, and time of the last change.

    A program can set back the time of modification, but not that of the change of the inode, ``st_ctime_ns``.
    """
    return status.st_dev, status.st_ino, status.st_size, status.st_ctime_ns


def has_snapshot(paths: RepoPaths) -> bool:
    """Whether a repo has a snapshot that is not retired; its manifest may be damaged."""
    return bool(paths.numbers() - paths.retired_numbers())


def _numbers(folder: Path, prefix: str, suffix: str) -> set[int]:
    """The numbers in the names of a folder's entries; a number has exactly _NUMBER_DIGITS digits."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return set()
    inner = [
        name[len(prefix) : len(name) - len(suffix)]
        for name in names
        if name.startswith(prefix) and name.endswith(suffix)
    ]
    return {int(digits) for digits in inner if _NUMBER.fullmatch(digits)}
