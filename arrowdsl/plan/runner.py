"""The runner: plans run serially and lazily, batch by batch on demand, and closing a stream stops its plan.

Scans, filters, projections and explodes work batch by batch; the branches of a union run one after another; joins,
aggregates, sorts and most kernels collect their inputs first. Acero gets whole tables and never a running plan, since
it reads its sources on a small pool of I/O threads, where streams that wait for each other deadlock.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import lru_cache

import pyarrow as pa

from arrowdsl.compute.evaluate import Evaluator, evaluator
from arrowdsl.compute.expr import Expr
from arrowdsl.compute.kernels import explode, whole_groups
from arrowdsl.errors import SchemaMismatchError, one_of
from arrowdsl.plan.batches import Batches, Stream, decoded
from arrowdsl.plan.nodes import (
    Aggregate,
    Empty,
    Explode,
    Filter,
    Join,
    Kernel,
    KernelFunction,
    Plan,
    Project,
    Ref,
    Scan,
    Shared,
    Sort,
    Union,
    inputs,
)
from arrowdsl.plan.operators import operator_batches
from arrowdsl.plan.schemas import kernel_schema, schema_of
from arrowdsl.plan.shared_rows import SharedRows
from arrowdsl.plan.source import Catalog, present
from arrowdsl.plan.stopping import check_stopped
from arrowdsl.plan.table_scan import scan_batches, scan_schema, selected
from arrowdsl.schema.schema import rebuilt


def run_plan_streamable(plan: Plan, catalog: Catalog) -> pa.RecordBatchReader:
    """The plan's rows as a reader; memory is bounded by the inputs of its joins, aggregates, sorts and kernels."""
    stream = open_stream(plan, catalog)
    return pa.RecordBatchReader.from_batches(stream.schema, stream.batches)


def run_plan(plan: Plan, catalog: Catalog) -> pa.Table:
    """The plan's rows as a table."""
    stream = open_stream(plan, catalog)
    with closing(stream.batches) as batches:
        return pa.Table.from_batches(batches, stream.schema)


def open_stream(plan: Plan, catalog: Catalog) -> Stream:
    """The plan's rows; nothing is computed before the first batch is read."""
    return Stream(schema_of(plan, catalog), _Run(plan, catalog).rows(plan))


def open_coded(plan: Plan, catalog: Catalog) -> Stream:
    """The plan's rows; dictionary columns of the topmost kernel are not decoded, which takes less memory."""
    if not isinstance(plan, Kernel):
        return open_stream(plan, catalog)
    return Stream(kernel_schema(plan, catalog), _Run(plan, catalog).kernel_rows(plan))


class _Run:
    """One run of a plan."""

    def __init__(self, plan: Plan, catalog: Catalog) -> None:
        self._catalog = catalog
        self._shared = SharedRows(plan, catalog)

    def rows(self, plan: Plan) -> Batches:
        """The rows of a node of the plan."""
        match plan:
            case Scan(table):
                return scan_batches(plan, self._catalog.source(table))
            case Empty():
                return _no_rows()
            case Shared(Scan() as scan):
                return self._shared_scan(scan)
            case Shared(child):
                return self._shared.rows(child, lambda: self.rows(child))
            case Filter(child, predicate):
                return self._filter(child, predicate)
            case Project(child, columns):
                return self._project(child, columns)
            case Explode():
                return self._explode(plan)
            case Join() | Aggregate() | Sort():
                return operator_batches(plan, (self._table(child) for child in inputs(plan)))
            case Union(branches):
                return self._union(plan, branches)
            case Ref():
                return _resolved(plan, self._catalog)
            case Kernel():
                return decoded(self.kernel_rows(plan))
            case _:
                raise SchemaMismatchError(f"a plan has no node {type(plan).__name__}")

    def kernel_rows(self, kernel: Kernel) -> Batches:
        """The rows as the kernel's function returns them, dictionaries included."""
        with closing(self.rows(kernel.input)) as batches:
            sides: list[pa.Table] | None = None  # read only if the input has rows
            for table in _kernel_inputs(batches, self._schema(kernel.input), kernel.function):
                sides = [self._table(side) for side in kernel.sides] if sides is None else sides
                yield from kernel.function.apply(table, *sides).to_batches()

    def _schema(self, plan: Plan) -> pa.Schema:
        return schema_of(plan, self._catalog)

    def _table(self, plan: Plan) -> pa.Table:
        with closing(self.rows(plan)) as batches:
            return pa.Table.from_batches(batches, self._schema(plan))

    def _shared_scan(self, scan: Scan) -> Batches:
        source, wide = self._catalog.source(scan.table), self._shared.wide(scan.table)
        if isinstance(source, pa.Table) or self._shared.is_large(wide):
            return scan_batches(scan, source)
        rows = self._shared.rows(wide, lambda: scan_batches(wide, source))
        return selected(scan, scan_schema(scan, source), rows)

    def _filter(self, child: Plan, predicate: Expr) -> Batches:
        matches = evaluator(predicate, self._schema(child))
        with closing(self.rows(child)) as batches:
            for batch in batches:
                matching = batch.filter(matches(batch))
                if matching.num_rows:
                    yield matching

    def _project(self, child: Plan, columns: tuple[tuple[str, Expr], ...]) -> Batches:
        names = [name for name, _ in columns]
        evaluators = _evaluators(tuple(expr for _, expr in columns), self._schema(child))
        with closing(self.rows(child)) as batches:
            for batch in batches:
                if names:
                    yield pa.RecordBatch.from_arrays([each(batch) for each in evaluators], names=names)
                else:
                    yield batch.select([])  # still has its number of rows

    def _explode(self, node: Explode) -> Batches:
        with closing(self.rows(node.input)) as batches:
            for batch in batches:
                yield from explode(pa.Table.from_batches([batch]), node.column, dict(node.outputs)).to_batches()

    def _union(self, union: Union, branches: tuple[Plan, ...]) -> Batches:
        schema = self._schema(union)
        for branch in present(branches, self._catalog):
            check_stopped()
            yield from _with_schema(schema, self._schema(branch), self.rows(branch))


def _no_rows() -> Batches:
    yield from ()


def _resolved(ref: Ref, catalog: Catalog) -> Batches:
    """The rows of an output's plans, one plan after another."""
    schema = schema_of(ref, catalog)
    for source in catalog.resolve(ref):
        check_stopped()
        stream = open_stream(source.plan, source.catalog)
        yield from _with_schema(schema, stream.schema, stream.batches)


def _with_schema(wanted: pa.Schema, given: pa.Schema, rows: Batches) -> Batches:
    """The rows with the schema ``wanted``, whose names and types must be those of ``given``."""
    with closing(rows) as batches:
        columns = [[f"{column.name} {column.type}" for column in schema] for schema in (wanted, given)]
        if columns[0] != columns[1]:
            raise SchemaMismatchError(f"plans in a union differ: {one_of(columns[0])} and {one_of(columns[1])}")
        for batch in batches:
            yield rebuilt(batch, wanted)


@lru_cache(maxsize=8192)
def _evaluators(expressions: tuple[Expr, ...], schema: pa.Schema) -> tuple[Evaluator, ...]:
    return tuple(evaluator(expr, schema) for expr in expressions)


def _kernel_inputs(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, function: KernelFunction
) -> Iterator[pa.Table]:
    if function.row_by_row:
        return (pa.Table.from_batches([batch], schema) for batch in batches)
    if function.group_by is None:
        return iter((pa.Table.from_batches(batches, schema),))
    return whole_groups(iter(batches), function.group_by)
