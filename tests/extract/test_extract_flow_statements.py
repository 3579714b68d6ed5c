"""What statements say of places, and which definitions of a variable a use may read."""

import ast
import sys

import pytest
from extract_flow_facts import Facts

REBOUND = """
def f(c):
    x = A()
    if c:
        x = B()
        x.b()
    x.ab()
    x = C()
    x.c()
"""
CLOSURE = """
def f():
    x = A()
    x = B()
    def g():
        return x
"""
NONLOCAL = """
def f():
    x = A()
    def g():
        nonlocal x
        x = B()
    g()
    return x
"""
GLOBAL = """
x = None
x.a()
def f():
    global x
    x = A()
"""
CLASS_BODY = """
x = A()
class C:
    y = x
    x = x.b
    z = x
"""
PROPERTY = """
class C:
    @property
    def p(self): ...
    @p.setter
    def p(self, value): ...
"""
HANDLED = """
try:
    x = A()
except (E, F) as e:
    x = e
finally:
    x.done()
"""
DELETED = """
class C:
    x = A()
    del x
    y = x
"""
MATCHED = """
match v:
    case A(x=a, y=B() as b): ...
    case [c, *d, e]: ...
    case {"k": f, **g}: ...
    case h if h.i(): ...
"""


def test_a_use_reads_the_definitions_that_reach_it(tmp_path):
    lines = Facts(tmp_path, REBOUND).lines
    assert {"call f:d1.b()", "call f:m0.ab()", "call f:d2.c()"} <= set(lines)
    assert {"f:m0 <- f:d0", "f:m0 <- f:d1", "f:d0 <- A()", "f:d1 <- B()", "f:d2 <- C()"} <= set(lines)
    assert {"f:x <- f:d0", "f:x <- f:d1", "f:x <- f:d2"} <= set(lines)


def test_code_of_another_scope_reads_the_variable(tmp_path):
    lines = Facts(tmp_path, CLOSURE).lines
    assert {"ret f.<locals>.g <- f:x", "f:x <- f:d0", "f:x <- f:d1"} <= set(lines)


@pytest.mark.parametrize(("source", "uses"), [(NONLOCAL, "ret f <- f:x"), (GLOBAL, "call x.a()")])
def test_a_variable_that_other_code_binds_too_is_not_told_apart(tmp_path, source, uses):
    assert uses in Facts(tmp_path, source).lines


def test_with_one_definition_there_is_one_place(tmp_path):
    lines = Facts(tmp_path, "def f():\n    x = A()\n    x.a()\n").lines
    assert {"f:x <- A()", "call f:x.a()"} <= set(lines)


def test_a_class_body_reads_the_names_around_it_until_it_binds_them(tmp_path):
    lines = Facts(tmp_path, CLASS_BODY).lines
    assert {"C:y <- x", "C:x <- x.b", "C:z <- C:x"} <= set(lines)


def test_after_del_a_class_body_reads_the_names_around_it(tmp_path):
    assert "C:y <- x" in Facts(tmp_path, DELETED).lines


def test_a_setter_takes_the_property_defined_before(tmp_path):
    lines = Facts(tmp_path, PROPERTY).lines
    assert "C:d1 <- decorator C:d0.setter(<function C.p#2>)" in lines


def test_what_is_caught_is_an_instance_of_a_class(tmp_path):
    lines = Facts(tmp_path, HANDLED).lines
    assert {"e :E", "e :F", "d1 <- e", "call x.done()"} <= set(lines)


def test_of_a_group_of_exceptions_nothing_is_told(tmp_path):
    lines = Facts(tmp_path, "try: f()\nexcept* E as e: g(e)\n").lines
    assert lines == ["call f()", "call g(e)"]


def test_with_enters_and_exits(tmp_path):
    assert Facts(tmp_path, "with f(y) as x: ...\n").lines == [
        "x <- yield f(y)",
        "call f(y)",
        "x <- enter f(y).__enter__()",
        "exit f(y).__exit__()",
    ]


def test_asynchronous_with_has_methods_of_its_own(tmp_path):
    lines = Facts(tmp_path, "async def f():\n    async with y: ...\n").lines
    assert {"enter y.__aenter__()", "exit y.__aexit__()"} <= set(lines)


@pytest.mark.parametrize(
    ("source", "expected"),
    [("raise E", ["raise E()"]), ("raise E(1) from y", ["call E(1)"]), ("raise", []), ("raise m.E", ["raise m.E()"])],
)
def test_a_class_that_is_raised_is_called(tmp_path, source, expected):
    assert Facts(tmp_path, source + "\n").lines == expected


def test_augmented_assignment_may_keep_the_object(tmp_path):
    lines = Facts(tmp_path, "def f(x):\n    x += y\n    return x\n").lines
    assert {"f:d1 <- f:p0", "f:d1 <- (f:p0.__iadd__ | f:p0.__add__)(y)", "ret f <- f:d1"} <= set(lines)


def test_attributes_and_items_are_augmented_in_place(tmp_path):
    lines = Facts(tmp_path, "x.a += y\nx[0] -= z\n").lines
    assert {"x.a <- (x.a.__iadd__ | x.a.__add__)(y)", "x[0] <- (x[0].__isub__ | x[0].__sub__)(z)"} <= set(lines)
    assert "setitem x.__setitem__(0, (x[0].__isub__ | x[0].__sub__)(z))" in lines


def test_patterns_capture_the_subject_and_what_is_in_it(tmp_path):
    lines = Facts(tmp_path, MATCHED).lines
    assert {"a <- v | :A.x", "b <- v | :A.y", "b :B"} <= set(lines)
    assert {"c <- v[0]", "d <- <list>", "d[?] <- v[?]", "e <- v[-1]"} <= set(lines)
    assert {"f <- v['k']", "g <- <dict>", "g[?] <- v[?]", "h <- v", "call h.i()"} <= set(lines)


def test_a_chain_of_targets_gets_one_value(tmp_path):
    lines = Facts(tmp_path, "x = y.a = z[0] = f()\n").lines
    assert {"x <- f()", "y.a <- f()", "z[0] <- f()"} <= set(lines)


def test_code_that_never_runs_counts(tmp_path):
    assert "call g()" in Facts(tmp_path, "def f():\n    return 1\n    g()\n").lines


@pytest.mark.skipif(not hasattr(ast, "TemplateStr"), reason="template strings came with 3.14")
def test_fields_of_template_strings_are_evaluated(tmp_path):
    assert "call f()" in Facts(tmp_path, "x = t'{f()}'\n").lines


@pytest.mark.skipif(sys.version_info < (3, 13), reason="defaults of type parameters came with 3.13")
def test_defaults_of_type_parameters(tmp_path):
    assert "C/type_params:T <- A" in Facts(tmp_path, "class C[T = A]: ...\n").lines
