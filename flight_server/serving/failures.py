"""What a client is told of an exception.

A ``DataError`` is reported as it is. Any other exception is a fault of the server: the log gets the traceback, and the
client a short message without the server's file paths.
"""

import logging
from bisect import bisect_right
from itertools import accumulate

from arrowdsl.errors import DataError
from flight_server.storage.store_errors import StorageError, StoreCorruptError

LOG = logging.getLogger("flight_server")


class OutOfMemoryError(DataError):
    """A call for which the process has no memory left."""

    code = "out_of_memory"


class InternalError(DataError):
    """A fault of the server."""

    code = "internal"


INTERNAL_CODES = frozenset({InternalError.code, OutOfMemoryError.code, StorageError.code, StoreCorruptError.code})


def reported(error: Exception) -> DataError:
    """The error for the client."""
    match error:
        case DataError():
            return error
        case OSError():
            LOG.error("a file of the store could not be used", exc_info=error)
            return StorageError(
                "a file of the store can't be read or written; the repo may have been dropped meanwhile"
            )
        case MemoryError():
            LOG.error("out of memory", exc_info=error)
            return OutOfMemoryError("the server does not have enough memory for this")
        case _:
            LOG.error("internal error", exc_info=error)
            return InternalError("internal error; the server's log has the details")


def printable(message: str, most: int) -> str:
    """The message, escaped and cut so that it is safe in a header, on a terminal and in a log.

    It takes at most ``most`` bytes in a header, where characters beyond ASCII are percent-encoded.
    """
    escaped = "".join(each if each.isprintable() else repr(each)[1:-1] for each in message)
    sizes = accumulate(1 if each.isascii() else 3 * len(each.encode()) for each in escaped)
    return escaped[: bisect_right(list(sizes), most)]
