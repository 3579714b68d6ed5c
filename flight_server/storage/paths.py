"""The folders and files of a store.

repos/<repo>/snapshots/00000000000000000007.json     a snapshot's manifest
repos/<repo>/snapshots/00000000000000000007.retired  marks the snapshot as retired: it is not listed
repos/<repo>/raw/<table>/<part>/<uuid>.parquet       immutable
repos/<repo>/staging/<transaction>/…                 not yet committed
dropped/<repo>                                       the last number of a repo of this name that was dropped
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from flight_server.storage.store_errors import InvalidNameError

Part = int | Literal["global"]
GLOBAL: Final = "global"

_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")
_NUMBER_DIGITS = 20


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
    def dropped(self) -> Path:
        """The file with the last snapshot number of a dropped repo of this name."""
        return self.folder.parent.parent / "dropped" / self.name

    def manifest(self, number: int) -> Path:
        """The manifest of a snapshot."""
        return self.snapshots / f"{number:0{_NUMBER_DIGITS}}.json"

    def retired(self, number: int) -> Path:
        """The marker that retires a snapshot."""
        return self.snapshots / f"{number:0{_NUMBER_DIGITS}}.retired"

    def numbers(self) -> set[int]:
        """All snapshots that have a manifest, retired or not."""
        return _numbers(self.snapshots, ".json")

    def retired_numbers(self) -> set[int]:
        """The snapshots that have a marker of retirement."""
        return _numbers(self.snapshots, ".retired")

    def visible_numbers(self) -> list[int]:
        """The snapshots that are not retired, ascending; empty for a repo that does not exist.

        Markers are listed first. Retirement creates the marker, and pruning deletes it only after the manifest. So a
        manifest that is listed here without a marker was visible when the listing began.
        """
        retired = self.retired_numbers()
        return sorted(self.numbers() - retired)


def repos_of(store: Path) -> list[RepoPaths]:
    """The repos of a store's folder, sorted by name. A repo without a visible snapshot is being created or dropped."""
    folders = (store / "repos").iterdir() if (store / "repos").is_dir() else ()
    return [RepoPaths(folder) for folder in sorted(folders) if is_name(folder.name) and folder.is_dir()]


def _numbers(folder: Path, suffix: str) -> set[int]:
    try:
        return {int(entry.stem) for entry in folder.iterdir() if entry.suffix == suffix and entry.stem.isdecimal()}
    except FileNotFoundError:
        return set()
