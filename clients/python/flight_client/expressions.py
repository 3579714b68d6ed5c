"""A pyarrow Expression as a tree that can be walked.

Expressions have no visitor, but their pickled form is an Arrow IPC file that spells the tree in prefix order with the
names of columns and functions: the schema's metadata is the list of ``("call", "equal")``, ``("field_ref", "x")``,
``("literal", "0")``, …, ``("end", "equal")``, and the one batch holds the literals and options by position. A node
remembers which stretch of that list it is, so any subtree is written back as an Expression of its own.

The form belongs to a pyarrow version. What can't be read raises ``UnreadableExpressionError``, and the caller filters
without looking inside.
"""

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds


class UnreadableExpressionError(Exception):
    """The pickled form is not one that this module knows."""


Span = tuple[int, int]


@dataclass(frozen=True)
class Field:
    """A column, by name."""

    name: str
    span: Span


@dataclass(frozen=True)
class Literal:
    """A constant, with its Arrow type."""

    value: pa.Scalar
    span: Span


@dataclass(frozen=True)
class Call:
    """A compute function applied to arguments; ``options`` is a struct scalar, null where it has none."""

    function: str
    arguments: tuple["Node", ...]
    options: pa.Scalar | None
    span: Span


Node = Field | Literal | Call


@dataclass
class _OpenCall:
    function: str
    start: int
    arguments: list[Node]
    options: pa.Scalar | None = None


class ExpressionTree:
    """An Expression's nodes. Raises UnreadableExpressionError when its pickled form can't be read."""

    def __init__(self, expression: pc.Expression) -> None:
        try:
            self._rebuild, (buffer,) = _pickled(expression)
            self._constants = pa.ipc.open_file(buffer).get_batch(0)
            self._spelling = _metadata_pairs(self._constants.schema)
            self.root = _parse(self._spelling, self._constants)
        except (pa.ArrowException, ValueError, LookupError, TypeError) as error:
            raise UnreadableExpressionError(str(error)) from error

    def expression(self, node: Node) -> pc.Expression:
        """The subtree as an Expression."""
        start, end = node.span
        batch = self._constants.replace_schema_metadata(pa.KeyValueMetadata(self._spelling[start:end]))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return self._rebuild(sink.getvalue())

    def columns(self, node: Node) -> frozenset[str]:
        """The names of the columns that the subtree reads."""
        start, end = node.span
        return frozenset(value for key, value in self._spelling[start:end] if key == "field_ref")

    def conjuncts(self) -> Iterator[Node]:
        """The terms whose ``and`` the expression is, from left to right."""
        pending = [self.root]
        while pending:
            match pending.pop():
                case Call("and_kleene", arguments):
                    pending.extend(reversed(arguments))
                case node:
                    yield node

    def constant(self, node: Node) -> pa.Scalar | None:
        """The value of a literal, or of a cast of one that can be made; null for any other node."""
        match node:
            case Literal(value):
                return value
            case Call("cast", (Literal(),)):
                one_row = ds.InMemoryDataset(pa.record_batch({"": [None]}))
                try:
                    return one_row.to_table(columns={"": self.expression(node)}, use_threads=False)[0][0]
                except pa.ArrowException:
                    return None
            case _:
                return None


def _pickled(expression: pc.Expression) -> tuple[Callable[[pa.Buffer], pc.Expression], tuple[pa.Buffer]]:
    rebuild, arguments = expression.__reduce__()
    return rebuild, arguments


def _parse(spelling: list[tuple[str, str]], constants: pa.RecordBatch) -> Node:
    outermost = _OpenCall("", 0, [])
    open_calls = [outermost]
    for position, (key, value) in enumerate(spelling):
        span = (position, position + 1)
        match key:
            case "field_ref":
                open_calls[-1].arguments.append(Field(value, span))
            case "literal":
                open_calls[-1].arguments.append(Literal(constants.column(int(value))[0], span))
            case "options":
                open_calls[-1].options = constants.column(int(value))[0]
            case "call":
                open_calls.append(_OpenCall(value, position, []))
            case "end" if open_calls[-1].function == value:
                call = open_calls.pop()
                node = Call(value, tuple(call.arguments), call.options, (call.start, position + 1))
                open_calls[-1].arguments.append(node)
            case _:
                raise ValueError(f"{key} {value!r} is not understood")
    if open_calls != [outermost]:
        raise ValueError(f"the call of {open_calls[-1].function!r} has no end")
    (root,) = outermost.arguments
    return root


class _CSchema(ctypes.Structure):
    """The head of ``ArrowSchema`` in the Arrow C data interface."""

    _fields_ = (("format", ctypes.c_char_p), ("name", ctypes.c_char_p), ("metadata", ctypes.c_void_p))


_pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
_pointer_of.restype = ctypes.c_void_p
_pointer_of.argtypes = (ctypes.py_object, ctypes.c_char_p)


def _metadata_pairs(schema: pa.Schema) -> list[tuple[str, str]]:
    """A schema's metadata with its order and repeated keys, which ``Schema.metadata`` loses.

    Read through the C data interface, where it is: the number of pairs, then for each key and value its length and
    bytes; numbers are native int32.
    """
    capsule = schema.__arrow_c_schema__()  # owns the memory that is read below
    address = _CSchema.from_address(_pointer_of(capsule, b"arrow_schema")).metadata
    if address is None:
        raise ValueError("the schema has no metadata")
    number = ctypes.sizeof(ctypes.c_int32)

    def texts(count: int) -> Iterator[str]:
        position = address + number
        for _ in range(count):
            length = ctypes.c_int32.from_address(position).value
            yield ctypes.string_at(position + number, length).decode()
            position += number + length

    pairs = ctypes.c_int32.from_address(address).value
    every = texts(2 * pairs)
    result = list(zip(every, every, strict=True))
    del capsule
    return result
