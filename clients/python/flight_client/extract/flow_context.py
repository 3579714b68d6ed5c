"""The state that the visitors of the layer ``flow`` share: the scope, the definition whose code runs, and the rows.

Lowering turns the syntax tree into facts. It visits each expression once, with the visitor of the node's class, and
returns the place of the expression's value, or None if nothing is known about the value. Visitors recurse as plain
Python calls, which use no C stack, so deep trees are safe.
"""

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from flight_client.extract.flow_rows import SHOWN_CHARACTERS, Executor, FlowRows, executing
from flight_client.extract.flow_variables import Variable, Variables
from flight_client.extract.lexical_scopes import LexicalScope, mangled
from flight_client.extract.memo import Memo
from flight_client.extract.node_rows import literal_text
from flight_client.extract.places import Place
from flight_client.extract.source_text import Span
from flight_client.extract.walk import Walk

FlowVisitor = Callable[["FlowContext", Any], Place | None]
CONSTANT_KINDS: Mapping[type, str] = {
    **{kind: kind.__name__ for kind in (str, bytes, int, float, complex, bool)},
    type(None): "none",
    type(...): "ellipsis",
}
_LEAST_BEGINNING = 2
_BEGINS_NAME = re.compile(r"[A-Za-z_][\w.]*").fullmatch
_SHOWN_BITS = 4 * SHOWN_CHARACTERS  # a longer integer has no short repr, and its repr is slow to compute


class FlowContext:
    """The lowering of one file: ``scope`` is where names are looked up, ``executor`` the definition whose code runs.

    By place, ``constant_kinds`` has the kind of a constant, and ``beginnings`` the known start of a string.
    ``is_quoted`` is true inside a quoted annotation. ``overriding`` has the ``try`` statements whose ``finally``
    replaces every ``return`` in them.
    """

    def __init__(self, walk: Walk, rows: FlowRows, variables: Variables, dispatch: Mapping[type, FlowVisitor]) -> None:
        self.walk = walk
        self.rows = rows
        self.variables = variables
        self.dispatch = dispatch
        self.lines = walk.source.line_starts
        self.span = walk.span
        self.constant_kinds: dict[Place | None, str] = {}
        self.beginnings: dict[Place | None, str] = {}
        self.first_parameter: dict[LexicalScope, Place] = {}
        self.is_quoted = False
        self.overriding: frozenset[ast.stmt] = frozenset()
        self.names_of: Memo[LexicalScope, Memo[str, Variable]] = Memo(partial(_names, variables))
        self._executors = Memo(_executor)
        self.enter(walk.scopes[0])

    def enter(self, scope: LexicalScope) -> LexicalScope:
        """Continue in another scope; returns the previous one."""
        left: LexicalScope = getattr(self, "scope", scope)
        self.scope = scope
        self.names = self.names_of[scope]
        self.executor = self._executors[executing(scope)]
        self.temporary = self.executor.temporary
        return left

    def value(self, node: ast.AST) -> Place | None:
        """Lower an expression or statement; returns the place of its value."""
        return self.dispatch[node.__class__](self, node)

    def values(self, nodes: Iterable[ast.AST | None]) -> None:
        """Lower nodes in order; their values are ignored."""
        for node in nodes:
            if node is not None:
                self.dispatch[node.__class__](self, node)

    def parts(self, node: ast.AST) -> None:
        """Lower the child nodes of a node."""
        for child in ast.iter_child_nodes(node):
            visitor = self.dispatch.get(child.__class__)
            if visitor is not None:
                visitor(self, child)

    def definition_place(self, node: ast.Name) -> Place:
        """The place that a name's definition at this node writes."""
        variable = self.names[node.id]
        if variable.definitions:
            return variable.definitions.get(self.lines[node.lineno - 1] + node.col_offset, variable.place)
        return variable.place

    def bound_place(self, node: object, name: str) -> Place:
        """Like ``definition_place``, for a name that is bound without an ``ast.Name``."""
        variable = self.names[name]
        return variable.definitions.get(self.walk.bound_at[node][0], variable.place)

    def copy(self, place: Place, source: Place | None, reason: str) -> None:
        """Record that ``place`` may hold everything that ``source`` holds."""
        if source is not None and source != place:
            self.rows.copies.append((place, source, reason))

    def load(
        self, place: Place, base: Place, access: str, key: str | None = None, key_place: Place | None = None
    ) -> None:
        """Record that ``place`` may hold the part of ``base`` under a key, or under any key if none is given."""
        self.rows.loads.append((place, base, access, key, key_place, False))

    def put(self, base: Place, source: Place | None, key: str | None = None, key_place: Place | None = None) -> None:
        """Record that ``base`` may hold, under a key or at any position, everything that ``source`` holds."""
        if source is not None:
            self.rows.stores.append((base, "item", key, key_place, source))

    def attribute(self, base: Place, name: str) -> Place:
        """The place of an attribute's value; all loads of the attribute from the same place share it."""
        key = mangled(name, self.scope.private) if name.startswith("__") else name
        attributes = self.executor.attributes
        place = attributes.get((base, key))
        if place is None:
            place = attributes[base, key] = self.temporary()
            self.rows.loads.append((place, base, "attr", key, None, False))
        return place

    def set_attribute(self, base: Place | None, name: str, source: Place | None) -> None:
        """Record ``x.name = …``."""
        if base is not None and source is not None:
            self.rows.stores.append((base, "attr", mangled(name, self.scope.private), None, source))

    def made(self, kind: str, place: Place | None = None) -> Place:
        """The place of a new container."""
        found = place or self.temporary()
        self.rows.allocs.append((found, self.executor.object_id(), kind, None))
        return found

    def constant(self, value: object) -> Place:
        """The place of a constant in the source."""
        place = self.constant_of(CONSTANT_KINDS[value.__class__], shown(value))
        if isinstance(value, str) and len(value) < SHOWN_CHARACTERS:
            self.beginnings[place] = value
        return place

    def constant_of(self, kind: str, text: str | None = None) -> Place:
        """The place of a constant of a kind, with a known or unknown text; the executor's code shares it."""
        constants = self.executor.constants
        place = constants.get((kind, text))
        if place is None:
            place = constants[kind, text] = self.temporary()
            self.constant_kinds[place] = kind
            self.rows.allocs.append((place, f"const:{kind}", kind, text))
        return place

    def beginning(self, text: str) -> Place:
        """The place of a string that begins with ``text``; of any string, if ``text`` can't begin a name."""
        if not begins_name(text):
            return self.constant_of("str")
        place = self.constant_of("prefix", shown(text))
        self.constant_kinds[place] = "str"
        self.beginnings[place] = text
        return place

    def implied(
        self,
        kind: str,
        base: Place,
        methods: Iterable[str],
        span: Span,
        arguments: Iterable[Place | None] = (),
        result: Place | None = None,
    ) -> None:
        """Record an implicit call of special methods of the objects at ``base``."""
        callee = self.temporary()
        self.rows.loads.extend([(callee, base, "attr", method, None, True) for method in methods])
        self.call(kind, callee, span, arguments, result)

    def call(
        self, kind: str, callee: Place, span: Span, arguments: Iterable[Place | None] = (), result: Place | None = None
    ) -> None:
        """Record a call that is not an ``ast.Call``; its arguments have no spans."""
        site = self.executor.site_id()
        self.rows.calls.append((*span, site, None, kind, callee, result, self.executor.def_id))
        self.rows.args.extend(
            [(None, None, site, position, None, 0, place) for position, place in enumerate(arguments)]
        )


def _names(variables: Variables, scope: LexicalScope) -> Memo[str, Variable]:
    return Memo(partial(variables.meant, scope))


def _executor(definition: LexicalScope) -> Executor:
    return Executor(definition.def_id, definition.is_generator)


def shown(value: object) -> str | None:
    """The ``const_repr`` of a short str or int, equal on every interpreter; None for other constants."""
    match value:
        case str() if len(value) < SHOWN_CHARACTERS:
            text = literal_text(value)
        case int() if not isinstance(value, bool) and value.bit_length() < _SHOWN_BITS:
            text = repr(value)
        case _:
            return None
    return text if len(text) <= SHOWN_CHARACTERS else None


def begins_name(text: str) -> bool:
    """Whether a dotted name may begin with the text, which must be long enough to distinguish names."""
    return _LEAST_BEGINNING <= len(text) < SHOWN_CHARACTERS and text.isascii() and _BEGINS_NAME(text) is not None


def signed(node: ast.AST) -> ast.Constant | None:
    """The node as a constant: a literal, or a number with a minus sign; None for other nodes."""
    match node:
        case ast.Constant():
            return node
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() | complex() as number)):
            return ast.Constant(-number)
        case _:
            return None
