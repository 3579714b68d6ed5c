"""The source files of a folder.

Hidden files and folders, virtual environments, installed packages and build output are not the repo's own source.
Symbolic links are not followed: what a link leads to is read at its own path, or is no part of the repo; so loops
end, and a link can't draw a file from outside into the tables.
"""

import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from arrowdsl.errors import DataError
from flight_client.extract.source import open_regular, printable

SUFFIXES = (".py", ".pyi")
SKIPPED_FOLDERS = frozenset({"__pycache__", "__pypackages__", "node_modules", "site-packages", "dist-packages"})
BUILD_FOLDERS = frozenset({"build", "dist"})
PACKAGE_FILES = frozenset({"__init__.py", "__init__.pyi"})

_LOG = logging.getLogger(__name__)


class NotAFolderError(DataError):
    """A path that is no folder, or that can't be listed."""

    code = "not_a_folder"


class NoSourceFilesError(DataError):
    """A folder without Python source."""

    code = "no_source_files"


@dataclass(frozen=True)
class SourceFile:
    """A file: ``path`` is relative to the root, with ``/``; a byte that is no UTF-8 stands there as its hex escape.

    ``size`` is in bytes; ``sha256`` is in hex, and empty when the file could not be read.
    """

    path: str
    abs_path: str
    size: int
    sha256: str


def scan(root: Path) -> tuple[SourceFile, ...]:
    """All regular ``*.py`` and ``*.pyi`` files under ``root``, sorted by path.

    Raises NotAFolderError (``not_a_folder``) and NoSourceFilesError (``no_source_files``). A folder below the root
    that can't be listed is left out, with a warning to the log.
    """
    found = {path: _source_file(path, entry) for path, entry in _walk(root) if entry.name.endswith(SUFFIXES)}
    if not found:
        raise NoSourceFilesError(f"no Python source under {root}: looked for {' and '.join(SUFFIXES)} files")
    return tuple(found[path] for path in sorted(found))


def package_folders(root: Path) -> frozenset[str]:
    """The folders under ``root`` that have an ``__init__``, as paths relative to it (``""`` is the root itself)."""
    return frozenset(path.rpartition("/")[0] for path, entry in _walk(root) if entry.name in PACKAGE_FILES)


def _source_file(path: str, entry: os.DirEntry[str]) -> SourceFile:
    digest, size = "", 0
    try:
        with open_regular(entry.path) as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
    except OSError as error:
        _LOG.warning("can't read %s: %s", path, error.strerror)
    return SourceFile(path=path, abs_path=str(Path(entry.path).absolute()), size=size, sha256=digest)


def _walk(root: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """The regular files under ``root`` that belong to the repo, each with its path relative to the root."""
    if not root.is_dir():
        raise NotAFolderError(f"{root} is not a folder")
    pending = [(root.name, str(root), "")]
    while pending:
        name, folder, prefix = pending.pop()
        try:
            entries = _entries(folder)
        except OSError as error:
            if not prefix:
                raise NotAFolderError(f"{root} can't be listed: {error.strerror}") from error
            _LOG.warning("can't list %s: %s", prefix, error.strerror)
            continue
        if prefix and _is_foreign(name, {entry.name for entry in entries}):
            continue
        for entry in entries:
            path = prefix + printable(entry.name)
            if entry.is_file(follow_symlinks=False):
                yield path, entry
            elif entry.is_dir(follow_symlinks=False):
                pending.append((entry.name, entry.path, path + "/"))


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as listing:
        return sorted((entry for entry in listing if not entry.name.startswith(".")), key=lambda entry: entry.name)


def _is_foreign(folder: str, names: set[str]) -> bool:
    """Whether a folder holds what was installed or built: a ``build`` that is itself a package is source."""
    if folder in SKIPPED_FOLDERS or folder.endswith(".egg-info") or "pyvenv.cfg" in names:
        return True
    return folder in BUILD_FOLDERS and not names & PACKAGE_FILES
