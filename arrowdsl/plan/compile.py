"""Plans become Acero declarations: one ``match`` over the nodes.

What Acero can't do (a union in order, lists to rows, kernels, other plans' rows) the caller's ``materialize`` turns
into a table first, which then is a source like any other.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import acero

from arrowdsl.compute.expr import Call, Column, Expr, check_predicate, columns, conjunction, conjuncts, to_arrow
from arrowdsl.errors import SchemaMismatchError, one_of
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
        """A lazy, serial reader: threads would read ahead without bound.

        Unless closed, it drains its source. Closing it when the plan could not start aborts the process, so read a
        batch before.
        """
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
            grouped = "hash_" if keys else ""
            targets = [(column, f"{grouped}{function}", None, name) for column, function, name in measures]
            options = acero.AggregateNodeOptions(targets, keys=list(keys))
            return _behind(compile_plan(child, catalog, materialize), "aggregate", options)
        case Sort(child, keys):
            return _behind(compile_plan(child, catalog, materialize), "order_by", acero.OrderByNodeOptions(list(keys)))
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
            return _behind(source, "filter", acero.FilterNodeOptions(to_arrow(predicate, source.schema)))
        case Project(_, outputs):
            expressions = [to_arrow(expr, source.schema) for _, expr in outputs]
            options = acero.ProjectNodeOptions(expressions, [name for name, _ in outputs])
            return _behind(source, "project", options)


def _scan(scan: Scan, catalog: Catalog) -> Compiled:
    """The columns and rows that the scan names; a dataset takes both as hints only, so both are applied again."""
    source = catalog.source(scan.table)
    wanted = tuple(source.schema.names) if scan.columns is None else scan.columns
    read = tuple(dict.fromkeys((*wanted, *(columns(scan.predicate) if scan.predicate is not None else ()))))
    opened = _scanned(source, read, scan.predicate) if isinstance(source, DatasetSource) else table_source(source)
    compiled = _decoded(opened, read)
    if scan.predicate is not None:
        compiled = extend(compiled, Filter(scan, scan.predicate))
    return compiled if read == wanted else extend(compiled, Project(scan, tuple((n, Column(n)) for n in wanted)))


def _scanned(source: DatasetSource, read: tuple[str, ...], predicate: Expr | None) -> Compiled:
    schema = columns_of(source.dataset.schema, read)
    terms = [] if predicate is None else [term for term in conjuncts(predicate) if _may_skip(term, schema)]
    options = acero.ScanNodeOptions(
        source.dataset,
        columns=list(read),
        filter=to_arrow(conjunction(terms), schema) if terms else None,
        require_sequenced_output=True,
        implicit_ordering=True,
        batch_readahead=2,
        fragment_readahead=1,
    )
    return Compiled(acero.Declaration("scan", options), schema)


def _may_skip(term: Expr, schema: pa.Schema) -> bool:
    """Whether the dataset may skip row groups by a term of a filter.

    Statistics leave NaN out: a row group of 1.0 and NaN looks like one of 1.0 alone. So a term that may hold for NaN
    stays out of it. So does one about a column of dictionaries, which has other types in the files.
    """
    types = [schema.field(name).type for name in columns(term)]
    if any(map(pa.types.is_dictionary, types)):
        return False
    match term:
        case Call("and" | "or", terms):
            return all(_may_skip(each, schema) for each in terms)
        case Call("=" | "<" | "<=" | ">" | ">=" | "in" | "between", operands):
            return not any(isinstance(operand, Call) for operand in operands)
        case _:
            return not any(map(pa.types.is_floating, types))


def _decoded(source: Compiled, names: tuple[str, ...]) -> Compiled:
    """The named columns, with values in place of dictionaries, which joins and sorts can't take."""
    chosen = columns_of(source.schema, names)
    types = [column.type for column in chosen]
    values = [
        pc.field(name).cast(kind.value_type) if pa.types.is_dictionary(kind) else pc.field(name)
        for name, kind in zip(names, types, strict=True)
    ]
    return _behind(source, "project", acero.ProjectNodeOptions(values, list(names)))


def _join(join: Join, left: Compiled, right: Compiled) -> Compiled:
    options = acero.HashJoinNodeOptions(
        join.kind,
        left_keys=list(join.left_keys),
        right_keys=list(join.right_keys),
        left_output=list(join.left_output),
        right_output=list(join.right_output),
        output_suffix_for_right=join.right_suffix,
    )
    return _behind(left, "hashjoin", options, right)


def _behind(source: Compiled, factory: str, options: acero.ExecNodeOptions, *others: Compiled) -> Compiled:
    """A node behind ``source`` and ``others``, tried out on no rows: that tells its schema, and whether it can run."""
    sources = (source, *others)
    empties = [table_source(empty_table(each.schema)).declaration for each in sources]
    try:
        schema = acero.Declaration(factory, options, inputs=empties).to_table(use_threads=False).schema
    except pa.ArrowException as error:
        reason = str(error).partition("\n")[0]
        raise SchemaMismatchError(f"{factory} does not fit its input: {reason}") from error
    repeated = {name for name in schema.names if schema.names.count(name) > 1}
    if repeated:
        raise SchemaMismatchError(f"columns come out of {factory} more than once: {one_of(sorted(repeated))}")
    return Compiled(acero.Declaration(factory, options, inputs=[each.declaration for each in sources]), schema)
