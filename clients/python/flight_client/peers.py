"""The servers behind a client: the one at its URI, called the origin, and those that endpoints name.

An endpoint names the places where its rows can be fetched, first choice first: no place in particular (the origin), the
same connection, or servers over the same store. If a location does not answer, the client tries the next one, and for a
while asks this one last. A server that is busy keeps its place in the order. The origin is the last resort. After the
first rows a stream stays where it is.
"""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import flight

from flight_client.client_errors import closed, says_busy, translated

REUSE_CONNECTION = "arrow-flight-reuse-connection://?"
PASSED_OVER = 30.0  # seconds during which a server that did not answer is asked last
# The bytes that a stream may have under way. gRPC's own estimate grows up to 1 GiB for each stream when the machine is
# busy, all of it held here while the reader pauses; and data that does not fit into the processor's cache is slower.
WINDOW = 1024 * 1024  # bytes
_CHANNEL = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", WINDOW))


@dataclass(frozen=True)
class Endpoint:
    """Rows to be fetched: the ticket's bytes, and the locations that have them (none: the origin)."""

    ticket: bytes
    locations: tuple[str, ...] = ()


def endpoint_of(endpoint: flight.FlightEndpoint) -> Endpoint:
    """An endpoint of a FlightInfo."""
    return Endpoint(endpoint.ticket.ticket, tuple(location.uri.decode() for location in endpoint.locations))


class Peers:
    """The connections of a client, opened as they are needed; ``origin`` is the one to the server at ``uri``."""

    def __init__(self, uri: str, timeout: float | None, headers: Mapping[str, str]) -> None:
        self.uri = uri
        self.patience = math.inf if timeout is None else timeout
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        # Arrow's own compute warns on stderr about buffers as they come off the wire: have them aligned
        aligned = pa.ipc.IpcReadOptions(ensure_alignment=pa.ipc.Alignment.DataTypeSpecific)
        self.options = flight.FlightCallOptions(timeout=timeout, headers=pairs, read_options=aligned)
        with translated(uri):
            self.origin = _connected(uri)
        self._lock = threading.Lock()
        self._connections: dict[str, flight.FlightClient] = {uri: self.origin}
        self._silent_until: dict[str, float] = {}
        self._closed = False

    def open(self, endpoint: Endpoint) -> tuple[flight.FlightStreamReader, pa.Schema]:
        """The stream of an endpoint and its schema.

        Raises Flight's own errors: if no choice has room or answers, that of a busy server, else that of the last.
        """
        refused = flight.FlightUnavailableError("there is no location")
        for uri in self._choices(endpoint.locations):
            try:
                return self._open_at(uri, endpoint)
            except _UnusableLocationError:
                self._silent_until[uri] = time.monotonic() + PASSED_OVER
            except flight.FlightUnavailableError as error:
                if says_busy(error):
                    refused = error
                else:
                    self._silent_until[uri] = time.monotonic() + PASSED_OVER
                    refused = refused if says_busy(refused) else error
        raise refused

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            self._closed = True
            connections = list(self._connections.values())
        for connection in connections:
            connection.close()

    def _choices(self, locations: Sequence[str]) -> list[str]:
        """The locations in the order in which they are tried, each once; the origin is among them."""
        named = (self.uri if location == REUSE_CONNECTION else location for location in locations)
        now = time.monotonic()
        return sorted(dict.fromkeys((*named, self.uri)), key=lambda uri: self._silent_until.get(uri, now) > now)

    def _open_at(self, uri: str, endpoint: Endpoint) -> tuple[flight.FlightStreamReader, pa.Schema]:
        reader = self._connection(uri).do_get(flight.Ticket(endpoint.ticket), self.options)
        return reader, reader.schema

    def _connection(self, uri: str) -> flight.FlightClient:
        with self._lock:
            if uri not in self._connections:
                if self._closed:
                    raise closed("client")
                try:
                    self._connections[uri] = _connected(uri)
                except pa.ArrowException as error:
                    raise _UnusableLocationError(uri) from error
            return self._connections[uri]


def _connected(uri: str) -> flight.FlightClient:
    return flight.connect(uri, generic_options=list(_CHANNEL))


class _UnusableLocationError(Exception):
    """A location of a kind that can't be connected to."""
