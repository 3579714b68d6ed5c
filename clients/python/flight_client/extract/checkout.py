"""What a git checkout ignores: the ``.gitignore`` files from its top down, and its ``info/exclude``.

The files are read as git reads them; git is not needed, and a folder that is no checkout has its ``.gitignore`` files
respected all the same. Two things differ, so that rows depend on the folder alone: the user's own ``core.excludesFile``
is not read, nor is the index, so a file that was added in spite of a rule needs a rule that takes it back.
"""

import codecs
import os
from dataclasses import dataclass
from pathlib import Path

from flight_client.extract.gitignore import Rules
from flight_client.extract.source import open_regular

IGNORE_FILE = ".gitignore"
GIT_FOLDER = ".git"
MAX_RULES_BYTES = 1 << 20


@dataclass(frozen=True)
class Ignored:
    """The rules that hold in a folder, the outermost first; ``folder`` is its path from the top of the checkout."""

    rules: tuple[Rules, ...] = ()
    folder: str = ""

    @classmethod
    def above(cls, root: Path) -> "Ignored":
        """The rules for a folder that the checkout it stands in has outside of it."""
        top = next((each for each in (root, *root.parents) if (each / GIT_FOLDER).exists()), None)
        if top is None or top == root:
            return cls()
        found = _excludes_of(top)
        for step in root.relative_to(top).parts:
            found = found.with_file(top / found.folder).inside(step)
        return found

    def inside(self, name: str) -> "Ignored":
        """The same rules, seen from a folder below."""
        return Ignored(self.rules, f"{self.folder}{name}/")

    def with_file(self, folder: Path) -> "Ignored":
        """With the folder's own ``.gitignore``; ``folder`` is where it is on disk."""
        rules = _rules(folder / IGNORE_FILE, self.folder)
        return self if rules is None else Ignored((*self.rules, rules), self.folder)

    def entered(self, folder: str, names: set[str]) -> "Ignored":
        """The rules in a folder that has these entries: one that is a checkout itself has none of those around it."""
        around = _excludes_of(Path(folder)) if GIT_FOLDER in names else self
        return around.with_file(Path(folder)) if IGNORE_FILE in names else around

    def ignores(self, name: str, *, is_folder: bool) -> bool:
        """Whether an entry of the folder is to be left out: the innermost file with a rule about it decides."""
        path = self.folder + name
        verdicts = (rules.verdict(path, is_folder=is_folder) for rules in reversed(self.rules))
        return next((verdict for verdict in verdicts if verdict is not None), False)


def _excludes_of(top: Path) -> Ignored:
    """The rules in ``info/exclude``, which all work trees of a repository share."""
    git = top / GIT_FOLDER
    if git.is_file():  # a work tree or a submodule: the repository is elsewhere
        git = top / _first_line(git).removeprefix("gitdir: ")
    shared = git / "commondir"
    if shared.is_file():
        git /= _first_line(shared)
    rules = _rules(git / "info" / "exclude", "")
    return Ignored() if rules is None else Ignored((rules,))


def _rules(file: Path, folder: str) -> Rules | None:
    """The rules of a file; None where there is no such regular file: git doesn't follow a link here either."""
    if file.is_symlink():
        return None
    try:
        with open_regular(str(file)) as stream:
            data = stream.read(MAX_RULES_BYTES)
    except OSError:
        return None
    return Rules.of(folder, os.fsdecode(data.removeprefix(codecs.BOM_UTF8)).split("\n"))


def _first_line(file: Path) -> str:
    """The first line of a file; empty where it can't be read."""
    try:
        with open_regular(str(file)) as stream:
            return os.fsdecode(stream.readline(MAX_RULES_BYTES).rstrip(b"\n"))
    except OSError:
        return ""
