"""Models compiled: each statement becomes rows of a verb and its operands as numbers.

Operands below POSITIONAL_END are positional arguments, then come ``result`` and ``self``, the temporaries of a call
site and, from KEYWORDS on, keyword arguments by key.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from flight_server.points_to.columns import Ints, Mask
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.keys import EVERY, TEMPORARIES
from flight_server.points_to.models import DESCRIBING, MODELS, NEW_OF_ANY_TYPE
from flight_server.points_to.relations import Include

POSITIONAL_END, RESULT, SELF, TEMPORARY, KEYWORDS, ABSENT = 100, 100, 101, 110, 1000, -1
_NAMED_TEMPORARIES = "abcdefgh"


class Verb(IntEnum):
    """What a statement does with its operands (target, x, y, z) and its constant."""

    COPY = 0  # x to target
    ELEMENTS = 1  # of x to target
    YIELDS = 2
    ITEM = 3  # of x under the constant key
    ITEM_AT = 4  # of x under the key at y
    HOLD = 5  # x in target, anywhere
    HAVE = 6  # x in target, under the constant key
    KEEP = 7  # y in target, under the key at x
    CALL = 8  # x with y and z
    SPECIAL = 9  # the special method (constant) of x, with y
    NEW = 10  # container of the shape
    FILL = 11  # the container at target with the items of x, by mode
    VALUE = 12  # of the shape
    ATTRIBUTE = 13
    SET_ATTRIBUTE = 14
    UPDATE = 15
    TYPE = 16
    INSTANCE = 17
    SUPER = 18  # class x, object y
    WRAP = 19  # x by the kind
    PARTIAL = 20  # of the kind
    CURRIED = 21
    CONSTRUCT = 22
    KEYWORDS = 23
    CLASSES = 24  # those whose metaclass is x
    MODULE = 25
    IMPORTED = 26  # modules that x names
    MAYBE = 27
    ITSELF = 28
    KEPT = 29
    BIND = 30
    SEND = 31
    ATTRIBUTES = 33  # the keyword arguments
    ARGUMENTS = 34
    CONTAINERS = 35
    READ = 32  # the attribute (constant) of x to target


_SHAPES = {shape.name.lower(): shape for shape in Shape if shape <= Shape.GENERATOR or shape >= Shape.DEQUE}
_VALUES = {"text": Shape.STR, "number": Shape.INT, "real": Shape.FLOAT, "boolean": Shape.BOOL, "bytes": Shape.BYTES}
_WRAPPERS = {
    "property": Kind.PROPERTY,
    "setter": Kind.SETTER,
    "static": Kind.STATIC,
    "class": Kind.CLASS_METHOD,
    "factory": Kind.FACTORY,
    "dispatch": Kind.DISPATCH,
}
_MODES = {"of": Include.ELEMENTS, "values": Include.VALUES, "same": Include.SAME}
_PLAIN = {
    "item": Verb.ITEM_AT,
    "attribute": Verb.ATTRIBUTE,
    "call": Verb.CALL,
    "yield": Verb.YIELDS,
    "type": Verb.TYPE,
    "instance": Verb.INSTANCE,
    "super": Verb.SUPER,
    "curried": Verb.CURRIED,
    "itself": Verb.ITSELF,
    "arguments": Verb.ARGUMENTS,
    "containers": Verb.CONTAINERS,
    "kept": Verb.KEPT,
    "bind": Verb.BIND,
    "construct": Verb.CONSTRUCT,
    "classes": Verb.CLASSES,
    "module": Verb.MODULE,
    "imported": Verb.IMPORTED,
}
_INTO = {
    "holds": Verb.HOLD,
    "update": Verb.UPDATE,
    "keywords": Verb.KEYWORDS,
    "attributes": Verb.ATTRIBUTES,
    "item": Verb.KEEP,
    "attribute": Verb.SET_ATTRIBUTE,
    "maybe": Verb.MAYBE,
    "sent": Verb.SEND,
}


def names() -> tuple[str, ...]:
    """The names that models need keys for: the steps of what they model, keyword arguments, special methods."""
    steps = {step for dotted in MODELS for step in dotted.removesuffix("()").split(".")}
    spelled = r"\w+=|(?<=special self )\w+|(?<=special \w )\w+"
    words = {word.rstrip("=") for program in MODELS.values() for word in re.findall(spelled, program)}
    return tuple(sorted({*steps, *words, "()"}))


@dataclass(frozen=True)
class Programs:
    """The compiled models: those of model m are ``rows[low[m]:high[m]]``.

    Columns: verb, target, x, y, z, constant, and an operand without which the row does nothing. ``describes`` are those
    of decorators that say what a method is.
    """

    dotted: tuple[str, ...]
    rows: Ints
    low: Ints
    high: Ints
    describes: Mask


def compile_models(keys: Mapping[str, int]) -> Programs:
    """The models over a repo's keys; model 0 does nothing, the last one is what every ``__new__`` does."""
    compiled = [_Compiler(keys).program(text) for text in ("", *MODELS.values(), NEW_OF_ANY_TYPE)]
    ends = np.cumsum([len(rows) for rows in compiled])
    flat = [row for rows in compiled for row in rows]
    describes = np.array([dotted in DESCRIBING for dotted in ("", *MODELS, "")])
    return Programs(tuple(MODELS), np.array(flat, np.int64), np.concatenate([[0], ends[:-1]]), ends, describes)


class _Compiler:
    """Turns one program into rows; what it needs in between gets further temporaries."""

    def __init__(self, keys: Mapping[str, int]) -> None:
        self.keys = keys
        self.rows: list[tuple[int, ...]] = []
        self.needed = ABSENT
        self.temporaries = len(_NAMED_TEMPORARIES)

    def program(self, text: str) -> list[tuple[int, ...]]:
        for part in filter(None, (part.strip() for part in text.split(";"))):
            statement, _, needed = part.partition(" if ")
            self.needed = self._operand(needed) if needed else ABSENT
            target, _, value = statement.partition(" = ")
            if value:
                self._value(self._operand(target), value.split())
            else:
                self._into(statement.split())
        return self.rows

    def _emit(self, verb: Verb, target: int, *operands: int, constant: int = 0) -> None:
        x, y, z = (*operands, ABSENT, ABSENT, ABSENT)[:3]
        self.rows.append((verb, target, x, y, z, constant, self.needed))

    def _operand(self, word: str) -> int:
        if word.isdigit():
            return int(word)
        if word.endswith("="):
            return KEYWORDS + self.keys[word[:-1]]
        if word in _NAMED_TEMPORARIES:
            return TEMPORARY + _NAMED_TEMPORARIES.index(word)
        return {"result": RESULT, "self": SELF}[word]

    def _temporary(self) -> int:
        self.temporaries += 1
        if self.temporaries > len(TEMPORARIES):
            message = "a model needs more temporaries than there are"
            raise ValueError(message)
        return TEMPORARY + self.temporaries - 1

    def _value(self, target: int, words: list[str]) -> None:
        match words:
            case ["each", x]:
                self._each(target, self._operand(x))
            case ["new", shape, *contents]:
                self._new(target, _SHAPES[shape], contents)
            case ["first" | "second" as which, x]:
                key = self.keys["[0" if which == "first" else "[1"]
                self._emit(Verb.ITEM, target, self._operand(x), constant=key)
            case ["values", x]:
                self._emit(Verb.ITEM, target, self._operand(x), constant=self.keys[EVERY])
            case ["special", x, name, *arguments]:
                self._emit(Verb.SPECIAL, target, *map(self._operand, (x, *arguments)), constant=self.keys[name])
            case ["read", x, name]:
                self._emit(Verb.READ, target, self._operand(x), constant=self.keys[name])
            case ["partial" | "method" as which, x]:
                kind = Kind.PARTIAL if which == "partial" else Kind.PARTIAL_METHOD
                self._emit(Verb.PARTIAL, target, self._operand(x), constant=kind)
            case ["wrap", kind, x]:
                self._emit(Verb.WRAP, target, self._operand(x), constant=_WRAPPERS[kind])
            case [verb, *operands] if verb in _PLAIN:
                self._emit(_PLAIN[verb], target, *map(self._operand, operands))
            case [value] if value in _VALUES:
                self._emit(Verb.VALUE, target, constant=_VALUES[value])
            case [x]:
                self._emit(Verb.COPY, target, self._operand(x))

    def _each(self, target: int, base: int) -> None:
        """Elements of a container, of what ``__iter__`` gives, and what its ``__next__`` gives."""
        iterator = self._temporary()
        self._emit(Verb.ELEMENTS, target, base)
        self._emit(Verb.SPECIAL, iterator, base, constant=self.keys["__iter__"])
        self._emit(Verb.ELEMENTS, target, iterator)
        self._emit(Verb.SPECIAL, target, iterator, constant=self.keys["__next__"])

    def _new(self, target: int, shape: Shape, contents: list[str]) -> None:
        self._emit(Verb.NEW, target, constant=shape)
        match contents:
            case ["from", position, x]:
                self._emit(Verb.FILL, target, self._operand(x), constant=pair(shape, Include.FROM + int(position)))
            case [mode, x]:
                self._emit(Verb.FILL, target, self._operand(x), constant=pair(shape, _MODES[mode]))

    def _into(self, words: list[str]) -> None:
        match words:
            case [target, "has", position, x]:
                key = self.keys[f"[{position}"]
                self._emit(Verb.HAVE, self._operand(target), self._operand(x), constant=key)
            case [target, verb, *operands]:
                self._emit(_INTO[verb], self._operand(target), *map(self._operand, operands))


def pair(shape: int, mode: int) -> int:
    """A shape and a mode as one constant."""
    return shape * 256 + mode
