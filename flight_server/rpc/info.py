"""FlightInfo: what a read will give and where to fetch it, an endpoint for each part."""

import logging
from collections.abc import Iterator
from dataclasses import replace

from pyarrow import flight

from arrowdsl.errors import DataError, one_of
from flight_server.rpc.codec import Arguments, json_bytes, ticket_of_request
from flight_server.serving.errors import BadRequestError
from flight_server.serving.read import Read
from flight_server.serving.request import Request
from flight_server.serving.service import Service

LOG = logging.getLogger("flight_server")
UNKNOWN = -1


def flight_info(read: Read) -> flight.FlightInfo:
    """Schema, endpoints in order, and JSON ``app_metadata``; the snapshot is pinned in the tickets.

    Rows as produced have an endpoint for each part; a canonical order or a limit is over all parts, so there is one.
    """
    request = read.request
    return flight.FlightInfo(
        read.schema,
        flight.FlightDescriptor.for_path(request.repo, request.dataset),
        [flight.FlightEndpoint(ticket_of_request(each), []) for each in _endpoint_requests(read)],
        _total_records(read),
        UNKNOWN,
        ordered=True,
        app_metadata=json_bytes(
            {
                "contract": read.spec.contract,
                "version": read.spec.version,
                "snapshot": read.snapshot.number,
                "parts": read.snapshot.parts,
                "lineage": read.output.lineage,
                "tags": dict(read.output.tags),
                "summary": read.output.summary,
            }
        ),
    )


def flights(service: Service, criteria: bytes) -> Iterator[flight.FlightInfo]:
    """Every dataset of every repo that the criteria (JSON: repo, layer, kind) leave."""
    wanted = Arguments.parse("the criteria", criteria, "repo", "layer", "kind")
    repo = wanted.optional_text("repo")
    tags = {key: value for key in ("layer", "kind") if (value := wanted.optional_text(key)) is not None}
    for key, value in tags.items():
        known = sorted({output.tags[key] for output in service.pipeline.values() if output.spec is not None})
        if value not in known:
            raise BadRequestError(f"unknown {key} {value!r}; allowed: {one_of(known)}")
    if repo is not None:
        yield from map(flight_info, service.catalog(repo, tags))
        return
    for name in service.store.repos():
        try:
            reads = list(service.catalog(name, tags))
        except DataError as error:  # dropped since it was listed, or damaged: the others can still be read
            LOG.warning("list_flights leaves out %s: %s", name, error.message)
        else:
            yield from map(flight_info, reads)


def _endpoint_requests(read: Read) -> list[Request]:
    request = read.request
    if request.order == "canonical" or request.limit is not None or not read.parts:
        return [request]
    return [replace(request, parts=(part,)) for part in read.parts]


def _total_records(read: Read) -> int:
    """The rows, known without running a plan for raw tables read whole."""
    request = read.request
    if read.output.tags["kind"] != "raw" or request.where is not None or request.limit is not None:
        return UNKNOWN
    return sum(read.snapshot.part_rows(read.output.name, part) for part in read.parts)
