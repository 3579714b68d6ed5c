"""Scopes and symbols: ``symtable`` of Python 3.11 is the referee; ids don't depend on what stands around."""

import ast
import re
import symtable
import sys

import pytest
from extract_rows import DEMO, STANDARD_LIBRARY, rows_of, rows_of_source

from flight_client.extract import scan

LIBRARY = ("argparse.py", "dataclasses.py", "typing.py", "enum.py", "asyncio/tasks.py", "smtplib.py", "datetime.py")
PATHS = [file.path for file in scan(DEMO) if not file.path.endswith(("broken.py", "generic.py"))] + list(LIBRARY)
QUESTIONS = (
    "is_referenced",
    "is_assigned",
    "is_imported",
    "is_annotated",
    "is_parameter",
    "is_global",
    "is_declared_global",
    "is_nonlocal",
    "is_local",
    "is_free",
    "is_namespace",
)
UNNAMED = {"top": "<module>"} | {name: f"<{name}>" for name in ("lambda", "listcomp", "setcomp", "dictcomp", "genexpr")}
SOURCES = {
    "closures": "def f(a):\n  b = a\n  def g():\n    nonlocal b\n    b = 1\n    def h(): return a, b\n",
    "passing through a class": "def f():\n  x = 1\n  class C:\n    x = 2\n    def g(self): return x\n",
    "global of an outer function": "def f(x):\n  def g():\n    global x\n    def h(): return x\n",
    "super": "class C:\n  def f(self): return super().f(), (lambda: __class__)\n",
    "walrus": "[(y := x) for x in z]\ndef f():\n  [[(y := x) for x in z] for z in a]\n",
    "walrus in a lambda": "lambda: [(y := 1) for x in z]\n",
    "walrus in a function that declares it": "def f():\n  global y\n  [(y := x) for x in z]\n",
    "annotated": "a: int\nb: int = 1\n(c): int\n(d): int = 1\ne.f: g\ndef h(x: i) -> j: k: l\n",
    "never evaluated": "from __future__ import annotations\na: b\ndef f(c: d) -> e: g: h\n",
    "private names": "class _C:\n  __a = 1\n  def f(self, __b): global __c; import __d; return __a, __b, __e__\n",
    "deleted": "def f():\n  x = 1\n  del x\n",
    "bound in patterns": "try: pass\nexcept E as e: pass\nmatch a:\n  case [b, *c]: pass\n  case {**d}: pass\n",
    "class body": "x = 1\nclass C:\n  x = x\n  [x for y in x]\n  global z\n  z = 1\n",
    "imports": "import a.b, c as d\nfrom e import f, g as h\nfrom i import *\n",
}
NEEDS_3_11 = pytest.mark.skipif(sys.version_info >= (3, 12), reason="later symtables have other scopes and symbols")


def our_scopes(rows):
    """Flags and symbols of each scope, by its path: names and lines from the module to itself."""
    scopes = {row["scope_id"]: row for row in rows["sym_scopes"]}
    parents = {row["child_scope_id"]: row["parent_scope_id"] for row in rows["sym_scope_edges"]}
    symbols = {scope: [] for scope in scopes}
    for row in rows["sym_symbols"]:
        symbols[row["scope_id"]].append((row["lookup_name"], *(row[question] for question in QUESTIONS)))

    def path(scope):
        step = (scopes[scope]["scope_name"], scopes[scope]["lineno"])
        return (*path(parents[scope]), step) if scope in parents else (step,)

    return sorted(
        (path(scope), row["is_nested"], row["is_optimized"], row["has_children"], sorted(symbols[scope]))
        for scope, row in scopes.items()
    )


def their_scopes(table, outer=()):
    name = table.get_name()
    path = (*outer, (UNNAMED.get(name, name), table.get_lineno()))
    symbols = sorted(answers(symbol, table) for symbol in table.get_symbols() if not symbol.get_name().startswith("."))
    yield path, table.is_nested(), table.is_optimized(), table.has_children(), symbols
    for child in table.get_children():
        yield from their_scopes(child, path)


def answers(symbol, table):
    """``symtable`` does not find the namespace of a private name: it looks for it under the mangled name."""
    name = symbol.get_name()
    is_private = any(name == f"_{table.get_name().lstrip('_')}{child.get_name()}" for child in table.get_children())
    found = {question: bool(getattr(symbol, question)()) for question in QUESTIONS}
    return (name, *(found | {"is_namespace": found["is_namespace"] or is_private}).values())


@NEEDS_3_11
@pytest.mark.parametrize("path", PATHS)
def test_scopes_and_symbols_of_files_are_those_of_symtable(path):
    rows = rows_of((STANDARD_LIBRARY if path in LIBRARY else DEMO) / path)
    assert our_scopes(rows) == sorted(their_scopes(symtable.symtable(rows["repo_files"][0]["text"], path, "exec")))


@NEEDS_3_11
@pytest.mark.parametrize("case", SOURCES)
def test_scopes_and_symbols_are_those_of_symtable(tmp_path, case):
    rows = rows_of_source(tmp_path, SOURCES[case])
    assert our_scopes(rows) == sorted(their_scopes(symtable.symtable(SOURCES[case], case, "exec")))


@pytest.fixture(name="rows", scope="module", params=PATHS)
def rows_of_file(request):
    return rows_of((STANDARD_LIBRARY if request.param in LIBRARY else DEMO) / request.param)


def test_ids_are_unique_and_lead_somewhere(rows):
    scopes = {row["scope_id"] for row in rows["sym_scopes"]}
    symbols = {row["symbol_row_id"]: row["scope_id"] for row in rows["sym_symbols"]}
    assert len(scopes) == len(rows["sym_scopes"])
    assert len(symbols) == len(rows["sym_symbols"])
    assert set(symbols.values()) <= scopes
    for table in ("sym_scope_edges", "sym_namespace_edges"):
        assert len({row["edge_id"] for row in rows[table]}) == len(rows[table])
    assert all({row["parent_scope_id"], row["child_scope_id"]} <= scopes for row in rows["sym_scope_edges"])
    for row in rows["sym_namespace_edges"]:
        assert symbols[row["symbol_row_id"]] == row["scope_id"]
        assert row["child_scope_id"] in scopes


def test_every_scope_that_a_row_names_is_one(rows):
    scopes = {row["scope_id"] for row in rows["sym_scopes"]}
    for table in ("cst_defs", "cst_name_refs", "cst_callsites", "cst_imports"):
        assert {row["scope_id"] for row in rows[table] if row.get("kind") != "made_class"} <= scopes


def test_a_scope_spans_its_definition_and_lies_in_its_parent(rows):
    spans = {row["scope_id"]: (row["bstart"], row["bend"]) for row in rows["sym_scopes"]}
    for row in rows["cst_defs"]:
        assert (row["kind"] == "made_class") == (row["scope_id"] is None)
        if row["scope_id"] is not None:
            assert spans[row["scope_id"]] == (row["def_bstart"], row["def_bend"])
    for row in rows["sym_scope_edges"]:
        (start, end), (inner_start, inner_end) = spans[row["parent_scope_id"]], spans[row["child_scope_id"]]
        assert start <= inner_start <= inner_end <= end


def test_table_ids_number_the_scopes_a_parent_before_its_children(rows):
    numbers = {row["scope_id"]: row["table_id"] for row in rows["sym_scopes"]}
    assert sorted(numbers.values()) == list(range(len(numbers)))
    assert all(numbers[row["parent_scope_id"]] < numbers[row["child_scope_id"]] for row in rows["sym_scope_edges"])


def test_a_comment_at_the_top_changes_nothing_but_positions(tmp_path):
    source = "\n".join(SOURCES[case] for case in ("closures", "super", "walrus", "private names"))
    before, after = rows_of_source(tmp_path, source), rows_of_source(tmp_path, "# é\n" + source)
    for table in ("sym_symbols", "sym_scope_edges", "sym_namespace_edges"):
        assert before[table] == after[table]
    without = [{**row, "bstart": 0, "bend": 0, "lineno": 0} for row in before["sym_scopes"]]
    assert without == [{**row, "bstart": 0, "bend": 0, "lineno": 0} for row in after["sym_scopes"]]


@pytest.mark.skipif(not hasattr(ast, "TypeAlias"), reason="type parameters came with 3.12")
def test_type_parameters_are_symbols_of_a_scope_of_their_own(tmp_path):
    rows = rows_of_source(tmp_path, "class C[T]:\n  def f(self, x: T): return T\ntype A[K] = K\n")
    scopes = {row["scope_id"]: row["scope_type"] for row in rows["sym_scopes"]}
    names = [(scopes[row["scope_id"]], row["name"]) for row in rows["sym_symbols"] if row["is_local"]]
    assert [name for kind, name in names if kind == "type_params"] == ["T", "K"]
    (used,) = (row for row in rows["sym_symbols"] if row["scope_id"].endswith(":C.f#1/scope") and row["name"] == "T")
    assert used["is_free"]
    (edge,) = (row for row in rows["sym_namespace_edges"] if row["symbol_row_id"].endswith("/bind:C"))
    assert re.search(r":C#1/scope$", edge["child_scope_id"])
