"""Annotations to facts: of which classes a place holds instances, and what is in the containers there.

Forms of ``typing`` are known by what their names were imported as. A quoted annotation is parsed and lowered like any
other, but that it calls nothing: its text is no code of the file. Of what is not read as a type (``Callable``'s
arguments, the rest of ``Annotated``), only what it calls counts.
"""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import EllipsisType, MappingProxyType
from typing import Literal

from flight_client.extract.flow_containers import Containers
from flight_client.extract.lexical_scopes import LexicalScope
from flight_client.extract.places import Place
from flight_client.extract.syntax_tree import dotted_name

Form = Literal["union", "first", "type", "literal", "last", "list", "set", "dict", "tuple", "generator"]

_WORDS: Mapping[Form, str] = MappingProxyType(
    {
        "union": "Optional Union",
        "first": "Annotated Final ClassVar Required NotRequired ReadOnly InitVar Awaitable Unpack TypeGuard TypeIs",
        "type": "type Type",
        "literal": "Literal LiteralString",
        "last": "Coroutine",
        "list": "list List Sequence MutableSequence deque Deque Collection Container Reversible",
        "set": "set Set frozenset FrozenSet AbstractSet MutableSet KeysView ValuesView",
        "dict": "dict Dict Mapping MutableMapping defaultdict DefaultDict OrderedDict ChainMap",
        "tuple": "tuple Tuple",
        "generator": "Iterable Iterator Generator AsyncIterable AsyncIterator AsyncGenerator",
    }
)
FORMS: Mapping[str, Form] = MappingProxyType({name: form for form, names in _WORDS.items() for name in names.split()})
QUOTED_CHARACTERS = 1000  # of a longer text nothing is read: its tree might be deep
_MODULES = frozenset({"typing", "typing_extensions", "collections", "collections.abc", "builtins", "dataclasses"})


class Annotations(Containers):
    """Lowers annotations."""

    is_quoted = False

    def annotate(self, place: Place, node: ast.expr) -> None:
        """What an annotation says of a place."""
        match node:
            case ast.Constant(value=str() as text):
                self._quoted(text, place, self.annotate)
            case ast.Constant():
                pass
            case ast.BinOp(op=ast.BitOr()):
                self.annotate(place, node.left)
                self.annotate(place, node.right)
            case ast.Subscript():
                self._subscripted(place, node)
            case ast.Starred():
                self.annotate(place, node.value)
            case _:
                held = self.named(node)
                if held is not None:
                    self.rows.annotations.append((place, held))

    def named(self, node: ast.expr) -> Place | None:
        """The place of the class that a name in an annotation means."""
        if not self.is_quoted:
            return self.value(node)
        match node:
            case ast.Name():
                return self.names[node.id].place
            case ast.Attribute():
                base = self.named(node.value)
                return None if base is None else self.attribute(base, node.attr)
            case _:
                return None

    def mention(self, node: ast.AST) -> None:
        """Lower what an annotation calls where it is not read as a type."""
        match node:
            case ast.Name() | ast.Constant():
                pass
            case ast.Tuple() | ast.List() | ast.BinOp() | ast.Subscript() | ast.Attribute() | ast.Starred():
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self.mention(child)
            case ast.expr() if not self.is_quoted:
                self.value(node)
            case _:
                pass

    def annotate_result(self, function: LexicalScope, node: ast.expr) -> None:
        """The annotation of what a function returns; of a generator function's iterator, what it yields is told."""
        match node:
            case ast.Subscript(slice=inner) if function.is_generator and self._form(node.value) == "generator":
                first, *others = inner.elts if isinstance(inner, ast.Tuple) and inner.elts else [inner]
                self.annotate(f"yld:{function.def_id}", first)
                self._mention_all(others)
            case _:
                self.annotate(f"ret:{function.def_id}", node)

    def _quoted(self, text: str, place: Place, lower: Callable[[Place, ast.expr], None]) -> None:
        """Lower a quoted type; one that is long, no expression or quoted twice is passed over."""
        if self.is_quoted or len(text) > QUOTED_CHARACTERS:
            return
        with suppress(SyntaxError, ValueError):
            parsed = ast.parse(text.strip(), mode="eval").body
            self.is_quoted = True
            lower(place, parsed)
        self.is_quoted = False

    def _subscripted(self, place: Place, node: ast.Subscript) -> None:
        arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        match self._form(node.value):
            case "union":
                for argument in arguments:
                    self.annotate(place, argument)
            case "type":
                for argument in arguments:
                    self.classes(place, argument)
            case "first":
                self.annotate(place, arguments[0])
                self._mention_all(arguments[1:])
            case "last":
                self._mention_all(arguments[:-1])
                self.annotate(place, arguments[-1])
            case "list" | "set" | "dict" | "tuple" | "generator" as kind:
                self.annotate(place, node.value)
                self._contains(kind, self.made(kind, place), arguments)
            case "literal":
                pass
            case None:
                self.annotate(place, node.value)
                self._mention_all(arguments)

    def _contains(self, kind: Form, container: Place, arguments: Sequence[ast.expr]) -> None:
        match kind, arguments:
            case "dict", [key, value]:
                keys = self.executor.temporary()
                self.annotate(keys, key)
                self._holds(container, value, None, keys)
            case "tuple", [element, ast.Constant(value=EllipsisType())]:
                self._holds(container, element)
            case "tuple", _:
                for position, element in enumerate(arguments):
                    self._holds(container, element, str(position))
            case _, [element, *others]:
                self._holds(container, element)
                self._mention_all(others)
            case _:
                pass

    def _holds(self, container: Place, node: ast.expr, key: str | None = None, key_place: Place | None = None) -> None:
        element = self.executor.temporary()
        self.annotate(element, node)
        self.put(container, element, key, key_place)

    def classes(self, place: Place, node: ast.expr) -> None:
        """The classes that a type means are themselves at a place: of ``type[X]``, of an alias."""
        match node:
            case ast.BinOp(op=ast.BitOr()):
                self.classes(place, node.left)
                self.classes(place, node.right)
            case ast.Subscript():
                self.classes(place, node.value)
                self.mention(node.slice)
            case ast.Constant(value=str() as text):
                self._quoted(text, place, self.classes)
            case ast.Name() | ast.Attribute():
                self.copy(place, self.named(node), "assign")
            case _:
                self.mention(node)

    def _mention_all(self, nodes: Iterable[ast.expr]) -> None:
        for node in nodes:
            self.mention(node)

    def _form(self, node: ast.expr) -> Form | None:
        """What a name before brackets means; a name that may have come by a star import is taken at its word."""
        dotted, is_pure = dotted_name(node)
        form = FORMS.get(dotted.rpartition(".")[2]) if dotted and is_pure else None
        if form is None or dotted is None:
            return None
        meant = self.scope.candidates(dotted)
        return form if not meant or any(name.rpartition(".")[0] in _MODULES for name, _ in meant) else None
