"""Streams of record batches that can be closed at any time.

A ``FlightStream`` reads one endpoint after another; any thread may close it, which cancels the call on the wire, even
while a read is waiting. Callers get a ``FlightReader``, whose batches have passed the client's part of the filter, the
columns and the limit. pyarrow's RecordBatchReader can't take its place: closing one over a Python source does nothing,
and a C stream, which would work around this, turns every error into ``ArrowInvalid``.
"""

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Protocol, Self

import pyarrow as pa
from pyarrow import flight

from flight_client.client_errors import FlightClientError, ServerBusyError, closed, translated
from flight_client.live import ALL, ENGINE_THREADS, FETCH_THREADS
from flight_client.peers import Endpoint


class StreamCall(Protocol):
    """A call that streams batches, such as pyarrow's FlightStreamReader."""

    def read_chunk(self) -> flight.FlightStreamChunk:
        """The next batch; raises StopIteration at the end."""

    def cancel(self) -> None:
        """End the call; callable from any thread."""


OpenCall = Callable[[Endpoint], tuple[StreamCall, pa.Schema]]
BUSY_WAITS = 3  # how often a stream waits for a busy server, each time as long as the server asks for


class ClosableBatches(Protocol):
    """The source of a reader: non-empty batches of one schema, until ``close``."""

    @property
    def schema(self) -> pa.Schema:
        """The schema of the batches."""

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The batches."""

    def __next__(self) -> pa.RecordBatch:
        """The next batch."""

    def close(self) -> None:
        """Cancel the running calls; a waiting read, and every later one, raises StreamClosedError."""


class FlightStream(Iterator[pa.RecordBatch]):
    """The batches of some endpoints, in their order, one ``do_get`` at a time.

    One thread reads; any thread may close. Empty batches are left out. The stream waits for a busy server, for less
    than ``patience`` seconds. Raises FlightClientError, and StreamClosedError for a read after ``close``: an end
    without an error always means that all rows were read.
    """

    def __init__(
        self,
        open_call: OpenCall,
        endpoints: Sequence[Endpoint],
        uri: str,
        schema: pa.Schema | None = None,
        *,
        patience: float = math.inf,
    ) -> None:
        self._open_call = open_call
        self._endpoints = deque(endpoints)
        self._uri = uri
        self._schema = schema
        self._patience = patience
        self._has_rows = False
        self._waits = 0  # for a busy server, since the last row
        self._lock = threading.Lock()
        self._reader: StreamCall | None = None
        self._closed = threading.Event()
        ALL.add(self)

    @property
    def schema(self) -> pa.Schema:
        """The schema of the batches; opens the first endpoint if it is not known yet."""
        while self._schema is None:
            if not self._endpoints:
                raise FlightClientError("no_endpoints", f"the server at {self._uri} names no endpoint for the request")
            self._open_next()
        return self._schema

    def __next__(self) -> pa.RecordBatch:
        while self._open_next():
            batch = self._read()
            if batch is not None and batch.num_rows:
                return batch
        raise StopIteration

    def close(self) -> None:
        """Cancel the running call, if any; a waiting read raises StreamClosedError."""
        with self._lock:
            self._closed.set()
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()

    def _open_next(self) -> bool:
        """Open the call for the next endpoint unless one is open; returns False if no endpoint is left."""
        if self._reader is not None:
            return True
        if self._closed.is_set():
            raise closed("stream")
        while self._endpoints:
            try:
                with translated(self._uri):
                    reader, schema = self._open_call(self._endpoints[0])
            except ServerBusyError as error:
                self._wait(error)
                continue
            with self._lock:
                if not self._closed.is_set():
                    self._reader = reader
            if self._closed.is_set():  # closed by another thread while the call was being made
                reader.cancel()
                raise closed("stream")
            self._check(schema)
            return True
        return False

    def _wait(self, error: ServerBusyError) -> None:
        """Wait as long as a busy server asks for; raises the error after too many or too long waits."""
        self._waits += 1
        if self._waits > BUSY_WAITS or self._waits * error.retry_after >= self._patience:
            self.close()
            raise error
        if self._closed.wait(error.retry_after):
            raise closed("stream") from None

    def _check(self, schema: pa.Schema) -> None:
        if self._schema is None:
            self._schema = schema
        elif not schema.equals(self._schema):
            # engines read memory by the promised schema: a batch of another schema must not reach them
            self.close()
            raise FlightClientError("schema_mismatch", f"the server sends {schema}, promised was {self._schema}")

    def _read(self) -> pa.RecordBatch | None:
        """The next batch of the call; None at its end, or if the server was busy and the call must be repeated."""
        reader = self._reader
        try:
            if reader is None:
                raise closed("stream")
            with translated(self._uri):
                batch = (reader.read_chunk() if self._has_rows else self._first_chunk(reader)).data
        except StopIteration:
            self._endpoints.popleft()
            self._reader = None
            return None
        except FlightClientError as error:
            if self._closed.is_set():
                raise closed("stream") from None
            if isinstance(error, ServerBusyError):  # raised only in place of the first row
                self._reader = None
                self._wait(error)
                return None
            self.close()
            raise
        self._waits = 0
        self._has_rows = True
        return batch

    def _first_chunk(self, reader: StreamCall) -> flight.FlightStreamChunk:
        """The first batch, which may take long to compute: the main thread waits so that Ctrl-C ends the wait."""
        if threading.current_thread() is not threading.main_thread():
            return reader.read_chunk()
        found: Future[flight.FlightStreamChunk] = Future()

        def read() -> None:
            try:
                found.set_result(reader.read_chunk())
            except (StopIteration, pa.ArrowException, flight.FlightError, OSError, FlightClientError) as error:
                found.set_exception(error)
            finally:
                found.cancel()  # no effect after a result

        FETCH_THREADS.start(threading.Thread(target=read, name="flight_client first batch", daemon=True))
        try:
            return found.result()
        except KeyboardInterrupt:
            self.close()
            raise


class FlightReader(Iterator[pa.RecordBatch]):
    """A stream of record batches with the methods of pyarrow's RecordBatchReader; ``close`` cancels the stream at once.

    Iterate over it (also with ``async for``, which reads each batch in another thread), call ``read_all``, or pass it
    to a library that takes the Arrow C stream protocol (DuckDB, Polars, pandas, ``pyarrow.dataset.write_dataset``). The
    end of its ``with`` block closes it, and so does garbage collection.
    """

    def __init__(self, schema: pa.Schema, stream: ClosableBatches, batches: Iterator[pa.RecordBatch]) -> None:
        self.schema = schema
        self._stream = stream
        self._batches = _closing(stream, batches)
        self._error: FlightClientError | None = None

    def __next__(self) -> pa.RecordBatch:
        if self._error is not None:  # a failed generator would look like one at its end
            raise self._error
        try:
            return next(self._batches)
        except FlightClientError as error:
            self._error = error
            raise
        except KeyboardInterrupt:
            self._error = closed("stream")
            raise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> pa.RecordBatch:
        try:
            batch = await asyncio.to_thread(next, self, None)
        except asyncio.CancelledError:
            self.close()  # ends the read in the other thread
            raise
        if batch is None:
            raise StopAsyncIteration
        return batch

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def read_next_batch(self) -> pa.RecordBatch:
        """The next batch; raises StopIteration at the end."""
        return next(self)

    def read_all(self, progress: Callable[[int], None] | None = None) -> pa.Table:
        """All remaining rows; ``progress`` is called after each batch with the number of rows read so far."""
        return pa.Table.from_batches(self if progress is None else self._counted(progress), schema=self.schema)

    def read_pandas(self, **options: object) -> object:
        """All remaining rows as a pandas DataFrame; takes the options of ``pyarrow.Table.to_pandas``."""
        return self.read_all().to_pandas(**options)

    def to_arrow(self) -> pa.RecordBatchReader:
        """The same stream as a pyarrow RecordBatchReader, for code that requires this class.

        The ``close`` of the result does nothing; the stream ends when the result is dropped or this reader is closed.
        """
        return pa.RecordBatchReader.from_batches(self.schema, self._batches)

    def close(self) -> None:
        """Cancel the stream; a second call does nothing."""
        self._stream.close()

    def _counted(self, progress: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
        rows = 0
        for batch in self:
            rows += batch.num_rows
            progress(rows)
            yield batch


def _closing(stream: ClosableBatches, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches; the stream is closed after the last one, after an error, or when the iterator is dropped."""
    try:
        while True:
            with ENGINE_THREADS.reading():
                batch = next(batches, None)
            if batch is None:
                return
            yield batch
    finally:
        stream.close()
