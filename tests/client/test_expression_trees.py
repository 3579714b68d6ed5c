"""How an Expression is spelled by this pyarrow version; a new version that spells it otherwise fails here first."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from arrowdsl.compute.expr import Column, Literal
from flight_client.expressions import EngineCall, ExpressionTree, UnreadableExpressionError

x, s = pc.field("x"), pc.field("s")


def shape(node):
    match node:
        case Column(name):
            return name
        case Literal(value):
            return value
        case EngineCall(function, arguments):
            return (function, *map(shape, arguments))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (x > 3, ("greater", "x", 3)),
        (pc.scalar(3) > x, ("greater", 3, "x")),
        ((x > 3) & ~(s == "a"), ("and_kleene", ("greater", "x", 3), ("invert", ("equal", "s", "a")))),
        ((x <= 3) | s.is_valid(), ("or_kleene", ("less_equal", "x", 3), ("is_valid", "s"))),
        (x.isin([1, None]), ("is_in", "x")),
        (x.is_null(), ("is_null", "x")),
        (pc.starts_with(s, "a"), ("starts_with", "s")),
        (x.cast(pa.int8()) != pa.scalar(None, pa.int8()), ("not_equal", ("cast", "x"), None)),
        (pc.if_else(x.is_valid(), x.isin([1]), pc.scalar(None)), ("if_else", ("is_valid", "x"), ("is_in", "x"), None)),
    ],
)
def test_tree(expression, expected):
    assert shape(ExpressionTree(expression).root) == expected


def test_options_of_a_call_are_read_with_their_types():
    root = ExpressionTree(x.isin(pa.array([1, None], pa.int8()))).root
    assert root.options["value_set"].values == pa.array([1, None], pa.int8())
    assert root.options["null_matching_behavior"].as_py() == 0


@pytest.mark.parametrize("name", ["", "a b", "a'\nend: 'greater", "é\0", "call"])
def test_any_column_name_is_read(name):
    assert ExpressionTree(pc.field(name) > 1).root.arguments[0].name == name


def test_each_conjunct_is_an_expression_of_its_own():
    first, second, third = x > 3, s.isin(["a", "b"]), (x < 9) | (s == "c")
    tree = ExpressionTree(first & second & third)
    spans = [span for _, span in tree.conjuncts()]
    for span, expected in zip(spans, [first, second, third], strict=True):
        assert tree.expression(span).equals(expected)
    assert [tree.columns(span) for span in spans] == [{"x"}, {"s"}, {"x", "s"}]


def test_a_cast_of_a_literal_is_a_constant():
    tree = ExpressionTree(x == pc.scalar(3).cast(pa.int8()))
    assert tree.constant(tree.root.arguments[1]) == Literal(3, pa.int8())


def test_a_bare_column_is_a_conjunct_like_any_other():
    tree = ExpressionTree(pc.field("b") & ~pc.field("c") & pc.field("d"))
    assert [str(tree.expression(span)) for _, span in tree.conjuncts()] == ["b", "invert(c)", "d"]


def test_a_constant_of_another_kind_has_no_value():
    tree = ExpressionTree(x > pa.scalar(3, pa.timestamp("us")))
    assert tree.constant(tree.root.arguments[1]) is None


def test_a_cast_that_fails_is_none():
    tree = ExpressionTree(x == pc.scalar(300).cast(pa.int8()))
    assert tree.constant(tree.root.arguments[1]) is None


@pytest.mark.parametrize("expression", [pc.field(0) > 1, pc.field("a", "b") > 1])
def test_what_has_no_spelling_by_name_is_unreadable(expression):
    with pytest.raises(UnreadableExpressionError):
        ExpressionTree(expression)


class OfAnotherVersion:
    def __init__(self, pickled):
        self.pickled = pickled

    def __reduce__(self):
        return (bytes, self.pickled)


def spelled(*pairs):
    schema = pa.schema([("0", pa.int64())], metadata=pa.KeyValueMetadata(pairs))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(pa.record_batch([[1]], schema=schema))
    return (sink.getvalue(),)


@pytest.mark.parametrize(
    "pickled",
    [
        (),
        (b"",),
        (pa.py_buffer(b"something else"),),
        spelled(),
        spelled(("field", "x")),
        spelled(("literal", "7")),
        spelled(("call", "invert"), ("field_ref", "x")),
        spelled(("field_ref", "x"), ("end", "invert")),
        spelled(("field_ref", "x"), ("field_ref", "y")),
    ],
)
def test_another_spelling_is_unreadable(pickled):
    with pytest.raises(UnreadableExpressionError):
        ExpressionTree(OfAnotherVersion(pickled))
