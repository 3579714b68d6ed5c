"""The schema of a plan's rows, found before any row is computed: each node is run on an empty input."""

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa

from arrowdsl.compute.evaluate import check_predicate, evaluator
from arrowdsl.compute.expr import Expr
from arrowdsl.compute.kernels import explode
from arrowdsl.errors import SchemaMismatchError, first_line, one_of
from arrowdsl.plan.nodes import (
    Aggregate,
    Empty,
    Explode,
    Filter,
    Join,
    Kernel,
    Plan,
    Project,
    Ref,
    Scan,
    Sort,
    inputs,
    with_inputs,
)
from arrowdsl.plan.operators import operator_schema
from arrowdsl.plan.source import Catalog
from arrowdsl.plan.table_scan import scan_schema
from arrowdsl.schema.schema import empty_table, plain


def schema_of(plan: Plan, catalog: Catalog) -> pa.Schema:
    """The schema of the plan's rows; raises SchemaMismatchError or ExpressionError if the plan can't run."""
    if isinstance(plan, Kernel):
        return plain(kernel_schema(plan, catalog))
    return catalog.schemas.of(plan, lambda: _checked_schema(plan, catalog))


def kernel_schema(kernel: Kernel, catalog: Catalog) -> pa.Schema:
    """The schema of the tables that the kernel's function returns, which may have dictionaries."""
    return catalog.schemas.of(kernel, lambda: _checked_schema(kernel, catalog))


def _checked_schema(plan: Plan, catalog: Catalog) -> pa.Schema:
    """The schema of one node. It depends on the schemas of the inputs alone, so all plans with these share it."""
    if not all(isinstance(child, Empty) for child in inputs(plan)):
        alone = with_inputs(plan, [Empty(schema_of(child, catalog)) for child in inputs(plan)])
        return kernel_schema(alone, catalog) if isinstance(alone, Kernel) else schema_of(alone, catalog)
    name = type(plan).__name__.lower()
    try:
        schema = _schema(plan, [schema_of(child, catalog) for child in inputs(plan)], catalog)
    except (KeyError, pa.ArrowException) as error:
        raise SchemaMismatchError(f"the {name} does not fit its input: {first_line(error)}") from error
    repeated = [column for column, times in Counter(schema.names).items() if times > 1]
    if repeated:
        raise SchemaMismatchError(f"the {name} gives columns more than once: {one_of(repeated)}")
    return schema


def _schema(plan: Plan, given: list[pa.Schema], catalog: Catalog) -> pa.Schema:
    match plan:
        case Scan(table, _, predicate):
            source = catalog.source(table)
            if predicate is not None:
                _check_filter(predicate, plain(source.schema))
            return scan_schema(plan, source)
        case Empty(schema):
            return schema
        case Ref():
            cached = catalog.schema(plan)
            return _schema_of_output(plan, catalog) if cached is None else cached
        case Filter(_, predicate):
            _check_filter(predicate, given[0])
            return given[0]
        case Project(_, columns):
            types = _types([expr for _, expr in columns], given[0])
            return pa.schema([(name, found) for (name, _), found in zip(columns, types, strict=True)])
        case Join() | Aggregate() | Sort():
            return operator_schema(plan, given)
        case Explode(_, column, outputs):
            return explode(empty_table(given[0]), column, dict(outputs)).schema
        case Kernel(_, function):
            return function.apply(*map(empty_table, given)).schema
        case _ if given:
            return given[0]
        case _:
            raise SchemaMismatchError("a union of no plans has no schema")


def _check_filter(predicate: Expr, schema: pa.Schema) -> None:
    check_predicate(predicate, schema)
    _types([predicate], schema)


def _types(values: Iterable[Expr], schema: pa.Schema) -> list[pa.DataType]:
    """The types of the expressions' values, found by evaluating them over no rows."""
    nothing = pa.record_batch([pa.nulls(0, column.type) for column in schema], schema=schema)
    return [evaluator(value, schema)(nothing).type for value in values]


def _schema_of_output(ref: Ref, catalog: Catalog) -> pa.Schema:
    for source in catalog.resolve(ref):
        return schema_of(source.plan, source.catalog)
    raise SchemaMismatchError(f"output {ref.output} is made from no plan and has no schema")
