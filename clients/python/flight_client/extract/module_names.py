"""Module names. A module's dotted name starts at the topmost folder above it that has an ``__init__``.

So a namespace folder inside a package is part of the name, and a script outside of packages has just its own name. If
the root itself is a package, the name starts at the topmost of the packages around the root.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE_FILES = frozenset({"__init__.py", "__init__.pyi"})


@dataclass(frozen=True)
class Module:
    """A module's dotted name, and whether it is the ``__init__`` of a package."""

    name: str
    is_package: bool

    @property
    def package(self) -> str:
        """The dotted name of its package, where relative imports start; empty if it has none."""
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
    """Names the modules under ``root``; ``packages`` are the folders with an ``__init__``, relative to ``root``."""

    root: Path
    packages: AbstractSet[str]

    def module(self, path: str) -> Module:
        """The module of a file, by its path relative to the root."""
        *folders, name = path.split("/")
        stem = name.rpartition(".")[0]
        depth = next((n for n in range(len(folders) + 1) if "/".join(folders[:n]) in self.packages), None)
        if depth is None:
            return Module(name=stem, is_package=False)
        parts = [self._root_name] if depth == 0 else [folders[depth - 1]]
        parts += folders[depth:]
        is_package = stem == "__init__"
        return Module(name=".".join(parts if is_package else [*parts, stem]), is_package=is_package)

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
