"""Plans become Acero declarations: one ``match`` over the nodes.

What Acero can't do (a union in order, lists to rows, kernels, other plans' rows) the caller's ``materialize`` turns
into a table first, which then is a source like any other.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import acero

from arrowdsl.compute.expr import Column, check_predicate, columns, to_arrow
from arrowdsl.plan.nodes import Aggregate, Empty, Filter, Join, Plan, Project, Scan, Sort
from arrowdsl.plan.source import Catalog, DatasetSource
from arrowdsl.schema.schema import columns_of, empty_table

Materialize = Callable[[Plan], pa.Table]


@dataclass(frozen=True)
class Compiled:
    """An Acero declaration and the schema of its rows."""

    declaration: acero.Declaration
    schema: pa.Schema

    def open(self) -> pa.RecordBatchReader:
        """A lazy, serial reader: threads would read ahead without bound. Unless closed, it drains its source."""
        return self.declaration.to_reader(use_threads=False)


def compile_plan(plan: Plan, catalog: Catalog, materialize: Materialize) -> Compiled:
    """The declaration that yields the plan's rows."""
    match plan:
        case Scan():
            return _scan(plan, catalog)
        case Empty(schema):
            return table_source(empty_table(schema))
        case Filter(child) | Project(child):
            return extend(compile_plan(child, catalog, materialize), plan)
        case Join(left, right):
            return _join(plan, compile_plan(left, catalog, materialize), compile_plan(right, catalog, materialize))
        case Aggregate(child, keys, measures):
            targets = [(column, f"hash_{function}", None, name) for column, function, name in measures]
            options = acero.AggregateNodeOptions(targets, keys=list(keys))
            return _behind(compile_plan(child, catalog, materialize), "aggregate", options)
        case Sort(child, keys):
            source = compile_plan(child, catalog, materialize)
            return _behind(source, "order_by", acero.OrderByNodeOptions(list(keys)), source.schema)
        case _:
            return table_source(materialize(plan))


def table_source(table: pa.Table) -> Compiled:
    """The rows of a table."""
    return Compiled(acero.Declaration("table_source", acero.TableSourceNodeOptions(table)), table.schema)


def extend(source: Compiled, node: Filter | Project) -> Compiled:
    """A filter or projection behind ``source``, whatever stands below the node itself."""
    match node:
        case Filter(_, predicate):
            check_predicate(predicate, source.schema)
            options = acero.FilterNodeOptions(to_arrow(predicate, source.schema))
            return _behind(source, "filter", options, source.schema)
        case Project(_, outputs):
            expressions = [to_arrow(expr, source.schema) for _, expr in outputs]
            options = acero.ProjectNodeOptions(expressions, [name for name, _ in outputs])
            return _behind(source, "project", options)


def _scan(scan: Scan, catalog: Catalog) -> Compiled:
    """The columns and rows that the scan names; the dataset takes both as hints only, so both are applied again."""
    source = catalog.source(scan.table)
    wanted = tuple(source.schema.names) if scan.columns is None else scan.columns
    match source:
        case DatasetSource(dataset):
            read = dict.fromkeys((*wanted, *(columns(scan.predicate) if scan.predicate is not None else ())))
            schema = columns_of(source.schema, read)
            options = acero.ScanNodeOptions(
                dataset,
                columns=list(read),
                filter=None if scan.predicate is None else to_arrow(scan.predicate, schema),
                require_sequenced_output=True,
                implicit_ordering=True,
                batch_readahead=2,
                fragment_readahead=1,
            )
            compiled = Compiled(acero.Declaration("scan", options), schema)
        case _:
            compiled = table_source(source)
    if scan.predicate is not None:
        compiled = extend(compiled, Filter(scan, scan.predicate))
    return extend(compiled, Project(scan, tuple((name, Column(name)) for name in wanted)))


def _join(join: Join, left: Compiled, right: Compiled) -> Compiled:
    options = acero.HashJoinNodeOptions(
        join.kind,
        left_keys=list(join.left_keys),
        right_keys=list(join.right_keys),
        left_output=list(join.left_output),
        right_output=list(join.right_output),
        output_suffix_for_right=join.right_suffix,
    )
    return _behind(left, "hashjoin", options, None, right)


def _behind(
    source: Compiled, factory: str, options: acero.ExecNodeOptions, schema: pa.Schema | None = None, *others: Compiled
) -> Compiled:
    """A node behind ``source`` and ``others``; without a ``schema`` it is asked what it gives for no rows."""
    sources = (source, *others)
    if schema is None:
        empties = [table_source(empty_table(each.schema)).declaration for each in sources]
        with acero.Declaration(factory, options, inputs=empties).to_reader(use_threads=False) as reader:
            schema = reader.schema
    return Compiled(acero.Declaration(factory, options, inputs=[each.declaration for each in sources]), schema)
