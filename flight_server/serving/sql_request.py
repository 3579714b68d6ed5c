"""A SQL query as a request: its text, the repo whose tables need no qualification, and the values of its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from arrowdsl.errors import DataError
from flight_server.serving.request import TEXT, JsonKind, Request, checked, request_from_json, request_to_json

Scalar = str | int | float | bool | None
INSTALL = "pip install 'flight-server[sql]'"
MAX_SQL = 256 * 1024  # characters


class SqlError(DataError):
    """A query that DuckDB refuses: a syntax error, an unknown name, a value that can't be converted."""

    code = "invalid_sql"


class SqlNotAllowedError(DataError):
    """A statement or function that could do more than read the datasets."""

    code = "sql_not_allowed"


class SqlMemoryError(DataError):
    """A query that needs more memory than the server gives to one query."""

    code = "out_of_memory"


class MissingSqlError(DataError):
    """A server without the libraries of the extra ``sql``."""

    code = "missing_extra"


@dataclass(frozen=True)
class SqlRequest:
    """A query. Tables of ``repo`` need no qualification; parameters are named, ``"1"`` is the first ``?`` or ``$1``."""

    sql: str
    repo: str | None = None
    parameters: tuple[tuple[str, Scalar], ...] = ()


Asked = Request | SqlRequest


def is_sql(document: Mapping[str, object]) -> bool:
    """Whether the JSON of a ticket or command is a SQL query rather than the read of a dataset."""
    return "sql" in document


def asked_from_json(document: Mapping[str, Any]) -> Asked:
    """The read of a dataset, or the SQL query, in the JSON of a ticket or command."""
    return sql_from_json(document) if is_sql(document) else request_from_json(document)


def asked_to_json(asked: Asked) -> dict[str, Any]:
    """The JSON object of a read or query."""
    return sql_to_json(asked) if isinstance(asked, SqlRequest) else request_to_json(asked)


def sql_from_json(document: object) -> SqlRequest:
    """The query in the JSON of a ticket or command; raises BadRequestError."""
    given = checked("a query", document, _KINDS, "sql")
    values = given.get("parameters", [])
    named = values if isinstance(values, dict) else {str(place): value for place, value in enumerate(values, 1)}
    return SqlRequest(given["sql"], given.get("repo"), tuple(named.items()))


def sql_to_json(request: SqlRequest) -> dict[str, Any]:
    """The JSON object of a query, without the keys that it does not need."""
    document = {"sql": request.sql, "repo": request.repo, "parameters": dict(request.parameters)}
    return {key: value for key, value in document.items() if value or key == "sql"}


def _is_scalar(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _are_parameters(value: object) -> bool:
    values = list(value.values()) if isinstance(value, dict) else value
    return isinstance(values, list) and all(map(_is_scalar, values))


_KINDS: Mapping[str, JsonKind] = MappingProxyType(
    {
        "sql": JsonKind(
            f"a string of at most {MAX_SQL} characters", lambda value: isinstance(value, str) and len(value) <= MAX_SQL
        ),
        "repo": TEXT,
        "parameters": JsonKind(
            "a list, or an object by name, of strings, numbers, booleans and nulls", _are_parameters
        ),
    }
)
