"""Plans run serially and lazily: rows come as record batches, on demand, and closing a stream stops its plan.

A plan's top is walked here: unions are chained in order, each branch closed before the next opens; lists become rows
batch by batch; kernels get the rows that they need together. What lies below goes to Acero. Nothing is fed to Acero
from another running plan: its sources are read on a small pool of I/O threads, and streams waiting for each other there
deadlock.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from arrowdsl.compute.kernels import explode, whole_groups
from arrowdsl.errors import SchemaMismatchError, one_of
from arrowdsl.plan.compile import Compiled, compile_plan, extend, table_source
from arrowdsl.plan.nodes import Explode, Filter, Kernel, Plan, Project, Ref, Union
from arrowdsl.plan.source import Catalog
from arrowdsl.schema.schema import empty_table, rebuilt

BATCH_ROWS = 64 * 1024
BATCH_BYTES = 4 * 1024 * 1024

Batches = Generator[pa.RecordBatch, None, None]


@dataclass(frozen=True)
class Stream:
    """Record batches of one schema, read once; ``batches.close()`` stops the plan behind them."""

    schema: pa.Schema
    batches: Batches


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
    match plan:
        case Union(branches):
            return _chain((branch, catalog) for branch in branches)
        case Ref():
            return _chain((source.plan, source.catalog) for source in catalog.resolve(plan))
        case Explode(child):
            source = open_stream(child, catalog)
            return Stream(_schema_after(partial(_explode, plan), source.schema), _exploded(plan, source))
        case Kernel(child, function, sides):
            source = open_stream(child, catalog)
            beside = [empty_table(schema_of(side, catalog)) for side in sides]
            return Stream(_schema_after(function.apply, source.schema, *beside), _kernel(plan, source, catalog))
        case Filter(child) | Project(child) if _needs_runner(child):
            source = open_stream(child, catalog)
            schema = extend(table_source(empty_table(source.schema)), plan).schema
            return Stream(schema, _row_wise(plan, source))
        case _:
            unfed = compile_plan(plan, catalog, lambda boundary: empty_table(schema_of(boundary, catalog)))
            return Stream(unfed.schema, _compiled(plan, catalog))


def rebatch(batches: Iterable[pa.RecordBatch], rows: int = BATCH_ROWS, size: int = BATCH_BYTES) -> Batches:
    """The same rows in batches of at most ``rows`` rows and ``size`` bytes, small ones merged; none is empty.

    The first batch is not held back to be merged. A single row over ``size`` bytes comes alone.
    """
    held: list[pa.RecordBatch] = []
    held_rows = held_size = 0
    first = True
    for batch in batches:
        for piece in _cut(batch, rows, size):
            if held and (held_rows + piece.num_rows > rows or held_size + piece.nbytes > size):
                yield pa.concat_batches(held)
                held, held_rows, held_size = [], 0, 0
            if first:
                first = False
                yield piece
                continue
            held.append(piece)
            held_rows += piece.num_rows
            held_size += piece.nbytes
    if held:
        yield pa.concat_batches(held)


def limited(batches: Batches, rows: int) -> Batches:
    """The first ``rows`` rows; the source is closed as soon as it has given them."""
    with closing(batches):
        if rows == 0:
            return
        for batch in batches:
            yield batch.slice(0, rows)
            rows -= batch.num_rows
            if rows <= 0:
                return


def _needs_runner(plan: Plan) -> bool:
    """Whether the rows come out of this module, so that what is above them goes batch by batch too."""
    match plan:
        case Union() | Ref() | Explode() | Kernel():
            return True
        case Filter(child) | Project(child):
            return _needs_runner(child)
        case _:
            return False


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
        for plan, catalog in rest:
            following = open_stream(plan, catalog)
            with closing(following.batches):
                _check_alike(first.schema, following.schema)
                for batch in following.batches:
                    yield rebuilt(batch, first.schema)

    return Stream(first.schema, batches())


def _check_alike(first: pa.Schema, following: pa.Schema) -> None:
    expected, given = ([f"{column.name} {column.type}" for column in schema] for schema in (first, following))
    if expected != given:
        raise SchemaMismatchError(f"plans in a union differ: {one_of(expected)} and {one_of(given)}")


def _compiled(plan: Plan, catalog: Catalog) -> Batches:
    yield from _read(compile_plan(plan, catalog, lambda boundary: run_plan(boundary, catalog)))


def _read(compiled: Compiled) -> Batches:
    reader = compiled.open()
    first = next(reader, None)  # raises if the plan can't start, and then the reader must not be closed
    with reader:
        if first is not None:
            yield first
            yield from reader


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
        sides = [run_plan(side, catalog) for side in node.sides]
        for table in _together(batches, source.schema, node.function.group_by):
            yield from node.function.apply(table, *sides).to_batches()


def _together(batches: Batches, schema: pa.Schema, group_by: str | None) -> Iterator[pa.Table]:
    if group_by is None:
        return iter((pa.Table.from_batches(batches, schema),))
    return whole_groups(batches, group_by)


def _row_wise(node: Filter | Project, source: Stream) -> Batches:
    with closing(source.batches) as batches:
        for batch in batches:
            yield from _read(extend(table_source(pa.Table.from_batches([batch])), node))


def _cut(batch: pa.RecordBatch, rows: int, size: int) -> Iterator[pa.RecordBatch]:
    """The batch in pieces within both bounds, halved where it is too large."""
    if batch.num_rows > rows:
        for start in range(0, batch.num_rows, rows):
            yield from _cut(batch.slice(start, rows), rows, size)
    elif batch.nbytes > size and batch.num_rows > 1:
        middle = batch.num_rows // 2
        yield from _cut(batch.slice(0, middle), rows, size)
        yield from _cut(batch.slice(middle), rows, size)
    elif batch.num_rows:
        yield batch
