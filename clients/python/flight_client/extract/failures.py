"""Why a file has no more rows: the errors of reading, decoding, parsing and walking it, as rows."""

from dataclasses import dataclass

from flight_client.extract.source import printable
from flight_client.extract.tables import Columns, columns_of


@dataclass(frozen=True)
class Failure:
    """What stopped a file at a stage; where, is as in a SyntaxError: lines and columns from 1, null where unknown."""

    stage: str
    error_type: str
    message: str
    lineno: int | None = None
    offset: int | None = None
    end_lineno: int | None = None
    end_offset: int | None = None

    @classmethod
    def of(cls, stage: str, error: BaseException) -> "Failure":
        """The failure that an exception means."""
        kind, message = type(error).__name__, str(error)
        if isinstance(error, SyntaxError):
            where = (error.lineno, error.offset or None, error.end_lineno, error.end_offset or None)
            return cls(stage, kind, printable(error.msg or ""), *where)
        if isinstance(error, OSError):
            message = error.strerror or message
        elif isinstance(error, MemoryError | RecursionError):
            message = message or "the source is too deep or too large for the parser"
        return cls(stage, kind, printable(message))

    def tables(self) -> dict[str, Columns]:
        """A row each of ``cst_parse_errors``, which counts columns from 0, ``ast_errors`` and ``bc_errors``."""
        column = None if self.offset is None else self.offset - 1
        where = (self.lineno, self.offset, self.end_lineno, self.end_offset)
        meta = [("stage", self.stage)]
        return {
            "cst_parse_errors": columns_of([(self.error_type, self.message, self.lineno, column, meta)]),
            "ast_errors": columns_of([(self.error_type, self.message, *where)]),
            "bc_errors": columns_of([(self.error_type, self.message)]),
        }
