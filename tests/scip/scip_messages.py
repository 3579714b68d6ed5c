"""SCIP indexes written by hand, field by field, from the numbers of the public ``scip.proto``."""

from collections.abc import Iterable, Sequence

UTF8, UTF16, UTF32 = 1, 2, 3
_SEVEN_BITS = 0x7F


def varint(value: int) -> bytes:
    more = bytearray()
    while value > _SEVEN_BITS:
        more.append(value & _SEVEN_BITS | 0x80)
        value >>= 7
    return bytes([*more, value])


def field(number: int, value: str | bytes | int | Iterable[int]) -> bytes:
    """One field; a sequence of numbers is packed."""
    match value:
        case int():
            return varint(number << 3) + varint(value)
        case str():
            return field(number, value.encode())
        case bytes():
            return varint(number << 3 | 2) + varint(len(value)) + value
        case _:
            return field(number, b"".join(map(varint, value)))


def metadata(tool: str = "scip-test", version: str = "1.0", arguments: Sequence[str] = ()) -> bytes:
    info = field(1, tool) + field(2, version) + b"".join(field(3, each) for each in arguments)
    return field(1, field(2, info) + field(3, "file:///project") + field(4, 1))


def occurrence(span: Sequence[int], symbol: str, roles: int = 0, *more: bytes) -> bytes:
    return b"".join((field(1, span), field(2, symbol), field(3, roles), *more))


def symbol(name: str, *relationships: bytes, kind: int = 0, documentation: Sequence[str] = ()) -> bytes:
    told = [*(field(3, text) for text in documentation), *(field(4, each) for each in relationships)]
    return b"".join((field(1, name), *told, field(5, kind)))


def document(
    path: str,
    occurrences: Sequence[bytes] = (),
    symbols: Sequence[bytes] = (),
    *,
    encoding: int = UTF8,
    language: str = "Python",
    text: str = "",
) -> bytes:
    """A document whose path stands at its end, where a reader has to look for it."""
    held = [*(field(2, each) for each in occurrences), *(field(3, each) for each in symbols)]
    return b"".join((field(4, language), *held, field(5, text), field(6, encoding), field(1, path)))


def index(*documents: bytes, externals: Sequence[bytes] = (), tool: str = "scip-test") -> bytes:
    return b"".join((metadata(tool), *(field(2, each) for each in documents), *(field(3, each) for each in externals)))
