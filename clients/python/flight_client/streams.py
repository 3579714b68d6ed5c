"""Streams of record batches that stop when they are told to.

A ``FlightStream`` reads one ticket after another from the server; closing it cancels the call on the wire, from any
thread and also while a read is waiting. A ``FlightReader`` is what callers get: the batches, after what is left to do
with them at the reader. pyarrow's own RecordBatchReader can't be that class: closing one over a Python source does
nothing, and the way round that, a C stream, turns every error into ``ArrowInvalid``.
"""

import atexit
import math
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import pyarrow as pa
from pyarrow import flight

from flight_client.errors import FlightClientError, closed, translated

Opener = Callable[[bytes], flight.FlightStreamReader]


class LiveStreams:
    """Streams that are open: a client's own, which end with it, and ``_ALL``, which end with the interpreter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: weakref.WeakSet[FlightStream] = weakref.WeakSet()
        self._closed = False

    def check(self) -> None:
        """Raise StreamClosedError when the client is closed."""
        if self._closed:
            raise closed("client")

    def add(self, stream: "FlightStream") -> None:
        """Track a stream; raises StreamClosedError when the client is closed."""
        with self._lock:
            self.check()
            self._streams.add(stream)

    def close(self) -> None:
        """Cancel every stream, and refuse new ones."""
        with self._lock:
            self._closed = True
        for stream in self._open():
            stream.close()

    def _open(self) -> "list[FlightStream]":
        with self._lock:
            return list(self._streams)


class EngineThreads:
    """The threads other than the main one that read streams: those of a query engine, as a rule."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reading = 0
        self._last = -math.inf

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around a read by any thread."""
        if threading.current_thread() is threading.main_thread():
            yield
            return
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def wait(self) -> None:
        """Wait until no thread reads, and none has for long enough to have dropped what it read."""
        end = time.monotonic() + _LONGEST_WAIT
        while time.monotonic() < end and (self._reading or time.monotonic() < self._last + _QUIET):
            time.sleep(0.005)

    def _count(self, change: int) -> None:
        with self._lock:
            self._reading += change
            self._last = time.monotonic()


_QUIET, _LONGEST_WAIT = 0.25, 5.0  # seconds
_ALL = LiveStreams()
_ENGINE_THREADS = EngineThreads()


def _end_all() -> None:
    # An engine that stopped at a LIMIT may still have a thread that reads on. One that calls into Python after the
    # interpreter is gone takes the process down ("FATAL: exception not rethrown"): cancel what it waits for, and give
    # it the time to see that and let go.
    _ALL.close()
    _ENGINE_THREADS.wait()


atexit.register(_end_all)


class FlightStream(Iterator[pa.RecordBatch]):
    """The batches of some tickets, in their order, one ``do_get`` at a time.

    One thread reads; any thread may close. Empty batches are left out. Raises FlightClientError, and StreamClosedError
    for a read after ``close``: rows that were not read are never a silent end.
    """

    def __init__(self, opener: Opener, tickets: Sequence[bytes], uri: str, schema: pa.Schema | None = None) -> None:
        self._opener = opener
        self._tickets = iter(tickets)
        self._uri = uri
        self._schema = schema
        self._lock = threading.Lock()
        self._reader: flight.FlightStreamReader | None = None
        self._closed = False
        _ALL.add(self)

    @property
    def schema(self) -> pa.Schema:
        """The schema of the batches; opens the first ticket when it is not known yet."""
        if self._schema is None and not self._open_next():
            raise FlightClientError("no_endpoints", f"the server at {self._uri} names no endpoint for the request")
        return self._schema

    def __next__(self) -> pa.RecordBatch:
        with _ENGINE_THREADS.reading():
            while self._reader is not None or self._open_next():
                batch = self._read()
                if batch is None:
                    self._reader = None
                elif batch.num_rows:
                    return batch
        raise StopIteration

    def close(self) -> None:
        """Cancel the call that is running, if any; a read that waits for it ends with StreamClosedError."""
        with self._lock:
            self._closed = True
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()

    def _open_next(self) -> bool:
        if self._closed:
            raise closed("stream")
        ticket = next(self._tickets, None)
        if ticket is None:
            return False
        with translated(self._uri):
            reader = self._opener(ticket)
            schema = reader.schema
        with self._lock:
            if not self._closed:
                self._reader = reader
        if self._closed:  # closed by another thread while the call was being made
            reader.cancel()
            raise closed("stream")
        self._check(schema)
        return True

    def _check(self, schema: pa.Schema) -> None:
        if self._schema is None:
            self._schema = schema
        elif not schema.equals(self._schema):
            # engines read the memory by the schema that they were told: a wrong one must not reach them
            self.close()
            raise FlightClientError("schema_mismatch", f"the server sends {schema}, promised was {self._schema}")

    def _read(self) -> pa.RecordBatch | None:
        reader = self._reader
        try:
            if reader is None:
                raise closed("stream")
            with translated(self._uri):
                return reader.read_chunk().data
        except StopIteration:
            return None
        except FlightClientError:
            if self._closed:
                raise closed("stream") from None
            self.close()
            raise


class FlightReader(Iterator[pa.RecordBatch]):
    """A stream of record batches, read as pyarrow's RecordBatchReader is; closing it cancels the stream at once.

    Iterate over it, call ``read_all``, or hand it to anything that takes the Arrow C stream protocol (DuckDB, Polars,
    pandas, ``pyarrow.dataset.write_dataset``). Leaving its ``with`` block closes it; dropping it does too.
    """

    def __init__(self, schema: pa.Schema, stream: FlightStream, batches: Iterator[pa.RecordBatch]) -> None:
        self.schema = schema
        self._stream = stream
        self._batches = _closing(stream, batches)
        self._error: FlightClientError | None = None

    def __next__(self) -> pa.RecordBatch:
        if self._error is not None:  # a generator that has failed would look like one that is at its end
            raise self._error
        try:
            return next(self._batches)
        except FlightClientError as error:
            self._error = error
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def read_next_batch(self) -> pa.RecordBatch:
        """The next batch; raises StopIteration at the end."""
        return next(self)

    def read_all(self) -> pa.Table:
        """All remaining rows."""
        return pa.Table.from_batches(self, schema=self.schema)

    def read_pandas(self, **options: object) -> object:
        """All remaining rows as a pandas DataFrame; takes the options of ``pyarrow.Table.to_pandas``."""
        return self.read_all().to_pandas(**options)

    def to_arrow(self) -> pa.RecordBatchReader:
        """The same stream as a pyarrow RecordBatchReader, for code that asks for the class.

        Its own ``close`` does nothing; the stream ends when it is dropped, or with this reader's ``close``.
        """
        return pa.RecordBatchReader.from_batches(self.schema, self._batches)

    def close(self) -> None:
        """Cancel the stream; closing twice does nothing more."""
        self._stream.close()


def _closing(stream: FlightStream, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches; the stream is closed after the last, after an error, or when the iterator is dropped."""
    try:
        yield from batches
    finally:
        stream.close()
