"""Evaluation of expressions over record batches, and translation into pyarrow expressions, which skip row groups.

An expression over a schema becomes a function of its leaves: arrays of a batch when it is evaluated, pyarrow
expressions when it is translated. Operands of incompatible types are refused when the function is made.

A constant is converted to the type of the column that it is compared with, and the comparison stays exact. pyarrow
looks for a common type instead: compared with 2.5, an integer column becomes float32, and the comparison fails at the
first integer that a float32 can't hold.

>>> from arrowdsl.compute.expr import col
>>> batch = pa.record_batch({"line": [3, 12, None]})
>>> evaluator(col("line") > 9.5, batch.schema)(batch).to_pylist()
[False, True, None]
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, reduce
from types import MappingProxyType
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Call, Column, Expr, Keys, Literal, Values, describe
from arrowdsl.errors import ExpressionError, UnknownColumnError, one_of
from arrowdsl.schema.schema import plain

Value: TypeAlias = pa.Array | pa.Scalar | pc.Expression
Leaf = Callable[[Column | Literal], Value]
Function = Callable[..., Value]
Evaluator = Callable[[pa.RecordBatch], pa.Array]

COMPARISONS: Mapping[str, Function] = MappingProxyType(
    {
        "=": pc.equal,
        "<>": pc.not_equal,
        "<": pc.less,
        "<=": pc.less_equal,
        ">": pc.greater,
        ">=": pc.greater_equal,
    }
)
MIRRORED: Mapping[str, str] = MappingProxyType({"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="})
FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        "and": lambda *terms: reduce(pc.and_kleene, terms),
        "or": lambda *terms: reduce(pc.or_kleene, terms),
        "not": pc.invert,
        "isNull": pc.is_null,
        "concat": lambda *parts: pc.binary_join_element_wise(*parts, pa.scalar("")),
        "text": lambda value: value.cast(pa.string()),
        "if": pc.if_else,
    }
)
_TRUE_ABOVE = frozenset({">", ">=", "<>"})  # the comparisons that hold if all values lie above the constant
_TRUE_BELOW = frozenset({"<", "<=", "<>"})


def evaluator(expr: Expr, schema: pa.Schema) -> Evaluator:
    """A function from a batch of this schema to the expression's values; dictionary columns are decoded.

    A constant is converted to the type of its other operand, so ``confidence >= 0.9`` holds for a float32 0.9. Raises
    UnknownColumnError, and ExpressionError for operands of incompatible types.
    """
    values = _function(expr, plain(schema))
    coded = frozenset(column.name for column in schema if pa.types.is_dictionary(column.type))

    def evaluate(batch: pa.RecordBatch) -> pa.Array:
        def leaf(found: Column | Literal) -> pa.Array | pa.Scalar:
            if isinstance(found, Literal):
                return pa.scalar(found.value, found.type)
            column = batch.column(found.name)
            return column.cast(column.type.value_type) if found.name in coded else column

        result = values(leaf)
        return pa.repeat(result, batch.num_rows) if isinstance(result, pa.Scalar) else result

    return evaluate


def matching(batch: pa.RecordBatch, predicate: Expr) -> pa.RecordBatch:
    """The rows for which the predicate is true."""
    return batch.filter(evaluator(predicate, batch.schema)(batch))


def to_arrow(expr: Expr, schema: pa.Schema) -> pc.Expression:
    """The pyarrow expression over rows of ``schema``; raises the errors of ``evaluator``."""

    def leaf(found: Column | Literal) -> pc.Expression:
        return pc.field(found.name) if isinstance(found, Column) else pc.scalar(pa.scalar(found.value, found.type))

    return _function(expr, schema)(leaf)


def check_predicate(expr: Expr, schema: pa.Schema) -> None:
    """Raise ExpressionError unless the expression is true or false for each row of ``schema``."""
    if _kind(expr, schema) != "boolean":
        raise ExpressionError(f"a filter must be true or false, {describe(expr)} is a {_kind(expr, schema)}")


def _function(expr: Expr, schema: pa.Schema) -> Callable[[Leaf], Value]:
    match expr:
        case Column() | Literal():
            _type(expr, schema)  # raises for an unknown column
            return lambda leaf: leaf(expr)
        case Call("between", (value, low, high)):
            _check_operands(expr, schema)
            return _function((value >= low) & (value <= high), schema)
        case Call(function, (left, right)) if function in COMPARISONS:
            _check_operands(expr, schema)
            return _comparison(function, left, right, schema)
        case Call("in", (value, Values(choices))):
            _check_operands(expr, schema)
            return _applied(_is_any_of(choices, _type(value, schema)), (value,), schema)
        case Call("in", (value, Keys(keys))):
            return _applied(partial(pc.is_in, value_set=keys), (value,), schema)
        case Call("like", (value, Literal(str(pattern)))) if _kind(value, schema) == "string":
            return _applied(_like(pattern), (value,), schema)
        case Call("like"):
            raise ExpressionError(f"like takes a string and a pattern, given: {describe(expr)}")
        case Call("coalesce", arguments):
            return _applied(pc.coalesce, _of_one_type(arguments, schema), schema)
        case Call(function, arguments) if function in FUNCTIONS:
            if function in {"and", "or", "not"}:
                for argument in arguments:
                    check_predicate(argument, schema)
            return _applied(FUNCTIONS[function], arguments, schema)
        case _:
            raise ExpressionError(f"{describe(expr)} has no value here")


def _applied(function: Function, arguments: Sequence[Expr], schema: pa.Schema) -> Callable[[Leaf], Value]:
    values = [_function(argument, schema) for argument in arguments]
    return lambda leaf: function(*(value(leaf) for value in values))


def _like(pattern: str) -> Function:
    """SQL's like. pyarrow misreads an escaped backslash in a prefix, so a pattern with escapes becomes a regex."""
    if "\\" not in pattern:
        return partial(pc.match_like, pattern=pattern)
    wildcards = {"%": ".*", "_": "."}
    tokens = re.findall(r"\\.|.", pattern, re.DOTALL)
    spelled = (wildcards.get(token) or re.escape(token[-1]) for token in tokens)
    return partial(pc.match_substring_regex, pattern=rf"\A(?s:{''.join(spelled)})\z")


def _type(expr: Expr, schema: pa.Schema) -> pa.DataType:
    match expr:
        case Column(name) if name in schema.names:
            return schema.field(name).type
        case Column(name):
            raise UnknownColumnError(f"unknown column {name!r}; columns: {one_of(schema.names)}")
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
    """The kind of the expression's values: boolean, number, string, or pyarrow's name of another type."""
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


def _comparison(function: str, left: Expr, right: Expr, schema: pa.Schema) -> Callable[[Leaf], Value]:
    if _bare_number(left) is not None:
        function, left, right = MIRRORED[function], right, left
    number, left_type = _bare_number(right), _type(left, schema)
    if number is not None:
        return _applied(_compare(function, left_type, number), (left,), schema)
    if pa.types.is_floating(left_type) == pa.types.is_floating(_type(right, schema)):
        return _applied(COMPARISONS[function], (left, right), schema)

    def of_floats(one: Value, other: Value) -> Value:  # a safe cast fails on integers that no float equals
        return COMPARISONS[function](one.cast(pa.float64(), safe=False), other.cast(pa.float64(), safe=False))

    return _applied(of_floats, (left, right), schema)


def _bare_number(expr: Expr) -> float | None:
    """The value of a number literal without a type of its own; None for any other expression."""
    match expr:
        case Literal(bool(), _):
            return None
        case Literal(int() | float() as number, None):
            return number
        case _:
            return None


def _compare(function: str, data_type: pa.DataType, constant: float) -> Function:
    """The comparison of numbers of ``data_type`` with a constant; null where the number is null.

    For a float type the constant is rounded to that type, so a float32 0.9 equals 0.9.
    """
    if pa.types.is_floating(data_type):
        rounded = _as_float(constant, data_type)
        if rounded is None:
            return lambda value: COMPARISONS[function](value.cast(pa.float64()), pa.scalar(float(constant)))
        return lambda value: COMPARISONS[function](value, rounded)
    whole = math.floor(constant)
    lowest, highest = _bounds(data_type)
    if whole < lowest:
        return partial(_unless_null, answer=pa.scalar(function in _TRUE_ABOVE))
    if whole > highest:
        return partial(_unless_null, answer=pa.scalar(function in _TRUE_BELOW))
    if whole != constant and function in {"=", "<>"}:
        return partial(_unless_null, answer=pa.scalar(function == "<>"))
    if whole != constant:  # no integer lies between ``whole`` and ``constant``
        function = {"<": "<=", ">=": ">"}.get(function, function)
    return lambda value: COMPARISONS[function](value, pa.scalar(whole, data_type))


def _is_any_of(choices: Sequence[float | str], data_type: pa.DataType) -> Function:
    """Whether a value is one of the choices; null where the value is null."""
    numbers = [choice for choice in choices if isinstance(choice, int | float)]
    if pa.types.is_floating(data_type):
        floats = [rounded.as_py() for rounded in (_as_float(n, data_type) for n in numbers) if rounded is not None]
        choices = [*floats, *(-number for number in floats if number == 0)]  # is_in tells the two zeros apart
    elif pa.types.is_integer(data_type):
        choices = list(_integers(numbers, data_type))
    allowed = pa.array(choices, data_type)
    # is_in gives false for null; SQL gives null, which a surrounding "not" must keep
    return lambda value: _unless_null(value, pc.is_in(value, value_set=allowed))


def _unless_null(value: Value, answer: Value) -> Value:
    """The answer, but null where the value is null."""
    return pc.if_else(pc.is_valid(value), answer, pa.scalar(None, pa.bool_()))


def _as_float(constant: float, data_type: pa.DataType) -> pa.Scalar | None:
    """The constant rounded to a float type; None if it is beyond the largest float."""
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


def _of_one_type(arguments: tuple[Expr, ...], schema: pa.Schema) -> list[Expr]:
    """The arguments of a coalesce, with its constants in the type of the other arguments."""
    wanted = _type(_leading(arguments), schema)
    typed = [Literal(arg.value, arg.type or wanted) if isinstance(arg, Literal) else arg for arg in arguments]
    kinds = dict.fromkeys(str(_type(argument, schema)) for argument in typed)
    if len(kinds) > 1:
        raise ExpressionError(f"{describe(Call('coalesce', arguments))} mixes {one_of(kinds)}")
    return typed


def _leading(arguments: tuple[Expr, ...]) -> Expr:
    """The first argument that has a type of its own."""
    return next((arg for arg in arguments if not isinstance(arg, Literal) or arg.type), arguments[0])
