"""The datasets as a query reads them: in this process, through the same push-down as the client's datasets.

DuckDB asks a dataset for columns and a filter, as it does in a client. Here the ticket that results is not sent: it is
read by the service. In a recursion, DuckDB asks again in every round; so the rows of a table that a query may read more
than once are held in memory.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from threading import Event, Lock
from typing import Self

import duckdb
import pyarrow as pa

from arrowdsl.compute.evaluate import matching
from arrowdsl.plan.batches import Batches
from arrowdsl.plan.stopping import never
from arrowdsl.schema.schema import rebuilt
from flight_client.dataset import FlightDataset, ServedRows
from flight_client.tickets import Ticket
from flight_server.serving.read import read_of
from flight_server.serving.request import Request, request_from_json
from flight_server.serving.single_flight import AbandonedError
from flight_server.serving.snapshot_results import SnapshotResults
from flight_server.serving.stream import open_read


@dataclass
class QueryReads:
    """All reads of one query: they stop together, and the rows that they hold take at most ``room`` bytes together."""

    room: int
    stopped: Event = field(default_factory=Event)
    failure: Exception | None = None  # the first error of a read, which DuckDB reports as text
    interrupt: Callable[[], None] = never

    def stop(self) -> None:
        """End the reads and DuckDB's own work."""
        self.stopped.set()
        with suppress(duckdb.Error):  # the connection is closed already
            self.interrupt()

    def check(self) -> None:
        """Raise AbandonedError once the query is stopped."""
        if self.stopped.is_set():
            raise AbandonedError("the query was stopped")


class ReadBatches(Iterator[pa.RecordBatch]):
    """Batches as a stream of the client's readers; an error is also reported to the query."""

    def __init__(self, schema: pa.Schema, batches: Generator[pa.RecordBatch], reads: QueryReads) -> None:
        self.schema = schema
        self._batches = batches
        self._reads = reads

    def __next__(self) -> pa.RecordBatch:
        try:
            return next(self._batches)
        except StopIteration:
            raise
        except Exception as error:
            self._reads.failure = self._reads.failure or error
            raise

    def __iter__(self) -> Self:
        return self

    def close(self) -> None:
        """End the read."""
        with suppress(ValueError):  # another thread is inside the generator: it is stopped by the check
            self._batches.close()


class QueryTable:
    """One dataset in a query. If the query may read it more than once, the rows and the columns ``held`` are held."""

    def __init__(self, name: str, results: SnapshotResults, reads: QueryReads, held: frozenset[str] | None) -> None:
        self._results = results
        self._reads = reads
        self._columns = held
        self._whole = read_of(Request(results.snapshot.repo, name), results)
        self._rows_by_filter: dict[str, list[pa.RecordBatch]] = {}
        self._too_large = set[str]()
        self._lock = Lock()

    def dataset(self) -> FlightDataset:
        """The dataset for DuckDB."""
        request = self._whole.request
        ticket: Ticket = {"repo": request.repo, "dataset": request.dataset}
        return FlightDataset(ServedRows(ticket, self._whole.schema, self._open, lambda each: [each]))

    def _open(self, ticket: Ticket, schema: pa.Schema) -> ReadBatches:
        given = {key: value for key, value in ticket.items() if value is not None}
        request = request_from_json(given)
        rows = self._rows(request) if self._columns is None else self._repeatable(request, self._columns)
        return ReadBatches(schema, (rebuilt(batch.select(schema.names), schema) for batch in rows), self._reads)

    def _rows(self, request: Request) -> Batches:
        yield from open_read(read_of(request, self._results), self._reads.check).batches

    def _repeatable(self, request: Request, columns: frozenset[str]) -> Batches:
        """The rows of a read, with more columns than it asks for if they are held."""
        with self._lock:  # a second reader of the same rows waits
            rows = self._held(request, columns)
        for batch in rows:
            self._reads.check()
            yield batch

    def _held(self, request: Request, columns: frozenset[str]) -> Iterable[pa.RecordBatch]:
        """The rows, held unless there is no room for them."""
        asked, key = request.columns or (), repr(request.where)
        if key in self._too_large:
            return self._rows(request)
        for held, where in ((key, None), (repr(None), request.where)):  # the same rows, or all rows, to be filtered
            rows = self._rows_by_filter.get(held, [])
            if rows and {*asked} <= {*rows[0].schema.names}:
                return rows if where is None else (matching(batch, where) for batch in rows)
        wanted = tuple(name for name in self._whole.schema.names if name in asked or name in columns)
        stream = self._rows(replace(request, columns=wanted))
        rows = []
        for batch in stream:
            rows.append(batch)
            self._reads.room -= batch.nbytes
            if self._reads.room < 0:
                self._reads.room += sum(each.nbytes for each in rows)
                self._too_large.add(key)
                return chain(rows, stream)
        self._rows_by_filter[key] = rows
        return rows
