"""Errors as HTTP responses: the status follows the code, and the body has code and message as JSON."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.responses import JSONResponse

from arrowdsl.errors import DataError
from flight_server.access.identities import UnauthenticatedError
from flight_server.serving.failures import INTERNAL_CODES, printable
from flight_server.serving.limits import BusyError

MESSAGE_BYTES = 2000
BAD_REQUEST, INTERNAL_SERVER_ERROR = 400, 500
STATUS: Mapping[str, int] = MappingProxyType(
    {
        "unauthenticated": 401,
        "forbidden": 403,
        "foreign_origin": 403,
        "unknown_repo": 404,
        "unknown_dataset": 404,
        "unknown_snapshot": 404,
        "unknown_path": 404,
        "method_not_allowed": 405,
        "not_acceptable": 406,
        "snapshot_gone": 410,
        "too_large": 413,
        "unsupported_media_type": 415,
        "missing_extra": 501,
        "busy": 503,
        "stopping": 503,
        "timed_out": 504,
        **dict.fromkeys(INTERNAL_CODES, INTERNAL_SERVER_ERROR),
    }
)


class ForeignOriginError(DataError):
    """A request of another site's page, or under a name that is not the server's."""

    code = "foreign_origin"


class NotAcceptableError(DataError):
    """A request for a format that the server does not write."""

    code = "not_acceptable"


class UnsupportedMediaTypeError(DataError):
    """A body of another media type than the server reads."""

    code = "unsupported_media_type"


class UnknownPathError(DataError):
    """A path that the HTTP port does not have."""

    code = "unknown_path"


class MethodNotAllowedError(DataError):
    """A method that a path does not have."""

    code = "method_not_allowed"


def error_response(error: DataError) -> JSONResponse:
    """The response for an error."""
    headers = {}
    match error:
        case BusyError(retry_after=seconds):
            headers["Retry-After"] = f"{max(1, round(seconds))}"
        case UnauthenticatedError():
            headers["WWW-Authenticate"] = "Bearer"
    body = {"code": error.code, "message": printable(error.message, MESSAGE_BYTES)}
    return JSONResponse(body, STATUS.get(error.code, BAD_REQUEST), headers)
