"""The one place where exceptions become Flight errors: every handler and every stream is guarded.

pyarrow would send the traceback and the server's file paths of any other exception to the client.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import ParamSpec, TypeVar

import pyarrow as pa
from pyarrow import flight

from arrowdsl.errors import DataError
from flight_server.access.identities import ForbiddenError, UnauthenticatedError
from flight_server.serving.failures import InternalError, printable, reported
from flight_server.serving.limits import BusyError, TimeLimitError
from flight_server.serving.running_calls import CancelledCallError, StoppingError
from flight_server.serving.wire_json import json_bytes

_KINDS: Mapping[type[DataError], type[flight.FlightError]] = MappingProxyType(
    {
        StoppingError: flight.FlightUnavailableError,
        CancelledCallError: flight.FlightCancelledError,
        TimeLimitError: flight.FlightTimedOutError,
        InternalError: flight.FlightInternalError,
        UnauthenticatedError: flight.FlightUnauthenticatedError,
        ForbiddenError: flight.FlightUnauthorizedError,
    }
)
HEADER_BYTES = 1800  # gRPC may lose an error with over 8 KiB of headers, and the headers repeat the message four times
Item = TypeVar("Item")
Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


def flight_error(error: Exception) -> flight.FlightError:
    """The error for the client: a message, and ``extra_info`` with the JSON keys code and message."""
    if isinstance(error, flight.FlightError):
        return error
    match reported(error):
        case BusyError(code=code, message=message, retry_after=seconds):
            return answer(flight.FlightUnavailableError, code, message, retry_after=seconds)
        case DataError(code=code, message=message) as shown:
            kind = next((kind for known, kind in _KINDS.items() if isinstance(shown, known)), flight.FlightServerError)
            return answer(kind, code, message)


def guarded(handler: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
    """The handler with every exception turned into a Flight error."""

    @functools.wraps(handler)
    def call(*arguments: Parameters.args, **options: Parameters.kwargs) -> Answer:
        try:
            return handler(*arguments, **options)
        except Exception as error:
            raise flight_error(error) from None

    return call


def guarded_iterator(items: Iterator[Item]) -> Iterator[Item]:
    """The items, with every exception turned into a Flight error."""
    try:
        yield from items
    except Exception as error:
        raise flight_error(error) from None


def guarded_reader(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatchReader]:
    """The batches as one reader for a GeneratorStream, with every exception turned into a Flight error.

    A reader is a fifth faster than a table for each batch, which would send the dictionaries again with each. pyarrow
    keeps the class of an error from the generator alone, so the reader ends at an error and the generator raises it.
    """
    errors: list[flight.FlightError] = []

    def until_error() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except Exception as error:
            errors.append(flight_error(error))

    yield pa.RecordBatchReader.from_batches(schema, until_error())
    for error in errors:
        raise error from None


def answer(kind: type[flight.FlightError], code: str, message: str, **more: float) -> flight.FlightError:
    """The Flight error with a code: the message ends with the code; ``extra_info`` has both and ``more`` as JSON."""
    shown = printable(message, HEADER_BYTES)
    # the text repeats the code, since an error of get_schema reaches the client as text alone
    return kind(f"{shown} [{code}]", extra_info=json_bytes({"code": code, "message": shown, **more}))
