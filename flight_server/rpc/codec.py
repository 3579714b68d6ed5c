"""Flight's descriptors and tickets, which hold UTF-8 JSON objects or paths."""

from dataclasses import dataclass
from typing import get_args

from pyarrow import flight

from arrowdsl.errors import one_of
from flight_server.serving.request import COUNT, TEXT, TEXTS, JsonKind, Request, request_from_json
from flight_server.serving.request_errors import BadRequestError
from flight_server.serving.sql_request import Asked, asked_from_json, asked_to_json
from flight_server.serving.wire_json import arguments, json_bytes, json_object
from flight_server.storage.staging import Mode

MODES: tuple[Mode, ...] = get_args(Mode)
_MODE = JsonKind(f"one of {one_of(MODES)}", lambda value: value in MODES)
_PUT = {"repo": TEXT, "table": TEXT, "mode": _MODE, "txn": TEXT, "removed": TEXTS, "rows": COUNT}


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


def asked_in_ticket(ticket: flight.Ticket) -> Asked:
    """The read or query in a ticket."""
    return asked_from_json(json_object("the ticket", ticket.ticket))


def ticket_for(asked: Asked) -> flight.Ticket:
    """The ticket for a read or query."""
    return flight.Ticket(json_bytes(asked_to_json(asked)))


def asked_in_descriptor(descriptor: flight.FlightDescriptor) -> Asked:
    """The read or query in a descriptor: a path [repo, dataset], or a command like a ticket."""
    if descriptor.descriptor_type == flight.DescriptorType.CMD:
        return asked_from_json(json_object("the command", descriptor.command))
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
