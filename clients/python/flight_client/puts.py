"""Puts: batches are sent one by one, and the server's one reply is read at the end."""

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
    if isinstance(data, pa.RecordBatchReader):  # as it is: through a C stream its errors would lose their class
        return data
    return pa.RecordBatchReader.from_stream(data)


class PutStream:
    """A table being written; ``rows`` counts those sent so far, ``reply`` is the server's once it is finished."""

    def __init__(self, writer: flight.FlightStreamWriter, replies: flight.FlightMetadataReader, uri: str) -> None:
        self._writer = writer
        self._replies = replies
        self._uri = uri
        self.rows = 0
        self.reply: Mapping[str, Json] = {}

    def write(self, batch: pa.RecordBatch) -> None:
        """Send a batch, in messages of at most ROWS_PER_MESSAGE rows; raises the server's refusal."""
        with translated(self._uri):
            try:
                for start in range(0, batch.num_rows, ROWS_PER_MESSAGE):
                    self._writer.write_batch(batch.slice(start, ROWS_PER_MESSAGE))
            except pa.ArrowException:
                self._writer.close()  # raises the server's refusal, which says more than a failed write
                raise
        self.rows += batch.num_rows

    def end(self) -> None:
        """Say that no more rows come, so that the server gets on with this put while others end; then ``finish``."""
        with translated(self._uri), suppress(pa.ArrowException):  # a put that was refused says so in ``finish``
            self._writer.done_writing()

    def finish(self) -> Mapping[str, Json]:
        """End the put and give the server's reply."""
        with translated(self._uri):
            try:
                self._writer.done_writing()
                reply = self._replies.read()
            finally:
                self._writer.close()  # raises the server's refusal
        self.reply = decode(b"null" if reply is None else reply.to_pybytes(), "answer to a put")
        return self.reply

    def abandon(self) -> None:
        """End the put, and ignore its result."""
        with suppress(FlightClientError), translated(self._uri):  # it may have been refused already
            self._writer.close()


def put_batches(
    opened: Iterable[tuple[str, PutStream]], batches: Iterable[tuple[str, pa.RecordBatch]]
) -> dict[str, int]:
    """Send the batches of several tables to their puts; gives the rows of each. Batches of other tables are ignored."""
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
