"""Expressions as data: a tree of columns, literals and calls that can be inspected, rewritten and compared.

``to_arrow`` gives the engine's expression; ``arrowdsl.compute.cql2`` reads and writes the wire's filter language.
Logic is SQL's: a comparison with null is null, and a filter keeps the rows for which it is true.

>>> where = conjunction([Call(">=", (Column("score"), Literal(0.5))), Call("isNull", (Column("path"),))])
>>> sorted(columns(where)), describe(where)
(['path', 'score'], 'score >= 0.5 and isNull(path)')
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.errors import ExpressionError, UnknownColumnError, one_of

Scalar = bool | int | float | str | None


@dataclass(frozen=True)
class Column:
    """A column of the input, by name."""

    name: str


@dataclass(frozen=True)
class Literal:
    """A constant; ``type`` is null where Python's own type says enough."""

    value: Scalar
    type: pa.DataType | None = None


@dataclass(frozen=True)
class Values:
    """The constant list at the right of an ``in``."""

    values: tuple[bool | int | float | str, ...]


@dataclass(frozen=True)
class Parameter:
    """A constant that is known when the plan is run over one part: its name stands for it until then."""

    name: str


@dataclass(frozen=True)
class Call:
    """A function of ``FUNCTIONS`` applied to expressions."""

    function: str
    arguments: tuple["Expr", ...]


Expr = Column | Literal | Values | Parameter | Call


def _in(value: pc.Expression, choices: pc.Expression) -> pc.Expression:
    # is_in gives false for null; SQL gives null, which a surrounding "not" must keep
    return pc.if_else(value.is_valid(), value.isin(choices), pa.scalar(None, pa.bool_()))


FUNCTIONS: Mapping[str, Callable[..., pc.Expression]] = MappingProxyType(
    {
        "and": lambda *terms: reduce(lambda a, b: a & b, terms),
        "or": lambda *terms: reduce(lambda a, b: a | b, terms),
        "not": lambda term: ~term,
        "=": lambda a, b: a == b,
        "<>": lambda a, b: a != b,
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
        "isNull": lambda value: value.is_null(),
        "concat": lambda *parts: pc.binary_join_element_wise(*parts, pc.scalar("")),
        "coalesce": pc.coalesce,
    }
)
_CONNECTIVES = frozenset({"and", "or", "not"})


def conjunction(terms: Sequence[Expr]) -> Expr:
    """The ``and`` of the terms; true when there are none."""
    if not terms:
        return Literal(value=True)
    return terms[0] if len(terms) == 1 else Call("and", tuple(terms))


def conjuncts(expr: Expr) -> tuple[Expr, ...]:
    """The terms whose ``and`` the expression is."""
    match expr:
        case Call("and", terms):
            return tuple(part for term in terms for part in conjuncts(term))
        case _:
            return (expr,)


def columns(expr: Expr) -> frozenset[str]:
    """The names of the columns that the expression reads."""
    match expr:
        case Column(name):
            return frozenset({name})
        case Call(_, arguments):
            return frozenset().union(*map(columns, arguments))
        case _:
            return frozenset()


def substitute(expr: Expr, replacements: Mapping[Expr, Expr]) -> Expr:
    """The expression with every column or parameter that ``replacements`` has replaced by its value there."""
    match expr:
        case Column() | Parameter():
            return replacements.get(expr, expr)
        case Call(function, arguments):
            return Call(function, tuple(substitute(argument, replacements) for argument in arguments))
        case _:
            return expr


def to_arrow(expr: Expr, schema: pa.Schema) -> pc.Expression:
    """The engine's expression over rows of ``schema``.

    Literals take the type of the column that they are compared with, so ``confidence >= 0.9`` holds for a float32
    0.9. Raises UnknownColumnError, and ExpressionError for operands whose types do not go together.
    """
    match expr:
        case Column(name):
            return pc.field(_field(name, schema).name)
        case Literal(value, data_type):
            return pc.scalar(pa.scalar(value, data_type))
        case Call(("=" | "<>" | "<" | "<=" | ">" | ">=") as function, (left, right)):
            _comparable(expr, schema)
            return FUNCTIONS[function](_operand(left, right, schema), _operand(right, left, schema))
        case Call("in", (value, Values(choices))):
            _comparable(expr, schema)
            wanted = _type(value, schema)
            return _in(to_arrow(value, schema), _array(choices, wanted))
        case Call("like", (value, Literal(pattern))):
            if not isinstance(pattern, str) or _kind(value, schema) != "string":
                raise ExpressionError(f"like takes a string and a pattern, given: {describe(expr)}")
            return pc.match_like(to_arrow(value, schema), pattern)
        case Call(function, arguments):
            if function in _CONNECTIVES:
                for argument in arguments:
                    check_predicate(argument, schema)
            return FUNCTIONS[function](*(to_arrow(argument, schema) for argument in arguments))
        case _:
            raise ExpressionError(f"{describe(expr)} has no value here")


def check_predicate(expr: Expr, schema: pa.Schema) -> None:
    """Raise ExpressionError unless the expression is true or false for each row of ``schema``."""
    if _kind(expr, schema) != "boolean":
        raise ExpressionError(f"a filter must be true or false, {describe(expr)} is a {_kind(expr, schema)}")


def fold(expr: Expr) -> Expr:
    """The expression with what is constant worked out, as far as that decides an ``and``, ``or`` or comparison."""
    match expr:
        case Call("and", arguments):
            return _fold_connective("and", arguments, absorbing=False)
        case Call("or", arguments):
            return _fold_connective("or", arguments, absorbing=True)
        case Call("=", (Literal(str(left)), Literal(str(right)))):
            return Literal(left == right)
        case Call("<>", (Literal(str(left)), Literal(str(right)))):
            return Literal(left != right)
        case Call("in", (Literal(str(value)), Values(choices))):
            return Literal(value in choices)
        case _:
            return expr


def _fold_connective(function: str, arguments: tuple[Expr, ...], *, absorbing: bool) -> Expr:
    terms = [term for term in map(fold, arguments) if term != Literal(not absorbing)]
    if Literal(absorbing) in terms:
        return Literal(absorbing)
    if len(terms) > 1:
        return Call(function, tuple(terms))
    return terms[0] if terms else Literal(not absorbing)


def _field(name: str, schema: pa.Schema) -> pa.Field:
    if name not in schema.names:
        raise UnknownColumnError(f"unknown column {name!r}; columns: {one_of(schema.names)}")
    return schema.field(name)


def _type(expr: Expr, schema: pa.Schema) -> pa.DataType | None:
    """The type of a column or typed literal; null where only the kind is known."""
    match expr:
        case Column(name):
            return _field(name, schema).type
        case Literal(_, data_type):
            return data_type
        case _:
            return None


def _kind(expr: Expr, schema: pa.Schema) -> str:
    """What sort of value the expression has: boolean, number, string, null, or the engine's name of a type."""
    match expr:
        case Column(name):
            return _kind_of_type(_field(name, schema).type)
        case Literal(value):
            return _kind_of_value(value)
        case Call("concat", _):
            return "string"
        case Call("coalesce", (first, *_)):
            return _kind(first, schema)
        case Call():
            return "boolean"
        case _:
            return "constant"


def _kind_of_type(data_type: pa.DataType) -> str:
    if pa.types.is_boolean(data_type):
        return "boolean"
    if pa.types.is_integer(data_type) or pa.types.is_floating(data_type):
        return "number"
    return "string" if pa.types.is_string(data_type) else str(data_type)


def _kind_of_value(value: Scalar) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case None:
            return "null"


def _comparable(expr: Call, schema: pa.Schema) -> None:
    """Raise ExpressionError unless the operands are of one kind that the function can compare."""
    kinds = []
    for argument in expr.arguments:
        match argument:
            case Values(values):
                kinds += [_kind_of_value(value) for value in values]
            case _:
                kinds.append(_kind(argument, schema))
    allowed = {"number", "string"} if expr.function in {"<", "<=", ">", ">="} else {"number", "string", "boolean"}
    if len(set(kinds)) > 1 or not set(kinds) <= allowed:
        raise ExpressionError(
            f"{describe(expr)} compares {one_of(dict.fromkeys(kinds))}; {expr.function} takes operands of one kind:"
            f" {one_of(sorted(allowed))}; use isNull for nulls"
        )


def _operand(expr: Expr, other: Expr, schema: pa.Schema) -> pc.Expression:
    match expr:
        case Literal(value, None) if isinstance(value, int | float) and not isinstance(value, bool):
            wanted = _type(other, schema)
            if wanted is not None and pa.types.is_floating(wanted):
                return pc.scalar(pa.scalar(float(value), wanted))
    return to_arrow(expr, schema)


def _array(values: tuple[bool | int | float | str, ...], wanted: pa.DataType | None) -> pa.Array:
    """The choices of an ``in``, in the column's type; those that the type cannot hold equal nothing and go."""
    if wanted is None or not values:
        return pa.array(values, wanted or pa.string())
    if pa.types.is_integer(wanted):
        limit = 2 ** (wanted.bit_width - 1)
        values = tuple(int(value) for value in values if value == int(value) and -limit <= value < limit)
    return pa.array(values, wanted)


def describe(expr: Expr) -> str:
    """The expression as a person would write it."""
    match expr:
        case Column(name):
            return name
        case Literal(value):
            return repr(value)
        case Values(values):
            return f"({one_of(map(repr, values), limit=8)})"
        case Parameter(name):
            return f"${name}"
        case Call("not" | "isNull" | "concat" | "coalesce" as function, arguments):
            return f"{function}({', '.join(map(describe, arguments))})"
        case Call(function, arguments):
            terms = (f"({describe(a)})" if _is_connective(a) else describe(a) for a in arguments)
            return f" {function} ".join(terms)


def _is_connective(expr: Expr) -> bool:
    return isinstance(expr, Call) and expr.function in _CONNECTIVES
