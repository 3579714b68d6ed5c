"""The one place where exceptions become Flight errors: every handler and every stream is guarded.

A ``DataError`` is reported to the client with its code. Any other exception is a fault of the server: the log gets the
traceback, and the client a short message, since pyarrow would send the traceback and the server's file paths.
"""

import functools
import logging
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import ParamSpec, TypeVar

import pyarrow as pa
from pyarrow import flight

from arrowdsl.errors import DataError
from flight_server.rpc.codec import json_bytes
from flight_server.serving.limits import BusyError, TimeLimitError

LOG = logging.getLogger("flight_server")
HEADER_BYTES = 1800  # gRPC may lose an error with over 8 KiB of headers, and the headers repeat the message four times
Item = TypeVar("Item")
Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


def flight_error(error: Exception) -> flight.FlightError:
    """The error for the client: a message, and ``extra_info`` with the JSON keys code and message."""
    match error:
        case flight.FlightError():
            return error
        case BusyError(code=code, message=message, retry_after=seconds):
            return answer(flight.FlightUnavailableError, code, message, retry_after=seconds)
        case TimeLimitError(code=code, message=message):
            return answer(flight.FlightTimedOutError, code, message)
        case DataError(code=code, message=message):
            return answer(flight.FlightServerError, code, message)
        case OSError():
            LOG.error("a file of the store could not be used", exc_info=error)
            message = "a file of the store can't be read or written; the repo may have been dropped meanwhile"
            return answer(flight.FlightServerError, "storage_error", message)
        case MemoryError():
            LOG.error("out of memory", exc_info=error)
            return answer(flight.FlightServerError, "out_of_memory", "the server does not have enough memory for this")
        case _:
            LOG.error("internal error", exc_info=error)
            return answer(flight.FlightInternalError, "internal", "internal error; the server's log has the details")


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
    shown = _shown(message)
    # the text repeats the code, since an error of get_schema reaches the client as text alone
    return kind(f"{shown} [{code}]", extra_info=json_bytes({"code": code, "message": shown, **more}))


def _shown(message: str) -> str:
    """The message, escaped and cut so that it is safe in a header, on a terminal and in a log."""
    printable = "".join(each if each.isprintable() else repr(each)[1:-1] for each in message)
    sizes = accumulate(1 if each.isascii() else 3 * len(each.encode()) for each in printable)  # percent-encoded
    return printable[: bisect_right(list(sizes), HEADER_BYTES)]
