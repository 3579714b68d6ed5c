"""Errors caused by a request or its data.

Each has a stable ``code``, and a message that names the fault and the allowed values. The Flight layer sends both to
the client; the command line prints the message and exits with 2.
"""

from collections.abc import Iterable

MESSAGE_LENGTH = 2000  # Flight sends messages in headers, which have to be small


class DataError(Exception):
    """A request or a table that can't be served; ``code`` is stable, the message is for people."""

    code = "invalid"

    def __init__(self, message: str) -> None:
        self.message = message if len(message) <= MESSAGE_LENGTH else f"{message[:MESSAGE_LENGTH]}…"
        super().__init__(self.message)


class SchemaMismatchError(DataError):
    """A table that does not fit its schema: a missing column, a type that can't be cast."""

    code = "schema_mismatch"


class NullValueError(DataError):
    """A null in a required column."""

    code = "null_in_required_column"


class UnknownColumnError(DataError):
    """A column that the table does not have."""

    code = "unknown_column"


class ExpressionError(DataError):
    """A filter that is malformed or does not fit the types of its columns."""

    code = "invalid_filter"


class UnknownSourceError(DataError):
    """A plan that names a table or output missing from its catalog."""

    code = "unknown_source"


def one_of(names: Iterable[str], *, limit: int = 60) -> str:
    """The allowed names, for the end of an error message."""
    listed = list(names)
    shown = ", ".join(listed[:limit])
    return f"{shown}, … ({len(listed)} in all)" if len(listed) > limit else shown


def first_line(error: Exception) -> str:
    """The first line of an error's message, since pyarrow may append a dump of the plan."""
    return str(error).partition("\n")[0]
