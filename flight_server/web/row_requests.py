"""Requests for rows: the parameters of a URL as the JSON of a ticket, and the format by the header Accept."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest

from arrowdsl.errors import one_of
from flight_server.access.identities import Identity
from flight_server.serving.request import Request, request_from_json
from flight_server.serving.request_errors import BadRequestError, TooLargeError
from flight_server.serving.running_calls import CancelledCallError, RunningCall
from flight_server.serving.sql_request import SqlRequest, sql_from_json
from flight_server.serving.wire_json import json_object
from flight_server.storage.row_formats import FORMATS
from flight_server.web.error_responses import NotAcceptableError, UnsupportedMediaTypeError

BODY_BYTES = 2 * 1024 * 1024
DEFAULT_FORMAT = "jsonl"
MAX_PARTS = 64 * 1024
MAX_DIGITS = 19
_MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        **{each.media_type.partition(";")[0]: name for name, each in FORMATS.items()},
        "application/jsonl": "jsonl",
        "*/*": DEFAULT_FORMAT,
        "application/*": DEFAULT_FORMAT,
        "text/*": "csv",
    }
)
_NUMBERS = ("limit", "snapshot", "since")
_LISTS = ("columns", "kinds", "parts")
_TEXTS = ("where", "order", "props")
PARAMETERS = (*_LISTS, *_TEXTS, *_NUMBERS, "format")


def call_of_request(request: HttpRequest, method: str, identity: Identity) -> RunningCall:
    """The call that a request is, to be entered."""
    host, port = request.client or ("", 0)
    peer = f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
    call = RunningCall(method, peer, identity, traceparent=request.headers.get("traceparent"))
    return call.named(request.headers.get("x-request-id"))


def read_of_request(request: HttpRequest) -> Request:
    """The read that a URL spells: columns, kinds and parts are lists with commas, where is CQL2 as text or JSON.

    Raises BadRequestError, ExpressionError.
    """
    query = request.query_params
    unknown = sorted(set(query) - set(PARAMETERS))
    if unknown:
        raise BadRequestError(f"unknown parameters: {one_of(unknown)}; allowed: {one_of(PARAMETERS)}")
    if len(query.multi_items()) > len(query):
        raise BadRequestError("a parameter is given twice; separate the items of a list by commas")
    given = {key: _value(key, text) for key, text in query.items() if key != "format"}
    return request_from_json({**request.path_params, **given})


def _value(key: str, text: str) -> object:
    if key in _NUMBERS:
        return _number(key, text)
    if key == "parts":
        return [part for word in text.split(",") for part in _parts(word.strip())]
    if key in _LISTS:
        return [word.strip() for word in text.split(",")]
    return json_object("where", text.encode()) if key == "where" and text.lstrip().startswith("{") else text


def _parts(word: str) -> list[object]:
    """The part that a word names, or the parts of a range such as 0-3."""
    first, dash, last = word.partition("-")
    if not dash:
        return [_number("parts", word) if word.isdecimal() else word]
    start, stop = _number("parts", first), _number("parts", last)
    if stop - start >= MAX_PARTS:
        raise BadRequestError(f"parts: {word} has more than {MAX_PARTS} parts")
    return list(range(start, stop + 1))


def _number(key: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > MAX_DIGITS:
        raise BadRequestError(f"{key} must be a whole number, given: {text!r}")
    return int(text)


def format_of(request: HttpRequest) -> str:
    """One of FORMATS: the parameter ``format``, or what the header Accept likes best. Raises NotAcceptableError."""
    chosen = request.query_params.get("format")
    if chosen is not None and chosen in FORMATS:
        return chosen
    accepted = request.headers.get("accept", "*/*")
    ranked = sorted(map(_preference, accepted.split(",")), key=lambda pair: -pair[1])
    found = next((_MEDIA_TYPES[kind] for kind, weight in ranked if kind in _MEDIA_TYPES and weight > 0), None)
    if chosen is not None or found is None:
        types = one_of(each.media_type for each in FORMATS.values())
        raise NotAcceptableError(f"the formats are {one_of(FORMATS)} by the parameter format, by Accept {types}")
    return found


def _preference(item: str) -> tuple[str, float]:
    kind, *parameters = (part.strip().lower() for part in item.split(";"))
    weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return kind, float(weight)
    except ValueError:
        return kind, 0.0


async def body_of(request: HttpRequest) -> bytes:
    """The body of a query, which must be declared as JSON.

    Raises UnsupportedMediaTypeError, TooLargeError, and CancelledCallError if the client breaks off.
    """
    # A page of another site can post text without asking; a body of JSON makes its browser ask first, and get no.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaTypeError('a query is JSON, with the header Content-Type: application/json; {"sql": "…"}')
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES:
                raise TooLargeError(f"a body has at most {BODY_BYTES} bytes")
    except ClientDisconnect as error:
        raise CancelledCallError("the client broke off its request") from error
    return bytes(body)


def sql_of_body(body: bytes) -> SqlRequest:
    """The query in a body: a JSON object with sql, repo, parameters. Raises BadRequestError."""
    return sql_from_json(json_object("the body", body))
