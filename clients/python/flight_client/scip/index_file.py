"""Reads an index file, one top-level message at a time.

An index is one protobuf message: metadata, documents and external symbols, each a tag, a length and that many bytes
(https://protobuf.dev/programming-guides/encoding). A first pass over these frames checks that the file is complete, and
records the positions of its documents, so that they can be read in any order. Memory is bounded by the largest
document.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

from google.protobuf.message import Message

from flight_client.scip.messages import ScipError, parse

_VARINT_BYTES = 10  # at most
_MORE = 0x80


class IndexField(IntEnum):
    """The numbers of an index's fields."""

    METADATA = 1
    DOCUMENT = 2
    EXTERNAL_SYMBOL = 3


class WireType(IntEnum):
    """The encodings of fields."""

    VARINT = 0
    FIXED64 = 1
    BYTES = 2
    FIXED32 = 5


@dataclass(frozen=True)
class Frame:
    """A field of the index: its number, and the position of its bytes in the file."""

    field: int
    start: int
    size: int


@dataclass(frozen=True)
class IndexLayout:
    """The result of the first pass; ``documents`` are (path, frame) in the order of the file."""

    metadata: Message
    documents: tuple[tuple[str, Frame], ...]


def layout_of(file: BinaryIO) -> IndexLayout:
    """Read all frames of the file. Raises ScipError if it is not an index, or an incomplete one."""
    metadata, documents = None, list[tuple[str, Frame]]()
    for frame in frames(file):
        match frame.field:
            case IndexField.METADATA:
                metadata = message(file, frame, "Metadata")
            case IndexField.DOCUMENT:
                documents.append((message(file, frame, "DocumentPath").relative_path, frame))
    if metadata is None:
        raise ScipError("the file is not a SCIP index: it has no metadata")
    return IndexLayout(metadata, tuple(documents))


def message(file: BinaryIO, frame: Frame, name: str) -> Message:
    """The field's bytes as the message ``name``. Raises ScipError."""
    file.seek(frame.start)
    return parse(name, file.read(frame.size), frame.start)


def frames(file: BinaryIO) -> Iterator[Frame]:
    """The fields of the index that hold bytes, in order; the bytes are not read. Raises ScipError."""
    size = os.fstat(file.fileno()).st_size
    position = 0
    while position < size:
        file.seek(position)
        head = file.read(2 * _VARINT_BYTES)  # a tag and a length
        tag, at = _varint(head, 0, position)
        match tag & 7:
            case WireType.VARINT:
                length, at = 0, _varint(head, at, position)[1]
            case WireType.FIXED64:
                length = 8
            case WireType.BYTES:
                length, at = _varint(head, at, position)
            case WireType.FIXED32:
                length = 4
            case wire_type:
                raise ScipError(f"the file is not a SCIP index: there is no wire type {wire_type}, at byte {position}")
        start = position + at
        if length > size - start:
            raise ScipError(f"the file is not a complete SCIP index: it ends at {size}, a field at {start + length}")
        if tag & 7 == WireType.BYTES:
            yield Frame(tag >> 3, start, length)
        position = start + length


def _varint(head: bytes, at: int, position: int) -> tuple[int, int]:
    """The number at ``head[at]``, and its end; each byte has seven bits, and an eighth one if more bytes follow."""
    value = 0
    for index, byte in enumerate(head[at : at + _VARINT_BYTES]):
        value |= (byte & ~_MORE) << 7 * index
        if not byte & _MORE:
            return value, at + index + 1
    raise ScipError(f"the file is not a complete SCIP index: no number at byte {position + at}")
