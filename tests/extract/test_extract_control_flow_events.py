"""What each construct does to variables, in the order of evaluation (see events_of for the notation)."""

import ast

import pytest
from extract_control_flow import events_of, flow_of

# Each: the source, then the events of the module's points that have some.
CASES = {
    "assignment": ("a = b = c", ["use c, def a, def b"]),
    "unpacking": ("a, (b, *c), d.e, f[g] = h", ["use h, def a, def b, def c, use d, use f, use g"]),
    "augmented": ("a += b", ["use a, use b, def a"]),
    "augmented attribute": ("a.b += c", ["use a, use c"]),
    "annotated": ("a: b = c", ["use c, def a, use b"]),
    "annotated without a value": ("a: b", ["use b"]),
    "annotated attribute without a value": ("a.b: c", ["use a, use c"]),
    "annotations that never run": (
        "from __future__ import annotations\na: b = c\ndef f(x: y) -> z: pass",
        ["def annotations", "use c, def a", "def f"],
    ),
    "walrus": ("if (a := a + 1): b", ["use a, def a", "use b"]),
    "call": ("a(b, *c, d=e, **f).g(h)", ["use a, use b, use c, use e, use f, use h"]),
    "dict": ("{a: b, **c, d: e}", ["use a, use b, use c, use d, use e"]),
    "ternary": ("a if b else c", ["use b, use a, use c"]),
    "comparison": ("a < b < c", ["use a, use b, use c"]),
    "f-string": ('f"{a!r:{b}}{c}"', ["use a, use b, use c"]),
    "subscript": ("a[b:c, d]", ["use a, use b, use c, use d"]),
    "del": ("del a, b.c, d[e]", ["kill a, use b, use d, use e"]),
    "import": ("import a.b, c.d as e\nfrom f import g, h as i\nfrom j import *", ["def a, def e", "def g, def i"]),
    "for": ("for a, b in c: d", ["use c", "def a, def b", "use d"]),
    "with": ("with a as b, c as d.e: f", ["use a, def b", "use c, use d", "use f"]),
    "except": ("try: a\nexcept b as c: d", ["use a", "use b, def c", "use d", "kill c"]),
    "match": (
        "match a:\n  case B(c, d=E.f) | {G.h: c, **d} if i: j",
        ["use a", "use B, use E, use G", "def c, def c, def d", "use i", "use j"],
    ),
    "match captures": ("match a:\n  case [b, *c] as d: e", ["use a", "def b, def c, def d", "use e"]),
    "function": (
        "@a\ndef f(b: c, d: e = g, *, h: i = j, **k: l) -> m: n",
        ["use a, use g, use j, use c, use e, use i, use l, use m, def f"],
    ),
    "class": ("@a\nclass B(c, d=e): f", ["use a, use c, use e, def B"]),
    "lambda": ("lambda a, b=c, *, d=e: f", ["use c, use e"]),
    "comprehension": ("[a for b in c for d in e]", ["use c"]),
    "yield and await": ("async def f(): pass\n", ["def f"]),
    "raise": ("raise a from b", ["use a, use b"]),
    "assert": ("assert a, b", ["use a", "use b"]),
    "builtin": ("len(a)", ["use len, use a"]),
}


@pytest.mark.parametrize("case", CASES)
def test_events(case):
    source, expected = CASES[case]
    assert events_of(source) == expected


INNER = {
    "parameters": (
        "def f(a, /, b, *c, d, **e): return a",
        "f#1",
        ["param a, param b, param c, param d, param e", "use a"],
    ),
    "lambda": ("lambda a: a + b", "<lambda>#1", ["param a", "use a, use b"]),
    "annotations of locals never run": ("def f():\n  a: b = c\n  d: e", "f#1", ["use c, def a"]),
    "global": ("a = 1\ndef f():\n  global a\n  a = a", "f#1", ["use <module>#1:a, def <module>#1:a"]),
    "nonlocal": (
        "def f(a):\n  def g():\n    nonlocal a\n    del a",
        "f.<locals>.g#1",
        ["kill f#1:a"],
    ),
    "free": ("def f(a):\n  def g(): return a", "f.<locals>.g#1", ["use f#1:a"]),
    "class body": ("a = 1\nclass C:\n  a = a\n  def f(self): return a", "C#1", ["use a, def a", "def f"]),
    "a method does not see the class": (
        "a = 1\nclass C:\n  a = 2\n  def f(self): a",
        "C.f#1",
        ["param self", "use <module>#1:a"],
    ),
    "comprehension": (
        "def f(a):\n  return [b + a for b in a if b]",
        "f.<locals>.<listcomp>#1",
        ["def b", "use b", "use b, use f#1:a"],
    ),
    "walrus in a comprehension": (
        "def f(a):\n  return [(c := b) for b in a]",
        "f.<locals>.<listcomp>#1",
        ["def b", "use b, def f#1:c"],
    ),
    "second iterable": ("[c for a in b for c in a]", "<listcomp>#1", ["def a", "use a", "def c", "use c"]),
    "dict comprehension": ("{a: b for a, b in c}", "<dictcomp>#1", ["def a, def b", "use a", "use b"]),
    "private names": (
        "class _C:\n  __a = 1\n  def f(self, __b): return __b, _C.__a",
        "_C.f#1",
        ["param self, param _C__b", "use _C__b, use <module>#1:_C"],
    ),
    "await and yield": ("async def f(a):\n  yield await a", "f#1", ["param a", "use a"]),
}


@pytest.mark.parametrize("case", INNER)
def test_events_of_inner_owners(case):
    source, owner, expected = INNER[case]
    assert events_of(source, owner) == expected


@pytest.mark.skipif(not hasattr(ast, "TypeAlias"), reason="type parameters came with 3.12")
def test_type_parameters_are_defined_where_they_stand():
    source = "a = 1\ndef f[T: a](x: T) -> T: return T\ntype A[U] = U\n"
    assert events_of(source) == [
        "def a",
        "def f#1/type_params:T, use a, use f#1/type_params:T, use f#1/type_params:T, def f",
        "def A#1/type_alias:U, use A#1/type_alias:U, def A",
    ]
    assert events_of(source, "f#1") == ["param x", "use f#1/type_params:T"]


def test_a_name_that_nothing_binds_belongs_to_the_scope_that_uses_it():
    _, _, flow = flow_of(b"def f(): return nothing")
    ((scope, name),) = (row[3] for row in flow.events if row[4] == "use")
    assert (scope.scope_id, name) == ("def:0:f#1/scope", "nothing")


def test_an_event_has_the_span_of_its_name_ref_and_none_where_the_source_spells_no_name():
    data = "é = 1\nimport a.b as cc\ntry: é\nexcept E as ee: pass\n".encode()
    _, walk, flow = flow_of(data)
    refs = {row[:2] for row in walk.refs}
    spelled = [row[5:] for row in flow.events]
    assert [data[start:end].decode() for start, end in spelled if start is not None] == ["é", "cc", "é", "E", "ee"]
    assert {span for span in spelled if span[0] is not None} <= refs
    assert [row[4] for row in flow.events if row[5] is None] == ["kill"]
