"""The JSON objects of the wire: tickets, commands, criteria, action bodies, and the bodies of HTTP."""

import json
import re
from collections.abc import Mapping
from typing import Any

from flight_server.serving.request import JsonKind, checked
from flight_server.serving.request_errors import BadRequestError

MAX_BYTES = 16 * 1024 * 1024
MAX_NESTING = 256  # Python's JSON parser recurses, on the stack of one of gRPC's threads
_TOKEN = re.compile(rb'"|\\.|[\[\]{}]', re.DOTALL)


def json_object(what: str, data: bytes) -> dict[str, Any]:
    """The JSON object in ``data``, empty when there is none; raises BadRequestError."""
    if len(data) > MAX_BYTES:
        raise BadRequestError(f"{what} has {len(data)} bytes, at most {MAX_BYTES} are allowed")
    if not data:
        return {}
    if _nesting(data) > MAX_NESTING:
        raise BadRequestError(f"{what} is nested more than {MAX_NESTING} deep")
    try:
        document = json.loads(data.decode(), parse_constant=_refuse, object_pairs_hook=_unique)
        json.dumps(document, ensure_ascii=False).encode()  # an escape may be half of a surrogate pair: no text
    except (ValueError, RecursionError) as error:
        raise BadRequestError(f"{what} is not UTF-8 JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadRequestError(f"{what} must be a JSON object")
    return document


def arguments(what: str, data: bytes, kinds: Mapping[str, JsonKind], *required: str) -> dict[str, Any]:
    """The keys of the JSON object in ``data``, checked; a key with a null is ignored."""
    given = {key: value for key, value in json_object(what, data).items() if value is not None}
    return checked(what, given, kinds, *required)


def _nesting(data: bytes) -> int:
    """The depth of nested brackets in JSON, without brackets in strings."""
    if data.count(b"[") + data.count(b"{") <= MAX_NESTING:
        return 0
    depth = deepest = 0
    is_text = False
    for token in _TOKEN.finditer(data):
        match token[0]:
            case b'"':
                is_text = not is_text
            case b"[" | b"{" if not is_text:
                depth += 1
                deepest = max(deepest, depth)
                if deepest > MAX_NESTING:
                    break
            case b"]" | b"}" if not is_text:
                depth -= 1
    return deepest


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """A JSON object, encoded for the wire."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not a JSON number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a key occurs twice in an object")
    return document
