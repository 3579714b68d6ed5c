import json
import math

import pytest
from hypothesis import given
from reference_filters import filters

from arrowdsl.compute.cql2 import MAX_CALLS, MAX_DEPTH, from_cql2, to_cql2
from arrowdsl.compute.expr import Call, Column, Literal, Parameter, Values
from arrowdsl.errors import ExpressionError

A = {"property": "a"}


@given(filters())
def test_a_filter_survives_the_wire(where):
    assert repr(from_cql2(json.loads(json.dumps(to_cql2(where))))) == repr(where)


def test_the_document_of_a_filter_is_the_one_it_was_read_from():
    document = {
        "op": "or",
        "args": [
            {"op": "between", "args": [A, 1, 2.5]},
            {"op": "not", "args": [{"op": "in", "args": [A, ["x", "y"]]}]},
            {"op": "isNull", "args": [A]},
            {"op": "like", "args": [A, "x%"]},
        ],
    }
    assert to_cql2(from_cql2(document)) == document


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (None, "None is not understood"),
        ([], "is not understood; a term is"),
        ({}, "is not understood"),
        ({"property": 1}, "is not understood"),
        ({"property": "a", "extra": 1}, "is not understood"),
        ({"op": "=", "args": [A, 1], "extra": 1}, "is not understood"),
        ({"op": "=", "args": {"a": 1}}, "is not understood"),
        ({"op": "="}, "is not understood"),
        ({"op": "=", "args": [A]}, "'=' with 1 arguments is not understood; operations: and, or"),
        ({"op": "=", "args": [A, 1, 2]}, "with 3 arguments"),
        ({"op": "and", "args": []}, "'and' with 0 arguments"),
        ({"op": "not", "args": [A, A]}, "'not' with 2 arguments"),
        ({"op": "between", "args": [A, 1]}, "'between' with 2 arguments"),
        ({"op": "in", "args": [A, "x"]}, "'in' with 2 arguments"),
        ({"op": "in", "args": [A, [[1]]]}, r"the list of an in has strings, numbers or booleans, given: \[1\]"),
        ({"op": "in", "args": [A, [None]]}, "given: None"),
        ({"op": "concat", "args": ["a", "b"]}, "'concat' with 2 arguments is not understood"),
        ({"op": "=", "args": [A, None]}, "None is not understood"),
        ({"op": "=", "args": [A, math.nan]}, "nan is not a number"),
        ({"op": "in", "args": [A, [math.inf]]}, "inf is not a number"),
        ({"op": "=", "args": [A, 2**63]}, "9223372036854775808 does not fit into 64 bits"),
        ({"op": "=", "args": [A, 10**400]}, "does not fit into 64 bits"),
        ({"op": "x" * 10_000, "args": []}, "xxx"),
    ],
)
def test_a_document_that_is_no_filter_is_refused_with_the_reason(document, message):
    with pytest.raises(ExpressionError, match=message) as refused:
        from_cql2(document)
    assert len(refused.value.message) < 400


def _nested(op, levels, *others):
    document = A
    for _ in range(levels):
        document = {"op": op, "args": [document, *others]}
    return document


@pytest.mark.parametrize("op", ["and", "not", "isNull"])
def test_nesting_is_limited(op):
    from_cql2(_nested(op, MAX_DEPTH))
    with pytest.raises(ExpressionError, match=f"nested more than {MAX_DEPTH} deep"):
        from_cql2(_nested(op, MAX_DEPTH + 1))
    with pytest.raises(ExpressionError, match="deep"):
        from_cql2(_nested(op, 900))


def test_nested_between_costs_no_more_than_it_says():
    assert isinstance(from_cql2(_nested("between", MAX_DEPTH, 1, 2)), Call)


def test_the_number_of_operations_is_limited():
    term = {"op": "=", "args": [A, 1]}
    from_cql2({"op": "and", "args": [term] * (MAX_CALLS - 1)})
    with pytest.raises(ExpressionError, match=f"has {MAX_CALLS + 1} operations, at most {MAX_CALLS} are allowed"):
        from_cql2({"op": "and", "args": [term] * MAX_CALLS})
    with pytest.raises(ExpressionError, match="has 100001 operations"):
        from_cql2({"op": "or", "args": [term] * 100_000})


def test_long_lists_are_allowed():
    assert from_cql2({"op": "in", "args": [A, list(range(200_000))]}) == Call(
        "in", (Column("a"), Values(tuple(range(200_000))))
    )


def test_a_parameter_cannot_be_written_in_cql2():
    with pytest.raises(ExpressionError, match=r"\$part can't be written in CQL2"):
        to_cql2(Call("=", (Literal("a"), Parameter("part"))))
