"""The JSON of the wire: tickets, which are also commands of descriptors, and the server's description of a dataset."""

import json
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypedDict, Unpack, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import flight

from arrowdsl.compute.cql2_text import document_of_text
from arrowdsl.errors import ExpressionError
from flight_client.client_errors import FlightClientError

REUSE_CONNECTION = "arrow-flight-reuse-connection://?"  # the location of the server that is asked
Json = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
SqlValue: TypeAlias = bool | int | float | str | None
Cql2 = dict[str, Json]
Ticket = Mapping[str, Json]
Where: TypeAlias = Cql2 | str | pc.Expression


class _Keys(TypedDict, total=False):
    """The keys that narrow a request, except the filter (see docs/wire.md). None means the server's default."""

    columns: Sequence[str] | None
    limit: int | None
    order: str | None
    snapshot: int | None
    since: int | None
    kinds: Sequence[str] | None
    parts: Sequence[int | str] | None
    compression: str | None
    props: str | None


class Narrowing(_Keys, total=False):
    """The keys of a ticket that narrow it; the filter is CQL2 as JSON or as text."""

    where: Cql2 | str | None


class Reading(_Keys, total=False):
    """The options of ``Client.read``: the filter may be an Expression, and endpoints may be fetched in parallel."""

    where: Where | None
    streams: int
    ordered: bool


def ticket(repo: str, dataset: str, **narrowing: Unpack[Narrowing]) -> Ticket:
    """The ticket of a request; keys that are None are not sent."""
    for key, names in (("columns", narrowing.get("columns")), ("kinds", narrowing.get("kinds"))):
        # a string is a sequence of strings too: "path" would ask for the columns p, a, t, h
        if isinstance(names, str):
            raise FlightClientError("invalid_ticket", f"{key} is a list of names, given: {names!r}")
    if isinstance(text := narrowing.get("where"), str):
        try:
            narrowing["where"] = cast("Cql2", document_of_text(text))
        except ExpressionError as error:
            raise FlightClientError(error.code, error.message) from None
    given = {key: list(value) if isinstance(value, tuple) else value for key, value in narrowing.items()}
    return cast("Ticket", {"repo": repo, "dataset": dataset, **given})


def narrowed(base: Ticket, columns: Sequence[str], where: Cql2 | None, limit: int | None) -> Ticket:
    """The base ticket with these columns, with ``where`` added to its filter, and with a limit."""
    filters: list[Json] = [each for each in (base.get("where"), where) if each is not None]
    both: Json = {"op": "and", "args": filters} if len(filters) > 1 else next(iter(filters), None)
    return {**base, "columns": list(columns), "where": both, "limit": limit}


def encode(request: Mapping[str, Json]) -> bytes:
    """The request as JSON, without null keys. Raises FlightClientError for a value that JSON can't express (NaN)."""
    given = {key: value for key, value in request.items() if value is not None}
    try:
        return json.dumps(given, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise FlightClientError("invalid_ticket", f"the request can't be written as JSON: {error}") from None


def decode(data: bytes, what: str) -> dict[str, Json]:
    """The JSON object that the server sent as ``what``; raises FlightClientError (``protocol``) for other data."""
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise FlightClientError("protocol", f"the server's {what} is not a JSON object: {reprlib.repr(data)}")
    return document


def whole_number(reply: Mapping[str, Json], key: str) -> int:
    """A whole number in the server's reply; raises FlightClientError (``protocol``) for another value."""
    value = reply.get(key)
    if not isinstance(value, int):
        raise FlightClientError("protocol", f"the server answered {value!r} as {key}, which is not a whole number")
    return value


@dataclass(frozen=True)
class DatasetInfo:
    """The server's description of a dataset; ``rows`` and ``bytes`` are None if the server does not know them.

    ``is_elsewhere`` says whether an endpoint names another server.
    """

    repo: str
    dataset: str
    schema: pa.Schema
    rows: int | None
    bytes: int | None
    endpoints: tuple[Ticket, ...]
    metadata: Mapping[str, Json]
    is_elsewhere: bool = False


def dataset_info(info: flight.FlightInfo) -> DatasetInfo:
    """The DatasetInfo in a FlightInfo, in which -1 means an unknown number."""
    repo, dataset = (step.decode() for step in info.descriptor.path)
    rows, size = (None if number < 0 else number for number in (info.total_records, info.total_bytes))
    tickets = tuple(decode(endpoint.ticket.ticket, "ticket") for endpoint in info.endpoints)
    metadata = decode(info.app_metadata or b"{}", "app_metadata")
    places = {location.uri.decode() for endpoint in info.endpoints for location in endpoint.locations}
    return DatasetInfo(repo, dataset, info.schema, rows, size, tickets, metadata, bool(places - {REUSE_CONNECTION}))


def command(base: Ticket) -> flight.FlightDescriptor:
    """The descriptor with the request as its command."""
    return flight.FlightDescriptor.for_command(encode(base))
