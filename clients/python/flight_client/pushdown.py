"""Filter pushdown: the terms of a pyarrow Expression that the server can apply, translated into CQL2-JSON.

A filter is split at its top-level ``and``. Terms with an exact equivalent in CQL2 are sent to the server, the reader
applies the others. An equivalent must agree for nulls too (the server has SQL's three-valued logic, while ``is_in`` is
never null in Arrow), for NaN, and for literals wider than their column. In doubt, the reader applies the term.

Under a ``not``, the translation must be true, false and null for the same rows (``strict``); elsewhere it need only be
true for the same rows.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_
from types import MappingProxyType
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.cql2 import to_cql2
from arrowdsl.compute.evaluate import MIRRORED
from arrowdsl.compute.expr import Call, Column, Expr, Literal, Scalar, call, conjunction
from flight_client.expressions import EngineCall, EngineNode, ExpressionTree, Span, UnreadableExpressionError, is_text
from flight_client.tickets import Cql2

MAX_VALUES = 10_000  # values of an "in" that are sent
MAX_BYTES = 256 * 1024  # JSON of a whole filter
MAX_OPERATIONS = 250
MAX_DEPTH = 16

_COMPARISONS: Mapping[str, str] = MappingProxyType(
    {"equal": "=", "not_equal": "<>", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">="}
)
_CONNECTIVES: Mapping[str, str] = MappingProxyType({"and_kleene": "and", "or_kleene": "or"})
_PATTERNS: Mapping[str, str] = MappingProxyType(
    {"match_like": "{}", "starts_with": "{}%", "ends_with": "%{}", "match_substring": "%{}%"}
)
_MATCH, _SKIP = 0, 1  # of Arrow's SetLookupOptions.null_matching_behavior


@dataclass(frozen=True)
class SplitFilter:
    """A filter, split into the terms for the server (``pushed``) and for the reader (``residual``); either may be None.

    ``columns`` are the columns that the residual reads, or None if they are unknown.
    """

    pushed: Cql2 | None
    residual: pc.Expression | None
    columns: frozenset[str] | None


def split_filter(expression: pc.Expression, schema: pa.Schema) -> SplitFilter:
    """Split a filter over rows of ``schema``; both halves together select exactly the rows of the filter."""
    try:
        tree = ExpressionTree(expression)
    except UnreadableExpressionError:
        return SplitFilter(None, expression, None)
    pushed: list[Expr] = []
    rest: list[Span] = []
    room, operations = MAX_BYTES, MAX_OPERATIONS
    for conjunct, span in tree.conjuncts():
        try:
            term = _Translation(tree, schema).predicate(conjunct, strict=False, depth=0)
        except _NotExpressibleError:
            rest.append(span)
            continue
        size, count = len(json.dumps(to_cql2(term))), _operations(term)
        if size > room or count > operations:
            rest.append(span)
        else:
            pushed.append(term)
            room, operations = room - size, operations - count
    columns = frozenset[str]().union(*(tree.columns(span) for span in rest))
    document = cast("Cql2", to_cql2(conjunction(pushed))) if pushed else None
    return SplitFilter(document, _conjunction([tree.expression(span) for span in rest]), columns)


class _NotExpressibleError(Exception):
    """CQL2 has no exact equivalent."""


@dataclass(frozen=True)
class _Translation:
    tree: ExpressionTree
    schema: pa.Schema

    def predicate(self, node: EngineNode, *, strict: bool, depth: int) -> Expr:
        if depth > MAX_DEPTH:
            raise _NotExpressibleError
        match node:
            case Column() if pa.types.is_boolean(self._type(node)):
                return node.eq(Literal(value=True))
            case EngineCall("and_kleene" | "or_kleene" as function, arguments):
                return self._connective(function, arguments, strict=strict, depth=depth)
            case EngineCall("invert", (argument,)):
                return ~self.predicate(argument, strict=True, depth=depth + 1)
            case EngineCall("is_valid", (Column() as column,)):
                return self._existing(column).is_not_null()
            case EngineCall("is_null", (Column() as column,), options) if not _option(options, "nan_is_null"):
                return self._existing(column).is_null()
            case EngineCall("is_in", (Column() as column,), pa.StructScalar() as options):
                return self._is_in(column, options, strict=strict)
            case EngineCall(
                "if_else",
                (
                    EngineCall("is_valid", (Column() as column,)),
                    EngineCall("is_in", (Column() as same,), pa.StructScalar() as options),
                    Literal(None),
                ),
            ) if column == same:
                return column.is_in(self._values(column, options))
            case EngineCall(function, (Column() as column,), options) if function in _PATTERNS:
                return self._like(function, column, options)
            case EngineCall(function, (left, right)) if function in _COMPARISONS:
                return self._comparison(_COMPARISONS[function], left, right)
            case _:
                raise _NotExpressibleError

    def _connective(self, function: str, arguments: tuple[EngineNode, ...], *, strict: bool, depth: int) -> Expr:
        # a chain is a tree that leans to one side: as one flat term, it does not count against MAX_DEPTH
        terms: list[Expr] = []
        pending = list(reversed(arguments))
        while pending:
            match pending.pop():
                case EngineCall(same, nested) if same == function:
                    pending.extend(reversed(nested))
                case node:
                    terms.append(self.predicate(node, strict=strict, depth=depth + 1))
        return Call(_CONNECTIVES[function], tuple(terms))

    def _comparison(self, op: str, left: EngineNode, right: EngineNode) -> Expr:
        if isinstance(right, Column):
            op, left, right = MIRRORED[op], right, left
        constant = self.tree.constant(right)
        if not isinstance(left, Column) or constant is None:
            raise _NotExpressibleError
        exact_op, value = _operand(op, constant.value, constant.type, self._type(left))
        return call(exact_op, left, value)

    def _is_in(self, column: Column, options: pa.StructScalar, *, strict: bool) -> Expr:
        nulls = _option(options, "null_matching_behavior")
        found = column.is_in(self._values(column, options))
        if nulls == _MATCH and options["value_set"].values.null_count:
            return found | column.is_null()
        if nulls in {_MATCH, _SKIP}:  # Arrow gives false for null, SQL gives null
            return found & column.is_not_null() if strict else found
        raise _NotExpressibleError

    def _values(self, column: Column, options: pa.StructScalar) -> list[bool | float | str]:
        """The non-null values of an ``is_in``."""
        choices = options["value_set"].values.drop_null()
        if not 0 < len(choices) <= MAX_VALUES:
            raise _NotExpressibleError
        data_type = self._type(column)
        exact = [_operand("=", choice.as_py(), choices.type, data_type)[1] for choice in choices]
        if 0.0 in exact and pa.types.is_floating(data_type):  # is_in distinguishes 0.0 from -0.0, = does not
            raise _NotExpressibleError
        return exact

    def _like(self, function: str, column: Column, options: pa.Scalar | None) -> Expr:
        text = _option(options, "pattern")
        if not isinstance(text, str) or _option(options, "ignore_case") or not is_text(self._type(column)):
            raise _NotExpressibleError
        if "\\" in text:  # Arrow's match_like reads an escaped backslash in a prefix as two backslashes
            raise _NotExpressibleError
        if function != "match_like":
            text = text.replace("%", "\\%").replace("_", "\\_")
        return column.like(_PATTERNS[function].format(text))

    def _existing(self, column: Column) -> Column:
        self._type(column)
        return column

    def _type(self, column: Column) -> pa.DataType:
        position = self.schema.get_field_index(column.name)
        if position < 0:
            raise _NotExpressibleError
        return self.schema.field(position).type


def _operand(op: str, value: Scalar, value_type: pa.DataType, column: pa.DataType) -> tuple[str, bool | float | str]:
    """The operator and JSON constant equivalent to Arrow's comparison with a column of type ``column``."""
    match value:
        case bool() if pa.types.is_boolean(column) and op in {"=", "<>"}:
            return op, value
        case int() if pa.types.is_integer(value_type) and _holds(column, value):
            return op, value
        case int() if pa.types.is_integer(value_type) and _is_float(column) and abs(value) <= 2**24:
            return op, float(value)
        case float() if _is_float(column) and _is_float(value_type) and math.isfinite(value):
            return _as_float32(op, value) if pa.types.is_float32(column) else (op, value)
        case str() if is_text(column) and is_text(value_type):
            return op, value
        case _:  # JSON has neither NaN nor infinity
            raise _NotExpressibleError


def _as_float32(op: str, value: float) -> tuple[str, float]:
    """The comparison of a float32 column with a double, which Arrow makes as doubles, with a float32 instead."""
    nearest = pa.scalar(value, pa.float32()).as_py()
    if nearest == value:
        return op, nearest
    if not math.isfinite(nearest) or op in {"=", "<>"}:
        raise _NotExpressibleError
    if op in {"<", "<="}:
        return "<=" if nearest < value else "<", nearest
    return ">" if nearest < value else ">=", nearest


def _holds(column: pa.DataType, value: int) -> bool:
    """Whether an integer column can hold the value; false for uint64, which Arrow compares as int64."""
    if not pa.types.is_integer(column) or pa.types.is_uint64(column):
        return False
    bits = int(column.bit_width)
    if pa.types.is_signed_integer(column):
        return -(1 << bits - 1) <= value < 1 << bits - 1
    return 0 <= value < 1 << bits


def _is_float(data_type: pa.DataType) -> bool:
    return bool(data_type in {pa.float32(), pa.float64()})


def _option(options: pa.Scalar | None, name: str) -> object:
    return options[name].as_py() if isinstance(options, pa.StructScalar) else None


def _conjunction(expressions: list[pc.Expression]) -> pc.Expression | None:
    return reduce(and_, expressions) if expressions else None


def _operations(expr: Expr) -> int:
    return 1 + sum(map(_operations, expr.arguments)) if isinstance(expr, Call) else 0
