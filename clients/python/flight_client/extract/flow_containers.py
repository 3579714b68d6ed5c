"""Containers to facts: displays, comprehensions and subscripts.

A display that holds only constants is one object without items, so that a table of data stays one row; but for a few
texts that spell names, which may be looked up.
"""

import ast
from collections.abc import Sequence
from types import MappingProxyType

from flight_client.extract.flow_expressions import HANDLERS as OF_EXPRESSIONS
from flight_client.extract.flow_lowering import signed
from flight_client.extract.flow_targets import Targets
from flight_client.extract.places import Place
from flight_client.extract.syntax_tree import Comprehension

MOST_NAMES = 6  # in a display of constants, of which each is told
KINDS = MappingProxyType(
    {
        ast.List: "list",
        ast.ListComp: "list",
        ast.Tuple: "tuple",
        ast.Set: "set",
        ast.SetComp: "set",
        ast.GeneratorExp: "generator",
        ast.DictComp: "dict",
    }
)
HANDLERS = MappingProxyType(
    {
        **OF_EXPRESSIONS,
        "List": "_display",
        "Tuple": "_display",
        "Set": "_display",
        "Dict": "_dict",
        "ListComp": "_comprehension",
        "SetComp": "_comprehension",
        "DictComp": "_comprehension",
        "GeneratorExp": "_comprehension",
        "Subscript": "_subscript",
        "YieldFrom": "_yield_from",
    }
)


class Containers(Targets):
    """Lowers what makes containers and reads from them."""

    handlers = HANDLERS

    def _display(self, node: ast.List | ast.Tuple | ast.Set) -> Place:
        container = self.made(KINDS[node.__class__])
        if holds_constants(node) and not spells_names(node.elts):
            return container
        is_ordered = not isinstance(node, ast.Set)
        for position, element in enumerate(node.elts):
            if isinstance(element, ast.Starred):
                is_ordered = False
                self.put(container, self.iterated(element.value))
            else:
                self.put(container, self.value(element), str(position) if is_ordered else None)
        return container

    def _dict(self, node: ast.Dict) -> Place:
        container = self.made("dict")
        if holds_constants(node) and not spells_names(node.values):
            return container
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                self._merged(container, self.value(value))
            else:
                text, place = self.key(key)
                self.put(container, self.value(value), text, place)
        return container

    def _merged(self, container: Place, source: Place | None) -> None:
        if source is not None:
            item = self.executor.temporary()
            self.item(item, source, None)
            self.put(container, item)

    def _comprehension(self, node: Comprehension) -> Place:
        """Its code counts for the definition around it, but its variables are its own."""
        container = self.made(KINDS[node.__class__])
        outer = self.scope
        for index, generator in enumerate(node.generators):
            source = self.value(generator.iter)
            if not index:
                self.enter(self.walk.opened[node])
            self.iterate(generator.target, source, generator.iter, is_async=bool(generator.is_async))
            self.values(generator.ifs)
        if isinstance(node, ast.DictComp):
            text, place = self.key(node.key)
            self.put(container, self.value(node.value), text, place)
        else:
            self.put(container, self.value(node.elt))
        self.enter(outer)
        return container

    def _subscript(self, node: ast.Subscript) -> Place | None:
        base = self.value(node.value)
        text, place = self.key(node.slice)
        return None if base is None else self.subscript(node, base, text, place)

    def subscript(self, node: ast.Subscript, base: Place, text: str | None, place: Place | None) -> Place:
        """``x[k]``, with the key as from ``key``."""
        result = self.executor.temporary()
        self.item(result, base, text, place)
        arguments = (self.key_argument(node.slice, place),)
        self.implied("getitem", base, ("__getitem__",), self.span(node), arguments, result)
        return result

    def _yield_from(self, node: ast.YieldFrom) -> Place | None:
        """Its value is what the inner generator returns."""
        source = self.value(node.value)
        if source is None:
            return None
        element, result = self.executor.temporary(), self.executor.temporary()
        self._elements(element, source, node.value, is_async=False)
        self.copy(f"yld:{self.executor.def_id}", element, "yield")
        self.rows.loads.append((result, source, "return", None, None, False))
        return result


def holds_constants(node: ast.expr) -> bool:
    """Whether a display, or what stands in one, has only constants in it."""
    match node:
        case ast.List() | ast.Tuple() | ast.Set():
            return all(holds_constants(element) for element in node.elts)
        case ast.Dict():
            return all(key is not None and holds_constants(key) for key in node.keys) and all(
                holds_constants(value) for value in node.values
            )
        case _:
            return signed(node) is not None


def spells_names(nodes: Sequence[ast.expr]) -> bool:
    """Whether the items of a display are few texts, each a dotted name."""
    return 0 < len(nodes) <= MOST_NAMES and all(
        isinstance(node, ast.Constant) and isinstance(node.value, str) and is_dotted(node.value) for node in nodes
    )


def is_dotted(text: str) -> bool:
    """Whether a text is a dotted name."""
    return text.isascii() and all(part.isidentifier() for part in text.split("."))
