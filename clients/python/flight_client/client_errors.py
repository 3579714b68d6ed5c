"""Errors of the client: a stable code and a message for people, without the transport's debug text.

The server sends both as JSON in a Flight error's ``extra_info``. Without it (no server answers, a deadline has passed,
another Flight server), the code names the kind of the Flight or Arrow error.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa
from pyarrow import flight

from arrowdsl.errors import DataError


class FlightClientError(DataError):
    """A failed request; ``code`` is stable, ``message`` names the fault and the allowed values."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.args = (code, message)
        self.code = code

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class UnreachableError(FlightClientError):
    """No server answers at the address, or the connection broke; the code is ``unreachable``."""


class StreamClosedError(FlightClientError):
    """A read from a stream or client that was closed; the code is ``closed``."""


class ServerBusyError(FlightClientError):
    """The server has no room for the stream; retry after ``retry_after`` seconds."""

    def __init__(self, code: str, message: str, retry_after: float) -> None:
        super().__init__(code, message)
        self.args = (code, message, retry_after)
        self.retry_after = retry_after


_CODES: tuple[tuple[type[Exception], str], ...] = (
    (flight.FlightTimedOutError, "timed_out"),
    (flight.FlightCancelledError, "cancelled"),
    (flight.FlightUnauthenticatedError, "unauthenticated"),
    (flight.FlightUnauthorizedError, "unauthorized"),
    (flight.FlightWriteSizeExceededError, "too_large"),
    (flight.FlightInternalError, "internal"),
    (flight.FlightError, "server_error"),
    (pa.ArrowNotImplementedError, "not_implemented"),
    (pa.ArrowKeyError, "not_found"),
    (Exception, "invalid"),
)


def closed(what: str) -> StreamClosedError:
    """The error for a use of ``what`` after it was closed."""
    return StreamClosedError("closed", f"the {what} was closed")


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Raise the errors of Arrow and Flight in the block as FlightClientErrors."""
    try:
        yield
    except (pa.ArrowException, flight.FlightError, OSError) as error:  # Arrow's IOError is Python's OSError
        # "from None": the transport's error carries its debug context, which means nothing to the caller
        raise _client_error(error, uri) from None


def busy_error(error: flight.FlightError) -> ServerBusyError | None:
    """The error as a ServerBusyError if a server without room sent it, else None."""
    match _server_error(error):
        case {"code": str(code), "message": str(message), "retry_after": int() | float() as seconds}:
            return ServerBusyError(code, message, float(seconds))
        case _:
            return None


def _client_error(error: Exception, uri: str) -> FlightClientError:
    busy = busy_error(error)
    if busy is not None:
        return busy
    match _server_error(error):
        case {"code": str(code), "message": str(message)}:
            return FlightClientError(code, message)
    if isinstance(error, flight.FlightUnavailableError):
        return UnreachableError("unreachable", f"no Flight server answers at {uri}")
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    return FlightClientError(code, _without_debug_context(str(error)))


def _server_error(error: Exception) -> Mapping[str, object]:
    """The JSON object in the error's ``extra_info``; empty if there is none."""
    try:
        document = json.loads(getattr(error, "extra_info", b"") or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _without_debug_context(text: str) -> str:
    for end in (" gRPC client debug context:", " Client context:", " Detail: "):
        text = text.partition(end)[0]
    return text.rstrip(". ") or "the server gave no message"
