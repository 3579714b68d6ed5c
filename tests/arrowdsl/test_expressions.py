import subprocess
import sys

import pyarrow as pa
import pytest

from arrowdsl.compute.expr import Call, Column, Keys, Literal, Values, coalesce, col, concat, describe, if_else, lit
from arrowdsl.plan.nodes import Scan
from arrowdsl.plan.runner import run_plan
from arrowdsl.plan.source import PlanCatalog

A, B, C = map(Column, "abc")


@pytest.mark.parametrize(
    ("built", "tree"),
    [
        (col("a") & col("b") & col("c"), Call("and", (A, B, C))),
        (col("a") | (col("b") | col("c")), Call("or", (A, B, C))),
        (~(col("a") & col("b")), Call("not", (Call("and", (A, B)),))),
        (col("a") > 1, Call(">", (A, Literal(1)))),
        (col("a") < 1, Call("<", (A, Literal(1)))),
        (col("a") <= col("b"), Call("<=", (A, B))),
        (col("a").eq("x"), Call("=", (A, Literal("x")))),
        (col("a").ne(lit(0.9, pa.float32())), Call("<>", (A, Literal(0.9, pa.float32())))),
        (col("a").is_not_null(), Call("not", (Call("isNull", (A,)),))),
        (col("a").between(1, col("b")), Call("between", (A, Literal(1), B))),
        (col("a").is_in({"x": 1}), Call("in", (A, Values(("x",))))),
        (col("a").like("x%"), Call("like", (A, Literal("x%")))),
        (concat("x:", col("a").as_text()), Call("concat", (Literal("x:"), Call("text", (A,))))),
        (coalesce(col("a"), ""), Call("coalesce", (A, Literal("")))),
        (if_else(col("a"), col("b"), None), Call("if", (A, B, Literal(None)))),
    ],
)
def test_operators_and_methods_build_the_tree(built, tree):
    assert built == tree


def test_the_keys_of_a_lookup_go_where_a_list_goes():
    keys = Keys(pa.array(["x"]))
    assert col("a").is_in(keys) == Call("in", (A, keys))


def test_equality_compares_trees_so_that_expressions_can_be_keys():
    assert {col("a"): 1}[col("a")] == 1
    assert col("a") != col("b")


def test_a_description_shows_how_terms_are_nested():
    where = (col("a") > 1) & (col("b").is_null() | ~col("c"))
    assert describe(where) == "a > 1 and (isNull(b) or not(c))"


def test_a_condition_chooses_between_values():
    table = pa.table({"a": [True, False, None]})
    plan = Scan("t").select(chosen=if_else(col("a"), "yes", "no"))
    assert run_plan(plan, PlanCatalog({"t": table}))["chosen"].to_pylist() == ["yes", "no", None]


def test_evaluating_and_describing_plans_needs_pyarrow_alone():
    code = "import sys, arrowdsl.compute.cql2, arrowdsl.compute.evaluate, arrowdsl.plan.nodes;"
    code += "print(sorted({'pandas', 'pyarrow.acero', 'pyarrow.dataset'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
