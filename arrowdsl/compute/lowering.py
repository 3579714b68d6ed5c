"""An expression becomes the engine's, for rows of a given schema; types that do not go together are refused.

A constant takes the type of the column that it is compared with, and the answer stays exact. Left to itself the engine
looks for a common type: it takes 2.5 for a float32, and then fails on the first integer of the column that a float32
can't hold.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Call, Column, Expr, Keys, Literal, Values, describe
from arrowdsl.errors import ExpressionError, UnknownColumnError, one_of

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
COMPARISONS: Mapping[str, Callable[[pc.Expression, pc.Expression], pc.Expression]] = MappingProxyType(
    {
        "=": lambda a, b: a == b,
        "<>": lambda a, b: a != b,
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }
)
MIRRORED: Mapping[str, str] = MappingProxyType({"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="})
_TRUE_ABOVE = frozenset({">", ">=", "<>"})  # of values that all lie above the constant
_TRUE_BELOW = frozenset({"<", "<=", "<>"})


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


def compare(function: str, value: pc.Expression, data_type: pa.DataType, constant: float) -> pc.Expression:
    """``value function constant`` for numbers of ``data_type``, null where the value is null.

    Against a float column the constant is rounded as the column's own values were, so a float32 0.9 equals 0.9.
    """
    if pa.types.is_floating(data_type):
        rounded = _as_float(constant, data_type)
        if rounded is None:
            return COMPARISONS[function](value.cast(pa.float64()), pc.scalar(float(constant)))
        return COMPARISONS[function](value, pc.scalar(rounded))
    whole = math.floor(constant)
    lowest, highest = _bounds(data_type)
    if whole < lowest:
        return unless_null(value, pc.scalar(function in _TRUE_ABOVE))
    if whole > highest:
        return unless_null(value, pc.scalar(function in _TRUE_BELOW))
    if whole != constant and function in {"=", "<>"}:
        return unless_null(value, pc.scalar(function == "<>"))
    if whole != constant:  # no integer lies between the two
        function = {"<": "<=", ">=": ">"}.get(function, function)
    return COMPARISONS[function](value, pc.scalar(pa.scalar(whole, data_type)))


def is_any_of(value: pc.Expression, choices: Sequence[float | str], data_type: pa.DataType) -> pc.Expression:
    """Whether the value is one of the choices, which are of its kind; null where the value is null."""
    numbers = [choice for choice in choices if isinstance(choice, int | float)]
    if pa.types.is_floating(data_type):
        floats = [rounded.as_py() for rounded in (_as_float(n, data_type) for n in numbers) if rounded is not None]
        choices = [*floats, *(-number for number in floats if number == 0)]  # is_in tells the two zeros apart
    elif pa.types.is_integer(data_type):
        choices = list(_integers(numbers, data_type))
    # is_in gives false for null; SQL gives null, which a surrounding "not" must keep
    return unless_null(value, value.isin(pa.array(choices, data_type)))


def unless_null(value: pc.Expression, answer: pc.Expression) -> pc.Expression:
    """The answer, but null where the value is null."""
    return pc.if_else(value.is_valid(), answer, pa.scalar(None, pa.bool_()))


def _as_float(constant: float, data_type: pa.DataType) -> pa.Scalar | None:
    """The constant rounded to a float type; None when it is beyond the largest."""
    rounded = pa.scalar(float(constant), data_type)
    return rounded if math.isfinite(rounded.as_py()) else None


def _integers(choices: Sequence[float], data_type: pa.DataType) -> Iterator[int]:
    """The choices that an integer of the type can equal."""
    lowest, highest = _bounds(data_type)
    return (int(choice) for choice in choices if lowest <= choice <= highest and choice == int(choice))


def _bounds(data_type: pa.DataType) -> tuple[int, int]:
    """The least and the greatest integer of the type."""
    bits = data_type.bit_width
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if pa.types.is_signed_integer(data_type) else (0, 2**bits - 1)
