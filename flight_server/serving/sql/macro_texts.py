"""Table macros: questions with parameters, such as ``from callers('django.utils.html.escape')``.

Each is a file in the folder ``macros`` with the name of the macro: a statement ``create macro NAME(…) as table …``. The
macros that a query calls are created in the schema of the repo, so the tables in their texts are those of the repo.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

MACROS: Mapping[str, str] = MappingProxyType(
    {path.stem: path.read_text(encoding="utf-8") for path in sorted(Path(__file__).with_name("macros").glob("*.sql"))}
)
_WORD = re.compile(r"\w+")


def macros_used(name: str) -> dict[str, str]:
    """The texts of a macro and of the macros in its text, by name, each after those that it calls."""
    below = sorted((words(MACROS[name]) & MACROS.keys()) - {name})
    return {key: text for each in below for key, text in macros_used(each).items()} | {name: MACROS[name]}


def words(text: str) -> frozenset[str]:
    """The words of a macro's text, among them the names of the tables that it reads."""
    return frozenset(_WORD.findall(text.lower()))
