"""Constant folding: terms that no row can change are computed, so that a plan can drop branches that have no rows.

>>> from arrowdsl.compute.expr import col, lit
>>> fold(lit("CALLS").eq("READS") & (col("line") > 9))
Literal(value=False, type=None)
"""

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from arrowdsl.compute.expr import Call, Expr, Literal, Values

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "=": operator.eq,
        "<>": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }
)

_NULL = Literal(None, pa.bool_())


def fold(expr: Expr) -> Expr:
    """The expression with the comparisons of constants, and the connectives that these decide, computed."""
    match expr:
        case Call("and", arguments):
            return _fold_connective("and", arguments, absorbing=False)
        case Call("or", arguments):
            return _fold_connective("or", arguments, absorbing=True)
        case Call("not", (argument,)):
            return _fold_not(fold(argument))
        case Call("isNull", (Literal(value),)):
            return Literal(value is None)
        case Call("in", (Literal(str(value)), Values(choices))):
            return Literal(value in choices)
        case Call(function, (Literal() as left, Literal() as right)) if function in COMPARISONS:
            return _fold_comparison(expr, left, right)
        case _:
            return expr


def is_constant(expr: Expr, *, value: bool | None) -> bool:
    """Whether the expression is this constant; the number 1 is not true."""
    return isinstance(expr, Literal) and expr.value is value


def _fold_comparison(expr: Call, left: Literal, right: Literal) -> Expr:
    """Numbers are rounded as the engine rounds them when one of the two has a float type."""
    data_type = left.type or right.type
    match left.value, right.value:
        case (None, _) | (_, None):
            return _NULL
        case (bool(), _) | (_, bool()):
            return expr
        case (int() | float() as a, int() | float() as b):
            if data_type is not None and pa.types.is_floating(data_type):
                a, b = (pa.scalar(float(number), data_type).as_py() for number in (a, b))
            return Literal(COMPARISONS[expr.function](a, b))
        case (str(a), str(b)):
            return Literal(COMPARISONS[expr.function](a, b))
        case _:
            return expr


def _fold_not(argument: Expr) -> Expr:
    match argument:
        case Literal(bool(value)):
            return Literal(not value)
        case Literal(None):
            return _NULL
        case _:
            return Call("not", (argument,))


def _fold_connective(function: str, arguments: tuple[Expr, ...], *, absorbing: bool) -> Expr:
    terms = [term for term in map(fold, arguments) if not is_constant(term, value=not absorbing)]
    if any(is_constant(term, value=absorbing) for term in terms):
        return Literal(absorbing)
    if len(terms) > 1:
        return Call(function, tuple(terms))
    return terms[0] if terms else Literal(not absorbing)
