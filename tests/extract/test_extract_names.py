"""Qualified names: the semantics of LibCST's QualifiedNameProvider, and Python's scopes where LibCST errs."""

import ast

import pytest
from extract_rows import candidates, rows_of_source

CASES = {
    "import": ("import a.b.c\na.b.c.f()", "a.b.c.f", [("a.b.c.f", "IMPORT")]),
    "import as": ("import a.b as x\nx.f()", "x.f", [("a.b.f", "IMPORT")]),
    "from import": ("from a import b as c\nc.d()", "c.d", [("a.b.d", "IMPORT")]),
    "relative": ("from . import x\nx.f()", "x.f", [("pkg.x.f", "IMPORT")]),
    "relative module": ("from .m import x\nx()", "x", [("pkg.m.x", "IMPORT")]),
    "beyond the top": ("from ... import x\nx()", "x", [("...x", "IMPORT")]),
    "builtin": ("len(x)", "len", [("builtins.len", "BUILTIN")]),
    "method of a builtin": ("dict.fromkeys(x)", "dict.fromkeys", [("builtins.dict", "BUILTIN")]),
    "method of a literal": ('"x".join(y)', '"x".join', [("builtins.str.join", "BUILTIN")]),
    "method of a display": ("{}.get(1)", "{}.get", [("builtins.dict.get", "BUILTIN")]),
    "unknown": ("nothing()", "nothing", []),
    "no name": ("(a + b).c()", "(a + b).c", []),
    "local": ("def f(): pass\nf()", "f", [("pkg.mod.f", "LOCAL")]),
    "before its definition": ("f()\ndef f(): pass", "f", [("pkg.mod.f", "LOCAL")]),
    "in a function": ("def g():\n  x = 1\n  x.f()", "x.f", [("pkg.mod.g.<locals>.x.f", "LOCAL")]),
    "parameter": ("def g(x):\n  x()", "x", [("pkg.mod.g.<locals>.x", "LOCAL")]),
    "in a lambda": ("lambda x: x()", "x", [("pkg.mod.<locals>.x", "LOCAL")]),
    "in a comprehension": ("[i() for i in j]", "i", [("pkg.mod.<comprehension>.i", "LOCAL")]),
    "first iterable": ("i = 1\n[1 for i in i()]", "i", [("pkg.mod.i", "LOCAL")]),
    "walrus in a comprehension": ("[(y := 1) for i in j]\ny()", "y", [("pkg.mod.y", "LOCAL")]),
    "class body": ("class C:\n  x = 1\n  x()", "x", [("pkg.mod.C.x", "LOCAL")]),
    "class scope is skipped": ("x = 1\nclass C:\n  x = 2\n  def f(): x()", "x", [("pkg.mod.x", "LOCAL")]),
    "default": ("x = 1\ndef f(x, y=x()): pass", "x", [("pkg.mod.x", "LOCAL")]),
    "global": ("def f():\n  global x\n  x = 1\nx()", "x", [("pkg.mod.x", "LOCAL")]),
    "global in an outer function": (
        "x = 1\ndef f(x):\n  def g():\n    global x\n    def h(): x()",
        "x",
        [("pkg.mod.x", "LOCAL")],
    ),
    "nonlocal two functions up": (
        "def f():\n  x = 1\n  def g():\n    def h():\n      nonlocal x\n      x = 2\n      x()",
        "x",
        [("pkg.mod.f.<locals>.x", "LOCAL")],
    ),
    "several": (
        "try:\n  from a import f\nexcept E:\n  from b import f\nelse:\n  def f(): pass\nf()",
        "f",
        [("a.f", "IMPORT"), ("b.f", "IMPORT"), ("pkg.mod.f", "LOCAL")],
    ),
    "imported from itself": (
        "class K: pass\nfrom pkg.mod import K\nK()",
        "K",
        [("pkg.mod.K", "LOCAL")],
    ),
    "no repetition": ("if a:\n  import x\nelse:\n  import x\nx()", "x", [("x", "IMPORT")]),
    "through calls and subscripts": ("import a\na.b(1)[2].c()", "a.b(1)[2].c", [("a.b.c", "IMPORT")]),
    "result of a call": ("from a import f\nf()(1)", "f()", []),
    "result of a result": ("from a import f\nf()()(1)", "f()()", []),
    "item of a result": ("from a import f\nf()[0](1)", "f()[0]", []),
    "method of a result": ("from a import f\nf().g()", "f().g", [("a.f.g", "IMPORT")]),
    "private": ("class C:\n  def f(self): __x()\n  def __x(self): pass", "__x", []),
    "private in its class": ("class C:\n  def __x(self): pass\n  __x(1)", "__x", [("pkg.mod.C.__x", "LOCAL")]),
    "private of the module": ("def _C__x(): pass\nclass _C:\n  __x()", "__x", [("pkg.mod._C__x", "LOCAL")]),
    "private global": (
        "class C:\n  def f(self):\n    global __x\n    def __x(): pass\n_C__x()",
        "_C__x",
        [("pkg.mod._C__x", "LOCAL")],
    ),
    "private import": ("class C:\n  from a import __x\n  __x()", "__x", [("a._C__x", "IMPORT")]),
    "except name": ("try: pass\nexcept E as e: e.f()", "e.f", [("pkg.mod.e.f", "LOCAL")]),
    "match capture": ("match x:\n  case [y, *z]: z.f()", "z.f", [("pkg.mod.z.f", "LOCAL")]),
    "normalised": ("import ﬁle\nfile.f()", "file.f", [("file.f", "IMPORT")]),
}


@pytest.mark.parametrize("case", CASES)
def test_candidates(tmp_path, case):
    source, callee, expected = CASES[case]
    assert candidates(rows_of_source(tmp_path, source, "pkg.mod"), callee) == expected


def test_a_relative_import_in_a_package_starts_at_the_package(tmp_path):
    rows = rows_of_source(tmp_path, "from .x import f\nf()", "pkg.sub", is_package=True)
    assert candidates(rows, "f") == [("pkg.sub.x.f", "IMPORT")]


def test_a_function_declared_global_is_named_as_the_modules(tmp_path):
    rows = rows_of_source(tmp_path, "def f():\n  global g\n  def g(): pass")
    (row,) = (row for row in rows["cst_defs"] if row["name"] == "g")
    assert row["qnames"] == [{"name": "m.g", "source": "LOCAL"}]
    assert row["def_id"].endswith(":g#1")


def test_equal_paths_are_numbered_in_source_order(tmp_path):
    source = "@d(lambda: 1)\ndef f(a=lambda: 2): pass\nx = (lambda: 3) if (lambda: 4) else 5\ndef f(): pass\n"
    rows = rows_of_source(tmp_path, source)
    paths = [row["def_id"].removeprefix(f"def:{row['file_id']}:") for row in rows["cst_defs"]]
    assert paths == ["<module>#1", "<lambda>#1", "f#1", "<lambda>#2", "<lambda>#3", "<lambda>#4", "f#2"]


def test_ids_of_definitions_do_not_depend_on_what_stands_before_them(tmp_path):
    source = "class C:\n  def f(self, x): return [lambda: x for x in x]\n"
    before, after = rows_of_source(tmp_path, source), rows_of_source(tmp_path, "# a comment\n" + source)
    for table, key in (("cst_defs", "def_id"), ("cst_params", "param_id"), ("cst_params", "place")):
        assert [row[key] for row in before[table]] == [row[key] for row in after[table]]


def test_what_runs_in_the_enclosing_scope(tmp_path):
    source = (
        "@deco()\ndef f(a: ann()=default()) -> ret(): body()\nclass C(base(), k=kw()): [e() for i in it() if c()]\n"
    )
    rows = rows_of_source(tmp_path, source)
    owners = {row["callee_text"]: row["owner_def_id"].rpartition(":")[2] for row in rows["cst_callsites"]}
    module = dict.fromkeys(("deco", "ann", "default", "ret", "base", "kw"), "<module>#1")
    assert owners == module | {"body": "f#1", "it": "C#1", "e": "C.<listcomp>#1", "c": "C.<listcomp>#1"}


@pytest.mark.skipif(not hasattr(ast, "TypeAlias"), reason="type parameters came with 3.12")
def test_type_parameters_have_a_scope_that_sees_the_class_around_it(tmp_path):
    rows = rows_of_source(tmp_path, "class C:\n  x = 1\n  def f[T](a: x()) -> T(): x.y()")
    assert candidates(rows, "x") == [("m.C.x", "LOCAL")]
    assert candidates(rows, "T") == [("m.C.T", "LOCAL")]
    assert candidates(rows, "x.y") == []
    scopes = {row["callee_text"]: row["scope_id"].rpartition(":")[2] for row in rows["cst_callsites"]}
    assert scopes == {"x": "C.f#1/type_params", "T": "C.f#1/type_params", "x.y": "C.f#1/scope"}


def test_kinds_and_contexts_of_names(tmp_path):
    source = (
        "import a.b as c\nclass C: pass\ndef f(p, **q): global g; x.y = p(k=1); del x[y]\ntry: 1\nexcept E as e: 1\n"
    )
    source += "match x:\n  case P(z=w) | {1: w, **r}: pass\n"
    rows = rows_of_source(tmp_path, source)
    found = {(row["name"], row["ref_kind"], row["expr_ctx"]) for row in rows["cst_name_refs"]}
    assert found >= {
        ("c", "import", "STORE"),
        ("C", "def", "STORE"),
        ("q", "param", "STORE"),
        ("g", "global", None),
        ("y", "attribute", "STORE"),
        ("k", "keyword", None),
        ("x", "name", "LOAD"),
        ("e", "except", "STORE"),
        ("z", "keyword", None),
        ("w", "match", "STORE"),
        ("r", "match", "STORE"),
    }
