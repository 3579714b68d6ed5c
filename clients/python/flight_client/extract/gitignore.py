"""The rules of ``.gitignore`` files, as in gitignore(5), and the rules that apply in a folder; the last match wins.

The files are read as git reads them, but git is not needed, and ``.gitignore`` files count outside of a checkout too.
Two things differ from git, so that rows depend on the folder alone. The user's ``core.excludesFile`` is not read. Nor
is the index, so a file that was added to git in spite of a rule needs a rule that includes it again.

Each line becomes a regular expression. Only the last ``*`` and the last ``**`` of a pattern can backtrack: for the
others the earliest match of the text that follows is as good as any later one. So a hostile pattern can't take
exponential time. Names are compared byte by byte, as in git: ``é`` is two characters here.
"""

import codecs
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flight_client.extract.source_text import open_regular

IGNORE_FILE = ".gitignore"
GIT_FOLDER = ".git"
MAX_RULES_BYTES = 1 << 20

_CLASS_NAMES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r"\ \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": r"\ -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\ \t-\r",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_CLASS_MEMBER = re.compile(
    r"\[:(?P<name>[a-z]*):\]|(?P<low>\\.|[^\\])(?:-(?!\])(?P<high>\\.|[^\\]))?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Rule:
    """A line: a pattern of names (``by_path``: of paths from the rules' folder), and the effect of a match."""

    pattern: re.Pattern[str]
    by_path: bool
    negated: bool
    folders_only: bool

    @classmethod
    def of(cls, line: str) -> "Rule | None":
        """The rule in a line; None if the line is empty, a comment, or can't match anything."""
        text = "" if line.startswith("#") else _without_trailing_spaces(_bytewise(line).removesuffix("\r"))
        negated = text.startswith("!")
        text = text[negated:]
        folders_only = text.endswith("/")
        text = text[: len(text) - folders_only]
        by_path = "/" in text
        expression = _by_path(text.removeprefix("/")) if by_path else _segment(text) if text else None
        if expression is None:
            return None
        return cls(re.compile(expression, re.DOTALL), by_path, negated, folders_only)

    def matches(self, path: str, name: str, *, is_folder: bool) -> bool:
        """Whether the rule matches this entry; ``path`` is relative to the rules' folder and ends in ``name``."""
        if self.folders_only and not is_folder:
            return False
        return self.pattern.fullmatch(path if self.by_path else name) is not None


@dataclass(frozen=True)
class Rules:
    """The rules of one file; paths are relative to ``folder``, which is empty or ends in ``/``."""

    folder: str
    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, folder: str, lines: Iterable[str]) -> "Rules":
        """The rules in the lines of a file."""
        return cls(folder, tuple(rule for rule in map(Rule.of, lines) if rule is not None))

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """True: ignored; False: included again; None: no rule matches. ``path`` begins with ``folder``."""
        if not self.rules:
            return None
        below = _bytewise(path[len(self.folder) :])
        name = below.rpartition("/")[2]
        if not (self._any_name.fullmatch(name) or self._any_path.fullmatch(below)):
            return None
        found = (rule for rule in reversed(self.rules) if rule.matches(below, name, is_folder=is_folder))
        last = next(found, None)
        return None if last is None else not last.negated

    @cached_property
    def _any_name(self) -> re.Pattern[str]:
        """Matches if any rule by name matches. Most entries match neither this nor ``_any_path``."""
        return _any_of(rule.pattern for rule in self.rules if not rule.by_path)

    @cached_property
    def _any_path(self) -> re.Pattern[str]:
        return _any_of(rule.pattern for rule in self.rules if rule.by_path)


def _any_of(patterns: Iterable[re.Pattern[str]]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{each.pattern})" for each in patterns) or "(?!)", re.DOTALL)


def _bytewise(text: str) -> str:
    """A character for each byte, the same in every locale."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _without_trailing_spaces(line: str) -> str:
    """The line without the spaces at its end, except one that a backslash escapes."""
    text = line.rstrip(" ")
    backslashes = len(text) - len(text.rstrip("\\"))
    return line[: len(text) + 1] if backslashes % 2 else text


def _by_path(pattern: str) -> str | None:
    """A regular expression for a pattern with slashes; None if it can't match."""
    groups: list[list[str]] = [[]]
    for step in pattern.split("/"):
        if step == "**":
            groups.append([])
            continue
        expression = _segment(step) if step else None
        if expression is None:
            return None
        groups[-1].append(expression)
    first, *others = ("/".join(group) for group in groups)
    if not others:
        return first
    *middle, last = others
    skipping = "".join(f"(?>(?:[^/]+/)*?{steps}/)" for steps in middle if steps)
    return (f"{first}/" if first else "") + skipping + (f"(?:[^/]+/)*{last}" if last else ".+")


def _segment(step: str) -> str | None:
    """A regular expression for a pattern of one name (``*``, ``?``, ``[…]``, backslashes); None if it can't match."""
    pieces: list[str] = [""]
    at = 0
    while at < len(step):
        character = step[at]
        at += 1
        if character == "*":
            pieces.append("")
        elif character == "?":
            pieces[-1] += "[^/]"
        elif character == "[":
            found = _class(step, at)
            if found is None:
                return None
            expression, at = found
            pieces[-1] += expression
        else:
            if character == "\\":
                character, at = step[at : at + 1], at + 1
            if not character:
                return None
            pieces[-1] += re.escape(character)
    first, *others = pieces
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle if piece) + f"[^/]*{last}"


def _class(step: str, start: int) -> tuple[str, int] | None:
    """The bracket expression whose content begins at ``start``, and its end; None if it is not closed."""
    negated = step[start : start + 1] in {"!", "^"}
    at = start + negated
    members = ""
    while step[at : at + 1] != "]" or at == start + negated:
        member = _CLASS_MEMBER.match(step, at)
        if member is None:
            return None
        at = member.end()
        name, low, high = member["name"], member["low"], member["high"]
        if name is not None:
            if name not in _CLASS_NAMES:
                return None
            members += _CLASS_NAMES[name]
        elif high is None:
            members += re.escape(low[-1])
        elif low[-1] <= high[-1]:
            members += f"{re.escape(low[-1])}-{re.escape(high[-1])}"
    if not members:
        return ("[^/]" if negated else "(?!)"), at + 1
    return (f"[^/{members}]" if negated else f"(?!/)[{members}]"), at + 1


@dataclass(frozen=True)
class Ignored:
    """The rules that apply in a folder, outermost first; ``folder`` is its path from the top of the checkout."""

    rules: tuple[Rules, ...] = ()
    folder: str = ""

    @classmethod
    def above(cls, root: Path) -> "Ignored":
        """The rules that the checkout around a folder applies to it."""
        top = next((each for each in (root, *root.parents) if (each / GIT_FOLDER).exists()), None)
        if top is None or top == root:
            return cls()
        found = _excludes_of(top)
        for step in root.relative_to(top).parts:
            found = found.with_file(top / found.folder).inside(step)
        return found

    def inside(self, name: str) -> "Ignored":
        """The same rules, for a subfolder."""
        return Ignored(self.rules, f"{self.folder}{name}/")

    def with_file(self, folder: Path) -> "Ignored":
        """The rules together with the folder's own ``.gitignore``; ``folder`` is its path on disk."""
        rules = _rules(folder / IGNORE_FILE, self.folder)
        return self if rules is None else Ignored((*self.rules, rules), self.folder)

    def entered(self, folder: str, names: set[str]) -> "Ignored":
        """The rules in a folder with these entries; if the folder is a checkout, outer rules don't apply."""
        around = _excludes_of(Path(folder)) if GIT_FOLDER in names else self
        return around.with_file(Path(folder)) if IGNORE_FILE in names else around

    def ignores(self, name: str, *, is_folder: bool) -> bool:
        """Whether an entry of the folder is ignored; the innermost file with a matching rule decides."""
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
    """The rules of a file; None if it is not a regular file. As in git, symbolic links are not followed."""
    if file.is_symlink():
        return None
    try:
        with open_regular(str(file)) as stream:
            data = stream.read(MAX_RULES_BYTES)
    except OSError:
        return None
    return Rules.of(folder, os.fsdecode(data.removeprefix(codecs.BOM_UTF8)).split("\n"))


def _first_line(file: Path) -> str:
    """The first line of a file; empty if it can't be read."""
    try:
        with open_regular(str(file)) as stream:
            return os.fsdecode(stream.readline(MAX_RULES_BYTES).rstrip(b"\n"))
    except OSError:
        return ""
