"""The compiler of models: each statement becomes rows of a verb and its operands, as numbers.

Operands below POSITIONAL_END are positional arguments; then come ``result``, ``self`` and the temporaries of a call
site; operands from KEYWORDS on are keyword arguments by key.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from flight_server.points_to.builtin_models import DESCRIBING, NEW_OF_ANY_TYPE
from flight_server.points_to.fact_families import Include
from flight_server.points_to.field_keys import EVERY, TEMPORARIES
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.integer_columns import Ints, Mask
from flight_server.points_to.library_models import MODELS

POSITIONAL_END, RESULT, SELF, TEMPORARY, KEYWORDS, ABSENT = 100, 100, 101, 110, 1000, -1
MODES = 256  # a shape and a mode are encoded as one constant: shape * MODES + mode
_WORDS = (
    "copy elements yield key item holds has call special new fill value attribute update type instance super wrap "
    "partial curried construct keywords classes module imported maybe itself deferred bind sent attributes arguments "
    "containers read"
)
VERBS = (*_WORDS.split(), "set item", "set attribute")
_NAMED_TEMPORARIES = "abcdefgh"
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


def model_names() -> set[str]:
    """The names that models need keys for: the parts of their dotted names, keyword arguments, special methods."""
    steps = {step for dotted in MODELS for step in dotted.removesuffix("()").split(".")}
    spelled = r"\w+=|(?<=special self )\w+|(?<=special \w )\w+"
    return {*steps, "()", *(word.rstrip("=") for text in MODELS.values() for word in re.findall(spelled, text))}


@dataclass(frozen=True)
class CompiledModels:
    """The compiled models: model m is the rows ``low[m]`` to ``high[m]``.

    ``rows`` has the columns verb (its index in VERBS), target, x, y, z, constant, and the operand without which the row
    has no effect. ``describes`` marks the models of decorators that say how a method is bound.
    """

    rows: Ints
    low: Ints
    high: Ints
    describes: Mask


def compile_models(keys: Mapping[str, int]) -> CompiledModels:
    """The models, compiled for a repo's keys. Model 0 has no effect, the last one is that of every ``__new__``."""
    compiled = [_Compiler(keys).program(text) for text in ("", *MODELS.values(), NEW_OF_ANY_TYPE)]
    ends = np.cumsum([len(rows) for rows in compiled])
    flat = np.array([row for rows in compiled for row in rows], np.int64).T
    describes = np.array([dotted in DESCRIBING for dotted in ("", *MODELS, "")])
    return CompiledModels(flat, np.concatenate([[0], ends[:-1]]), ends, describes)


class _Compiler:
    """Compiles one program into rows; intermediate values get additional temporaries."""

    def __init__(self, keys: Mapping[str, int]) -> None:
        self.keys = keys
        self.rows: list[tuple[int, ...]] = []
        self.needed = ABSENT
        self.temporaries = iter(range(TEMPORARY + len(_NAMED_TEMPORARIES), TEMPORARY + len(TEMPORARIES)))

    def program(self, text: str) -> list[tuple[int, ...]]:
        for part in filter(None, map(str.strip, text.split(";"))):
            statement, _, needed = part.partition(" if ")
            self.needed = self._operand(needed) if needed else ABSENT
            target, _, value = statement.partition(" = ")
            if value:
                self._value(self._operand(target), value.split())
            else:
                self._into(statement.split())
        return self.rows

    def _emit(self, verb: str, target: int, *operands: int, constant: int = 0) -> None:
        x, y, z = (*operands, ABSENT, ABSENT, ABSENT)[:3]
        self.rows.append((VERBS.index(verb), target, x, y, z, constant, self.needed))

    def _operand(self, word: str) -> int:
        if word.isdigit():
            return int(word)
        if word.endswith("="):
            return KEYWORDS + self.keys[word[:-1]]
        if word in _NAMED_TEMPORARIES:
            return TEMPORARY + _NAMED_TEMPORARIES.index(word)
        return {"result": RESULT, "self": SELF}[word]

    def _value(self, target: int, words: list[str]) -> None:
        match words:
            case ["each", x]:
                self._each(target, self._operand(x))
            case ["new", shape, *contents]:
                self._new(target, _SHAPES[shape], contents)
            case ["first" | "second" as which, x]:
                key = self.keys["[0" if which == "first" else "[1"]
                self._emit("key", target, self._operand(x), constant=key)
            case ["values", x]:
                self._emit("key", target, self._operand(x), constant=self.keys[EVERY])
            case ["special" | "read" as verb, x, name, *arguments]:
                self._emit(verb, target, *map(self._operand, (x, *arguments)), constant=self.keys[name])
            case ["partial" | "method" as which, x]:
                kind = Kind.PARTIAL if which == "partial" else Kind.PARTIAL_METHOD
                self._emit("partial", target, self._operand(x), constant=kind)
            case ["wrap", kind, x]:
                self._emit("wrap", target, self._operand(x), constant=_WRAPPERS[kind])
            case [value] if value in _VALUES:
                self._emit("value", target, constant=_VALUES[value])
            case [verb, *operands] if verb in VERBS:
                self._emit(verb, target, *map(self._operand, operands))
            case [x]:
                self._emit("copy", target, self._operand(x))

    def _each(self, target: int, base: int) -> None:
        """Load a container's elements, those of its iterator (``__iter__``), and the results of ``__next__``."""
        iterator = next(self.temporaries)
        self._emit("elements", target, base)
        self._emit("special", iterator, base, constant=self.keys["__iter__"])
        self._emit("elements", target, iterator)
        self._emit("special", target, iterator, constant=self.keys["__next__"])

    def _new(self, target: int, shape: Shape, contents: list[str]) -> None:
        self._emit("new", target, constant=shape)
        match contents:
            case ["from", position, x]:
                mode = Include.FROM + int(position)
                self._emit("fill", target, self._operand(x), constant=shape * MODES + mode)
            case [mode, x]:
                self._emit("fill", target, self._operand(x), constant=shape * MODES + _MODES[mode])

    def _into(self, words: list[str]) -> None:
        match words:
            case [target, "has", position, x]:
                self._emit("has", self._operand(target), self._operand(x), constant=self.keys[f"[{position}"])
            case [target, verb, *operands]:
                verb = f"set {verb}" if verb in {"item", "attribute"} else verb
                self._emit(verb, self._operand(target), *map(self._operand, operands))
