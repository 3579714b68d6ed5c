"""A dataset on the server as a ``pyarrow.dataset.Dataset``, which DuckDB, Polars and DataFusion query in place.

    dataset = client.dataset("django", "callsite_qname_candidates")
    duckdb.sql("select qname, count(*) from dataset group by 1 order by 2 desc limit 10")

Engines call ``scanner(columns=, filter=)``, and DataFusion calls ``get_fragments``. The server applies the columns, and
the terms of the filter that CQL2 can express. All queries of a dataset read the same snapshot: the newest when the
dataset was made.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from flight_client.arrow_files import FORMAT, files_of
from flight_client.fetch import Fetcher, Fetching
from flight_client.notebook import html_of
from flight_client.scan import Columns, FlightScanner, OpenStream
from flight_client.tickets import DatasetInfo, Ticket

if TYPE_CHECKING:

    class _Dataset:
        """A base class for the type checker: pyarrow has no type stubs, and an untyped base class is refused."""

        def __init__(self, *_: object) -> None: ...

else:
    _Dataset = ds.FileSystemDataset


# Rows of a dataset that is read in one call: calls for its endpoints take longer than what is won by two at a time.
SMALL = 128 * 1024


@dataclass(frozen=True)
class ServedRows:
    """Rows on a server: the ticket that names them, their schema, and how to open a read of them."""

    ticket: Ticket
    schema: pa.Schema
    open_stream: OpenStream
    endpoints: Callable[[Ticket], Sequence[Ticket]]
    tickets: Sequence[Ticket] = ()  # of the endpoints of all rows, for pyarrow's own reads
    rows: int | None = None  # null if the server does not know the number
    where: pc.Expression | None = None  # a filter for every read, in addition to the ticket's own

    def scanner(
        self, columns: Columns | None, where: pc.Expression | None, batch_size: int | None = None
    ) -> FlightScanner:
        """The read of ``columns``, of the rows for which ``where`` is true."""
        return FlightScanner(self.ticket, self.schema, self.open_stream, columns, _both(self.where, where), batch_size)


class _Queries:
    """The reading methods that pyarrow's datasets and fragments share, each by a scanner."""

    def __init__(self, source: ServedRows) -> None:
        self.source = source

    def to_batches(
        self,
        columns: Columns | None = None,
        filter: pc.Expression | None = None,
        batch_size: int | None = None,
        **_: object,
    ) -> Iterator[pa.RecordBatch]:
        """The batches; dropping the iterator cancels the stream."""
        return self.source.scanner(columns, filter, batch_size).to_batches()

    def to_table(self, columns: Columns | None = None, filter: pc.Expression | None = None, **_: object) -> pa.Table:
        """All rows."""
        return self.source.scanner(columns, filter).to_table()

    def head(
        self, num_rows: int, columns: Columns | None = None, filter: pc.Expression | None = None, **_: object
    ) -> pa.Table:
        """The first rows; reading stops after them."""
        return self.source.scanner(columns, filter).head(num_rows)

    def take(
        self,
        indices: pa.Array | Sequence[int],
        columns: Columns | None = None,
        filter: pc.Expression | None = None,
        **_: object,
    ) -> pa.Table:
        """The rows at these positions, in the order given; all rows are read."""
        return self.source.scanner(columns, filter).take(indices)

    def count_rows(self, filter: pc.Expression | None = None, **_: object) -> int:
        """The number of rows; without a filter, no row is read if the server knows the number."""
        where = _both(self.source.where, filter)
        if where is None and self.source.rows is not None:
            return self.source.rows
        return self.source.scanner(None, filter).count_rows()

    @property
    def partition_expression(self) -> pc.Expression:
        """A condition that holds for every row; always true, since partitions are not described."""
        return pc.scalar(value=True)


class FlightFragment(_Queries):
    """One endpoint of a dataset, with the methods that DataFusion calls on a pyarrow Fragment."""

    @property
    def physical_schema(self) -> pa.Schema:
        """The columns and their types."""
        return self.source.schema

    def scanner(
        self,
        _schema: pa.Schema | None = None,
        columns: Columns | None = None,
        filter: pc.Expression | None = None,
        batch_size: int | None = None,
        **_: object,
    ) -> FlightScanner:
        """A read of the endpoint. The first argument, a schema for a pyarrow Fragment, is ignored."""
        return self.source.scanner(columns, filter, batch_size)


class FlightDataset(_Queries, _Dataset):
    """A dataset of the server, made by ``Client.dataset``. Raises FlightClientError when a read fails.

    Arrow's other scanner options (readahead, memory pool) are accepted and ignored. An unpickled dataset reads the same
    snapshot by a client of its own, without the headers of the first one.
    """

    def __init__(self, source: ServedRows) -> None:
        _Queries.__init__(self, source)
        _Dataset.__init__(self, files_of(source.tickets, self._rows_of), source.schema, FORMAT)

    def __reduce__(self) -> tuple[type["FlightDataset"], tuple[ServedRows]]:
        return FlightDataset, (self.source,)

    def _repr_html_(self) -> str:
        ticket, rows = self.source.ticket, self.source.rows
        counted = "" if rows is None else f", {rows:,} rows"
        return html_of(f"{ticket['repo']}.{ticket['dataset']}{counted}", self.schema)

    @property
    def schema(self) -> pa.Schema:
        """The columns and their types."""
        return self.source.schema

    def scanner(
        self,
        columns: Columns | None = None,
        filter: pc.Expression | None = None,
        batch_size: int | None = None,
        **options: object,
    ) -> FlightScanner | ds.Scanner:
        """A read of these columns (names, or new columns as a mapping from names to expressions) and rows.

        With ``use_threads``, which ``pyarrow.dataset.write_dataset`` gives, it is a pyarrow Scanner of the same rows.
        """
        found = self.source.scanner(columns, filter, batch_size)
        return ds.Scanner.from_batches(found.to_reader()) if "use_threads" in options else found

    def get_fragments(self, filter: pc.Expression | None = None) -> Iterator[FlightFragment]:
        """The endpoints that have rows for the filter; the filter is not applied to their reads."""
        source = self.source
        for endpoint in source.endpoints(source.scanner(None, filter).ticket):
            unfiltered = {**endpoint, "columns": None, "where": source.ticket.get("where")}
            yield FlightFragment(replace(source, ticket=unfiltered, rows=None))

    def filter(self, expression: pc.Expression) -> "FlightDataset":
        """The dataset of the rows for which the expression is true."""
        return FlightDataset(replace(self.source, where=_both(self.source.where, expression)))

    def sort_by(self, sorting: str | list[tuple[str, str]], **options: object) -> ds.InMemoryDataset:
        """The rows sorted, in memory; takes the arguments of ``pyarrow.dataset.Dataset.sort_by``."""
        return self._loaded().sort_by(sorting, **options)

    def join(self, right_dataset: ds.Dataset, *arguments: object, **options: object) -> ds.InMemoryDataset:
        """A join, in memory; takes the arguments of ``pyarrow.dataset.Dataset.join``."""
        return self._loaded().join(_in_memory(right_dataset), *arguments, **options)

    def join_asof(self, right_dataset: ds.Dataset, *arguments: object, **options: object) -> ds.InMemoryDataset:
        """A join of nearest keys, in memory; takes the arguments of ``pyarrow.dataset.Dataset.join_asof``."""
        return self._loaded().join_asof(_in_memory(right_dataset), *arguments, **options)

    def _rows_of(self, ticket: Ticket) -> pa.Table:
        return replace(self.source, ticket=ticket).scanner(None, None).to_table()

    def _loaded(self) -> ds.InMemoryDataset:
        return ds.InMemoryDataset(self.to_table())


def served_dataset(
    base: Ticket,
    info: DatasetInfo,
    fetcher: Fetcher,
    how: Fetching | None = None,
    where: pc.Expression | None = None,
) -> FlightDataset:
    """The dataset that the server describes for the ticket ``base``, of the snapshot in its description."""
    pinned = info.metadata.get("snapshot")
    request = base if pinned is None else {**base, "snapshot": pinned}
    is_small = how is None and info.rows is not None and info.rows <= SMALL and not info.is_elsewhere
    opened = fetcher.whole if is_small else partial(fetcher.by_endpoint, how=how or Fetching())
    rows = ServedRows(request, info.schema, opened, fetcher.endpoints, info.endpoints, info.rows, where)
    return FlightDataset(rows)


def _in_memory(dataset: ds.Dataset) -> ds.Dataset:
    return ds.InMemoryDataset(dataset.to_table()) if isinstance(dataset, FlightDataset) else dataset


def _both(left: pc.Expression | None, right: pc.Expression | None) -> pc.Expression | None:
    if left is None or right is None:
        return right if left is None else left
    return left & right
