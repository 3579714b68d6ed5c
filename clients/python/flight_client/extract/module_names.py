"""Module names. A module's dotted name is its path below its source root: the folder that it is imported from.

The source root of a file is the first of these:

1. the innermost folder around it that the caller or a build file names as a root,
2. the innermost folder ``src`` that is no package and in no package,
3. the folder around the topmost package that contains it. A package is a folder with an ``__init__``, or one that an
   import of the repo needs to be a package,
4. its own folder, as for a script.

A folder whose name is no identifier ends the name: modules below it are imported from there. Notebooks, and files with
a dot in their names, are no modules.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flight_client.contracts.kinds import SCRIPT
from flight_client.extract.notebooks import NOTEBOOK_SUFFIX
from flight_client.extract.source_roots import SOURCE, SourceRoot

PACKAGE_FILES = frozenset({"__init__.py", "__init__.pyi"})
STUBS = "-stubs"  # the end of a folder's name with stubs for the package whose name begins it (PEP 561)
OUTSIDE = ".."
_PACKAGE = "the topmost package above"
_AROUND = "the packages around the repo"
_SRC = "src layout"
_NEEDED = "imports of the folder as a package"


@dataclass(frozen=True)
class Module:
    """A module's dotted name, whether it is the ``__init__`` of a package, its source root, and the root's reason.

    ``root`` is a folder relative to the repo's, ``.`` for that one, or ``..`` for the folder around the packages that
    the repo is in. A file that is no module has no root and no reason, and its path for a name.
    """

    name: str
    is_package: bool
    root: str | None = "."
    reason: str | None = SCRIPT

    @property
    def dotted(self) -> str | None:
        """The name, or None for a file that is no module."""
        return None if self.root is None else self.name

    @property
    def package(self) -> str:
        """The dotted name of its package, where relative imports start; empty if it has none."""
        if self.root is None:
            return ""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    def absolute(self, level: int, module: str) -> str:
        """The module that ``from <level dots><module> import`` names; with the dots if there is no such package."""
        if not level:
            return module
        parents = self.package.split(".") if self.package else []
        if level > len(parents):
            return "." * level + module
        base = ".".join(parents[: len(parents) - level + 1])
        return f"{base}.{module}" if module else base


@dataclass(frozen=True)
class ModuleNames:
    """Names the modules under ``root``. All folders are relative to it.

    ``packages`` are the folders with an ``__init__``, ``needed`` the folders without one that imports take for
    packages, ``roots`` the source roots that the caller and the build files name, which of several of one folder is the
    first.
    """

    root: Path
    packages: AbstractSet[str]
    needed: AbstractSet[str] = frozenset()
    roots: tuple[SourceRoot, ...] = ()

    def module(self, path: str) -> Module:
        """The module of a file, by its path relative to the root."""
        *folders, file = path.split("/")
        stem, _, suffix = file.rpartition(".")
        if "." in stem or f".{suffix}" == NOTEBOOK_SUFFIX:
            return Module(path, is_package=False, root=None, reason=None)
        root = self.root_of(folders)
        is_package = stem == "__init__"
        steps = [root.name] if root.name else []
        below = folders if root.folder == OUTSIDE else folders[root.folder.count("/") + 1 if root.folder else 0 :]
        steps += map(_step, below)
        if not is_package or not steps:
            steps.append(stem)
        return Module(".".join(steps), is_package, root.place, root.reason)

    def root_of(self, folders: list[str]) -> SourceRoot:
        """The source root of the files in a folder, given as its steps from the repo's folder."""
        around = ["/".join(folders[:count]) for count in range(len(folders) + 1)]
        nameless = [count for count, folder in enumerate(folders, 1) if not _step(folder).isidentifier()]
        outermost = nameless[-1] if nameless else 0
        inner = around[outermost:]
        for folder in reversed(inner):
            if folder in self._declared:
                return self._declared[folder]
        package = next((folder for folder in inner if folder in self.packages or folder in self.needed), None)
        if package == "":
            return SourceRoot(OUTSIDE, self._root_name, _AROUND)
        for folder, step in reversed([*zip(around[outermost + 1 :], folders[outermost:], strict=True)]):
            if step == SOURCE and (package is None or package.startswith(f"{folder}/")):
                return SourceRoot(folder, "", _SRC)
        if package is None:
            return SourceRoot(around[-1], "", SCRIPT)
        return SourceRoot(package.rpartition("/")[0], "", _NEEDED if package in self.needed else _PACKAGE)

    @cached_property
    def _declared(self) -> Mapping[str, SourceRoot]:
        return {root.folder: root for root in reversed(self.roots)}

    @cached_property
    def _root_name(self) -> str:
        """The dotted name of the root, if the root is a package."""
        folder = self.root.resolve()
        parts = [folder.name]
        for parent in folder.parents:
            if not any((parent / name).is_file() for name in PACKAGE_FILES):
                break
            parts.append(parent.name)
        return ".".join(reversed(parts))


def _step(folder: str) -> str:
    """The part of a dotted name that a folder stands for."""
    return folder.removesuffix(STUBS)


def folders_of(paths: Iterable[str]) -> set[str]:
    """The folders that contain the paths, at any depth, without the outermost."""
    found = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found
