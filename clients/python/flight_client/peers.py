"""The servers of a client: the origin, which is the server at the client's URI, and the servers that endpoints name.

An endpoint lists the locations of its rows, first choice first: none (the origin), the same connection, or servers over
the same store. If a location does not answer, the client tries the next one; for a while the failed server is tried
last, and a busy server for the time that it asks for. The origin is always among the choices. After its first row a
stream never changes its server.
"""

import math
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import flight

from flight_client.client_errors import FlightClientError, ServerBusyError, busy_error, closed, translated
from flight_client.live import check_process
from flight_client.tickets import REUSE_CONNECTION

_ENCRYPTED = "grpc+tls"
PASSED_OVER = 30.0  # seconds during which a server that did not answer is tried last
# The bytes of a stream that are sent ahead of the reader. gRPC's own estimate grows up to 1 GiB a stream on a busy
# machine, which is client memory while the reader pauses; and data outside the processor's cache is slower.
WINDOW = 1024 * 1024  # bytes
_CHANNEL = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", WINDOW))


@dataclass(frozen=True)
class Endpoint:
    """Rows to be fetched: the ticket's bytes, and the locations of the rows (none: the origin)."""

    ticket: bytes
    locations: tuple[str, ...] = ()


def endpoint_of(endpoint: flight.FlightEndpoint) -> Endpoint:
    """An endpoint of a FlightInfo."""
    return Endpoint(endpoint.ticket.ticket, tuple(location.uri.decode() for location in endpoint.locations))


@dataclass(frozen=True)
class Tls:
    """Certificates for ``grpc+tls://``, each the path of a PEM file.

    ``ca`` signed the server's certificate, if the system does not know it; ``cert`` and ``key`` are the client's own.
    """

    ca: str | os.PathLike[str] | None = None
    cert: str | os.PathLike[str] | None = None
    key: str | os.PathLike[str] | None = field(default=None, repr=False)

    def options(self) -> dict[str, bytes]:
        """The arguments for pyarrow's client. Raises FlightClientError."""
        named = {"tls_root_certs": self.ca, "cert_chain": self.cert, "private_key": self.key}
        try:
            return {name: Path(path).read_bytes() for name, path in named.items() if path is not None}
        except OSError as error:
            raise FlightClientError("invalid_tls", f"{error.filename} can't be read: {error.strerror}") from None


SYSTEM_TLS = Tls()  # the CAs that gRPC knows


class Peers:
    """The connections of a client, opened on demand; ``origin`` is the connection to ``uri``."""

    def __init__(self, uri: str, timeout: float | None, headers: Mapping[str, str], tls: Tls) -> None:
        check_process(_opened_by())
        self.uri = uri
        self.timeout = timeout
        self.patience = math.inf if timeout is None else timeout
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        # Arrow's compute functions warn on stderr about unaligned buffers, as they come off the wire: have them aligned
        aligned = pa.ipc.IpcReadOptions(ensure_alignment=pa.ipc.Alignment.DataTypeSpecific)
        self.options = flight.FlightCallOptions(timeout=timeout, headers=pairs, read_options=aligned)
        self._tls = tls.options()
        with translated(uri):
            self.origin = self._connected(uri)
        self._lock = threading.Lock()
        self._connections: dict[str, flight.FlightClient] = {uri: self.origin}
        self._asked_last_until: dict[str, float] = {}
        self._closed = False

    def open(self, endpoint: Endpoint) -> tuple["EndpointCall", pa.Schema]:
        """The call for an endpoint and its schema.

        Raises Flight's own errors: if no server accepts the call, the error of a busy one, else the last error.
        """
        refused = flight.FlightUnavailableError("there is no location")
        for uri in self._choices(endpoint.locations):
            try:
                reader = self._connection(uri).do_get(flight.Ticket(endpoint.ticket), self.options)
                return EndpointCall(self, uri, endpoint, reader), reader.schema
            except _UnusableLocationError:
                self._ask_last(uri, PASSED_OVER)
            except flight.FlightTimedOutError as error:
                if uri == self.uri:
                    raise
                self._ask_last(uri, PASSED_OVER)
                refused = error
            except flight.FlightUnavailableError as error:
                busy = busy_error(error)
                self._ask_last(uri, PASSED_OVER if busy is None else busy.retry_after)
                if busy is not None or busy_error(refused) is None:
                    refused = error
        raise refused

    def refused(self, uri: str, endpoint: Endpoint, busy: ServerBusyError) -> ServerBusyError:
        """The error of a busy server, with a ``retry_after`` of 0 if another server can be tried."""
        self._ask_last(uri, busy.retry_after)
        if self._asked_last_until.get(self._choices(endpoint.locations)[0], 0.0) <= time.monotonic():
            busy.retry_after = 0.0
        return busy

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            self._closed = True
            connections = list(self._connections.values())
        for connection in connections:
            connection.close()

    def _choices(self, locations: Sequence[str]) -> list[str]:
        """The locations and the origin, each once, in the order in which they are tried."""
        named = (self.uri if location == REUSE_CONNECTION else location for location in locations)
        now, last = time.monotonic(), self._asked_last_until
        return sorted(dict.fromkeys((*named, self.uri)), key=lambda uri: last.get(uri, now) > now)

    def _ask_last(self, uri: str, seconds: float) -> None:
        self._asked_last_until[uri] = time.monotonic() + seconds

    def _connected(self, uri: str) -> flight.FlightClient:
        parsed = urlsplit(uri)
        if urlsplit(self.uri).scheme == _ENCRYPTED and parsed.scheme != _ENCRYPTED:
            raise _UnusableLocationError(uri)  # tokens and rows that are encrypted here would be plain text there
        is_here = (parsed.hostname or "") in {"localhost", "127.0.0.1", "::1"}
        own = (("grpc.enable_http_proxy", 0),) if is_here else ()  # gRPC would send even these calls to ``http_proxy``
        tls = self._tls if parsed.scheme == _ENCRYPTED else {}
        return flight.connect(uri, generic_options=[*_CHANNEL, *own], **tls)

    def _connection(self, uri: str) -> flight.FlightClient:
        with self._lock:
            if uri not in self._connections:
                if self._closed:
                    raise closed("client")
                try:
                    self._connections[uri] = self._connected(uri)
                except pa.ArrowException as error:
                    raise _UnusableLocationError(uri) from error
            return self._connections[uri]


class EndpointCall:
    """A call for an endpoint at one of its servers, with the methods of pyarrow's reader."""

    def __init__(self, peers: Peers, uri: str, endpoint: Endpoint, reader: flight.FlightStreamReader) -> None:
        self._peers = peers
        self._uri = uri
        self._endpoint = endpoint
        self._reader = reader

    def read_chunk(self) -> flight.FlightStreamChunk:
        """The next batch; raises StopIteration at the end, and ServerBusyError in place of the first one."""
        try:
            return self._reader.read_chunk()
        except flight.FlightUnavailableError as error:
            busy = busy_error(error)
            raise error if busy is None else self._peers.refused(self._uri, self._endpoint, busy) from None

    def cancel(self) -> None:
        """End the call, from any thread."""
        self._reader.cancel()


@cache
def _opened_by() -> int:
    """The process that opened the first connection."""
    return os.getpid()


class _UnusableLocationError(Exception):
    """A location with an unsupported URI."""
