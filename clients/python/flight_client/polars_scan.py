"""A dataset as a Polars LazyFrame that asks the server only for the columns and rows that a query needs.

    frame = scan_polars("grpc://127.0.0.1:8815", "django", "call_graph")
    frame.filter(pl.col("confidence") >= 0.9).select("callee_qname").head(5).collect()

Columns and ``n_rows`` go to the server whole; of a filter, the terms that certainly keep each row which Polars keeps.
Polars then applies the whole filter itself. So ``~is_in`` over nulls and comparisons with NaN are as in any frame; with
``polars.scan_pyarrow_dataset`` they are not.
"""

import io
import json
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import and_, or_
from types import MappingProxyType

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from polars.io.plugins import register_io_source

from flight_client.client import connect
from flight_client.dataset import FlightDataset
from flight_client.expressions import is_text
from flight_client.tickets import Json

_ARROW = MappingProxyType(
    {"Eq": pc.equal, "Lt": pc.less, "LtEq": pc.less_equal, "Gt": pc.greater, "GtEq": pc.greater_equal}
)
_MIRRORED: Mapping[str, str] = MappingProxyType({"Lt": "Gt", "LtEq": "GtEq", "Gt": "Lt", "GtEq": "LtEq"})
_TEXT_TESTS = MappingProxyType({"StartsWith": pc.starts_with, "EndsWith": pc.ends_with})


def scan_polars(
    uri: str, repo: str, dataset: str, *, snapshot: int | None = None, headers: Mapping[str, str] | None = None
) -> pl.LazyFrame:
    """The rows of a dataset of the server at ``uri``, of one snapshot: by default the newest at the time of this call.

    Raises FlightClientError if the server refuses. The connection is open as long as the LazyFrame exists.
    """
    source = connect(uri, headers=headers).dataset(repo, dataset, snapshot=snapshot)
    schema = _frame(source.schema.empty_table()).schema

    def frames(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        # n_rows counts rows before the filter, so that the server must not filter them
        where = None if predicate is None or n_rows is not None else pushed(predicate, source.schema)
        for batch in _batches(source, columns, where, n_rows):
            frame = _frame(batch)
            yield frame if predicate is None else frame.filter(predicate)

    return register_io_source(frames, schema=schema, is_pure=True)


def pushed(predicate: pl.Expr, schema: pa.Schema) -> pc.Expression | None:
    """A condition that is true for every row for which the predicate is true; None if none is known."""
    terms = [_term(each, schema) for each in _conjuncts(json.loads(predicate.meta.serialize(format="json")))]
    known = [term for term in terms if term is not None]
    return reduce(and_, known) if known else None


def _batches(
    source: FlightDataset, columns: list[str] | None, where: pc.Expression | None, n_rows: int | None
) -> Iterator[pa.RecordBatch]:
    if n_rows is None:
        return source.to_batches(columns, where)
    return iter(source.head(n_rows, columns).to_batches())


def _frame(rows: pa.RecordBatch | pa.Table) -> pl.DataFrame:
    found = pl.from_arrow(rows)
    if not isinstance(found, pl.DataFrame):
        raise TypeError(type(found))
    return found


def _conjuncts(tree: Json) -> Iterator[Json]:
    match tree:
        case {"BinaryExpr": {"left": left, "op": "And", "right": right}}:
            yield from _conjuncts(left)
            yield from _conjuncts(right)
        case _:
            yield tree


def _term(tree: Json, schema: pa.Schema) -> pc.Expression | None:
    """A term of a filter, given in the JSON of Polars; None if it is not known to keep the same rows in Arrow."""
    match tree:
        case {"BinaryExpr": {"left": left, "op": "And" | "Or" as op, "right": right}}:
            one, other = _term(left, schema), _term(right, schema)
            return None if one is None or other is None else (and_ if op == "And" else or_)(one, other)
        case {"BinaryExpr": {"left": {"Column": str(name)}, "op": str(op), "right": {"Literal": _} as value}}:
            return _compared(op, name, value, schema)
        case {"BinaryExpr": {"left": {"Literal": _} as value, "op": str(op), "right": {"Column": str(name)}}}:
            return _compared(_MIRRORED.get(op, op), name, value, schema)
        case {"Function": {"input": [{"Column": str(name)}], "function": {"Boolean": "IsNull"}}}:
            return pc.field(name).is_null()
        case {"Function": {"input": [{"Column": str(name)}], "function": {"Boolean": "IsNotNull"}}}:
            return pc.field(name).is_valid()
        case {"Function": {"input": [{"Column": str(name)}, {"Literal": _} as value], "function": function}}:
            return _tested(function, name, value, schema)
        case _:
            return None


def _compared(operator: str, name: str, literal: Json, schema: pa.Schema) -> pc.Expression | None:
    value = _value(literal)
    is_known = operator in _ARROW and _is_comparable(value, schema.field(name).type)
    return _ARROW[operator](pc.field(name), value) if is_known else None


def _tested(function: Json, name: str, literal: Json, schema: pa.Schema) -> pc.Expression | None:
    kind, value = schema.field(name).type, _value(literal)
    match function:
        case {"StringExpr": str(test)} if test in _TEXT_TESTS and isinstance(value, str) and is_text(kind):
            return _TEXT_TESTS[test](pc.field(name), value)
        case {"Boolean": {"IsIn": {"nulls_equal": False}}} if isinstance(value, list):
            choices = [each for each in value if each is not None]
            is_known = choices and all(_is_comparable(each, kind) for each in choices)
            return pc.field(name).isin(choices) if is_known else None
        case _:
            return None


def _value(literal: Json) -> object:
    """The value of a literal, which Polars evaluates: a list is an IPC stream in its JSON."""
    expression = pl.Expr.deserialize(io.BytesIO(json.dumps(literal).encode()), format="json")
    return pl.select(expression).to_series().to_list()[0]


def _is_comparable(value: object, kind: pa.DataType) -> bool:
    """Whether Arrow compares a column of this type and the value as Polars does; not so for NaN, which floats have."""
    if isinstance(value, str):
        return is_text(kind)
    if isinstance(value, bool):
        return bool(pa.types.is_boolean(kind))
    return isinstance(value, int) and bool(pa.types.is_signed_integer(kind)) and -(2**63) <= value < 2**63
