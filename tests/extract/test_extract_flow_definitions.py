"""What definitions, imports and annotations say of places, and which rows of other layers name the same."""

import ast

import pytest
from extract_flow_facts import Facts

HAS_TYPE_PARAMS = hasattr(ast, "TypeAlias")
FUNCTION = """
def f(a, b=x, *c, d=1, **e):
    b = g(b)
    return b
"""
IMPORTS = """
import a.b
import c.d as e
from . import f
from ..g import h as i
from j import *
"""
ANNOTATIONS = {
    "A": ["x :A"],
    "m.A": ["x :m.A"],
    "'A'": ["x :A"],
    "'m.A | None'": ["x :m.A"],
    "A | B | None": ["x :A", "x :B"],
    "t.Optional[A]": ["x :A"],
    "t.Union['A', B]": ["x :A", "x :B"],
    "t.Annotated[A, f(1)]": ["x :A", "call f(1)"],
    "t.ClassVar[t.Final[A]]": ["x :A"],
    "t.Awaitable[A]": ["x :A"],
    "t.Coroutine[A, B, C]": ["x :C"],
    "type[A]": ["x <- A"],
    "t.Type['A | B']": ["x <- A", "x <- B"],
    "list[A]": ["x <- <list>", "x[?] <- :A", "x :list"],
    "t.Sequence[A | B]": ["x <- <list>", "x[?] <- :A | :B", "x :t.Sequence"],
    "dict[A, B]": ["x <- <dict>", "x[:A] <- :B", "x :dict"],
    "tuple[A, B]": ["x <- <tuple>", "x[0] <- :A", "x[1] <- :B", "x :tuple"],
    "tuple[A, ...]": ["x <- <tuple>", "x[?] <- :A", "x :tuple"],
    "t.Iterator[A]": ["x <- <generator>", "x[?] <- :A", "x :t.Iterator"],
    "t.Literal['A']": [],
    "t.Callable[[A], B]": ["x :t.Callable"],
    "A[B]": ["x :A"],
    "'not a type'": [],
}
GENERATOR = """
from collections.abc import Iterator
def f() -> Iterator[A]:
    yield g()
def h() -> Iterator[A]:
    return g()
"""
CLASS = """
@b
@a(1)
class C(A, B[int], metaclass=M):
    x: A
    def m(self) -> 'C': ...
"""
PARAMETRISED = """
class C[T: A]: ...
def f[T: (A, B)](x: T): ...
type X = list[A] | B
"""


def test_arguments_and_defaults_flow_into_parameters(tmp_path):
    lines = Facts(tmp_path, "def f(a, b=x, *c, d=1, **e): ...\n").lines
    assert lines[:4] == ["f:v1 <- x", "f:b <- f:v1", "f:v3 <- 1", "f:d <- f:v3"]
    assert lines[4:] == ["f:c <- <tuple>", "f:e <- <dict>", "f <- <function f>"]


def test_a_parameter_that_is_bound_again_has_a_place_of_its_own(tmp_path):
    facts = Facts(tmp_path, FUNCTION)
    assert {"f:b <- f:p1", "f:p1 <- f:v1", "f:d1 <- g(f:p1)", "ret f <- f:d1"} <= set(facts.lines)
    places = [facts.place(row["place"]) for row in facts.rows["cst_params"]]
    assert places == ["f:a", "f:p1", "f:c", "f:d", "f:e"]
    defaults = [row["default_place"] and facts.place(row["default_place"]) for row in facts.rows["cst_params"]]
    assert defaults == [None, "f:v1", None, "f:v3", None]


def test_lambdas_return_their_expression(tmp_path):
    lines = Facts(tmp_path, "x = lambda y=z: f(y)\n").lines
    assert lines[:3] == ["<lambda>:v0 <- z", "<lambda>:y <- <lambda>:v0", "ret <lambda> <- f(<lambda>:y)"]
    assert lines[3:] == ["x <- <function <lambda>>", "call f(<lambda>:y)"]


def test_decorators_are_called_from_the_last_to_the_first(tmp_path):
    facts = Facts(tmp_path, "@b\n@a(1)\ndef f(): ...\n")
    assert facts.lines == ["call a(1)", "decorator a(1)(<function f>)", "f <- decorator b(a(1)(<function f>))"]
    of_flow = [row["site_id"] for row in facts.rows["flow_calls"] if row["site_kind"] == "decorator"]
    assert sorted(of_flow) == [row["site_id"] for row in facts.rows["cst_decorators"]]


def test_classes_have_bases_and_keywords_at_places(tmp_path):
    facts = Facts(tmp_path, CLASS)
    assert {"C:b0 <- A", "C:b1 <- B", "C:b2 <- M", "C:x :A", "ret C.m :C"} <= set(facts.lines)
    assert {"C <- decorator b(a(1)(<class C>))", "C:m <- <function C.m>"} <= set(facts.lines)
    assert [facts.place(row["place"]) for row in facts.rows["cst_bases"]] == ["C:b0", "C:b1", "C:b2"]


def test_imports_bind_modules_and_what_is_in_them(tmp_path):
    assert Facts(tmp_path, IMPORTS, "p.q.m").lines == [
        "a <- <import a a.b>",
        "e <- <import c.d>",
        "f <- <import_from p.q f>",
        "i <- <import_from p.g h>",
        "* <- <import_star j>",
    ]


def test_an_import_from_beyond_the_package_keeps_its_dots(tmp_path):
    assert Facts(tmp_path, "from ...x import y\n", "p.m").lines == ["y <- <import_from ...x y>"]


@pytest.mark.parametrize("source", ANNOTATIONS)
def test_annotations(tmp_path, source):
    lines = Facts(tmp_path, f"import typing as t\nx: {source}\n").lines
    assert sorted(lines) == sorted(["t <- <import typing>", *ANNOTATIONS[source]])


def test_annotations_of_attributes_parameters_and_results(tmp_path):
    source = "def f(self, x: A, *y: B) -> C:\n    self.z: D = x\n    w: 'E' = x\n"
    lines = Facts(tmp_path, source).lines
    assert {"f:x :A", "f:y[?] <- :B", "ret f :C", "f:self.z <- f:x | :D", "f:w :E"} <= set(lines)


def test_annotations_that_are_never_evaluated_count_like_others(tmp_path):
    lines = Facts(tmp_path, "from __future__ import annotations\ndef f(x: A, y: g()) -> 'B': ...\n").lines
    assert {"f:x :A", "ret f :B", "call g()"} <= set(lines)


def test_the_iterator_of_a_generator_function_is_what_it_yields(tmp_path):
    lines = Facts(tmp_path, GENERATOR).lines
    assert "yld f :A" in lines
    assert not any(line.startswith("ret f") for line in lines)
    assert {"ret h :Iterator", "ret h <- <generator>"} <= set(lines)


def test_a_name_of_ones_own_is_no_form_of_typing(tmp_path):
    assert Facts(tmp_path, "class Optional: ...\nx: Optional[A]\n").lines[-1] == "x :Optional"


@pytest.mark.skipif(not HAS_TYPE_PARAMS, reason="type parameters came with 3.12")
def test_type_parameters_stand_for_their_bounds(tmp_path):
    lines = Facts(tmp_path, PARAMETRISED).lines
    assert {"C/type_params:T <- A", "f/type_params:T <- A", "f/type_params:T <- B"} <= set(lines)
    assert {"f:x :f/type_params:T", "X <- list", "X <- B"} <= set(lines)
