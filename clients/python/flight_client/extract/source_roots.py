"""Source roots that a project's build files name: pyproject.toml, setup.cfg and setup.py, read without being run.

A source root is a folder on the path that modules are imported from, or a folder that stands for a package of another
name: setuptools' ``package-dir = {"" = "src", "acme" = "lib"}`` makes ``src`` a root, and ``lib`` the package ``acme``.
"""

import ast
import configparser
import logging
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from posixpath import normpath
from types import MappingProxyType

BUILD_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
SOURCE = "src"

_LOG = logging.getLogger(__name__)
_FINDERS = frozenset({"find_packages", "find_namespace_packages"})
_SETUP_KEYWORDS = frozenset({"package_dir", "packages"})

# Settings of pyproject.toml, below ``tool``. Their values are folders that modules are imported from, …
_ROOTS = (
    "setuptools.packages.find.where",
    "pdm.build.package-dir",
    "maturin.python-source",
    "hatch.build.dev-mode-dirs",
    "hatch.build.targets.wheel.dev-mode-dirs",
    "pytest.ini_options.pythonpath",
    "pyright.extraPaths",
)
# … folders of packages, …
_PACKAGES = ("hatch.build.packages", "hatch.build.targets.wheel.packages", "scikit-build.wheel.packages")
# … dotted names of packages beside the build file, …
_NAMES = ("setuptools.packages", "flit.module.name", "pdm.build.includes")
_INCLUDE, _WHERE = "setuptools.packages.find.include", "setuptools.packages.find.where"
# … and what stands for what: a folder for each dotted name, or a dotted name for each folder.
_FOLDER_OF_NAME = ("setuptools.package-dir", "scikit-build.wheel.packages")
_NAME_OF_FOLDER = ("hatch.build.sources", "hatch.build.targets.wheel.sources")


@dataclass(frozen=True)
class SourceRoot:
    """A folder, relative to the repo's (empty for that one), with its dotted name (mostly empty) and the reason."""

    folder: str
    name: str
    reason: str

    @property
    def place(self) -> str:
        """The folder that a module's dotted name starts from, ``.`` for the repo's."""
        steps = f"/{self.name.replace('.', '/')}" if self.name else ""
        return f"/{self.folder}".removesuffix(steps).lstrip("/") or "."


def declared_roots(folder: str, paths: Mapping[str, str], below: Iterable[str]) -> Iterator[SourceRoot]:
    """The source roots that the build files in ``folder`` name.

    ``paths`` has the places of the build files on disk, by name; ``below`` the names of the folders in ``folder``. A
    build file that can't be read is left out, and a warning is logged.
    """
    folders = frozenset(below)
    for name in BUILD_FILES:
        if name in paths:
            try:
                settings = _READERS[name](Path(paths[name]).read_bytes())
            except (OSError, ValueError, SyntaxError, RecursionError, MemoryError, configparser.Error) as error:
                _LOG.warning("can't read %s: %s", f"{folder}/{name}".lstrip("/"), error)
                continue
            found = Settings(name, settings, folders)
            for place, dotted, key in found.roots():
                at = normpath(f"{folder}/{place}".lstrip("/"))
                if not at.startswith(".."):
                    yield SourceRoot("" if at == "." else at, dotted, f"{name}: {key}")


@dataclass(frozen=True)
class Settings:
    """The settings of a build file, in the form of the table ``tool`` of a pyproject.toml.

    ``folders`` has the names of the folders beside it.
    """

    file: str
    tool: Mapping[str, object]
    folders: frozenset[str]

    def roots(self) -> Iterator[tuple[str, str, str]]:
        """The folders, the dotted names that they stand for, and the settings that say so."""
        for key in _ROOTS:
            for place in _texts(self._at(key)):
                if normpath(place) != ".":  # every file beside the build file would get its name from there
                    yield place, "", key
        for key in _PACKAGES:
            for place in _texts(self._at(key)):
                yield place, normpath(place).rpartition("/")[2], key
        for key in _NAMES if self._at(_WHERE) else (*_NAMES, _INCLUDE):
            yield from ((top, top, key) for top in self._top_folders(_texts(self._at(key))))
        for key in _FOLDER_OF_NAME:
            yield from ((place, dotted, key) for dotted, place in _pairs(self._at(key)))
        for key in _NAME_OF_FOLDER:
            mapped = self._at(key)
            yield from ((place, dotted.strip("/").replace("/", "."), key) for place, dotted in _pairs(mapped))
            yield from ((place, "", key) for place in _texts(mapped))
        yield from self._of_poetry()
        yield from self._of_uv()

    def _of_poetry(self) -> Iterator[tuple[str, str, str]]:
        packages = self._at("poetry.packages")
        for package in packages if isinstance(packages, list) else []:
            given = dict(_pairs(package))
            top = given.get("include", "").partition("/")[0]
            if "from" in given:
                yield given["from"], given.get("to", "").replace("/", "."), "poetry.packages"
            elif top in self.folders:
                yield top, ".".join(filter(None, (given.get("to", "").replace("/", "."), top))), "poetry.packages"

    def _of_uv(self) -> Iterator[tuple[str, str, str]]:
        key = "uv.build-backend"
        settings = self._at(key)
        if isinstance(settings, Mapping):
            root = settings.get("module-root", SOURCE)
            if isinstance(root, str) and normpath(root) != ".":
                yield root, "", key
            else:
                yield from ((top, top, key) for top in self._top_folders(_texts(settings.get("module-name"))))

    def _top_folders(self, names: Iterable[str]) -> Iterator[str]:
        """The folders beside the build file that begin the dotted names, which may be patterns; not all folders."""
        tops = {name.replace("/", ".").partition(".")[0] for name in names}
        return (folder for folder in sorted(self.folders) for top in tops - {"*"} if fnmatchcase(folder, top))

    def _at(self, key: str) -> object:
        found: object = self.tool
        for step in key.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        return found


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [text for text in values if isinstance(text, str)]


def _pairs(value: object) -> Iterator[tuple[str, str]]:
    for key, text in value.items() if isinstance(value, Mapping) else ():
        if isinstance(key, str) and isinstance(text, str):
            yield key, text


def _of_pyproject(data: bytes) -> Mapping[str, object]:
    tool = tomllib.loads(data.decode()).get("tool")
    return tool if isinstance(tool, dict) else {}


def _of_setup_cfg(data: bytes) -> Mapping[str, object]:
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(data.decode())
    lines = {
        key: [line.strip() for line in parser.get(*key, fallback="").replace(",", "\n").splitlines() if line.strip()]
        for key in (("options", "package_dir"), ("options", "packages"), ("options.packages.find", "where"))
        if parser.has_option(*key)
    }
    packages = lines.get(("options", "packages"), [])
    pairs = (line.partition("=") for line in lines.get(("options", "package_dir"), []))
    return _setuptools(
        {name.strip(): place.strip() for name, _, place in pairs},
        [name for name in packages if not name.startswith("find")],
        lines.get(("options.packages.find", "where"), []),
    )


def _of_setup_py(data: bytes) -> Mapping[str, object]:
    """The literal arguments of ``setup`` and ``find_packages``; a name means the literal that is assigned to it."""
    tree = ast.parse(data)
    assigned = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def literal(node: ast.expr) -> object:
        with suppress(ValueError, TypeError):
            return ast.literal_eval(assigned.get(node.id, node) if isinstance(node, ast.Name) else node)
        return None

    found: dict[str, object] = {}
    where: list[str] = []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        given = {keyword.arg: literal(keyword.value) for keyword in call.keywords if keyword.arg is not None}
        if function in _FINDERS:
            where += _texts(given.get("where", literal(call.args[0]) if call.args else None))
        elif function == "setup":
            found |= {keyword: given[keyword] for keyword in _SETUP_KEYWORDS & given.keys()}
    return _setuptools(found.get("package_dir"), found.get("packages"), where)


def _setuptools(package_dir: object, packages: object, where: list[str]) -> Mapping[str, object]:
    """The settings of setup.cfg and setup.py as pyproject.toml spells them."""
    named = packages if isinstance(packages, list) and packages else {"find": {"where": where}}
    return {"setuptools": {"package-dir": package_dir, "packages": named}}


_READERS: Mapping[str, Callable[[bytes], Mapping[str, object]]] = MappingProxyType(
    {"pyproject.toml": _of_pyproject, "setup.cfg": _of_setup_cfg, "setup.py": _of_setup_py}
)
