"""A request: a dataset of a repo, narrowed to columns, rows and parts; and its JSON encoding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Literal, get_args

from arrowdsl.compute.cql2 import from_cql2, to_cql2
from arrowdsl.compute.cql2_text import document_of_text
from arrowdsl.compute.expr import Expr
from arrowdsl.errors import one_of
from flight_server.serving.request_errors import BadRequestError
from flight_server.storage.paths import GLOBAL, Part

Compression = Literal["lz4", "zstd"]
COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)


@dataclass(frozen=True)
class Request:
    """A read of ``dataset`` in ``repo``; a field that is None narrows nothing. No ``snapshot`` means the newest.

    With ``since``, the rows are those that differ from an older snapshot (see ``difference``).

    ``compression`` applies to the buffers on the wire, and changes no row.
    """

    repo: str
    dataset: str
    snapshot: int | None = None
    since: int | None = None
    columns: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    where: Expr | None = None
    limit: int | None = None
    order: Literal["canonical"] | None = None
    parts: tuple[Part, ...] | None = None
    compression: Compression | None = None
    props: Literal["all"] | None = None


@dataclass(frozen=True)
class JsonKind:
    """The allowed values of a key in a client's JSON object, and their description in messages."""

    description: str
    allows: Callable[[Any], bool]


def checked(what: str, document: object, kinds: Mapping[str, JsonKind], *required: str) -> dict[str, Any]:
    """The JSON object, after a check of its keys and values against ``kinds``; raises BadRequestError."""
    if not isinstance(document, dict):
        raise BadRequestError(f"{what} is a JSON object with the keys {one_of(kinds)}")
    unknown = sorted(set(document) - set(kinds))
    if unknown:
        raise BadRequestError(f"{what}: unknown keys: {one_of(unknown)}; allowed: {one_of(kinds) or 'none'}")
    missing = [key for key in required if key not in document]
    if missing:
        raise BadRequestError(f"{what}: missing keys: {one_of(missing)}")
    for key, value in document.items():
        if not kinds[key].allows(value):
            raise BadRequestError(f"{what}: {key} must be {kinds[key].description}")
    return document


def request_from_json(document: object) -> Request:
    """The request in the JSON of a ticket or command; raises BadRequestError or ExpressionError."""
    given = checked("a ticket", document, _KINDS, "repo", "dataset")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    return Request(**{**values, "where": _filter(given["where"])} if "where" in given else values)


def _filter(where: object) -> Expr:
    return from_cql2(document_of_text(where) if isinstance(where, str) else where)


def request_to_json(request: Request) -> dict[str, Any]:
    """The JSON object of a request, without the fields that are None."""
    document = {column.name: getattr(request, column.name) for column in fields(request)}
    if request.where is not None:
        document["where"] = to_cql2(request.where)
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in document.items() if value is not None
    }


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_note(value: object) -> bool:
    if not isinstance(value, dict) or not _is_texts([*value.values()]):
        return False
    return sum(map(len, [*value, *value.values()])) <= NOTE_CHARACTERS


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_part(value: object) -> bool:
    return value == GLOBAL or _is_count(value)


NOTE_CHARACTERS = 4096
TEXT = JsonKind("a string", lambda value: isinstance(value, str))
TEXTS = JsonKind("a list of strings", _is_texts)
FLAG = JsonKind("true or false", lambda value: isinstance(value, bool))
COUNT = JsonKind("a whole number, 0 or more and below 2^63", _is_count)
COUNTS = JsonKind(
    "an object of whole numbers, 0 or more",
    lambda value: isinstance(value, dict) and all(map(_is_count, value.values())),
)
NOTE = JsonKind(f"an object of strings with at most {NOTE_CHARACTERS} characters in all", _is_note)
_NAMES = JsonKind(
    "a list of one or more different strings",
    lambda value: _is_texts(value) and 0 < len(value) == len(set(value)),
)
_KINDS: Mapping[str, JsonKind] = MappingProxyType(
    {
        "repo": TEXT,
        "dataset": TEXT,
        "snapshot": COUNT,
        "since": COUNT,
        "columns": _NAMES,
        "kinds": _NAMES,
        "where": JsonKind("a filter", lambda _: True),
        "limit": COUNT,
        "order": JsonKind('"canonical", or absent for rows as they are produced', lambda value: value == "canonical"),
        "parts": JsonKind(
            'a list of one or more part numbers or "global"',
            lambda value: isinstance(value, list) and bool(value) and all(map(_is_part, value)),
        ),
        "compression": JsonKind(
            f"one of {one_of(COMPRESSIONS)}, or absent for none", lambda value: value in COMPRESSIONS
        ),
        "props": JsonKind('"all", or absent for the properties asked for most', lambda value: value == "all"),
    }
)
