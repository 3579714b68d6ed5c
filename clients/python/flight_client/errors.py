"""What can go wrong at the client: a code that is stable and a message for people, never the transport's own text.

The server sends both as JSON in a Flight error's ``extra_info``. Where there is none (no server, a deadline that has
passed, a server of another make) the code says what kind of failure it was.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from pyarrow import flight


class FlightClientError(Exception):
    """A request that failed; ``code`` is stable, ``message`` says what was wrong and what is allowed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class UnreachableError(FlightClientError):
    """No server answers at the address, or it went away; the code is ``unreachable``."""


class StreamClosedError(FlightClientError):
    """A read from a stream or client that was closed; the code is ``closed``."""


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
    """The error of using ``what`` after its end."""
    return StreamClosedError("closed", f"the {what} was closed")


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Raise what Arrow and Flight raise within as a FlightClientError."""
    try:
        yield
    except (pa.ArrowException, flight.FlightError, OSError) as error:  # Arrow's IOError is Python's OSError
        # "from None": the transport's error carries its debug context, which says nothing to the caller
        raise _client_error(error, uri) from None


def _client_error(error: Exception, uri: str) -> FlightClientError:
    match _server_error(error):
        case {"code": str(code), "message": str(message)}:
            return FlightClientError(code, message)
    if isinstance(error, flight.FlightUnavailableError):
        return UnreachableError("unreachable", f"no Flight server answers at {uri}")
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    return FlightClientError(code, _without_debug_context(str(error)))


def _server_error(error: Exception) -> object:
    try:
        return json.loads(getattr(error, "extra_info", b"") or b"null")
    except ValueError:
        return None


def _without_debug_context(text: str) -> str:
    for end in (" gRPC client debug context:", " Client context:", " Detail: "):
        text = text.partition(end)[0]
    return text.rstrip(". ") or "the server gave no message"
