"""Expressions as data: a tree of columns, literals and calls that can be inspected, rewritten and compared.

``to_arrow`` gives the engine's expression; ``arrowdsl.compute.cql2`` reads and writes the wire's filter language.
Logic is SQL's: a comparison with null is null, and a filter keeps the rows for which it is true.

>>> where = conjunction([Call(">=", (Column("score"), Literal(0.5))), Call("isNull", (Column("path"),))])
>>> sorted(columns(where)), describe(where)
(['path', 'score'], 'score >= 0.5 and isNull(path)')
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from reprlib import Repr
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.comparison import COMPARISONS, MIRRORED, compare, is_any_of
from arrowdsl.errors import ExpressionError, UnknownColumnError, one_of

Scalar = bool | int | float | str | None


@dataclass(frozen=True)
class Column:
    """A column of the input, by name."""

    name: str


@dataclass(frozen=True)
class Literal:
    """A constant; ``type`` is null where Python's own type says enough. Unlike in Python 1, 1.0 and true differ."""

    value: Scalar
    type: pa.DataType | None = None
    python_type: object = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "python_type", self.value.__class__)


@dataclass(frozen=True)
class Values:
    """The constant list at the right of an ``in``."""

    values: tuple[bool | int | float | str, ...]


@dataclass(frozen=True, eq=False)
class Keys:
    """A long list at the right of an ``in``: distinct values of the type looked up, none null; equal only to itself."""

    values: pa.Array


@dataclass(frozen=True)
class Parameter:
    """A constant that is known when the plan is run over one part: its name stands for it until then."""

    name: str


@dataclass(frozen=True)
class Call:
    """A function of ``FUNCTIONS`` applied to expressions."""

    function: str
    arguments: tuple["Expr", ...]


Expr = Column | Literal | Values | Keys | Parameter | Call


FUNCTIONS: Mapping[str, Callable[..., pc.Expression]] = MappingProxyType(
    {
        "and": lambda *terms: reduce(lambda a, b: a & b, terms),
        "or": lambda *terms: reduce(lambda a, b: a | b, terms),
        "not": lambda term: ~term,
        "isNull": lambda value: value.is_null(),
        "concat": lambda *parts: pc.binary_join_element_wise(*parts, pc.scalar("")),
        "text": lambda value: value.cast(pa.string()),
        "if": pc.if_else,
    }
)
_CONNECTIVES = frozenset({"and", "or", "not"})
_SHORT = Repr()
_SHORT.maxstring = 120


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
    """The expression with every column, parameter or literal that ``replacements`` has replaced by its value there."""
    match expr:
        case Column() | Parameter() | Literal():
            return replacements.get(expr, expr)
        case Call(function, arguments):
            return Call(function, tuple(substitute(argument, replacements) for argument in arguments))
        case _:
            return expr


def to_arrow(expr: Expr, schema: pa.Schema) -> pc.Expression:
    """The engine's expression over rows of ``schema``.

    Constants take the type of what they are compared with, so ``confidence >= 0.9`` holds for a float32 0.9. Raises
    UnknownColumnError, and ExpressionError for operands whose types do not go together.
    """
    match expr:
        case Column(name):
            return pc.field(_field(name, schema).name)
        case Literal(value, data_type):
            return pc.scalar(pa.scalar(value, data_type))
        case Call("between", (value, low, high)):
            _check_operands(expr, schema)
            return to_arrow(Call("and", (Call(">=", (value, low)), Call("<=", (value, high)))), schema)
        case Call(function, (left, right)) if function in COMPARISONS:
            _check_operands(expr, schema)
            return _comparison(function, left, right, schema)
        case Call("in", (value, Values(choices))):
            _check_operands(expr, schema)
            return is_any_of(to_arrow(value, schema), choices, _type(value, schema))
        case Call("in", (value, Keys(keys))):
            return to_arrow(value, schema).isin(keys)
        case Call("like", (value, Literal(str(pattern)))) if _kind(value, schema) == "string":
            return _like(to_arrow(value, schema), pattern)
        case Call("like"):
            raise ExpressionError(f"like takes a string and a pattern, given: {describe(expr)}")
        case Call("coalesce", arguments):
            return pc.coalesce(*_of_one_type(arguments, schema))
        case Call(function, arguments) if function in FUNCTIONS:
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


def _like(value: pc.Expression, pattern: str) -> pc.Expression:
    """SQL's like; the engine's own misreads an escaped backslash in a prefix, so escapes go by regular expression."""
    if "\\" not in pattern:
        return pc.match_like(value, pattern)
    wildcards = {"%": ".*", "_": "."}
    tokens = re.findall(r"\\.|.", pattern, re.DOTALL)
    spelled = (wildcards.get(token) or re.escape(token[-1]) for token in tokens)
    return pc.match_substring_regex(value, rf"\A(?s:{''.join(spelled)})\z")


def _field(name: str, schema: pa.Schema) -> pa.Field:
    if name not in schema.names:
        raise UnknownColumnError(f"unknown column {name!r}; columns: {one_of(schema.names)}")
    return schema.field(name)


def _type(expr: Expr, schema: pa.Schema) -> pa.DataType:
    match expr:
        case Column(name):
            return _field(name, schema).type
        case Literal(value, data_type):
            return data_type or pa.scalar(value).type
        case Call("concat" | "text", _):
            return pa.string()
        case Call("if", (_, value, _)):
            return _type(value, schema)
        case Call("coalesce", arguments):
            return _type(_leading(arguments), schema)
        case Call():
            return pa.bool_()
        case _:
            raise ExpressionError(f"{describe(expr)} has no value here")


def _kind(expr: Expr, schema: pa.Schema) -> str:
    """What sort of value the expression has: boolean, number, string, or the engine's name of a type."""
    data_type = _type(expr, schema)
    if pa.types.is_boolean(data_type):
        return "boolean"
    if pa.types.is_integer(data_type) or pa.types.is_floating(data_type):
        return "number"
    return "string" if pa.types.is_string(data_type) or pa.types.is_large_string(data_type) else str(data_type)


def _check_operands(expr: Call, schema: pa.Schema) -> None:
    """Raise ExpressionError unless the operands are of one kind that the function can compare."""
    operands = list[Expr]()
    for argument in expr.arguments:
        match argument:
            case Values(values):
                operands += map(Literal, {type(value): value for value in values}.values())
            case _:
                operands.append(argument)
    kinds = dict.fromkeys(_kind(operand, schema) for operand in operands)
    allowed = ("boolean", "number", "string") if expr.function in {"=", "<>", "in"} else ("number", "string")
    if len(kinds) > 1 or not kinds.keys() <= set(allowed):
        raise ExpressionError(
            f"{describe(expr)} compares {one_of(kinds)}; {expr.function} takes operands of one kind:"
            f" {one_of(allowed)}; use isNull for nulls"
        )


def _comparison(function: str, left: Expr, right: Expr, schema: pa.Schema) -> pc.Expression:
    if _bare_number(left) is not None:
        function, left, right = MIRRORED[function], right, left
    value, data_type = to_arrow(left, schema), _type(left, schema)
    number = _bare_number(right)
    if number is not None:
        return compare(function, value, data_type, number)
    other, other_type = to_arrow(right, schema), _type(right, schema)
    if pa.types.is_floating(data_type) != pa.types.is_floating(other_type):
        # the engine's own cast fails on integers that no float equals
        value, other = (each.cast(pa.float64(), safe=False) for each in (value, other))
    return COMPARISONS[function](value, other)


def _bare_number(expr: Expr) -> float | None:
    """The value of a number that takes the type of what it is compared with; None for any other expression."""
    match expr:
        case Literal(bool(), _):
            return None
        case Literal(int() | float() as number, None):
            return number
        case _:
            return None


def _of_one_type(arguments: tuple[Expr, ...], schema: pa.Schema) -> list[pc.Expression]:
    """The arguments of a coalesce, constants in the type of the others."""
    wanted = _type(_leading(arguments), schema)
    typed = [Literal(arg.value, arg.type or wanted) if isinstance(arg, Literal) else arg for arg in arguments]
    kinds = dict.fromkeys(str(_type(argument, schema)) for argument in typed)
    if len(kinds) > 1:
        raise ExpressionError(f"{describe(Call('coalesce', arguments))} mixes {one_of(kinds)}")
    return [to_arrow(argument, schema) for argument in typed]


def _leading(arguments: tuple[Expr, ...]) -> Expr:
    """The first argument that has a type of its own."""
    return next((arg for arg in arguments if not isinstance(arg, Literal) or arg.type), arguments[0])


def describe(expr: Expr) -> str:
    """The expression as a person would write it."""
    match expr:
        case Column(name):
            return name
        case Literal(value):
            return _SHORT.repr(value)
        case Values(values):
            return f"({one_of(map(_SHORT.repr, values), limit=8)})"
        case Keys(keys):
            return f"({len(keys)} keys)"
        case Parameter(name):
            return f"${name}"
        case Call("not" | "isNull" | "concat" | "coalesce" | "text" | "if" as function, arguments):
            return f"{function}({', '.join(map(describe, arguments))})"
        case Call("between", (value, low, high)):
            return f"{describe(value)} between {describe(low)} and {describe(high)}"
        case Call(function, arguments):
            nested = (isinstance(a, Call) and a.function in _CONNECTIVES for a in arguments)
            terms = map(describe, arguments)
            return f" {function} ".join(
                f"({term})" if inside else term for term, inside in zip(terms, nested, strict=True)
            )
