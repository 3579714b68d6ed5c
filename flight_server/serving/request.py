"""What a reader asks for: a dataset of a repo, narrowed to columns, rows, parts; and its JSON form on the wire."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Literal, TypeGuard, get_args

from arrowdsl.compute.cql2 import from_cql2, to_cql2
from arrowdsl.compute.expr import Expr
from arrowdsl.errors import one_of
from flight_server.serving.errors import BadRequestError
from flight_server.storage.paths import Part

Compression = Literal["lz4", "zstd"]
COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)


@dataclass(frozen=True)
class Request:
    """A read of ``dataset`` in ``repo``; what is null is not narrowed. No ``snapshot`` means the newest.

    ``compression`` is that of the buffers on the wire: it changes no row.
    """

    repo: str
    dataset: str
    snapshot: int | None = None
    columns: tuple[str, ...] | None = None
    kinds: tuple[str, ...] | None = None
    where: Expr | None = None
    limit: int | None = None
    order: Literal["canonical"] | None = None
    parts: tuple[Part, ...] | None = None
    compression: Compression | None = None
    props: Literal["all"] | None = None


def request_from_json(document: object) -> Request:
    """The request that a ticket or command spells; raises BadRequestError or ExpressionError."""
    if not isinstance(document, dict):
        raise BadRequestError(f"a ticket is a JSON object with the keys {one_of(_READERS)}")
    unknown = sorted(set(document) - set(_READERS))
    if unknown:
        raise BadRequestError(f"unknown keys: {one_of(unknown)}; allowed: {one_of(_READERS)}")
    missing = [key for key in ("repo", "dataset") if key not in document]
    if missing:
        raise BadRequestError(f"missing keys: {one_of(missing)}")
    return Request(**{key: _READERS[key](key, value) for key, value in document.items()})


def request_to_json(request: Request) -> dict[str, Any]:
    """The JSON object of a request, without the keys that narrow nothing."""
    document = {column.name: getattr(request, column.name) for column in fields(request)}
    if request.where is not None:
        document["where"] = to_cql2(request.where)
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in document.items() if value is not None
    }


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadRequestError(f"{key} must be a string")
    return value


def _count(key: str, value: object) -> int:
    if not is_count(value):
        raise BadRequestError(f"{key} must be a whole number, 0 or more and below 2^63")
    return value


def _names(key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise BadRequestError(f"{key} must be a list of one or more strings")
    if len(set(value)) < len(value):
        raise BadRequestError(f"{key} names something twice")
    return tuple(value)


def _order(key: str, value: object) -> str:
    if value != "canonical":
        raise BadRequestError(f'{key} must be "canonical", or absent for rows as they are produced')
    return "canonical"


def _compression(key: str, value: object) -> Compression:
    for codec in COMPRESSIONS:
        if value == codec:
            return codec
    raise BadRequestError(f"{key} must be one of {one_of(COMPRESSIONS)}, or absent for none")


def _props(key: str, value: object) -> str:
    if value != "all":
        raise BadRequestError(f'{key} must be "all", or absent for the properties asked for most')
    return "all"


def _parts(key: str, value: object) -> tuple[Part, ...]:
    if not isinstance(value, list) or not value or not all(part == "global" or is_count(part) for part in value):
        raise BadRequestError(f'{key} must be a list of one or more part numbers or "global"')
    return tuple(value)


def is_count(value: object) -> TypeGuard[int]:
    """Whether a JSON value is a whole number of 0 or more that fits into 64 bits."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


_READERS: Mapping[str, Callable[[str, Any], Any]] = MappingProxyType(
    {
        "repo": _text,
        "dataset": _text,
        "snapshot": _count,
        "columns": _names,
        "kinds": _names,
        "where": lambda _, value: from_cql2(value),
        "limit": _count,
        "order": _order,
        "parts": _parts,
        "compression": _compression,
        "props": _props,
    }
)
