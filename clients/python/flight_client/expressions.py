"""A pyarrow Expression as a tree that can be walked.

Expressions have no visitor, but a pickled Expression is an Arrow IPC file with the tree in prefix order: the schema's
metadata is the list ``("call", "equal")``, ``("field_ref", "x")``, ``("literal", "0")``, …, ``("end", "equal")``, and
the only batch holds the literals and options by position. Each call has its span in that list, so any subtree can be
written back as an Expression.

The pickled format depends on the pyarrow version. If it can't be read, ``UnreadableExpressionError`` is raised, and the
caller applies the Expression as a whole.
"""

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from arrowdsl.compute.expr import Column, Literal

Span = tuple[int, int]


class UnreadableExpressionError(Exception):
    """The pickled Expression has an unknown format."""


@dataclass(frozen=True)
class EngineCall:
    """One of Arrow's compute functions applied to arguments.

    ``options`` is a struct scalar, or None if the function has no options. A constant of another type than boolean,
    number or string is a call of ``constant`` without arguments.
    """

    function: str
    arguments: tuple["EngineNode", ...]
    options: pa.Scalar | None
    span: Span


EngineNode = Column | Literal | EngineCall


class ExpressionTree:
    """An Expression's nodes. Raises UnreadableExpressionError if the pickled Expression can't be read."""

    def __init__(self, expression: pc.Expression) -> None:
        try:
            self._rebuild, (buffer,) = _pickled(expression)
            self._constants = pa.ipc.open_file(buffer).get_batch(0)
            self._spelling = _metadata_pairs(self._constants.schema)
            self.root = _parse(self._spelling, self._constants)
        except (pa.ArrowException, ValueError, LookupError, TypeError) as error:
            raise UnreadableExpressionError(str(error)) from error
        self.span: Span = (0, len(self._spelling))

    def expression(self, span: Span) -> pc.Expression:
        """The subtree at ``span`` as an Expression."""
        start, end = span
        batch = self._constants.replace_schema_metadata(pa.KeyValueMetadata(self._spelling[start:end]))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return self._rebuild(sink.getvalue())

    def columns(self, span: Span) -> frozenset[str]:
        """The names of the columns that the subtree at ``span`` reads."""
        start, end = span
        return frozenset(value for key, value in self._spelling[start:end] if key == "field_ref")

    def conjuncts(self) -> Iterator[tuple[EngineNode, Span]]:
        """The terms of the expression's top-level ``and``, from left to right, each with its span."""
        pending: list[tuple[EngineNode, Span]] = [(self.root, self.span)]
        while pending:
            match pending.pop():
                case EngineCall("and_kleene") as call, _:
                    pending.extend(reversed(_placed(call)))
                case conjunct:
                    yield conjunct

    def constant(self, node: EngineNode) -> Literal | None:
        """The value of a literal, or of a literal's cast if the cast succeeds; None for any other node."""
        match node:
            case Literal():
                return node
            case EngineCall("cast", (Literal(),)):
                one_row = ds.InMemoryDataset(pa.record_batch({"": [None]}))
                try:
                    cast = one_row.to_table(columns={"": self.expression(node.span)}, use_threads=False)[0][0]
                except pa.ArrowException:
                    return None
                return Literal(cast.as_py(), cast.type) if _is_plain(cast.type) else None
            case _:
                return None


def is_text(data_type: pa.DataType) -> bool:
    """Whether the values are strings, dictionary-encoded or not."""
    if pa.types.is_dictionary(data_type):
        data_type = data_type.value_type
    return bool(data_type in {pa.string(), pa.large_string(), pa.string_view()})


def _is_plain(data_type: pa.DataType) -> bool:
    kinds = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_float32, pa.types.is_float64, pa.types.is_null)
    return is_text(data_type) or any(kind(data_type) for kind in kinds)


def _placed(call: EngineCall) -> list[tuple[EngineNode, Span]]:
    """The arguments of a call, each with its span: they follow the call's own entry one after another."""
    placed, start = [], call.span[0] + 1
    for argument in call.arguments:
        span = argument.span if isinstance(argument, EngineCall) else (start, start + 1)
        placed.append((argument, span))
        start = span[1]
    return placed


def _pickled(expression: pc.Expression) -> tuple[Callable[[pa.Buffer], pc.Expression], tuple[pa.Buffer]]:
    rebuild, arguments = expression.__reduce__()
    return rebuild, arguments


@dataclass
class _OpenCall:
    function: str
    start: int
    arguments: list[EngineNode]
    options: pa.Scalar | None = None


def _parse(spelling: list[tuple[str, str]], constants: pa.RecordBatch) -> EngineNode:
    outermost = _OpenCall("", 0, [])
    open_calls = [outermost]
    for position, (key, value) in enumerate(spelling):
        match key:
            case "field_ref":
                open_calls[-1].arguments.append(Column(value))
            case "literal":
                scalar = constants.column(int(value))[0]
                is_plain = _is_plain(scalar.type)
                other = EngineCall("constant", (), None, (position, position + 1))
                open_calls[-1].arguments.append(Literal(scalar.as_py(), scalar.type) if is_plain else other)
            case "options":
                open_calls[-1].options = constants.column(int(value))[0]
            case "call":
                open_calls.append(_OpenCall(value, position, []))
            case "end" if open_calls[-1].function == value:
                call = open_calls.pop()
                node = EngineCall(value, tuple(call.arguments), call.options, (call.start, position + 1))
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

    In the C data interface, the metadata is the number of pairs, then for each key and value its length and bytes;
    numbers are native int32.
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
