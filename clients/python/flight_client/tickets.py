"""Tickets: the JSON object that says what a stream holds. Descriptors of the command form carry the same object."""

import json
import reprlib
from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypedDict, Unpack

import pyarrow.compute as pc
from pyarrow import flight

from flight_client.client_errors import FlightClientError

Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Cql2 = dict[str, Json]
Ticket = Mapping[str, Json]
Where: TypeAlias = Cql2 | pc.Expression


class Narrowing(TypedDict, total=False):
    """What a request may be narrowed to; docs/wire.md says what each key means. Null leaves the server's default."""

    columns: Sequence[str] | None
    where: Cql2 | None
    limit: int | None
    order: str | None
    snapshot: int | None
    kinds: Sequence[str] | None
    parts: Sequence[int | str] | None
    compression: str | None
    props: str | None


class Reading(TypedDict, total=False):
    """What ``Client.read`` takes: the keys of a ticket, the filter also as an Expression, and how rows are fetched."""

    columns: Sequence[str] | None
    where: Where | None
    limit: int | None
    order: str | None
    snapshot: int | None
    kinds: Sequence[str] | None
    parts: Sequence[int | str] | None
    compression: str | None
    props: str | None
    streams: int
    ordered: bool


def ticket(repo: str, dataset: str, **narrowing: Unpack[Narrowing]) -> Ticket:
    """The ticket of a request."""
    parts = narrowing.get("parts")
    keys: dict[str, Json] = {
        "repo": repo,
        "dataset": dataset,
        "snapshot": narrowing.get("snapshot"),
        "columns": _names("columns", narrowing.get("columns")),
        "kinds": _names("kinds", narrowing.get("kinds")),
        "where": narrowing.get("where"),
        "limit": narrowing.get("limit"),
        "order": narrowing.get("order"),
        "parts": None if parts is None else list(parts),
        "compression": narrowing.get("compression"),
        "props": narrowing.get("props"),
    }
    return {key: value for key, value in keys.items() if value is not None}


def narrowed(base: Ticket, columns: Sequence[str], where: Cql2 | None, limit: int | None) -> Ticket:
    """The base ticket with these columns only, the rows that ``where`` keeps too, and at most ``limit`` of them."""
    filters: list[Json] = [each for each in (base.get("where"), where) if each is not None]
    both: Json = {"op": "and", "args": filters} if len(filters) > 1 else next(iter(filters), None)
    keys: dict[str, Json] = {**base, "columns": list(columns), "where": both, "limit": limit}
    return {key: value for key, value in keys.items() if value is not None}


def encode(base: Ticket) -> bytes:
    """The ticket's bytes. Raises FlightClientError for a value that JSON does not have, such as NaN."""
    try:
        return json.dumps(base, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise FlightClientError("invalid_ticket", f"the request can't be written as JSON: {error}") from None


def decode(data: bytes, what: str) -> dict[str, Json]:
    """The JSON object that the server sent as ``what``; raises FlightClientError (``protocol``) for anything else."""
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise FlightClientError("protocol", f"the server's {what} is no JSON object: {reprlib.repr(data)}")
    return document


def command(base: Ticket) -> flight.FlightDescriptor:
    """The descriptor of the command form."""
    return flight.FlightDescriptor.for_command(encode(base))


def _names(key: str, names: Sequence[str] | None) -> list[Json] | None:
    # a string is a sequence of strings too: "path" would ask for the columns p, a, t, h
    if isinstance(names, str):
        raise FlightClientError("invalid_ticket", f"{key} is a list of names, given: {names!r}")
    return None if names is None else list(names)
