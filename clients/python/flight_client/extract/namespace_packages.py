"""Namespace packages (PEP 420) that imports need: folders without an ``__init__`` that the repo's files import from.

``import acme.cool`` is a vote for the package ``acme`` if a folder ``acme`` without an ``__init__`` has a folder or
module ``cool``, and no package ``acme`` is nearer to the importing file. A relative import is a vote for the folders
that it leads through. An ``import cool`` in a file in ``acme`` is a vote against, since it takes ``acme`` for the
folder to import from. Each file has one vote, and in a tie the folder is a package. The text of the files is searched
for import statements, since to parse all files takes too long.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from flight_client.extract.module_names import PACKAGE_FILES, ModuleNames, folders_of

_STARTS = re.compile(rb"^[ \t]*(?:from[ \t]+([\w.]+)|import[ \t]+([^\n#;]+))", re.MULTILINE)
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+(\.*)[ \t]*([\w.]*)[ \t]+import[ \t]*(?:\(([^)]*)\)|([^\n#;(]*))|import[ \t]+([^\n#;]+))",
    re.MULTILINE,
)
_NAME = re.compile(r"[\w.]+")
_TOP = re.compile(rb"(?:^|,)\s*(\w+)")
_AS = re.compile(r"\s+as\s+\w+|#[^\n]*")

Statement = tuple[int, str, tuple[str, ...]]


def needed_packages(paths: Sequence[str], names: ModuleNames, read: Callable[[str], bytes]) -> frozenset[str]:
    """The folders without an ``__init__`` that imports in the files ``paths`` take for packages.

    ``names`` knows the packages and the named source roots. ``read`` gives a file's bytes by its path; files are read
    only if some folder may become a package.
    """
    open_folders = {folder for folder in folders_of(paths) if _is_open(folder.split("/"), names)}
    votes, against = Counter[str](), Counter[str]()
    if open_folders:
        polling = _Poll(paths, names, open_folders)
        for path in paths:
            chosen, refused = polling.votes(path, read(path))
            votes.update(chosen)
            against.update(refused)
    return frozenset(folder for folder, count in votes.items() if count >= against[folder])


def _is_open(steps: list[str], names: ModuleNames) -> bool:
    """Whether the folder is in no package and in no named source root, and may be a package by its name."""
    root = names.root_of(steps)
    return steps[-1].isidentifier() and root.folder == "/".join(steps) and root not in names.roots


class _Poll:
    """What files say on folders without an ``__init__``."""

    def __init__(self, paths: Sequence[str], names: ModuleNames, open_folders: set[str]) -> None:
        self._names = names
        self._open = open_folders
        self._members = _members(paths)
        self._by_name = defaultdict(list)
        for folder in sorted(open_folders | set(names.packages)):
            self._by_name[folder.rpartition("/")[2]].append(folder)
        matter = {folder.rpartition("/")[2] for folder in open_folders}
        self._tops = {top.encode() for top in matter.union(*(self._members[folder] for folder in open_folders))}

    def votes(self, path: str, data: bytes) -> tuple[set[str], set[str]]:
        """The folders that a file's imports take for packages, and those that they import from."""
        folder = path.rpartition("/")[0]
        steps = folder.split("/") if folder else []
        root = self._names.root_of(steps).place
        above = len(steps) - (0 if root == "." else root.count("/") + 1)  # dots that lead out of its package
        chosen, refused = set[str](), set[str]()
        if b"from " + b"." * (above + 1) in data or self._may_matter(data):
            around = ["/".join(steps[:count]) for count in range(len(steps), 0, -1)]
            for level, dotted, members in _statements(data):
                if level:
                    chosen.update(around[:level])
                else:
                    chosen.update(self._nearest(folder, dotted, members))
                    top = dotted.partition(".")[0]
                    refused.update(each for each in around if top in self._members[each])
        return chosen & self._open, refused & self._open

    def _may_matter(self, data: bytes) -> bool:
        return any(not self._tops.isdisjoint(_TOP.findall(names or module)) for module, names in _STARTS.findall(data))

    def _nearest(self, folder: str, dotted: str, members: Iterable[str]) -> Iterable[str]:
        """The nearest folders that a module may mean."""
        top, _, rest = dotted.partition(".")
        wanted = {rest.partition(".")[0]} if rest else set(members)
        having = [each for each in self._by_name.get(top, ()) if wanted & self._members[each]]
        nearest = max((_shared(each, folder) for each in having), default=0)
        return (each for each in having if _shared(each, folder) == nearest)


def _statements(data: bytes) -> Iterator[Statement]:
    """The import statements in a file: level, module and imported names; for ``import a.b``: 0, ``a.b``, no names."""
    for dots, module, listed, plain, modules in _IMPORT.findall(data):
        if modules:
            for dotted in _NAME.findall(_AS.sub("", modules.decode(errors="replace"))):
                yield 0, dotted, ()
        else:
            imported = _AS.sub("", (listed or plain).decode(errors="replace"))
            yield len(dots), module.decode(errors="replace"), tuple(_NAME.findall(imported))


def _members(paths: Iterable[str]) -> Mapping[str, set[str]]:
    """The names of the modules and folders in each folder."""
    found = defaultdict(set)
    for path in paths:
        folder, _, name = path.rpartition("/")
        if name not in PACKAGE_FILES:
            found[folder].add(name.rpartition(".")[0])
        while folder:
            folder, _, name = folder.rpartition("/")
            found[folder].add(name)
    return found


def _shared(folder: str, other: str) -> int:
    """The number of steps that two folders have in common."""
    count = 0
    for one, two in zip(folder.split("/"), other.split("/"), strict=False):
        if one != two:
            break
        count += 1
    return count
