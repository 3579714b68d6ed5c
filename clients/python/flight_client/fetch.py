"""From requests to streams: one call for the whole request, or the endpoints fetched in parallel."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import pyarrow as pa
from pyarrow import flight

from flight_client.client_errors import FlightClientError, translated
from flight_client.live import LiveStreams
from flight_client.lookups import Exchange
from flight_client.parallel import STREAMS, ParallelStream
from flight_client.peers import SYSTEM_TLS, Endpoint, Peers, endpoint_of
from flight_client.streams import ClosableBatches, FlightStream
from flight_client.tickets import Ticket, command, decode, encode


@dataclass(frozen=True)
class Fetching:
    """The number of endpoints fetched at a time, and whether rows come in the endpoints' order."""

    streams: int = STREAMS
    ordered: bool = True

    def __post_init__(self) -> None:
        if self.streams < 1:
            raise FlightClientError("invalid_ticket", f"streams is 1 or more, given: {self.streams}")


@dataclass(frozen=True)
class Fetcher:
    """Opens the streams of a client, and tracks them until they are closed."""

    peers: Peers
    live: LiveStreams

    def __reduce__(self) -> tuple[Callable[..., "Fetcher"], tuple[str, float | None]]:
        return _connected_again, (self.peers.uri, self.peers.timeout)

    def info(self, request: Ticket) -> flight.FlightInfo:
        """The server's FlightInfo for a request."""
        self.live.check()
        with translated(self.peers.uri):
            return self.peers.origin.get_flight_info(command(request), self.peers.options)

    def endpoints(self, request: Ticket) -> list[Ticket]:
        """The tickets of a request's endpoints."""
        return [decode(endpoint.ticket.ticket, "ticket") for endpoint in self.info(request).endpoints]

    def whole(self, request: Ticket, schema: pa.Schema | None = None) -> FlightStream:
        """The rows of a request in one call, which starts when the first row or the schema is read."""
        return self._stream([Endpoint(encode(request))], schema)

    def by_endpoint(self, request: Ticket, schema: pa.Schema | None = None, *, how: Fetching) -> ClosableBatches:
        """The rows of a request's endpoints, fetched in parallel."""
        info = self.info(request)
        schema = info.schema if schema is None else schema
        endpoints = [endpoint_of(endpoint) for endpoint in info.endpoints]
        if min(how.streams, len(endpoints)) <= 1:
            return self._stream(endpoints, schema)
        stream = ParallelStream(
            lambda endpoint: self._stream([endpoint], schema),
            endpoints,
            schema,
            streams=how.streams,
            ordered=how.ordered,
        )
        self.live.add(stream)
        return stream

    def lookup(self, request: Ticket, keys: pa.RecordBatchReader) -> FlightStream:
        """The rows of a lookup."""
        self.live.check()

        def exchange(_: Endpoint) -> tuple[Exchange, pa.Schema]:
            answer = Exchange(self.peers, request, keys)
            return answer, answer.schema

        stream = FlightStream(
            exchange, [Endpoint(encode(request))], self.peers.uri, patience=0
        )  # the keys are sent once
        self.live.add(stream)
        return stream

    def _stream(self, endpoints: Sequence[Endpoint], schema: pa.Schema | None) -> FlightStream:
        stream = FlightStream(self.peers.open, endpoints, self.peers.uri, schema, patience=self.peers.patience)
        self.live.add(stream)
        return stream


@cache
def _connected_again(uri: str, timeout: float | None) -> Fetcher:
    """The fetcher of all datasets of a server that are unpickled in this process, open until the process ends."""
    return Fetcher(Peers(uri, timeout, {}, SYSTEM_TLS), LiveStreams(os.getpid()))
