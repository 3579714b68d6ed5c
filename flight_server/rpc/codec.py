"""Bytes of the wire to requests and back. Descriptors, tickets, criteria and action bodies are UTF-8 JSON objects."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pyarrow import flight

from arrowdsl.errors import one_of
from flight_server.serving.errors import BadRequestError
from flight_server.serving.request import Request, is_count, request_from_json, request_to_json
from flight_server.storage.staging import Mode

MODES: tuple[Mode, ...] = get_args(Mode)
MAX_BYTES = 16 * 1024 * 1024
MAX_NESTING = 256  # Python's parser recurses, on a stack that is a thread's own, and bounded by what others set
_TOKEN = re.compile(rb'"|\\.|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class Put:
    """Where a put goes: a table, how it joins what is there, and the transaction, if not one of its own.

    ``rows`` is how many rows will come, if the client says so: a put that breaks off can look like a clean end.
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


def _nesting(data: bytes) -> int:
    """How deep brackets are nested in JSON; those inside of texts don't count."""
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
    """A JSON object as it goes over the wire."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


def request_of_ticket(ticket: flight.Ticket) -> Request:
    """The request in a ticket."""
    return request_from_json(json_object("the ticket", ticket.ticket))


def ticket_of_request(request: Request) -> flight.Ticket:
    """The ticket for a request."""
    return flight.Ticket(json_bytes(request_to_json(request)))


def request_of_descriptor(descriptor: flight.FlightDescriptor) -> Request:
    """The request in a descriptor: a path [repo, dataset], or a command like a ticket."""
    if descriptor.descriptor_type == flight.DescriptorType.CMD:
        return request_from_json(json_object("the command", descriptor.command))
    return Request(*_path(descriptor, "dataset"))


def put_of_descriptor(descriptor: flight.FlightDescriptor) -> Put:
    """The put in a descriptor: a path [repo, table], or a command with repo, table, mode, txn, removed, rows."""
    if descriptor.descriptor_type != flight.DescriptorType.CMD:
        return Put(*_path(descriptor, "table"))
    command = Arguments.parse(
        "the command of a put", descriptor.command, "repo", "table", "mode", "txn", "removed", "rows"
    )
    mode = command.optional_text("mode") or "replace"
    if mode not in MODES:
        raise BadRequestError(f"unknown mode {mode!r}; modes: {one_of(MODES)}")
    return Put(
        repo=command.text("repo"),
        table=command.text("table"),
        mode=mode,
        txn=command.optional_text("txn"),
        removed=command.texts("removed"),
        rows=command.optional_count("rows"),
    )


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


@dataclass(frozen=True)
class Arguments:
    """The keys of a JSON object, read by type; each method raises BadRequestError when the value is of another."""

    what: str
    values: Mapping[str, Any]

    @classmethod
    def parse(cls, what: str, data: bytes, *allowed: str) -> "Arguments":
        """The object in ``data``; keys that are not allowed are an error."""
        values = json_object(what, data)
        unknown = sorted(set(values) - set(allowed))
        if unknown:
            raise BadRequestError(f"{what}: unknown keys: {one_of(unknown)}; allowed: {one_of(allowed) or 'none'}")
        return cls(what, values)

    def text(self, key: str) -> str:
        """A string that must be there."""
        value = self.optional_text(key)
        if value is None:
            raise BadRequestError(f"{self.what}: the key {key} is missing")
        return value

    def optional_text(self, key: str) -> str | None:
        """A string, or null."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, str):
            raise BadRequestError(f"{self.what}: {key} must be a string")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; absent is empty."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise BadRequestError(f"{self.what}: {key} must be a list of strings")
        return tuple(value)

    def optional_count(self, key: str) -> int | None:
        """A whole number of 0 or more, or null."""
        value = self.values.get(key)
        if value is not None and not is_count(value):
            raise BadRequestError(f"{self.what}: {key} must be a whole number, 0 or more")
        return value

    def counts(self, key: str) -> dict[str, int] | None:
        """An object of whole numbers, or null."""
        value = self.values.get(key)
        if value is not None and not (isinstance(value, dict) and all(map(is_count, value.values()))):
            raise BadRequestError(f"{self.what}: {key} must be an object of whole numbers, 0 or more")
        return value


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
    raise ValueError(f"{constant} is no JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a key stands twice in an object")
    return document
