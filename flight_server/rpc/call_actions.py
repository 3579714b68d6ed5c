"""The actions on running calls: list them, and cancel one.

A caller sees the calls of its own identity; without a token, those of its connection; and who owns all, all calls.
"""

from collections.abc import Mapping
from types import MappingProxyType

from flight_server.rpc.maintenance_actions import Action, Caller
from flight_server.serving.call_log import call_fields
from flight_server.serving.request import TEXT
from flight_server.serving.wire_json import arguments, json_bytes


def _calls(caller: Caller, body: bytes) -> bytes:
    arguments("calls", body, {})
    found = [call for call in caller.service.calls.running() if call is not caller.call and caller.call.owns(call)]
    return json_bytes({"calls": [{**call_fields(call), "waiting": call.waiting_since is not None} for call in found]})


def _cancel(caller: Caller, body: bytes) -> bytes:
    name = arguments("cancel", body, {"call": TEXT}, "call")["call"]
    stopped = caller.service.calls.cancel(lambda call: call.request_id == name and caller.call.owns(call))
    return json_bytes({"cancelled": stopped})


CALL_ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "calls": Action("The running calls: identity, dataset, rows, bytes, seconds.", _calls),
        "cancel": Action("Stop a running call: call (its request id).", _cancel),
    }
)
