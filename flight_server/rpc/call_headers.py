"""The headers of a call: its repo, its request id, its trace; and the running call made from them."""

from collections.abc import Mapping

from pyarrow import flight

from flight_server.serving.running_calls import RunningCall

REPO, REQUEST_ID, TRACE = "repo", "x-request-id", "traceparent"
_MIDDLEWARE = "call headers"


class CallHeaders(flight.ServerMiddlewareFactory):
    """Reads the headers REPO, REQUEST_ID and TRACE of each call."""

    def start_call(self, _info: flight.CallInfo, headers: Mapping[str, list[str | bytes]]) -> "HeadersOfCall | None":
        """The headers of a call, if it has any of these."""
        known = (REPO, REQUEST_ID, TRACE)
        first = {name: values[0] for name, values in headers.items() if values and name in known}
        given = {name: value for name, value in first.items() if isinstance(value, str)}
        return HeadersOfCall(given) if given else None


class HeadersOfCall(flight.ServerMiddleware):
    """The headers of one call, by name."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given


def middleware() -> dict[str, flight.ServerMiddlewareFactory]:
    """The middleware for the server."""
    return {_MIDDLEWARE: CallHeaders()}


def repo_of(context: flight.ServerCallContext) -> str | None:
    """The repo whose tables need no schema, if the call names one."""
    return _given(context).get(REPO)


def call_of(context: flight.ServerCallContext, method: str) -> RunningCall:
    """The call, to be entered."""
    given = _given(context)
    return RunningCall(method, context.peer(), traceparent=given.get(TRACE)).named(given.get(REQUEST_ID))


def _given(context: flight.ServerCallContext) -> Mapping[str, str]:
    found = context.get_middleware(_MIDDLEWARE)
    return {} if found is None else found.given
