"""What stands around definitions: decorators, base classes, and what a module says that it exports."""

import pytest
from extract_rows import DEMO, cut, rows_of, rows_of_source

from flight_client.extract import scan

EXPORTS = {
    "list": ("__all__ = ['a', 'b']", [("=", "a", "'a'"), ("=", "b", "'b'")]),
    "annotated tuple": ("__all__: tuple = 'a',", [("=", "a", "'a'")]),
    "empty": ("__all__ = []", [("=", None, "[]")]),
    "extended": ("__all__ += ['a']\n__all__.extend(('b',))", [("+=", "a", "'a'"), ("+=", "b", "'b'")]),
    "appended": ("__all__.append('a')", [("append", "a", "'a'")]),
    "of another module": ("__all__ = ['a'] + m.__all__", [("=", "a", "'a'"), ("unknown", None, "m.__all__")]),
    "computed": (
        "__all__ = [n for n in dir()]\n__all__.append(n)",
        [("unknown", None, "[n for n in dir()]"), ("unknown", None, "n")],
    ),
    "removed": ("__all__.remove('a')", [("unknown", None, "__all__.remove('a')")]),
    "deleted and unpacked": ("del __all__\n__all__, x = y", [("unknown", None, "__all__")] * 2),
    "under a condition": (
        "if a:\n  __all__ = ['a']\nelse:\n  try: pass\n  except E:\n    __all__ = ['b']",
        [("=", "a", "'a'"), ("=", "b", "'b'")],
    ),
    "not the module's": ("def f():\n  __all__ = ['a']\nclass C:\n  __all__ = ['b']\nx.__all__ = ['c']", []),
}
KNOWN = """
import dataclasses as d, functools, typing
from abc import abstractmethod as must
try:
    from typing import overload
except ImportError:
    from typing_extensions import overload

@d.dataclass(frozen=True)
@unheard_of
class C:
    @property
    def p(self): ...
    @p.setter
    def p(self, value): ...
    @overload
    def o(self): ...
    @classmethod
    @must
    def c(cls): ...
    @functools.lru_cache(maxsize=1)
    def l(self): ...
"""


@pytest.mark.parametrize("case", EXPORTS)
def test_exports(tmp_path, case):
    source, expected = EXPORTS[case]
    rows = rows_of_source(tmp_path, source)
    assert [(row["op"], row["name"], cut(rows, row)) for row in rows["cst_exports"]] == expected


def test_known_decorators(tmp_path):
    rows = rows_of_source(tmp_path, KNOWN)
    found = [(cut(rows, row), row["pos"], row["known"]) for row in rows["cst_decorators"]]
    assert found == [
        ("d.dataclass(frozen=True)", 0, "dataclass"),
        ("unheard_of", 1, None),
        ("property", 0, "property"),
        ("p.setter", 0, "setter"),
        ("overload", 0, "overload"),
        ("classmethod", 0, "class"),
        ("must", 1, "abstract"),
        ("functools.lru_cache(maxsize=1)", 0, "cache"),
    ]


def test_a_name_that_hides_a_builtin_is_not_known(tmp_path):
    (row,) = rows_of_source(tmp_path, "def property(f): ...\n@property\ndef f(): ...\n")["cst_decorators"]
    assert row["known"] is None


def test_bases_and_keywords_in_order(tmp_path):
    rows = rows_of_source(tmp_path, "class C(a.B, *c, metaclass=M, **kw): pass\nclass D: pass\n")
    found = [(row["pos"], row["keyword"], cut(rows, row)) for row in rows["cst_bases"]]
    assert found == [(0, None, "a.B"), (1, None, "*c"), (2, "metaclass", "M"), (3, "**", "kw")]


@pytest.mark.parametrize("path", [file.path for file in scan(DEMO)])
def test_what_they_belong_to_is_a_definition(path):
    rows = rows_of(DEMO / path)
    definitions = {row["def_id"]: row["kind"] for row in rows["cst_defs"]}
    assert {row["def_id"] for row in rows["cst_decorators"]} <= definitions.keys()
    assert {definitions[row["def_id"]] for row in rows["cst_bases"]} <= {"class"}
