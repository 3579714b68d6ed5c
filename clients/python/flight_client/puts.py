"""Puts: the client sends batches one by one, and reads the server's reply at the end."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Protocol, runtime_checkable

import pyarrow as pa
from pyarrow import flight

from flight_client.client_errors import FlightClientError, translated
from flight_client.tickets import Json, decode

ROWS_PER_MESSAGE = 64 * 1024


@runtime_checkable
class ArrowStream(Protocol):
    """Data with the Arrow C stream protocol: a Table, a RecordBatchReader, a polars DataFrame."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule of the stream."""


def batches_of(data: ArrowStream) -> pa.RecordBatchReader:
    """The data as a stream of batches."""
    if isinstance(data, pa.RecordBatchReader):  # not through a C stream, in which errors lose their class
        return data
    if not isinstance(data, ArrowStream):
        taken = "a pyarrow Table or RecordBatchReader, or any other object with __arrow_c_stream__"
        raise FlightClientError("invalid_data", f"a put takes {taken}; given: {type(data).__name__}")
    return pa.RecordBatchReader.from_stream(data)


class PutStream:
    """A put in progress; ``rows`` counts the rows sent so far, ``reply`` is the server's reply after ``finish``."""

    def __init__(self, writer: flight.FlightStreamWriter, replies: flight.FlightMetadataReader, uri: str) -> None:
        self._writer = writer
        self._replies = replies
        self._uri = uri
        self.rows = 0
        self.reply: Mapping[str, Json] = {}

    def write(self, batch: pa.RecordBatch) -> None:
        """Send a batch, in messages of at most ROWS_PER_MESSAGE rows; raises the server's error."""
        with translated(self._uri):
            try:
                for start in range(0, batch.num_rows, ROWS_PER_MESSAGE):
                    self._writer.write_batch(batch.slice(start, ROWS_PER_MESSAGE))
            except pa.ArrowException:
                self._writer.close()  # raises the server's error, which says more than the failed write
                raise
        self.rows += batch.num_rows

    def end(self) -> None:
        """Tell the server that no more rows follow, so that several puts finish in parallel; call ``finish`` next."""
        with translated(self._uri), suppress(pa.ArrowException):  # ``finish`` raises the error of a refused put
            self._writer.done_writing()

    def finish(self) -> Mapping[str, Json]:
        """End the put and return the server's reply."""
        with translated(self._uri):
            try:
                self._writer.done_writing()
                reply = self._replies.read()
            finally:
                self._writer.close()  # raises the server's error
        self.reply = decode(b"null" if reply is None else reply.to_pybytes(), "answer to a put")
        return self.reply

    def abandon(self) -> None:
        """End the put and ignore its result."""
        with suppress(FlightClientError), translated(self._uri):  # the server may have refused the put
            self._writer.close()


def put_batches(
    opened: Iterable[tuple[str, PutStream]], batches: Iterable[tuple[str, pa.RecordBatch]]
) -> dict[str, int]:
    """Send batches to the puts of their tables; returns the rows of each. Batches of other tables are ignored."""
    streams: dict[str, PutStream] = {}
    try:
        streams.update(opened)
        for table, batch in batches:
            if table in streams:
                streams[table].write(batch)
        for stream in streams.values():
            stream.end()
        for stream in streams.values():
            stream.finish()
    except BaseException:
        for stream in streams.values():
            stream.abandon()
        raise
    return {table: stream.rows for table, stream in streams.items()}
