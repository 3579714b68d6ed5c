"""SQL's three-valued logic in plain Python, the referee for filters, and random filters over random tables.

Null is None. A number that is compared with a float column is rounded to the column's type first.
"""

import operator
import re

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from arrowdsl.compute.expr import Call, Column, Literal, Values

SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("i8", pa.int8()),
        ("u8", pa.uint8()),
        ("i64", pa.int64()),
        ("f32", pa.float32()),
        ("f64", pa.float64()),
        ("s", pa.string()),
        ("b", pa.bool_()),
    ]
)
NUMBERS = ("i8", "u8", "i64", "f32", "f64")
COMPARISONS = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

INTEGERS = st.sampled_from([0, 1, 2, -1, -128, 127, 128, 255, 256, 2**24 + 1, 2**53 + 1, 2**63 - 1, -(2**63)])
FLOATS = st.sampled_from([0.0, 0.1, 0.9, 1.0, 2.5, -0.5, 16777216.0, 2.0**53, 2.0**63, -1e300, 1e300, 3.5e38])
STRINGS = st.sampled_from(["", "a", "ab", "a%b", "a_b", "a\\b", "A", "a\nb", "é", "日本", "(.*)"])
PATTERNS = st.lists(st.sampled_from(["a", "b", "%", "_", "\\%", "\\_", "\\\\", "é", "\n", ".", "("]), max_size=4).map(
    "".join
)


def evaluate(expr, row):
    match expr:
        case Column(name):
            return row[name]
        case Literal(value):
            return value
        case Call("and", arguments):
            return _and([evaluate(argument, row) for argument in arguments])
        case Call("or", arguments):
            return _not(_and([_not(evaluate(argument, row)) for argument in arguments]))
        case Call("not", (argument,)):
            return _not(evaluate(argument, row))
        case Call("isNull", (argument,)):
            return evaluate(argument, row) is None
        case Call("between", (value, low, high)):
            return _and([_compare(">=", value, low, row), _compare("<=", value, high, row)])
        case Call("in", (value, Values(choices))):
            found = [_compare("=", value, Literal(choice), row) for choice in choices]
            return None if evaluate(value, row) is None else any(found)
        case Call("like", (value, Literal(pattern))):
            text = evaluate(value, row)
            return None if text is None else _regex(pattern).fullmatch(text) is not None
        case Call(function, (left, right)):
            return _compare(function, left, right, row)
    raise AssertionError(expr)


def _and(values):
    if any(value is False for value in values):
        return False
    return None if any(value is None for value in values) else True


def _not(value):
    return None if value is None else not value


def _compare(function, left, right, row):
    a, b = evaluate(left, row), evaluate(right, row)
    if a is None or b is None:
        return None
    match left, right:
        case Column(name), Literal():
            b = _fitted(b, name)
        case Literal(), Column(name):
            a = _fitted(a, name)
        case Column(), Column() if isinstance(a, float) != isinstance(b, float):
            a, b = float(a), float(b)
    return COMPARISONS[function](a, b)


def _fitted(constant, column):
    kind = SCHEMA.field(column).type
    if not pa.types.is_floating(kind):
        return constant
    with np.errstate(over="ignore"):
        rounded = float(kind.to_pandas_dtype()(constant))
    return rounded if np.isfinite(rounded) else float(constant)


def _regex(pattern):
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    spelt = {"%": ".*", "_": "."}
    return re.compile("".join(spelt.get(part, re.escape(part[-1])) for part in parts), re.DOTALL)


def _column(kind, values):
    return st.lists(st.none() | values, min_size=12, max_size=12).map(lambda chosen: pa.array(chosen, kind))


@st.composite
def tables(draw):
    """Twelve rows with nulls, NaN, infinities and numbers at the edges of their types."""
    wild = st.sampled_from([float("nan"), float("inf"), -float("inf"), -0.0])
    columns = [
        pa.array(range(12)),
        draw(_column(pa.int8(), st.integers(-128, 127) | st.just(1))),
        draw(_column(pa.uint8(), st.integers(0, 255) | st.just(255))),
        draw(_column(pa.int64(), INTEGERS)),
        draw(_column(pa.float32(), wild | FLOATS.filter(lambda value: abs(value) < 3e38))),
        draw(_column(pa.float64(), wild | FLOATS)),
        draw(_column(pa.string(), STRINGS)),
        draw(_column(pa.bool_(), st.booleans())),
    ]
    table = pa.Table.from_arrays(columns, schema=SCHEMA)
    cut = draw(st.integers(0, 12))
    return pa.concat_tables([table.slice(0, cut), table.slice(cut)])


def _comparisons():
    ops = st.sampled_from(sorted(COMPARISONS))
    equal = st.sampled_from(["=", "<>"])
    numbers, text = st.sampled_from(NUMBERS).map(Column), st.just(Column("s"))
    constants, strings = (INTEGERS | FLOATS).map(Literal), STRINGS.map(Literal)
    flag, switch = st.just(Column("b")), st.booleans().map(Literal)
    return st.one_of(
        _call(ops, numbers, constants),
        _call(ops, constants, numbers),
        _call(
            ops, st.sampled_from([Column("i8"), Column("i64"), Column("f64")]), numbers.filter(lambda c: c.name != "u8")
        ),
        _call(ops, text, strings),
        _call(equal, flag, switch),
        _call(st.just("between"), numbers, constants, constants),
        _call(st.just("between"), text, strings, strings),
        _call(st.just("in"), numbers, st.lists(INTEGERS | FLOATS, max_size=4).map(lambda v: Values(tuple(v)))),
        _call(st.just("in"), text, st.lists(STRINGS, max_size=4).map(lambda v: Values(tuple(v)))),
        _call(st.just("in"), flag, st.lists(st.booleans(), max_size=2).map(lambda v: Values(tuple(v)))),
        _call(st.just("like"), text, PATTERNS.map(Literal)),
        _call(st.just("isNull"), st.sampled_from(SCHEMA.names).map(Column)),
        st.sampled_from([Column("b"), Literal(value=True), Literal(value=False)]),
    )


def _call(functions, *arguments):
    return st.builds(Call, functions, st.tuples(*arguments))


def filters():
    """Filters of every operation of the language, well typed."""
    return st.recursive(
        _comparisons(),
        lambda inner: st.one_of(
            _call(st.just("not"), inner),
            _call(st.just("isNull"), inner),
            _call(st.sampled_from(["=", "<>"]), inner, inner),
            st.builds(Call, st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=4).map(tuple)),
        ),
        max_leaves=8,
    )
