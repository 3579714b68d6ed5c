"""Constant folding: terms without columns are computed, so that a plan can drop branches that have no rows.

>>> from arrowdsl.compute.expr import col, lit
>>> fold(lit("CALLS").eq("READS") & (col("line") > 9))
Literal(value=False, type=None)
"""

import pyarrow as pa

from arrowdsl.compute.evaluate import evaluator
from arrowdsl.compute.expr import Call, Expr, Literal, columns
from arrowdsl.errors import ExpressionError

_ONE_ROW = pa.record_batch({"": [None]})


def fold(expr: Expr) -> Expr:
    """The expression with comparisons of constants replaced by their values, and connectives simplified accordingly."""
    match expr:
        case Call("and" | "or" as connective, arguments):
            return _fold_connective(connective, arguments, absorbing=connective == "or")
        case Call("not", (argument,)):
            return _computed(~fold(argument))
        case Call():
            return _computed(expr)
        case _:
            return expr


def is_constant(expr: Expr, *, value: bool | None) -> bool:
    """Whether the expression is this constant; the number 1 is not true."""
    return isinstance(expr, Literal) and expr.value is value


def _computed(expr: Call) -> Expr:
    """A literal if the expression is true, false or null for every row."""
    if columns(expr):
        return expr
    try:
        found = evaluator(expr, _ONE_ROW.schema)(_ONE_ROW)
    except (ExpressionError, pa.ArrowException):  # a parameter, or an operand of a wrong type
        return expr
    value = found[0].as_py()
    return Literal(value, None if value is not None else found.type) if pa.types.is_boolean(found.type) else expr


def _fold_connective(function: str, arguments: tuple[Expr, ...], *, absorbing: bool) -> Expr:
    terms = [term for term in map(fold, arguments) if not is_constant(term, value=not absorbing)]
    if any(is_constant(term, value=absorbing) for term in terms):
        return Literal(absorbing)
    if len(terms) > 1:
        return Call(function, tuple(terms))
    return terms[0] if terms else Literal(not absorbing)
