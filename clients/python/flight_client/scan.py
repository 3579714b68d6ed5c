"""Reads with columns and a filter, split into a ticket for the server and the reader's remaining work.

The reader applies, batch by batch, the residual of the filter, the projection (names, or new columns from expressions),
and the limit, which the server can't apply if there is a residual.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from flight_client.client_errors import FlightClientError
from flight_client.expressions import ExpressionTree, UnreadableExpressionError
from flight_client.pushdown import SplitFilter, split_filter
from flight_client.streams import ClosableBatches, FlightReader
from flight_client.tickets import Ticket, narrowed

Columns = Sequence[str] | Mapping[str, pc.Expression]
OpenStream = Callable[[Ticket, pa.Schema], ClosableBatches]


@dataclass(frozen=True)
class FlightScanner:
    """A read of ``columns`` (default: all) of the rows of the ticket ``base`` for which ``where`` is true.

    The class has the methods that query engines call on a pyarrow Scanner, but is none: an Arrow Scanner reads ahead on
    its own threads, which abort or hang a process that stops at a LIMIT. Rows are read on demand. Raises
    FlightClientError (``unknown_column``, ``invalid_limit``).
    """

    base: Ticket
    dataset_schema: pa.Schema
    open_stream: OpenStream
    columns: Columns | None = None
    where: pc.Expression | None = None
    batch_size: int | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 0:
            raise FlightClientError("invalid_limit", f"a limit is 0 or more, given: {self.limit}")

    @property
    def ticket(self) -> Ticket:
        """The ticket with the server's part of the read."""
        server_limit = self.limit if self._split.residual is None else None
        return narrowed(self.base, self._fetched.names, self._split.pushed, server_limit)

    @cached_property
    def projected_schema(self) -> pa.Schema:
        """The schema of the result."""
        if isinstance(self._wanted, dict):
            return self._in_memory(self._fetched.empty_table()).projected_schema
        return _selected(self._fetched, self._wanted)

    def reader(self) -> FlightReader:
        """The result as a stream."""
        schema = self.projected_schema
        stream = self.open_stream(self.ticket, self._fetched)
        return FlightReader(schema, stream, self._results(stream))

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
        return replace(self, limit=num_rows).to_table()

    def count_rows(self) -> int:
        """The number of rows, counted as they come; only the columns that the filter needs are fetched."""
        with replace(self, columns=[]).reader() as reader:
            return sum(batch.num_rows for batch in reader)

    def take(self, indices: pa.Array | Sequence[int]) -> pa.Table:
        """The rows at these positions, in the order given; reads the whole result."""
        return self.to_table().take(indices)

    @cached_property
    def _wanted(self) -> list[str] | dict[str, pc.Expression]:
        if isinstance(self.columns, Mapping):
            return dict(self.columns)
        return list(self.dataset_schema.names if self.columns is None else self.columns)

    @cached_property
    def _split(self) -> SplitFilter:
        if self.where is None:
            return SplitFilter(None, None, frozenset())
        return split_filter(self.where, self.dataset_schema)

    @cached_property
    def _fetched(self) -> pa.Schema:
        """The columns to request, in the schema's order; at least one, since rows must be counted."""
        schema, wanted, residual = self.dataset_schema, self._wanted, self._split.columns
        needed = _columns_of(wanted.values()) if isinstance(wanted, dict) else frozenset(wanted)
        if needed is None or residual is None:
            return schema
        unknown = sorted((needed | residual) - frozenset(schema.names))
        if unknown:
            raise FlightClientError(
                "unknown_column", f"unknown column {unknown[0]!r}; columns: {', '.join(schema.names)}"
            )
        names = [name for name in schema.names if name in needed | residual]
        return _selected(schema, names or [min(schema, key=_width).name])

    def _results(self, source: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The result's batches, none empty, from the server's batches."""
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
        if self._split.residual is None and not isinstance(self._wanted, dict):
            results = [batch.select(self._wanted)]
        else:
            results = self._in_memory(batch).to_table().to_batches()
        for result in results:
            step = self.batch_size or max(result.num_rows, 1)
            for start in range(0, result.num_rows, step):
                yield result.slice(start, step)

    def _in_memory(self, rows: pa.RecordBatch | pa.Table) -> ds.Scanner:
        # without threads all work is done inside the call, and ends when the read is dropped
        filtered = {"columns": self._wanted, "filter": self._split.residual}
        return ds.InMemoryDataset(rows).scanner(**filtered, use_threads=False)


def _columns_of(expressions: Iterable[pc.Expression]) -> frozenset[str] | None:
    """The columns that the expressions read; None if one of the expressions can't be parsed."""
    names: frozenset[str] = frozenset()
    for expression in expressions:
        try:
            tree = ExpressionTree(expression)
        except UnreadableExpressionError:
            return None
        names |= tree.columns(tree.span)
    return names


def _width(field: pa.Field) -> int:
    try:
        return int(field.type.bit_width)
    except ValueError:
        return 1 << 30  # no fixed width


def _selected(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    return pa.schema([schema.field(name) for name in names], metadata=schema.metadata)
