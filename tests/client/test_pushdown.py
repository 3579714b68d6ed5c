"""The split of a filter: what is sent, what stays, and that the two together keep the very same rows."""

import json
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_server import ROWS, truth

from flight_client.pushdown import MAX_BYTES, MAX_VALUES, split_filter

i, i8, u64, f, f32, s, d, b = (pc.field(name) for name in ("i", "i8", "u64", "f", "f32", "s", "d", "b"))
NAN = float("nan")
B_IS_TRUE = {"op": "=", "args": [{"property": "b"}, True]}


def prop(op, name, *rest):
    return {"op": op, "args": [{"property": name}, *rest]}


def negated(term):
    return {"op": "not", "args": [term]}


@pytest.mark.parametrize(
    ("expression", "cql2"),
    [
        (i > 3, prop(">", "i", 3)),
        (pc.scalar(3) > i, prop("<", "i", 3)),
        (i8 == pc.scalar(3).cast(pa.int8()), prop("=", "i8", 3)),
        (s != "a", prop("<>", "s", "a")),
        (d == "x", prop("=", "d", "x")),
        (b, B_IS_TRUE),
        (~b, negated(B_IS_TRUE)),
        (f >= 0.9, prop(">=", "f", 0.9)),
        (f > 1, prop(">", "f", 1.0)),
        (i.is_null(), prop("isNull", "i")),
        (i.is_valid(), negated(prop("isNull", "i"))),
        (s.isin(["a", "b"]), prop("in", "s", ["a", "b"])),
        (s.isin(["a", None]), {"op": "or", "args": [prop("in", "s", ["a"]), prop("isNull", "s")]}),
        (~s.isin(["a"]), negated({"op": "and", "args": [prop("in", "s", ["a"]), negated(prop("isNull", "s"))]})),
        (pc.starts_with(s, "a_%"), prop("like", "s", "a\\_\\%%")),
        (pc.match_like(s, "a_%"), prop("like", "s", "a_%")),
        (
            (i == 1) | (i == 2) | (i == 3),
            {"op": "or", "args": [prop("=", "i", 1), prop("=", "i", 2), prop("=", "i", 3)]},
        ),
    ],
)
def test_said_in_cql2(expression, cql2):
    split = split_filter(expression, ROWS.schema)
    assert (split.pushed, split.residual, split.columns) == (cql2, None, frozenset())


@pytest.mark.parametrize(
    "expression",
    [
        i + 1 > 3,
        i.cast(pa.int8()) > 3,
        i == f,
        i8 < 300,  # a literal that the column can't hold
        i > 3.5,
        u64 > 3,  # Arrow compares it as int64
        pc.greater(f, NAN),
        f < float("inf"),
        f.is_null(nan_is_null=True),
        f.isin([0.0]),  # is_in tells 0.0 from -0.0
        f.isin([NAN]),
        f32 == 0.1,  # no float32 is equal to it
        i == pa.scalar(None, pa.int64()),
        i.isin([]),
        i.isin([None]),
        pc.starts_with(s, "a\\b"),
        pc.starts_with(s, "a", ignore_case=True),
        pc.is_in(s, pa.array(["a"]).cast(pa.binary())),
        pc.field("t") > pa.scalar(3, pa.timestamp("us")),
        pc.field("bytes") == b"a",
        ~(i + 1 > 3),
        (i > 3) | (i + 1 > 3),
    ],
)
def test_stays_at_the_reader(expression):
    split = split_filter(expression, ROWS.schema)
    assert split.pushed is None
    assert str(split.residual) == str(expression)  # equals() tells NaN from NaN


def test_conjuncts_part_ways():
    split = split_filter((i > 3) & (i + 1 > 3) & (s == "a") & (f != f32), ROWS.schema)
    assert split.pushed == {"op": "and", "args": [prop(">", "i", 3), prop("=", "s", "a")]}
    assert split.residual.equals((i + 1 > 3) & (f != f32))
    assert split.columns == {"i", "f", "f32"}


def test_the_same_pushed_whether_the_server_compares_float32_or_double():
    split = split_filter(f32 >= 0.9, ROWS.schema)
    ((_, value),) = [split.pushed["args"]]
    assert pa.scalar(value, pa.float32()).as_py() == value
    assert split.residual is None


def test_a_long_list_stays_at_the_reader():
    assert split_filter(i.isin(range(MAX_VALUES)), ROWS.schema).residual is None
    assert split_filter(i.isin(range(MAX_VALUES + 1)), ROWS.schema).pushed is None


def test_a_filter_is_sent_as_far_as_it_fits():
    wide = [s.isin([letter * (MAX_BYTES // 2)]) for letter in "abc"]
    split = split_filter(reduce(lambda left, right: left & right, wide), ROWS.schema)
    assert len(json.dumps(split.pushed)) < MAX_BYTES + 1000
    assert split.residual is not None


def test_a_long_chain_is_no_deep_tree():
    split = split_filter(reduce(lambda left, right: left | right, [i == n for n in range(200)]), ROWS.schema)
    assert [term["op"] for term in split.pushed["args"]] == ["="] * 200


def test_what_cannot_be_read_stays_whole():
    expression = pc.field(1) > 3
    split = split_filter(expression, ROWS.schema)
    assert (split.pushed, split.columns) == (None, None)
    assert split.residual.equals(expression)


INTEGERS = st.integers(-130, 130)
DOUBLES = st.sampled_from([0.0, -0.0, 0.1, 0.5, 0.9, 2.5, 1e300, 1e-300, float("inf"), float("nan")]) | st.floats(
    width=32
)
TEXTS = st.sampled_from(["", "a", "a%", "a_b", "_", "%", "é", "ab", "x", "a\\b", "\n"])
ORDERS = [pc.equal, pc.not_equal, pc.less, pc.less_equal, pc.greater, pc.greater_equal]


def compared(column, values):
    return st.builds(lambda order, value: order(column, value), st.sampled_from(ORDERS), values)


def listed(column, values, data_type):
    return st.builds(
        lambda chosen, skip: pc.is_in(column, pa.array(chosen, data_type), skip_nulls=skip),
        st.lists(values | st.none(), max_size=4),
        st.booleans(),
    )


def engine_listed(column, values, data_type):
    return st.builds(
        lambda chosen: pc.if_else(
            column.is_valid(), pc.is_in(column, pa.array(chosen, data_type)), pc.scalar(None).cast(pa.bool_())
        ),
        st.lists(values, max_size=3),
    )


PATTERNS = st.builds(
    lambda function, text: function(s, text),
    st.sampled_from([pc.starts_with, pc.ends_with, pc.match_substring, pc.match_like]),
    TEXTS.filter(lambda text: "\\" not in text),
)
PREDICATES = st.one_of(
    compared(i, INTEGERS),
    compared(i8, INTEGERS.filter(lambda value: -128 <= value < 128)),
    compared(f, DOUBLES | st.integers(-3, 3)),
    compared(f32, DOUBLES),
    compared(s, TEXTS),
    compared(d, TEXTS),
    listed(i, INTEGERS, pa.int64()),
    listed(f, DOUBLES, pa.float64()),
    listed(s, TEXTS, pa.string()),
    listed(d, TEXTS, pa.string()),
    engine_listed(i, INTEGERS, pa.int64()),
    engine_listed(s, TEXTS, pa.string()),
    PATTERNS,
    st.sampled_from([b, i.is_null(), s.is_valid(), f.is_nan(), f.is_null(nan_is_null=True), pc.field("id") + i > 3]),
)
FILTERS = st.recursive(
    PREDICATES,
    lambda inner: (
        st.builds(lambda left, right: left & right, inner, inner)
        | st.builds(lambda left, right: left | right, inner, inner)
        | st.builds(lambda term: ~term, inner)
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(FILTERS)
def test_pushed_and_residual_keep_the_rows_that_the_filter_keeps(expression):
    split = split_filter(expression, ROWS.schema)
    kept = ROWS
    if split.pushed is not None:
        sent = json.loads(json.dumps(split.pushed, allow_nan=False))
        kept = kept.filter(pa.array([truth(sent, row) is True for row in ROWS.to_pylist()], pa.bool_()))
    if split.residual is not None:
        kept = kept.select(["id", *sorted(split.columns - {"id"})]).filter(split.residual)
    assert kept["id"].to_pylist() == ROWS.filter(expression)["id"].to_pylist()
