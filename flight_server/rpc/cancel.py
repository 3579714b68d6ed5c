"""CancelFlightInfo: stops the streams that a FlightInfo's tickets started on the same connection.

Two clients may read with the same ticket. Only streams of the caller's own connection are stopped, so neither client
can stop the other's stream.

The body is a JSON ticket, or Flight's protobuf message ``CancelFlightInfoRequest`` (field 1: the FlightInfo). The
answer to the latter is a ``CancelFlightInfoResult`` (field 1: 1 = cancelled, 3 = not cancellable; Arrow's
Flight.proto).
"""

from collections.abc import Iterable

import pyarrow as pa
from pyarrow import flight

from flight_server.rpc.codec import asked_in_ticket
from flight_server.rpc.maintenance_actions import Caller
from flight_server.serving.request_errors import BadRequestError
from flight_server.serving.sql_request import Asked, SqlRequest, asked_from_json
from flight_server.serving.wire_json import json_bytes, json_object

_FIELD_1_MESSAGE = 0x0A
_CANCELLED, _NOT_CANCELLABLE = b"\x08\x01", b"\x08\x03"


def cancel(caller: Caller, body: bytes) -> bytes:
    """Stop the caller's streams; they end at their next batch."""
    if body[:1] == b"{":
        asked = [asked_from_json(json_object("CancelFlightInfo", body))]
    else:
        info = _flight_info(body)
        asked = [asked_in_ticket(endpoint.ticket) for endpoint in info.endpoints]
    stopped = cancelled_calls(caller, asked)
    if body[:1] == b"{":
        return json_bytes({"cancelled": stopped})
    return _CANCELLED if stopped else _NOT_CANCELLABLE


def cancelled_calls(caller: Caller, asked: Iterable[Asked]) -> int:
    """Stop the streams of these reads and queries on the caller's connection; returns their number."""
    wanted = {each if isinstance(each, SqlRequest) else caller.service.read(each).request for each in asked}
    own = caller.call  # a proxy may send the calls of several identities over one connection
    return caller.service.calls.cancel(
        lambda call: call.peer == own.peer and call.identity == own.identity and call.asked in wanted
    )


def _flight_info(body: bytes) -> flight.FlightInfo:
    if not body or body[0] != _FIELD_1_MESSAGE:
        raise BadRequestError("CancelFlightInfo takes a JSON ticket or Flight's CancelFlightInfoRequest")
    start = 1
    while body[start : start + 1] > b"\x7f":  # a varint's bytes but the last have their high bit set
        start += 1
    try:
        return flight.FlightInfo.deserialize(body[start + 1 :])
    except pa.ArrowException as error:
        raise BadRequestError("CancelFlightInfo: the FlightInfo can't be read") from error
