"""The source files of a folder.

These files are left out, in this order of precedence: files that the caller excludes, files that are not the repo's own
source (hidden files and folders, virtual environments, installed packages, build output), and files that ``.gitignore``
files name. Symbolic links are not followed: a target inside the repo is read at its own path, and a target outside is
not part of the repo. So there are no loops, and a link can't add outside files to the tables.
"""

import hashlib
import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

from arrowdsl.errors import DataError
from flight_client.extract.gitignore import GIT_FOLDER, Ignored, Rule, Rules
from flight_client.extract.module_names import PACKAGE_FILES, Module, ModuleNames, folders_of
from flight_client.extract.namespace_packages import needed_packages
from flight_client.extract.notebooks import NOTEBOOK_SUFFIX
from flight_client.extract.source_roots import BUILD_FILES, SourceRoot, declared_roots
from flight_client.extract.source_text import open_regular, path_text, read

MODULE_SUFFIXES = (".py", ".pyi")
SUFFIXES = (*MODULE_SUFFIXES, NOTEBOOK_SUFFIX)
SKIPPED_FOLDERS = frozenset({"__pycache__", "__pypackages__", "node_modules", "site-packages", "dist-packages"})
SKIPPED_SUFFIXES = (".egg-info", ".dist-info", ".egg")
ENVIRONMENT_MARKS = frozenset({"pyvenv.cfg", "conda-meta"})
BUILD_FOLDERS = frozenset({"build", "dist"})

_LOG = logging.getLogger(__name__)


class NotAFolderError(DataError):
    """A path that is not a folder, or that can't be listed."""

    code = "not_a_folder"


class NoSourceFilesError(DataError):
    """A folder without Python source."""

    code = "no_source_files"


class BadSourceRootError(DataError):
    """A source root that is no folder of the repo."""

    code = "bad_source_root"


class BadGlobError(DataError):
    """A glob that matches nothing."""

    code = "bad_glob"


@dataclass(frozen=True)
class SourceFile:
    """A file: ``path`` is relative to the root, with ``/``; a byte that is not UTF-8 is written as a hex escape.

    ``size`` is in bytes.
    """

    path: str
    abs_path: str
    size: int
    module: Module

    @cached_property
    def sha256(self) -> str:
        """The hash of its bytes in hex, computed on first access; empty if the file can't be read."""
        try:
            with open_regular(self.abs_path) as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            _LOG.warning("can't read %s: %s", self.path, error.strerror)
            return ""


@dataclass(frozen=True)
class Selection:
    """The caller's choice of files, as gitignore patterns relative to the root.

    With ``include``, only files are used whose path, or the path of a folder around them, matches one of its patterns.
    Files that ``exclude`` matches are left out. A pattern with ``!`` in ``exclude`` includes files again, also files
    that another rule leaves out.
    """

    include: Rules
    exclude: Rules

    @classmethod
    def of(cls, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> "Selection":
        """A selection from patterns; raises BadGlobError (``bad_glob``)."""
        return cls(Rules("", tuple(map(_rule, include))), Rules("", tuple(map(_rule, exclude))))

    def includes(self, path: str) -> bool:
        """Whether ``include`` selects a file."""
        if not self.include.rules or self.include.verdict(path, is_folder=False):
            return True
        steps = path.split("/")
        folders = ("/".join(steps[:count]) for count in range(1, len(steps)))
        return any(self.include.verdict(folder, is_folder=True) for folder in folders)


def scan(
    root: Path, *, include: Sequence[str] = (), exclude: Sequence[str] = (), source_roots: Sequence[Path] = ()
) -> tuple[SourceFile, ...]:
    """All regular ``*.py``, ``*.pyi`` and ``*.ipynb`` files under ``root`` that are its source, sorted by path.

    ``Selection`` describes ``include`` and ``exclude``. ``source_roots`` are folders that modules are imported from,
    relative to ``root``; ``ModuleNames`` says how others are found. Raises NotAFolderError (``not_a_folder``),
    NoSourceFilesError (``no_source_files``), BadSourceRootError (``bad_source_root``) and BadGlobError (``bad_glob``).
    A folder below the root that can't be listed is left out, and a warning is logged.
    """
    selection = Selection.of(include, exclude)
    chosen = [_chosen_root(root, folder) for folder in source_roots]
    entries = dict(sorted(_walk(root, selection)))
    found = {path: entry for path, entry in entries.items() if path.endswith(SUFFIXES) and selection.includes(path)}
    if not found:
        looked_for = f"{', '.join(SUFFIXES)} files that are not ignored or excluded"
        raise NoSourceFilesError(f"no Python source under {root}: looked for {looked_for}")
    names = _names(root, entries, chosen)
    return tuple(SourceFile(path, entry.path, _size(entry), names.module(path)) for path, entry in found.items())


def _chosen_root(root: Path, folder: Path) -> SourceRoot:
    """The source root that the caller names; raises BadSourceRootError."""
    place = (root / folder).resolve()
    if not (place.is_dir() and place.is_relative_to(root.resolve())):
        raise BadSourceRootError(f"the source root {folder} is no folder in {root}; name it relative to that folder")
    relative = place.relative_to(root.resolve()).as_posix()
    return SourceRoot("" if relative == "." else path_text(relative), "", "--source-root")


def _names(root: Path, entries: Mapping[str, os.DirEntry[str]], chosen: Iterable[SourceRoot]) -> ModuleNames:
    """The module names of the files in ``entries``, which has the build files too."""
    modules = [path for path in entries if path.endswith(MODULE_SUFFIXES)]
    packages = {path.rpartition("/")[0] for path in modules if path.rpartition("/")[2] in PACKAGE_FILES}
    below = defaultdict(set)
    for folder in folders_of(modules):
        parent, _, name = folder.rpartition("/")
        below[parent].add(name)
    build_files: dict[str, dict[str, str]] = defaultdict(dict)
    for path, entry in entries.items():
        if entry.name in BUILD_FILES:
            build_files[path.rpartition("/")[0]][entry.name] = entry.path
    declared = (declared_roots(folder, files, below[folder]) for folder, files in build_files.items())
    names = ModuleNames(root, packages, frozenset(), (*chosen, *chain.from_iterable(declared)))
    return replace(names, needed=needed_packages(modules, names, lambda path: _bytes(entries[path])))


def _bytes(entry: os.DirEntry[str]) -> bytes:
    try:
        return read(entry.path)
    except (OSError, ValueError):  # the extractor reports it
        return b""


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_size
    except OSError:  # the file was deleted in the meantime
        return 0


def _rule(glob: str) -> Rule:
    rule = Rule.of(glob)
    if rule is None:
        raise BadGlobError(f"the glob {glob!r} can match nothing; write it as in a .gitignore file")
    return rule


@dataclass(frozen=True)
class _Folder:
    """A folder to list: its path on disk, its path from the root (empty, or with a final ``/``), and outer rules."""

    place: str
    name: str
    path: str
    ignored: Ignored
    is_wanted: bool = False  # true if the caller includes it, even if it looks installed or built


def _walk(root: Path, selection: Selection) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """The source and build files under ``root`` that belong to the repo, each with its path relative to the root."""
    if not root.is_dir():
        raise NotAFolderError(f"{root} is not a folder")
    pending = [_Folder(str(root.absolute()), root.name, "", Ignored.above(root.resolve()), is_wanted=True)]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder.place) as listing:
                entries = list(listing)
        except OSError as error:
            if not folder.path:
                raise NotAFolderError(f"{root} can't be listed: {error.strerror}") from error
            _LOG.warning("can't list %s: %s", folder.path, error.strerror)
            continue
        for entry, below in _entries_of(folder, entries, selection):
            if below is None:
                yield folder.path + path_text(entry.name), entry
            else:
                pending.append(below)


def _entries_of(
    folder: _Folder, entries: Sequence[os.DirEntry[str]], selection: Selection
) -> Iterator[tuple[os.DirEntry[str], _Folder | None]]:
    """The source and build files in a folder, and the subfolders to list, each subfolder with its rules."""
    names = {entry.name for entry in entries}
    if not folder.is_wanted and _is_foreign(folder.name, names):
        return
    ignored = folder.ignored.entered(folder.place, names)
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        is_read = entry.name.endswith(SUFFIXES) or entry.name in BUILD_FILES
        if not is_folder and not (is_read and entry.is_file(follow_symlinks=False)):
            continue
        path = folder.path + path_text(entry.name)
        verdict = selection.exclude.verdict(path, is_folder=is_folder)
        left_out = entry.name.startswith(".") or ignored.ignores(entry.name, is_folder=is_folder)
        if entry.name == GIT_FOLDER or (left_out if verdict is None else verdict):
            continue
        if is_folder:
            below = ignored.inside(entry.name)
            yield entry, _Folder(entry.path, entry.name, path + "/", below, is_wanted=verdict is False)
        else:
            yield entry, None


def _is_foreign(folder: str, names: set[str]) -> bool:
    """Whether a folder holds installed or built files; a folder ``build`` that is a package is source."""
    if folder in SKIPPED_FOLDERS or folder.endswith(SKIPPED_SUFFIXES) or names & ENVIRONMENT_MARKS:
        return True
    return folder in BUILD_FOLDERS and not names & PACKAGE_FILES
