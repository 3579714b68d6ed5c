"""Plans run serially and lazily: rows come as record batches, on demand, and closing a stream stops its plan.

A plan's top is walked here: unions are chained in order, each branch closed before the next opens; lists become rows
batch by batch; kernels get the rows that they need together; Parquet files are read row group by row group. What lies
below goes to Acero. Nothing is fed to Acero from another running plan: its sources are read on a small pool of I/O
threads, and streams waiting for each other there deadlock.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial, reduce

import pyarrow as pa

from arrowdsl.compute.expr import Column, Expr
from arrowdsl.compute.kernels import explode, whole_groups
from arrowdsl.errors import SchemaMismatchError, one_of
from arrowdsl.plan.batches import Batches, Stream, decoded
from arrowdsl.plan.compile import Compiled, compile_plan, extend, table_source
from arrowdsl.plan.files import is_parquet, scanned
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
    Union,
)
from arrowdsl.plan.sharing import SharingCatalog, sharing
from arrowdsl.plan.source import Catalog, DatasetSource
from arrowdsl.plan.stopping import check_stopped
from arrowdsl.schema.schema import empty_table, plain, rebuilt


def run_plan_streamable(plan: Plan, catalog: Catalog) -> pa.RecordBatchReader:
    """The plan's rows as a reader; memory is bounded by what sorts, joins and kernels of the plan hold."""
    stream = open_stream(plan, catalog)
    return pa.RecordBatchReader.from_batches(stream.schema, stream.batches)


def run_plan(plan: Plan, catalog: Catalog) -> pa.Table:
    """The plan's rows as a table."""
    stream = open_stream(plan, catalog)
    with closing(stream.batches) as batches:
        return pa.Table.from_batches(batches, stream.schema)


def schema_of(plan: Plan, catalog: Catalog) -> pa.Schema:
    """The schema of the plan's rows."""
    stream = open_stream(plan, catalog)
    stream.batches.close()
    return stream.schema


def open_stream(plan: Plan, catalog: Catalog) -> Stream:
    """The plan's rows, none of them computed before the first is asked for."""
    if not isinstance(plan, Union):  # of a union those branches share that have rows
        catalog = sharing((plan,), catalog, open_stream)
    if isinstance(catalog, SharingCatalog) and catalog.shares(plan):
        return _shared(plan, catalog)
    return _open(plan, catalog)


def _shared(plan: Plan, catalog: SharingCatalog) -> Stream:
    kept = catalog.take(plan)
    if kept is not None:
        return Stream(kept.schema, (batch for batch in kept.batches))
    stream = _open(plan, catalog)
    return Stream(stream.schema, catalog.keeping(plan, stream.schema, stream.batches))


def _open(plan: Plan, catalog: Catalog) -> Stream:
    match plan:
        case Union(branches):
            running = [branch for branch in branches if not is_absent(branch, _bare(catalog))] or branches[:1]
            beside = sharing(running, catalog, open_stream)
            return _chain((branch, beside) for branch in running)
        case Ref():
            sources = ((source.plan, source.catalog) for source in catalog.resolve(plan))
            schema = catalog.schema(plan)
            return _chain(sources) if schema is None else Stream(schema, _following(schema, sources))
        case Explode(child):
            rows = open_stream(child, catalog)
            schema = catalog.schemas.of(plan, lambda: _schema_after(partial(_explode, plan), rows.schema))
            return Stream(schema, _exploded(plan, rows))
        case Kernel():
            coded = open_coded(plan, catalog)
            return Stream(plain(coded.schema), decoded(coded.batches))
        case Scan() if (files := _files(plan, catalog)) is not None:
            return scanned(plan, files)
        case Filter(child) | Project(child) if _needs_runner(child, catalog):
            return _row_wise(plan, catalog)
        case _:
            return Stream(catalog.schemas.of(plan, lambda: _unfed(plan, catalog).schema), _compiled(plan, catalog))


def _unfed(plan: Plan, catalog: Catalog) -> Compiled:
    """The plan compiled to see its schema: nothing is read for it."""
    bare = _bare(catalog)
    return compile_plan(plan, bare, lambda boundary: empty_table(_open(boundary, bare).schema))


def _bare(catalog: Catalog) -> Catalog:
    """The catalog without what is shared: to ask it for a table reads nothing."""
    return catalog.catalog if isinstance(catalog, SharingCatalog) else catalog


def open_coded(node: Plan, catalog: Catalog) -> Stream:
    """The plan's rows; those of a kernel that gives its strings as dictionary codes are left so, and take less room."""
    if not isinstance(node, Kernel):
        return open_stream(node, catalog)
    source = open_stream(node.input, catalog)

    def schema() -> pa.Schema:
        sides = [empty_table(schema_of(side, catalog)) for side in node.sides]
        return _schema_after(node.function.apply, source.schema, *sides)

    return Stream(catalog.schemas.of(node, schema), _kernel(node, source, catalog))


def is_absent(plan: Plan, catalog: Catalog) -> bool:
    """Whether the plan has no rows because a table that they would come from has none: nothing is read to find out."""
    match plan:
        case Scan(table):
            source = catalog.source(table)
            return isinstance(source, pa.Table) and not source.num_rows
        case Empty():
            return True
        case Filter(child) | Project(child) | Sort(child) | Explode(child) | Aggregate(child, (_, *_)):
            return is_absent(child, catalog)
        case Kernel(child, function):
            return function.of_nothing_nothing and is_absent(child, catalog)
        case Join(left, right, kind):
            return is_absent(left, catalog) or (kind in {"inner", "left semi"} and is_absent(right, catalog))
        case Union(branches):
            return all(is_absent(branch, catalog) for branch in branches)
        case _:
            return False


def _needs_runner(plan: Plan, catalog: Catalog) -> bool:
    """Whether the rows come out of this module, so that what is above them goes batch by batch too."""
    match plan:
        case Union() | Ref() | Explode() | Kernel():
            return True
        case Scan():
            return _files(plan, catalog) is not None
        case Filter(child) | Project(child):
            return _needs_runner(child, catalog)
        case _:
            return False


def _files(scan: Scan, catalog: Catalog) -> DatasetSource | None:
    """The Parquet files that the scan's rows come from, unless branches share them."""
    if isinstance(catalog, SharingCatalog) and scan.table in catalog.alike.scans:
        return None
    source = catalog.source(scan.table)
    return source if is_parquet(source) else None


def _chain(plans: Iterable[tuple[Plan, Catalog]]) -> Stream:
    """The rows of one plan after another's, under the schema of the first; raises SchemaMismatchError on the way."""
    rest = iter(plans)
    leading = next(rest, None)
    if leading is None:
        raise SchemaMismatchError("a union of no plans has no schema")
    first = open_stream(*leading)

    def batches() -> Batches:
        with closing(first.batches):
            yield from first.batches
        yield from _following(first.schema, rest)

    return Stream(first.schema, batches())


def _following(schema: pa.Schema, plans: Iterable[tuple[Plan, Catalog]]) -> Batches:
    """The rows of the plans, each opened when the one before it is closed, under a schema that they must have."""
    for plan, catalog in plans:
        check_stopped()
        stream = open_stream(plan, catalog)
        with closing(stream.batches):
            _check_alike(schema, stream.schema)
            for batch in stream.batches:
                yield rebuilt(batch, schema)


def _check_alike(first: pa.Schema, following: pa.Schema) -> None:
    expected, given = ([f"{column.name} {column.type}" for column in schema] for schema in (first, following))
    if expected != given:
        raise SchemaMismatchError(f"plans in a union differ: {one_of(expected)} and {one_of(given)}")


def _compiled(plan: Plan, catalog: Catalog) -> Batches:
    known = partial(_kept, catalog)
    yield from compile_plan(plan, catalog, lambda boundary: run_plan(boundary, catalog), known).batches()


def _kept(catalog: Catalog, plan: Plan) -> pa.Table | None:
    """The rows of a plan within another one, if they are shared and fit in."""
    if not isinstance(catalog, SharingCatalog) or not catalog.shares(plan) or _needs_runner(plan, catalog):
        return None
    stream = open_stream(plan, catalog)
    return catalog.collected(plan, stream.schema, stream.batches)


def _exploded(node: Explode, source: Stream) -> Batches:
    with closing(source.batches) as batches:
        for batch in batches:
            yield from _explode(node, pa.Table.from_batches([batch])).to_batches()


def _explode(node: Explode, table: pa.Table) -> pa.Table:
    return explode(table, node.column, dict(node.outputs))


def _schema_after(kernel: Callable[..., pa.Table], schema: pa.Schema, *sides: pa.Table) -> pa.Schema:
    """The schema that a kernel gives, tried out on no rows."""
    try:
        return kernel(empty_table(schema), *sides).schema
    except (KeyError, pa.ArrowException) as error:
        raise SchemaMismatchError(f"a kernel does not fit its input: {error}") from error


def _kernel(node: Kernel, source: Stream, catalog: Catalog) -> Batches:
    with closing(source.batches) as batches:
        sides: list[pa.Table] | None = None  # read when there are rows to lay them beside
        for table in _together(batches, source.schema, node.function.group_by):
            sides = [run_plan(side, catalog) for side in node.sides] if sides is None else sides
            yield from node.function.apply(table, *sides).to_batches()


def _together(batches: Batches, schema: pa.Schema, group_by: str | None) -> Iterator[pa.Table]:
    if group_by is None:
        return iter((pa.Table.from_batches(batches, schema),))
    return whole_groups(batches, group_by)


def _row_wise(plan: Filter | Project, catalog: Catalog) -> Stream:
    """Filters and projections, all of them at once for each batch; what only chooses columns needs no engine."""
    nodes: list[Filter | Project] = []
    below: Plan = plan
    while isinstance(below, Filter | Project):
        nodes.insert(0, below)
        below = below.input
    source = open_stream(below, catalog)
    chosen: list[tuple[tuple[str, Expr], ...]] = []
    while nodes and isinstance(last := nodes[-1], Project) and _is_choice(last):
        chosen.insert(0, last.columns)
        nodes.pop()

    def steps(rows: pa.Table) -> Batches:
        batches = reduce(extend, nodes, table_source(rows)).batches() if nodes else iter(rows.to_batches())
        return (reduce(_choose, chosen, batch) for batch in batches)

    def schema() -> pa.Schema:
        computed = reduce(extend, nodes, table_source(empty_table(source.schema))).schema
        return reduce(_choose, chosen, pa.RecordBatch.from_pylist([], computed)).schema

    return Stream(catalog.schemas.of(plan, schema), _each(source, steps))


def _each(source: Stream, steps: Callable[[pa.Table], Batches]) -> Batches:
    with closing(source.batches) as batches:
        for batch in batches:
            yield from steps(pa.Table.from_batches([batch]))


def _is_choice(node: Project) -> bool:
    """Whether a projection computes nothing, and leaves a column."""
    return bool(node.columns) and all(isinstance(expr, Column) for _, expr in node.columns)


def _choose(batch: pa.RecordBatch, columns: tuple[tuple[str, Expr], ...]) -> pa.RecordBatch:
    arrays = [batch.column(expr.name) for _, expr in columns if isinstance(expr, Column)]
    return pa.RecordBatch.from_arrays(arrays, names=[name for name, _ in columns])
