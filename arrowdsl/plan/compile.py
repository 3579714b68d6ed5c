"""Plans become Acero declarations: one ``match`` over the nodes.

What Acero can't do (a union in order, lists to rows, kernels, other plans' rows) the caller's ``materialize`` turns
into a table first, which then is a source like any other.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import acero

from arrowdsl.compute.expr import (
    Call,
    Column,
    Expr,
    Keys,
    Literal,
    Values,
    columns,
    conjunction,
    conjuncts,
)
from arrowdsl.compute.lowering import check_predicate, to_arrow
from arrowdsl.errors import SchemaMismatchError, one_of
from arrowdsl.plan.batches import Batches
from arrowdsl.plan.nodes import Aggregate, Empty, Filter, Join, Plan, Project, Scan, Sort, inputs, with_inputs
from arrowdsl.plan.source import Catalog, DatasetSource
from arrowdsl.plan.stopping import check_stopped
from arrowdsl.schema.schema import columns_of, empty_table

KNOWN_STEPS = 8192
KNOWN_CONSTANTS = 256

Materialize = Callable[[Plan], pa.Table]
Known = Callable[[Plan], pa.Table | None]


@dataclass(frozen=True)
class Compiled:
    """An Acero declaration and the schema of its rows."""

    declaration: acero.Declaration
    schema: pa.Schema

    def batches(self) -> Batches:
        """The rows, lazily and serially: threads would read ahead without bound."""
        reader = self.declaration.to_reader(use_threads=False)  # unless closed, it drains its source
        first = next(reader, None)  # raises if the plan can't start: to close the reader then aborts the process
        with reader:
            if first is not None:
                yield first
            for batch in reader:
                check_stopped()
                yield batch


def nothing(_: Plan) -> None:
    """Of no plan the rows are known."""


def compile_plan(plan: Plan, catalog: Catalog, materialize: Materialize, known: Known = nothing) -> Compiled:
    """The declaration that yields the plan's rows; ``known`` gives the rows of plans below that need not be run."""

    def below(child: Plan) -> Compiled:
        rows = known(child)
        return compile_plan(child, catalog, materialize, known) if rows is None else table_source(rows)

    match plan:
        case Scan():
            return _scan(plan, catalog)
        case Empty(schema):
            return table_source(empty_table(schema))
        case Filter(child) | Project(child) | Aggregate(child) | Sort(child):
            return _behind(plan, below(child))
        case Join(left, right):
            return _behind(plan, below(left), below(right))
        case _:
            return table_source(materialize(plan))


def table_source(table: pa.Table) -> Compiled:
    """The rows of a table."""
    return Compiled(acero.Declaration("table_source", acero.TableSourceNodeOptions(table)), table.schema)


def extend(source: Compiled, node: Filter | Project) -> Compiled:
    """A filter or projection behind ``source``, whatever stands below the node itself."""
    return _behind(node, source)


def matching(batch: pa.RecordBatch, predicate: Expr) -> pa.Array:
    """A mask of the rows for which the predicate is true; dictionary columns count by their values."""
    read = [name for name in batch.schema.names if name in columns(predicate)] or batch.schema.names[:1]
    rows = pa.Table.from_batches([batch.select(read)])
    for place, column in enumerate(rows.schema):
        if pa.types.is_dictionary(column.type):
            rows = rows.set_column(place, column.name, rows.column(place).cast(column.type.value_type))
    source = table_source(rows)
    masks = extend(source, Project(Empty(source.schema), (("mask", predicate),))).batches()
    return pa.concat_arrays([mask.column(0) for mask in masks])


def _scan(scan: Scan, catalog: Catalog) -> Compiled:
    """The columns and rows that the scan names; a dataset takes both as hints only, so both are applied again."""
    source = catalog.source(scan.table)
    wanted = tuple(source.schema.names) if scan.columns is None else scan.columns
    read = read_columns(scan, wanted)
    opened = _scanned(source, read, scan.predicate) if isinstance(source, DatasetSource) else table_source(source)
    compiled = _decoded(opened, read)
    if scan.predicate is not None:
        compiled = extend(compiled, Filter(scan, scan.predicate))
    return compiled if read == wanted else extend(compiled, Project(scan, tuple((n, Column(n)) for n in wanted)))


def _scanned(source: DatasetSource, read: tuple[str, ...], predicate: Expr | None) -> Compiled:
    schema = columns_of(source.dataset.schema, read)
    options = acero.ScanNodeOptions(
        source.dataset,
        columns=list(read),
        filter=skipping(predicate, schema),
        require_sequenced_output=True,
        implicit_ordering=True,
        batch_readahead=2,
        fragment_readahead=1,
    )
    return Compiled(acero.Declaration("scan", options), schema)


def read_columns(scan: Scan, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that a scan reads: those wanted, and behind them those of its filter."""
    filtered = () if scan.predicate is None else sorted(columns(scan.predicate))
    return tuple(dict.fromkeys((*wanted, *filtered)))


def skipping(predicate: Expr | None, schema: pa.Schema) -> pc.Expression | None:
    """What of a scan's filter the dataset may skip row groups by."""
    terms = [] if predicate is None else [term for term in conjuncts(predicate) if _may_skip(term, schema)]
    return to_arrow(conjunction(terms), schema) if terms else None


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
    chosen = [(name, source.schema.field(name).type) for name in columns_of(source.schema, names).names]
    outputs = tuple((name, _value_of(name, kind)) for name, kind in chosen)
    return _behind(Project(Empty(source.schema), outputs), source)


def _value_of(name: str, kind: pa.DataType) -> Expr:
    return Column(name).as_text() if pa.types.is_dictionary(kind) else Column(name)


def _behind(node: Plan, *sources: Compiled) -> Compiled:
    """A node behind its inputs, whatever stands below the node itself."""
    alone = with_inputs(node, [Empty(each.schema) for each in sources])
    constants = tuple(_constants(node))
    step = _known(alone, constants) if len(constants) <= KNOWN_CONSTANTS else _fitted(alone)
    declaration = acero.Declaration(step.factory, step.options, inputs=[each.declaration for each in sources])
    return Compiled(declaration, step.schema)


@dataclass(frozen=True)
class _Step:
    """A node's own part of a declaration, and the schema that comes out."""

    factory: str
    options: acero.ExecNodeOptions
    schema: pa.Schema


def _fitted(node: Plan) -> _Step:
    """The step of a node, tried out on no rows: that tells its schema, and whether it can run."""
    factory, options = _options(node)
    sources = [
        table_source(empty_table(child.schema)).declaration for child in inputs(node) if isinstance(child, Empty)
    ]
    try:
        schema = acero.Declaration(factory, options, inputs=sources).to_table(use_threads=False).schema
    except pa.ArrowException as error:
        reason = str(error).partition("\n")[0]
        raise SchemaMismatchError(f"{factory} does not fit its input: {reason}") from error
    repeated = {name for name in schema.names if schema.names.count(name) > 1}
    if repeated:
        raise SchemaMismatchError(f"columns come out of {factory} more than once: {one_of(sorted(repeated))}")
    return _Step(factory, options, schema)


@lru_cache(maxsize=KNOWN_STEPS)
def _known(node: Plan, _constants: tuple[str, ...]) -> _Step:
    """The step, tried out once: that takes as long as running it over a small part.

    The constants are spelled out beside the node, since 1, 1.0 and true are equal in Python, and no filter else.
    """
    return _fitted(node)


def _options(node: Plan) -> tuple[str, acero.ExecNodeOptions]:
    match node:
        case Filter(Empty(schema), predicate):
            check_predicate(predicate, schema)
            return "filter", acero.FilterNodeOptions(to_arrow(predicate, schema))
        case Project(Empty(schema), outputs):
            expressions = [to_arrow(expr, schema) for _, expr in outputs]
            return "project", acero.ProjectNodeOptions(expressions, [name for name, _ in outputs])
        case Aggregate(_, keys, measures):
            grouped = "hash_" if keys else ""
            targets = [(column, f"{grouped}{function}", None, name) for column, function, name in measures]
            return "aggregate", acero.AggregateNodeOptions(targets, keys=list(keys))
        case Sort(_, keys):
            return "order_by", acero.OrderByNodeOptions(list(keys))
        case Join():
            return "hashjoin", acero.HashJoinNodeOptions(
                node.kind,
                left_keys=list(node.left_keys),
                right_keys=list(node.right_keys),
                left_output=list(node.left_output),
                right_output=list(node.right_output),
                output_suffix_for_right=node.right_suffix,
            )
        case _:
            raise SchemaMismatchError(f"a {type(node).__name__} is nothing that the engine runs")


def _constants(node: Plan) -> Iterator[str]:
    match node:
        case Filter(_, predicate):
            yield from _constants_in(predicate)
        case Project(_, outputs):
            for _, expr in outputs:
                yield from _constants_in(expr)


def _constants_in(expr: Expr) -> Iterator[str]:
    match expr:
        case Literal(value):
            yield repr(value)
        case Values(values):
            yield from map(repr, values)
        case Keys():
            yield from repeat("", KNOWN_CONSTANTS + 1)  # may be any number: not to be remembered
        case Call(_, arguments):
            for argument in arguments:
                yield from _constants_in(argument)
