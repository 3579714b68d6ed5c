"""Reads with columns and a filter: what to ask the server for, and what is left to do at the reader.

The reader's part is exact, batch by batch: the residual of the filter, the projection (names, or new columns from
expressions), the limit when a residual keeps the server from applying it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from flight_client.client_errors import FlightClientError
from flight_client.expressions import ExpressionTree, UnreadableExpressionError
from flight_client.pushdown import split_filter
from flight_client.streams import ClosableBatches, FlightReader
from flight_client.tickets import Ticket, narrowed

Columns = Sequence[str] | Mapping[str, pc.Expression]
OpenStream = Callable[[Ticket, pa.Schema], ClosableBatches]


@dataclass(frozen=True)
class Scan:
    """One read: the ticket for the server, and the steps left for the reader, done in this order."""

    ticket: Ticket
    fetched: pa.Schema
    residual: pc.Expression | None
    columns: list[str] | dict[str, pc.Expression]
    limit: int | None
    batch_size: int | None

    @cached_property
    def schema(self) -> pa.Schema:
        """The schema of the result."""
        if isinstance(self.columns, dict):
            return self._in_memory(self.fetched.empty_table()).projected_schema
        return _selected(self.fetched, self.columns)

    def batches(self, source: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The result's batches, none empty, from those that the server sends."""
        left = self.limit
        for batch in source if left != 0 else ():
            for result in self._finished(batch):
                piece = result if left is None else result.slice(0, left)
                yield piece
                if left is not None:
                    left -= piece.num_rows
                    if not left:
                        return

    def _finished(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        if self.residual is None and not isinstance(self.columns, dict):
            results = [batch.select(self.columns)]
        else:
            results = self._in_memory(batch).to_table().to_batches()
        for result in results:
            step = self.batch_size or max(result.num_rows, 1)
            for start in range(0, result.num_rows, step):
                yield result.slice(start, step)

    def _in_memory(self, rows: pa.RecordBatch | pa.Table) -> ds.Scanner:
        # without threads the work is done inside the call: nothing runs on when the read is dropped
        return ds.InMemoryDataset(rows).scanner(columns=self.columns, filter=self.residual, use_threads=False)


def plan_scan(
    base: Ticket,
    schema: pa.Schema,
    columns: Columns | None = None,
    where: pc.Expression | None = None,
    limit: int | None = None,
    batch_size: int | None = None,
) -> Scan:
    """The read of ``columns`` (default: all) of the rows of ``base``, which have ``schema``, that ``where`` keeps.

    Raises FlightClientError: ``unknown_column`` for a name that the schema does not have, ``invalid_limit``.
    """
    if limit is not None and limit < 0:
        raise FlightClientError("invalid_limit", f"a limit is 0 or more, given: {limit}")
    wanted = dict(columns) if isinstance(columns, Mapping) else list(schema.names if columns is None else columns)
    needed = _columns_of(wanted.values()) if isinstance(wanted, dict) else frozenset(wanted)
    residual, pushed = where, None
    if where is not None:
        split = split_filter(where, schema)
        residual, pushed = split.residual, split.pushed
        needed = None if needed is None or split.columns is None else needed | split.columns
    fetched = _fetched(schema, needed)
    pushed_limit = limit if residual is None else None
    ticket = narrowed(base, fetched, pushed, pushed_limit)
    return Scan(ticket, _selected(schema, fetched), residual, wanted, limit, batch_size)


@dataclass(frozen=True)
class FlightScanner:
    """A read that is asked for and not yet started; it has what query engines call on a pyarrow Scanner.

    It is not one: an Arrow Scanner reads ahead on threads of its own, which abort or hang a process that stops at a
    LIMIT.
    """

    base: Ticket
    dataset_schema: pa.Schema
    open_stream: OpenStream
    columns: Columns | None = None
    where: pc.Expression | None = None
    batch_size: int | None = None

    @property
    def projected_schema(self) -> pa.Schema:
        """The schema of the result."""
        return self._plan().schema

    def reader(self, limit: int | None = None) -> FlightReader:
        """The result as a stream, at most ``limit`` rows of it."""
        scan = self._plan(limit)
        stream = self.open_stream(scan.ticket, scan.fetched)
        return FlightReader(scan.schema, stream, scan.batches(stream))

    def to_reader(self) -> pa.RecordBatchReader:
        """The result as a pyarrow RecordBatchReader; dropping it cancels the stream."""
        return self.reader().to_arrow()

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """The result's batches; dropping the iterator cancels the stream."""
        with self.reader() as reader:
            yield from reader

    def to_table(self) -> pa.Table:
        """The whole result."""
        with self.reader() as reader:
            return reader.read_all()

    def head(self, num_rows: int) -> pa.Table:
        """The first rows."""
        with self.reader(num_rows) as reader:
            return reader.read_all()

    def count_rows(self) -> int:
        """The number of rows, counted as they come; no more columns travel than the filter needs."""
        counted = replace(self, columns=[])
        with counted.reader() as reader:
            return sum(batch.num_rows for batch in reader)

    def take(self, indices: pa.Array | Sequence[int]) -> pa.Table:
        """The rows at these positions, in the order given; reads the whole result."""
        return self.to_table().take(indices)

    def _plan(self, limit: int | None = None) -> Scan:
        return plan_scan(self.base, self.dataset_schema, self.columns, self.where, limit, self.batch_size)


def _columns_of(expressions: Iterable[pc.Expression]) -> frozenset[str] | None:
    """The columns that the expressions read; null when it can't be told."""
    names: frozenset[str] = frozenset()
    for expression in expressions:
        try:
            tree = ExpressionTree(expression)
        except UnreadableExpressionError:
            return None
        names |= tree.columns(tree.span)
    return names


def _fetched(schema: pa.Schema, needed: frozenset[str] | None) -> list[str]:
    """The columns to ask for, in the schema's order; one where none is needed, since rows must be counted."""
    if needed is None:
        return list(schema.names)
    unknown = sorted(needed - frozenset(schema.names))
    if unknown:
        raise FlightClientError("unknown_column", f"unknown column {unknown[0]!r}; columns: {', '.join(schema.names)}")
    return [name for name in schema.names if name in needed] or [min(schema, key=_width).name]


def _width(field: pa.Field) -> int:
    try:
        return int(field.type.bit_width)
    except ValueError:
        return 1 << 30  # no fixed width


def _selected(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    return pa.schema([schema.field(name) for name in names], metadata=schema.metadata)
