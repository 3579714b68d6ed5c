"""What of a filter the server can do: pyarrow Expressions into the wire's filter language, CQL2-JSON.

A filter is split at its ands; a conjunct that can be said in CQL2 with exactly the same rows is sent, the rest stays
with the reader. Exactly means: for nulls (SQL's three-valued logic at the server, ``is_in`` that is never null in
Arrow), NaN, literals wider than their column. Where in doubt a conjunct stays.

Under a ``not`` a translation must give true, false and null for the same rows (``strict``); elsewhere only the rows for
which it is true count.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from flight_client.expressions import Call, ExpressionTree, Field, Literal, Node, UnreadableExpressionError
from flight_client.tickets import Cql2, Json

MAX_VALUES = 10_000  # values of an "in" that are sent
MAX_BYTES = 256 * 1024  # JSON of a whole filter
MAX_OPERATIONS = 250
MAX_DEPTH = 16

_COMPARISONS: Mapping[str, str] = MappingProxyType(
    {"equal": "=", "not_equal": "<>", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">="}
)
_FLIPPED: Mapping[str, str] = MappingProxyType({"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="})
_CONNECTIVES: Mapping[str, str] = MappingProxyType({"and_kleene": "and", "or_kleene": "or"})
_PATTERNS: Mapping[str, str] = MappingProxyType(
    {"match_like": "{}", "starts_with": "{}%", "ends_with": "%{}", "match_substring": "%{}%"}
)
# A comparison with a double between two float32 values, said with the one nearest to it: by whether that lies below.
_ROUNDED: Mapping[tuple[str, bool], str] = MappingProxyType(
    {
        ("<", True): "<=",
        ("<=", True): "<=",
        (">", True): ">",
        (">=", True): ">",
        ("<", False): "<",
        ("<=", False): "<",
        (">", False): ">=",
        (">=", False): ">=",
    }
)
_TRUE: Json = True
_MATCH, _SKIP = 0, 1  # of Arrow's SetLookupOptions.null_matching_behavior


@dataclass(frozen=True)
class SplitFilter:
    """A filter as what the server does (``pushed``) and what the reader does (``residual``), either may be null.

    ``columns`` are those that the residual reads, null when it can't be told.
    """

    pushed: Cql2 | None
    residual: pc.Expression | None
    columns: frozenset[str] | None


def split_filter(expression: pc.Expression, schema: pa.Schema) -> SplitFilter:
    """Split a filter over rows of ``schema``; together the two parts keep exactly the rows that it keeps."""
    try:
        tree = ExpressionTree(expression)
    except UnreadableExpressionError:
        return SplitFilter(None, expression, None)
    pushed: list[Json] = []
    rest: list[Node] = []
    room, operations = MAX_BYTES, MAX_OPERATIONS
    for conjunct in tree.conjuncts():
        try:
            term = _Translation(tree, schema).predicate(conjunct, strict=False, depth=0)
        except _NotSayableError:
            rest.append(conjunct)
            continue
        size, count = len(json.dumps(term)), _operations(term)
        if size > room or count > operations:
            rest.append(conjunct)
        else:
            pushed.append(term)
            room, operations = room - size, operations - count
    columns = frozenset[str]().union(*(tree.columns(node) for node in rest))
    return SplitFilter(_and(pushed), _conjunction([tree.expression(node) for node in rest]), columns)


class _NotSayableError(Exception):
    """CQL2 has no exact equivalent."""


@dataclass(frozen=True)
class _Translation:
    tree: ExpressionTree
    schema: pa.Schema

    def predicate(self, node: Node, *, strict: bool, depth: int) -> Cql2:
        if depth > MAX_DEPTH:
            raise _NotSayableError
        match node:
            case Field(name) if pa.types.is_boolean(self._type(name)):
                return _call("=", _property(name), _TRUE)
            case Call("and_kleene" | "or_kleene" as function, arguments):
                return self._connective(function, arguments, strict=strict, depth=depth)
            case Call("invert", (argument,)):
                return _call("not", self.predicate(argument, strict=True, depth=depth + 1))
            case Call("is_valid", (Field(name),)):
                return _call("not", _is_null(self._known(name)))
            case Call("is_null", (Field(name),), options) if not _option(options, "nan_is_null"):
                return _is_null(self._known(name))
            case Call("is_in", (Field(name),), pa.StructScalar() as options):
                return self._is_in(name, options, strict=strict)
            case Call(
                "if_else",
                (
                    Call("is_valid", (Field(name),)),
                    Call("is_in", (Field(same),), pa.StructScalar() as options),
                    Literal(otherwise),
                ),
            ) if name == same and not otherwise.is_valid:
                return _call("in", _property(name), self._values(name, options))
            case Call(function, (Field(name),), options) if function in _PATTERNS:
                return self._like(function, name, options)
            case Call(function, (left, right)) if function in _COMPARISONS:
                return self._comparison(_COMPARISONS[function], left, right)
            case _:
                raise _NotSayableError

    def _connective(self, function: str, arguments: tuple[Node, ...], *, strict: bool, depth: int) -> Cql2:
        # chains come as a tree that leans to one side: said flat, their length costs no depth
        terms: list[Json] = []
        pending = list(reversed(arguments))
        while pending:
            match pending.pop():
                case Call(same, nested) if same == function:
                    pending.extend(reversed(nested))
                case node:
                    terms.append(self.predicate(node, strict=strict, depth=depth + 1))
        return _call(_CONNECTIVES[function], *terms)

    def _comparison(self, op: str, left: Node, right: Node) -> Cql2:
        if isinstance(right, Field):
            op, left, right = _FLIPPED[op], right, left
        if not isinstance(left, Field):
            raise _NotSayableError
        constant = self.tree.constant(right)
        if constant is None or not constant.is_valid:
            raise _NotSayableError
        exact_op, value = _operand(op, constant, self._type(left.name))
        return _call(exact_op, _property(left.name), value)

    def _is_in(self, name: str, options: pa.StructScalar, *, strict: bool) -> Cql2:
        nulls = _option(options, "null_matching_behavior")
        found = _call("in", _property(name), self._values(name, options))
        if nulls == _MATCH and options["value_set"].values.null_count:
            return _call("or", found, _is_null(name))
        if nulls in {_MATCH, _SKIP}:  # false for null, where SQL says null
            return _call("and", found, _call("not", _is_null(name))) if strict else found
        raise _NotSayableError

    def _values(self, name: str, options: pa.StructScalar) -> list[Json]:
        """The values of an ``is_in`` but null."""
        choices = options["value_set"].values.drop_null()
        if not 0 < len(choices) <= MAX_VALUES:
            raise _NotSayableError
        column = self._type(name)
        exact = [_operand("=", choice, column)[1] for choice in choices]
        if 0.0 in exact and pa.types.is_floating(column):  # is_in tells 0.0 from -0.0, = does not
            raise _NotSayableError
        return exact

    def _like(self, function: str, name: str, options: pa.Scalar | None) -> Cql2:
        text = _option(options, "pattern")
        if not isinstance(text, str) or _option(options, "ignore_case") or not _is_text(self._type(name)):
            raise _NotSayableError
        if "\\" in text:  # Arrow's own match_like takes an escaped backslash within a prefix for two
            raise _NotSayableError
        if function != "match_like":
            text = text.replace("%", "\\%").replace("_", "\\_")
        return _call("like", _property(name), _PATTERNS[function].format(text))

    def _known(self, name: str) -> str:
        self._type(name)
        return name

    def _type(self, name: str) -> pa.DataType:
        position = self.schema.get_field_index(name)
        if position < 0:
            raise _NotSayableError
        return self.schema.field(position).type


def _operand(op: str, constant: pa.Scalar, column: pa.DataType) -> tuple[str, Json]:
    """The comparison and its JSON constant that, against a column of the type, mean what Arrow's comparison means."""
    value = constant.as_py()
    match value:
        case bool() if pa.types.is_boolean(column) and op in {"=", "<>"}:
            return op, value
        case int() if pa.types.is_integer(constant.type) and _holds(column, value):
            return op, value
        case int() if pa.types.is_integer(constant.type) and _is_float(column) and abs(value) <= 2**24:
            return op, float(value)
        case float() if _is_float(column) and _is_float(constant.type):
            return _as_float32(op, value) if pa.types.is_float32(column) else (op, _finite(value))
        case str() if _is_text(column) and _is_text(constant.type):
            return op, value
        case _:
            raise _NotSayableError


def _finite(value: float) -> float:
    if not math.isfinite(value):  # JSON has neither NaN nor infinity
        raise _NotSayableError
    return value


def _as_float32(op: str, value: float) -> tuple[str, float]:
    """The comparison of a float32 column with a double, said with a float32: Arrow compares the two as doubles."""
    nearest = pa.scalar(value, pa.float32()).as_py()
    if nearest == value and math.isfinite(value):
        return op, nearest
    if not math.isfinite(nearest) or (op, nearest < value) not in _ROUNDED:
        raise _NotSayableError
    return _ROUNDED[op, nearest < value], nearest


def _holds(column: pa.DataType, value: int) -> bool:
    """Whether an integer column can hold the value; not asked of uint64, which Arrow compares as int64."""
    if not pa.types.is_integer(column) or pa.types.is_uint64(column):
        return False
    bits = int(column.bit_width)
    if pa.types.is_signed_integer(column):
        return -(1 << bits - 1) <= value < 1 << bits - 1
    return 0 <= value < 1 << bits


def _is_float(data_type: pa.DataType) -> bool:
    return bool(data_type in {pa.float32(), pa.float64()})


def _is_text(data_type: pa.DataType) -> bool:
    if pa.types.is_dictionary(data_type):
        data_type = data_type.value_type
    return bool(data_type in {pa.string(), pa.large_string(), pa.string_view()})


def _option(options: pa.Scalar | None, name: str) -> object:
    return options[name].as_py() if isinstance(options, pa.StructScalar) else None


def _call(op: str, *arguments: Json) -> Cql2:
    return {"op": op, "args": list(arguments)}


def _property(name: str) -> Cql2:
    return {"property": name}


def _is_null(name: str) -> Cql2:
    return _call("isNull", _property(name))


def _and(terms: list[Json]) -> Cql2 | None:
    match terms:
        case []:
            return None
        case [dict(term)]:
            return term
        case _:
            return _call("and", *terms)


def _conjunction(expressions: list[pc.Expression]) -> pc.Expression | None:
    if not expressions:
        return None
    first, *others = expressions
    for other in others:
        first = first & other
    return first


def _operations(term: Json) -> int:
    match term:
        case {"args": list(arguments)}:
            return 1 + sum(map(_operations, arguments))
        case _:
            return 0
