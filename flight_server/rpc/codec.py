"""The bytes of the wire: descriptors, tickets, criteria and action bodies are UTF-8 JSON objects."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pyarrow import flight

from arrowdsl.errors import one_of
from flight_server.serving.request import (
    COUNT,
    TEXT,
    TEXTS,
    JsonKind,
    Request,
    checked,
    request_from_json,
    request_to_json,
)
from flight_server.serving.request_errors import BadRequestError
from flight_server.serving.service import Asked
from flight_server.serving.sql_request import SqlRequest, is_sql, sql_from_json, sql_to_json
from flight_server.storage.staging import Mode

MODES: tuple[Mode, ...] = get_args(Mode)
MAX_BYTES = 16 * 1024 * 1024
LOGGED_CHARACTERS = 800
MAX_NESTING = 256  # Python's JSON parser recurses, on the stack of one of gRPC's threads
_MODE = JsonKind(f"one of {one_of(MODES)}", lambda value: value in MODES)
_PUT = {"repo": TEXT, "table": TEXT, "mode": _MODE, "txn": TEXT, "removed": TEXTS, "rows": COUNT}
_TOKEN = re.compile(rb'"|\\.|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class Put:
    """The target of a put: a table, the mode, and the open transaction if there is one.

    ``rows`` is the number of rows that will follow, if known: a put that breaks off can look like a clean end.
    """

    repo: str
    table: str
    mode: Mode = "replace"
    txn: str | None = None
    removed: tuple[str, ...] = ()
    rows: int | None = None


def json_object(what: str, data: bytes) -> dict[str, Any]:
    """The JSON object in ``data``, empty when there is none; raises BadRequestError."""
    if len(data) > MAX_BYTES:
        raise BadRequestError(f"{what} has {len(data)} bytes, at most {MAX_BYTES} are allowed")
    if not data:
        return {}
    if _nesting(data) > MAX_NESTING:
        raise BadRequestError(f"{what} is nested more than {MAX_NESTING} deep")
    try:
        document = json.loads(data.decode(), parse_constant=_refuse, object_pairs_hook=_unique)
        json.dumps(document, ensure_ascii=False).encode()  # an escape may be half of a surrogate pair: no text
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"{what} is not UTF-8 JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadRequestError(f"{what} must be a JSON object")
    return document


def arguments(what: str, data: bytes, kinds: Mapping[str, JsonKind], *required: str) -> dict[str, Any]:
    """The keys of the JSON object in ``data``, checked; a key with a null is ignored."""
    given = {key: value for key, value in json_object(what, data).items() if value is not None}
    return checked(what, given, kinds, *required)


def _nesting(data: bytes) -> int:
    """The depth of nested brackets in JSON, without brackets in strings."""
    if data.count(b"[") + data.count(b"{") <= MAX_NESTING:
        return 0
    depth = deepest = 0
    is_text = False
    for token in _TOKEN.finditer(data):
        match token[0]:
            case b'"':
                is_text = not is_text
            case b"[" | b"{" if not is_text:
                depth += 1
                deepest = max(deepest, depth)
                if deepest > MAX_NESTING:
                    break
            case b"]" | b"}" if not is_text:
                depth -= 1
    return deepest


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """A JSON object, encoded for the wire."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


def asked_in_json(document: Mapping[str, Any]) -> Asked:
    """The read of a dataset, or the SQL query, in the JSON of a ticket or command."""
    return sql_from_json(document) if is_sql(document) else request_from_json(document)


def asked_in_ticket(ticket: flight.Ticket) -> Asked:
    """The read or query in a ticket."""
    return asked_in_json(json_object("the ticket", ticket.ticket))


def ticket_for(asked: Asked) -> flight.Ticket:
    """The ticket for a read or query."""
    return flight.Ticket(json_bytes(_json_of(asked)))


def shortened(asked: Asked | None) -> str:
    """The read or query for a line of the log, in at most LOGGED_CHARACTERS."""
    text = "catalog" if asked is None else json_bytes(_json_of(asked)).decode()
    return text if len(text) <= LOGGED_CHARACTERS else f"{text[:LOGGED_CHARACTERS]}… ({len(text)} characters)"


def asked_in_descriptor(descriptor: flight.FlightDescriptor) -> Asked:
    """The read or query in a descriptor: a path [repo, dataset], or a command like a ticket."""
    if descriptor.descriptor_type == flight.DescriptorType.CMD:
        return asked_in_json(json_object("the command", descriptor.command))
    return Request(*_path(descriptor, "dataset"))


def put_of_descriptor(descriptor: flight.FlightDescriptor) -> Put:
    """The put in a descriptor: a path [repo, table], or a command with repo, table, mode, txn, removed, rows."""
    if descriptor.descriptor_type != flight.DescriptorType.CMD:
        return Put(*_path(descriptor, "table"))
    given = arguments("the command of a put", descriptor.command, _PUT, "repo", "table")
    return Put(**{**given, "removed": tuple(given.get("removed", ()))})


def rows_at_end(metadata: bytes) -> int:
    """The number of rows of a put in the metadata that follows the last batch."""
    return int(arguments("the metadata of a put", metadata, {"rows": _PUT["rows"]}, "rows")["rows"])


def lookup_of_descriptor(descriptor: flight.FlightDescriptor) -> tuple[Request, str]:
    """The request and the key column in the command of a lookup: a ticket's JSON with one more key, ``key``."""
    if descriptor.descriptor_type != flight.DescriptorType.CMD:
        raise BadRequestError("do_exchange takes a command: the JSON of a ticket, and the key column as key")
    document = json_object("the command of a lookup", descriptor.command)
    match document.pop("key", None):
        case str(key):
            return request_from_json(document), key
        case _:
            raise BadRequestError("the command of a lookup: key must be the name of the key column")


def _json_of(asked: Asked) -> dict[str, Any]:
    return sql_to_json(asked) if isinstance(asked, SqlRequest) else request_to_json(asked)


def _path(descriptor: flight.FlightDescriptor, second: str) -> tuple[str, str]:
    match descriptor.path:
        case [repo, name]:
            return _decoded(repo), _decoded(name)
        case path:
            raise BadRequestError(f"a descriptor's path is [repo, {second}], given: {len(path or ())} elements")


def _decoded(element: bytes) -> str:
    try:
        return element.decode()
    except UnicodeDecodeError as error:
        raise BadRequestError("a descriptor's path is not UTF-8") from error


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a key occurs twice in an object")
    return document
