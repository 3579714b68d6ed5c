"""The filter language of the wire, CQL2-JSON: parsing it into expressions, and writing expressions in it.

This subset of OGC 21-065r2 has and, or, not, =, <>, <, <=, >, >=, in, between, like (wildcards % and _, escaped by a
backslash) and isNull, over properties, strings, numbers and booleans.

>>> where = from_cql2({"op": ">=", "args": [{"property": "confidence"}, 0.9]})
>>> where
Call(function='>=', arguments=(Column(name='confidence'), Literal(value=0.9, type=None)))
>>> to_cql2(where)
{'op': '>=', 'args': [{'property': 'confidence'}, 0.9]}
"""

import math
import reprlib

from arrowdsl.compute.expr import Call, Column, Expr, Literal, Values, describe
from arrowdsl.errors import ExpressionError

MAX_DEPTH = 32  # pyarrow recurses over expressions on its own threads, whose stacks are small
MAX_CALLS = 500  # pyarrow also recurses over each term of a chain of and/or


def from_cql2(document: object) -> Expr:
    """The filter of a CQL2-JSON document; raises ExpressionError."""
    expr = _parse(document, depth=0)
    if _calls(expr) > MAX_CALLS:
        raise ExpressionError(f"the filter has {_calls(expr)} operations, at most {MAX_CALLS} are allowed")
    return expr


def to_cql2(expr: Expr) -> object:
    """The CQL2-JSON document of a filter; raises ExpressionError if CQL2 has no equivalent."""
    match expr:
        case Column(name):
            return {"property": name}
        case Literal(value):
            return value
        case Values(values):
            return list(values)
        case Call(function, arguments):
            return {"op": function, "args": [to_cql2(argument) for argument in arguments]}
        case _:
            raise ExpressionError(f"{describe(expr)} can't be written in CQL2")


def _calls(expr: Expr) -> int:
    return 1 + sum(map(_calls, expr.arguments)) if isinstance(expr, Call) else 0


def _parse(document: object, depth: int) -> Expr:
    if depth > MAX_DEPTH:
        raise ExpressionError(f"the filter is nested more than {MAX_DEPTH} deep")
    match document:
        case {"property": str(name), **rest} if not rest:
            return Column(name)
        case {"op": str(op), "args": list(arguments), **rest} if not rest:
            return _parse_call(op, arguments, depth)
        case bool() | str():
            return Literal(document)
        case int() | float():
            return Literal(_number(document))
        case _:
            raise ExpressionError(
                f'{reprlib.repr(document)} is not understood; a term is {{"op": …, "args": […]}}, {{"property": name}},'
                " a string, a number, true or false"
            )


def _parse_call(op: str, arguments: list[object], depth: int) -> Expr:
    match op, arguments:
        case (
            ("and" | "or", [_, *_])
            | ("not" | "isNull", [_])
            | ("=" | "<>" | "<" | "<=" | ">" | ">=" | "like", [_, _])
            | ("between", [_, _, _])
        ):
            return Call(op, tuple(_parse(argument, depth + 1) for argument in arguments))
        case "in", [value, list(choices)]:
            return Call("in", (_parse(value, depth + 1), Values(tuple(_choice(choice) for choice in choices))))
        case _:
            raise ExpressionError(
                f"{reprlib.repr(op)} with {len(arguments)} arguments is not understood; operations: and, or (one"
                " argument or more), not, isNull (one), =, <>, <, <=, >, >=, like (two), between (three), in (a value"
                " and a list)"
            )


def _choice(value: object) -> bool | int | float | str:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return _number(value)
    raise ExpressionError(f"the list of an in has strings, numbers or booleans, given: {reprlib.repr(value)}")


def _number(value: float) -> int | float:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ExpressionError(f"{reprlib.repr(value)} does not fit into 64 bits")
    if not math.isfinite(value):
        raise ExpressionError(f"{value} is not a number")
    return value
