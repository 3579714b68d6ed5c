"""FlightInfo: the schema, size and endpoints of a read; an endpoint has one part or a run of adjacent parts."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from pyarrow import flight

from arrowdsl.errors import DataError, one_of
from flight_client.contracts.tables import canonical_order
from flight_server.rpc.codec import ticket_for
from flight_server.rpc.locations import locations_of
from flight_server.serving.read import Read
from flight_server.serving.request import TEXT, Request
from flight_server.serving.request_errors import BadRequestError
from flight_server.serving.service import Answer, Service
from flight_server.serving.sql_request import Asked, SqlRequest
from flight_server.serving.statistics import statistics_of
from flight_server.serving.wire_json import arguments, json_bytes

LOG = logging.getLogger("flight_server")
UNKNOWN = -1
ENDPOINTS = 8  # at most, for each server: a call costs some milliseconds, too much for a small part


def flight_info(read: Read, advertised: Sequence[str] = ()) -> flight.FlightInfo:
    """Schema, ordered endpoints, and JSON ``app_metadata``; the tickets of the endpoints name the snapshot.

    There is an endpoint for each part, or with many parts, ENDPOINTS for each server, each with a run of parts. A read
    in canonical order or with a limit covers all parts, so it has one endpoint. ``advertised`` are the URIs of other
    servers over the same store; endpoints are spread over all servers.
    """
    request, known = read.request, statistics_of(read)
    return flight.FlightInfo(
        read.schema,
        flight.FlightDescriptor.for_path(request.repo, request.dataset),
        [
            flight.FlightEndpoint(ticket_for(each), locations_of(number, advertised))
            for number, each in enumerate(_endpoint_requests(read, ENDPOINTS * (1 + len(advertised))))
        ],
        UNKNOWN if known.rows is None else known.rows,
        UNKNOWN if known.bytes is None else known.bytes,
        ordered=True,
        app_metadata=json_bytes(
            {
                "contract": read.spec.contract,
                "version": read.spec.version,
                "key": read.spec.key,
                "order": [name for name, _ in canonical_order(read.spec)],
                "snapshot": read.snapshot.number,
                "parts": read.snapshot.parts,
                "cached": list(known.cached),
                "lineage": read.output.lineage,
                "tags": dict(read.output.tags),
                "summary": read.output.summary,
            }
        ),
    )


def answer_info(
    service: Service, asked: Asked, descriptor: flight.FlightDescriptor, advertised: Sequence[str] = ()
) -> flight.FlightInfo:
    """The FlightInfo of a read, a difference or a query."""
    if isinstance(asked, SqlRequest) or asked.since is not None:
        return query_info(service.answer(asked), descriptor, advertised)
    return flight_info(service.read(asked), advertised)


def query_info(
    answer: Answer, descriptor: flight.FlightDescriptor, advertised: Sequence[str] = ()
) -> flight.FlightInfo:
    """The FlightInfo of a query or difference: its schema, and one endpoint whose ticket is the question."""
    ticket = flight.Ticket(descriptor.command) if answer.asked is None else ticket_for(answer.asked)
    endpoint = flight.FlightEndpoint(ticket, locations_of(0, advertised))
    return flight.FlightInfo(answer.schema, descriptor, [endpoint], UNKNOWN, UNKNOWN, ordered=True)


def flights(service: Service, criteria: bytes, advertised: Sequence[str] = ()) -> Iterator[flight.FlightInfo]:
    """The datasets of all repos that match the criteria (JSON: repo, layer, kind)."""
    tags = arguments("the criteria", criteria, {"repo": TEXT, "layer": TEXT, "kind": TEXT})
    repo = tags.pop("repo", None)
    for key, value in tags.items():
        known = sorted({output.tags[key] for output in service.pipeline.values() if output.spec is not None})
        if value not in known:
            raise BadRequestError(f"unknown {key} {value!r}; allowed: {one_of(known)}")
    if repo is not None:
        yield from (flight_info(read, advertised) for read in service.catalog(repo, tags))
        return
    for name in service.store.repos():
        try:
            reads = list(service.catalog(name, tags))
        except DataError as error:  # the repo was dropped since it was listed, or is damaged; others can be read
            LOG.warning("list_flights leaves out %s: %s", name, error.message)
        else:
            yield from (flight_info(read, advertised) for read in reads)


def _endpoint_requests(read: Read, most: int) -> list[Request]:
    """The requests of at most ``most`` endpoints: runs of parts whose lengths differ by at most one part."""
    request, parts = read.request, read.parts
    if request.order == "canonical" or request.limit is not None or not parts:
        return [request]
    count = min(most, len(parts))
    bounds = [number * len(parts) // count for number in range(count + 1)]
    return [replace(request, parts=parts[start:stop]) for start, stop in pairwise(bounds)]
