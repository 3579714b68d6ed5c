"""What all of the lowering shares: the code that is being lowered, and the rows that several constructs make.

Lowering visits each expression once, in a dispatch by node class, and gives the place of its value: None where nothing
is known of it. Handlers recurse as plain Python calls, which use no C stack, so that deep trees are no danger.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from flight_client.extract.flow_rows import SHOWN_CHARACTERS, Executor, FlowRows, executing
from flight_client.extract.flow_variables import Names, Variables
from flight_client.extract.lexical_scopes import LexicalScope, mangled
from flight_client.extract.node_rows import literal_text
from flight_client.extract.places import Place
from flight_client.extract.source_text import Span
from flight_client.extract.syntax_tree import Dispatching, Located
from flight_client.extract.walk import Walk

CONSTANT_KINDS: Mapping[type, str] = MappingProxyType(
    {
        str: "str",
        bytes: "bytes",
        int: "int",
        float: "float",
        complex: "complex",
        bool: "bool",
        type(None): "none",
        type(...): "ellipsis",
    }
)
_LEAST_BEGINNING = 2
_BEGINS_NAME = re.compile(r"[A-Za-z_][\w.]*").fullmatch
_SHOWN_BITS = 4 * SHOWN_CHARACTERS  # a longer integer has no short repr, and is slow to write


class Lowering(Dispatching):
    """Lowers one file's code: ``scope`` is where names are looked up, ``executor`` the definition whose code runs."""

    otherwise = "parts"

    def __init__(self, walk: Walk, rows: FlowRows, variables: Variables) -> None:
        self.walk = walk
        self.rows = rows
        self.variables = variables
        self.lines = walk.source.line_starts
        self.call_prefix = f"call:{walk.file_id}:"
        self.constant_kinds: dict[Place | None, str] = {}
        self.beginnings: dict[Place | None, str] = {}
        self.first_parameter: dict[LexicalScope, Place] = {}
        self._executors: dict[LexicalScope, Executor] = {}
        self._names: dict[LexicalScope, Names] = {}
        self.enter(walk.scopes[0])

    def enter(self, scope: LexicalScope) -> LexicalScope:
        """Go on in another scope; gives the one that was left."""
        left = getattr(self, "scope", scope)
        self.scope = scope
        self.names = self.names_of(scope)
        runs = executing(scope)
        executor = self._executors.get(runs)
        if executor is None:
            executor = self._executors[runs] = Executor(runs.def_id, runs.is_generator)
        self.executor = executor
        return left

    def names_of(self, scope: LexicalScope) -> Names:
        """What names mean in a scope."""
        found = self._names.get(scope)
        if found is None:
            found = self._names[scope] = Names(scope, self.variables)
        return found

    def span(self, node: Located) -> Span:
        """The byte offsets of a node."""
        lines = self.lines
        return (
            lines[node.lineno - 1] + node.col_offset,
            lines[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0),
        )

    def value(self, node: ast.AST) -> Place | None:
        """Lower an expression or statement; gives the place of its value."""
        place: Place | None = self.dispatch[node.__class__](self, node)
        return place

    def values(self, nodes: Iterable[ast.AST | None]) -> None:
        """Lower nodes in turn for what they do."""
        for node in nodes:
            if node is not None:
                self.dispatch[node.__class__](self, node)

    def parts(self, node: ast.AST) -> None:
        """Lower what a node holds."""
        for child in ast.iter_child_nodes(node):
            handler = self.dispatch.get(child.__class__)
            if handler is not None:
                handler(self, child)

    def copy(self, place: Place, source: Place | None, reason: str) -> None:
        """What is at ``source`` is at ``place`` too."""
        if source is not None and source != place:
            self.rows.copies.append((place, source, reason))

    def constant(self, value: object) -> Place:
        """The place of a constant of the source."""
        place = self.constant_of(CONSTANT_KINDS[value.__class__], shown(value))
        if isinstance(value, str) and len(value) < SHOWN_CHARACTERS:
            self.beginnings[place] = value
        return place

    def beginning(self, text: str) -> Place:
        """The place of a text that begins so; of any text, if no name does."""
        if not begins_name(text):
            return self.constant_of("str")
        place = self.constant_of("prefix", shown(text))
        self.constant_kinds[place] = "str"
        self.beginnings[place] = text
        return place

    def constant_of(self, kind: str, text: str | None = None) -> Place:
        """The place of some constant of a kind, in the code that runs."""
        known = self.executor.constants
        place = known.get((kind, text))
        if place is None:
            place = known[kind, text] = self.executor.temporary()
            self.constant_kinds[place] = kind
            self.rows.allocs.append((place, f"const:{kind}", kind, text))
        return place

    def made(self, kind: str, place: Place | None = None) -> Place:
        """The place of a new container."""
        executor = self.executor
        found = place or executor.temporary()
        self.rows.allocs.append((found, executor.object_id(), kind, None))
        return found

    def attribute(self, base: Place, name: str) -> Place:
        """The place of an attribute's value: one for all loads of it from the same place."""
        key = mangled(name, self.scope.private) if name.startswith("__") else name
        known = self.executor.attributes
        place = known.get((base, key))
        if place is None:
            place = known[base, key] = self.executor.temporary()
            self.rows.loads.append((place, base, "attr", key, None, False))
        return place

    def item(self, place: Place, base: Place, key: str | None, key_place: Place | None = None) -> None:
        """What is in ``base`` under a key comes to ``place``; under any, if neither key nor its place is given."""
        self.rows.loads.append((place, base, "item", key, key_place, False))

    def put(self, base: Place, source: Place | None, key: str | None = None, key_place: Place | None = None) -> None:
        """What is at ``source`` comes into ``base`` under a key, or at any position."""
        if source is not None:
            self.rows.stores.append((base, "item", key, key_place, source))

    def implied(
        self,
        kind: str,
        base: Place,
        methods: Iterable[str],
        span: Span,
        arguments: Iterable[Place | None] = (),
        result: Place | None = None,
    ) -> None:
        """A call that syntax implies, of special methods of what is at ``base``."""
        executor, rows = self.executor, self.rows
        callee = executor.temporary()
        rows.loads.extend([(callee, base, "attr", method, None, True) for method in methods])
        self.call(kind, callee, span, arguments, result)

    def call(
        self, kind: str, callee: Place, span: Span, arguments: Iterable[Place | None] = (), result: Place | None = None
    ) -> None:
        """A site that has no ``ast.Call``; its arguments have no spans."""
        executor = self.executor
        site = executor.site_id()
        self.rows.calls.append((*span, site, None, kind, callee, result, executor.def_id))
        self.rows.args.extend(
            [(None, None, site, position, None, 0, place) for position, place in enumerate(arguments)]
        )


def shown(value: object) -> str | None:
    """A constant as ``const_repr`` has it: a short str or int, the same on every interpreter."""
    match value:
        case str() if len(value) < SHOWN_CHARACTERS:
            text = literal_text(value)
        case int() if not isinstance(value, bool) and value.bit_length() < _SHOWN_BITS:
            text = repr(value)
        case _:
            return None
    return text if len(text) <= SHOWN_CHARACTERS else None


def begins_name(text: str) -> bool:
    """Whether a dotted name may begin with a text: one that is not too short to tell names apart."""
    return _LEAST_BEGINNING <= len(text) < SHOWN_CHARACTERS and text.isascii() and _BEGINS_NAME(text) is not None


def signed(node: ast.AST) -> ast.Constant | None:
    """The constant that a node is: a literal, or a number with a minus."""
    match node:
        case ast.Constant():
            return node
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() | complex() as number)):
            return ast.Constant(-number)
        case _:
            return None
