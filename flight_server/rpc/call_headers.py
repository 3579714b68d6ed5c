"""The headers of a call: its caller, its repo, its request id, its trace; and the running call made from them."""

from collections.abc import Mapping

from pyarrow import flight

from flight_server.access.gate import Gate, secret_of
from flight_server.access.identities import Identity
from flight_server.rpc.guard import guarded
from flight_server.serving.running_calls import RunningCall

REPO, REQUEST_ID, TRACE = "repo", "x-request-id", "traceparent"
_MIDDLEWARE, _ACCESS = "call headers", "access"
AUTHORIZATION = "authorization"


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


class CallerOfCalls(flight.ServerMiddlewareFactory):
    """Asks the gate who is calling, before anything else is done; a call that it refuses ends here."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    @guarded
    def start_call(self, info: flight.CallInfo, headers: Mapping[str, list[str | bytes]]) -> "CallerOfCall":
        """The caller; raises FlightUnauthenticatedError."""
        given = headers.get(AUTHORIZATION, [])
        authorization = "; ".join(map(str, given)) or None  # several are no valid one
        identity = self._gate.identity(authorization)
        is_handshake = info.method == flight.FlightMethod.HANDSHAKE
        return CallerOfCall(identity, authorization if is_handshake else None)


class CallerOfCall(flight.ServerMiddleware):
    """The identity that makes a call; after a handshake by user and password, the client gets the token to send."""

    def __init__(self, identity: Identity, authorization: str | None) -> None:
        super().__init__()
        self.identity = identity
        self._authorization = authorization

    def sending_headers(self) -> dict[str, str]:
        """The header that the client is to send with its next calls."""
        if self._authorization is None:
            return {}
        return {AUTHORIZATION: f"Bearer {secret_of(self._authorization)}"}


class OpenHandshake(flight.ServerAuthHandler):
    """A handshake that succeeds: the middleware has checked the caller before it."""

    def authenticate(self, outgoing: object, incoming: object) -> None:
        """Nothing is left to be checked."""

    def is_valid(self, _token: bytes) -> bytes:
        """No name: the middleware knows the caller."""
        return b""


def middleware(gate: Gate) -> dict[str, flight.ServerMiddlewareFactory]:
    """The middleware for the server."""
    return {_ACCESS: CallerOfCalls(gate), _MIDDLEWARE: CallHeaders()}


def caller_of(context: flight.ServerCallContext) -> Identity:
    """Who makes the call."""
    identity: Identity = context.get_middleware(_ACCESS).identity
    return identity


def repo_of(context: flight.ServerCallContext) -> str | None:
    """The repo whose tables need no schema, if the call names one."""
    return _given(context).get(REPO)


def call_of(context: flight.ServerCallContext, method: str) -> RunningCall:
    """The call, to be entered."""
    given = _given(context)
    call = RunningCall(method, context.peer(), caller_of(context), traceparent=given.get(TRACE))
    return call.named(given.get(REQUEST_ID))


def _given(context: flight.ServerCallContext) -> Mapping[str, str]:
    found = context.get_middleware(_MIDDLEWARE)
    return {} if found is None else found.given
