"""Lookups: the client streams keys to the server, and the server streams back the rows with these keys."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TypeAlias

import pyarrow as pa
from pyarrow import flight

from flight_client.client_errors import FlightClientError
from flight_client.peers import Peers
from flight_client.puts import ROWS_PER_MESSAGE, ArrowStream, batches_of
from flight_client.tickets import Ticket, command

Keys: TypeAlias = pa.Array | pa.ChunkedArray | ArrowStream | Iterable[str | int | float | None]


def key_batches(values: Keys) -> pa.RecordBatchReader:
    """The keys as a stream of one column. Raises FlightClientError (``invalid_keys``) for any other data."""
    try:
        reader = _stream_of(values)
    except (TypeError, pa.ArrowException) as error:
        raise FlightClientError("invalid_keys", f"keys are one column of plain values: {error}") from error
    if len(reader.schema) != 1:
        raise FlightClientError("invalid_keys", f"keys are one column, given: {', '.join(reader.schema.names)}")
    return reader


def _stream_of(values: Keys) -> pa.RecordBatchReader:
    match values:
        case pa.Table() | pa.RecordBatchReader():
            return batches_of(values)
        case pa.Array() | pa.ChunkedArray():
            column = values
        case ArrowStream():  # a data frame, or a series: a stream of one column's values
            try:
                return batches_of(values)
            except pa.ArrowInvalid:
                column = pa.chunked_array(values)
        case _:
            column = pa.array(values)
    return pa.table({"key": column}).to_reader(ROWS_PER_MESSAGE)


class Exchange:
    """The call of a lookup, with the methods of pyarrow's reader. The constructor sends the keys."""

    def __init__(self, peers: Peers, request: Ticket, keys: pa.RecordBatchReader) -> None:
        # the writer is stored because the reader shares its call, and ends with it
        self._writer, self._reader = peers.origin.do_exchange(command(request), peers.options)
        try:
            self._send(keys)
            self.schema: pa.Schema = self._reader.schema
        except BaseException:
            self.cancel()
            raise

    def read_chunk(self) -> flight.FlightStreamChunk:
        """The next batch; raises StopIteration at the end."""
        return self._reader.read_chunk()

    def cancel(self) -> None:
        """Cancel the call."""
        self._reader.cancel()
        with suppress(pa.ArrowException, flight.FlightError, OSError):  # Arrow writes to stderr of a writer left open
            self._writer.close()

    def _send(self, keys: pa.RecordBatchReader) -> None:
        try:
            self._writer.begin(keys.schema)
            for batch in keys:
                for start in range(0, batch.num_rows, ROWS_PER_MESSAGE):
                    self._writer.write_batch(batch.slice(start, ROWS_PER_MESSAGE))
            self._writer.done_writing()
        except pa.ArrowException:
            self._writer.close()  # raises the server's error, which says more than the failed write
            raise
