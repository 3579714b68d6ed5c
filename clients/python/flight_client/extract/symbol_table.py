"""Scopes, symbols and the edges between them, as Python 3.11's ``symtable`` has them, on every interpreter.

A walk's name refs are the uses of each name in each scope. They decide whether the name is local or global there, or
free, which means that an outer function binds it. As in ``symtable``, a class body's names are hidden from the
functions in it, a walrus in a comprehension binds in the function around it, and private names are mangled. Type
parameters, which 3.11 doesn't have, have a scope like a function's. Names that the interpreter adds (``.0`` in
comprehensions) are left out, except ``__class__`` in functions that use ``super``.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from flight_client.extract.lexical_scopes import LexicalScope, mangled
from flight_client.extract.walk import Row, Walk

# Bits in the order of the flags among the columns of ``sym_symbols``.
REFERENCED, ASSIGNED, IMPORTED, ANNOTATED, PARAMETER, GLOBAL, DECLARED_GLOBAL, NONLOCAL = (1 << bit for bit in range(8))
LOCAL, FREE, NAMESPACE = (1 << bit for bit in range(8, 11))
BOUND = ASSIGNED | IMPORTED | PARAMETER
FUNCTIONS = frozenset({"function", "lambda", "comprehension", "type_params"})
_USES: Mapping[tuple[str, str | None], int] = MappingProxyType(
    {
        ("name", "LOAD"): REFERENCED,
        **dict.fromkeys((("name", "DEL"), *((kind, "STORE") for kind in ("name", "def", "except", "match"))), ASSIGNED),
        ("import", "STORE"): IMPORTED,
        ("param", "STORE"): PARAMETER,
        ("global", None): DECLARED_GLOBAL,
    }
)


@dataclass(eq=False, slots=True)
class SymbolTable:
    """A scope with its symbols. By mangled name: its uses, its spelling, and its meaning (local, free or global).

    ``ordinal`` numbers the tables of a file in preorder.
    """

    scope: LexicalScope
    parent: "SymbolTable | None"
    uses: dict[str, int] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)
    means: dict[str, int] = field(default_factory=dict)
    ordinal: int = 0
    is_nested: bool = False
    has_children: bool = False

    def use(self, name: str, flags: int) -> None:
        """Record a use of a name in the scope."""
        lookup = mangled(name, self.scope.private) if name.startswith("__") else name
        if lookup not in self.uses:
            self.spelled[lookup] = name
        self.uses[lookup] = self.uses.get(lookup, 0) | flags

    def is_class_that_binds(self, name: str) -> bool:
        """Whether this is a class body that binds the name."""
        return self.scope.kind == "class" and bool(self.uses.get(name, 0) & BOUND)

    def outwards(self) -> "Iterator[SymbolTable]":
        """The tables around this one, innermost first."""
        outer = self.parent
        while outer is not None:
            yield outer
            outer = outer.parent


def symbol_tables(walk: Walk) -> dict[str, list[Row]]:
    """The rows of the ``sym_*`` tables of a file; the walk must be finished."""
    tables = _tables(walk.scopes)
    _collect(tables, walk)
    for table in tables.values():
        table.means = {name: _meaning(name, table) for name in table.uses}
    for table in tables.values():
        for name in [name for name, meaning in table.means.items() if meaning == FREE]:
            _pass_through(name, table)
    namespaces = [edge for table in tables.values() for edge in _namespace(table)]
    for holder, lookup, _ in namespaces:
        holder.uses[lookup] |= NAMESPACE
    in_source_order = sorted(tables.values(), key=lambda table: (table.scope.start, table.ordinal))
    return {
        "sym_scopes": [_scope_row(table, walk) for table in in_source_order],
        "sym_symbols": [row for table in in_source_order for row in _symbol_rows(table)],
        "sym_scope_edges": [(t.parent.scope, t.scope) for t in in_source_order if t.parent is not None],
        "sym_namespace_edges": [
            (holder.scope, (holder.scope, lookup), child.scope)
            for holder, lookup, child in sorted(namespaces, key=lambda edge: edge[2].scope.start)
        ],
    }


def _tables(scopes: list[LexicalScope]) -> dict[LexicalScope, SymbolTable]:
    tables: dict[LexicalScope, SymbolTable] = {}
    children: defaultdict[SymbolTable, list[SymbolTable]] = defaultdict(list)
    for scope in scopes:  # a parent comes before its children
        parent = tables[scope.parent] if scope.parent is not None else None
        table = tables[scope] = SymbolTable(scope, parent)
        if parent is not None:
            parent.has_children = True
            children[parent].append(table)
            table.is_nested = parent.is_nested or parent.scope.kind in FUNCTIONS
    waiting = [tables[scopes[0]]]
    for ordinal in range(len(tables)):
        table = waiting.pop()
        table.ordinal = ordinal
        waiting += sorted(children[table], key=lambda child: child.scope.start, reverse=True)
    return tables


def _collect(tables: Mapping[LexicalScope, SymbolTable], walk: Walk) -> None:
    module = tables[walk.scopes[0]]
    for _, _, name, context, kind, scope in walk.refs:
        flags = _USES.get((kind, context))
        if flags is None:
            continue
        table = tables[scope]
        if flags == DECLARED_GLOBAL and mangled(name, scope.private) in scope.nonlocals:
            flags = NONLOCAL
        elif flags == PARAMETER and scope.kind == "type_params":
            flags = ASSIGNED
        elif name == "super" and flags == REFERENCED and scope.kind in FUNCTIONS:
            table.use("__class__", REFERENCED)
        table.use(name, flags)
        if flags == DECLARED_GLOBAL:
            module.use(mangled(name, scope.private), DECLARED_GLOBAL)
    for name, kind, scope in walk.noted:
        if kind == "walrus":
            _walrus(name, tables[scope], module)
        else:
            tables[scope].use(name, ANNOTATED)


def _walrus(name: str, table: SymbolTable, module: SymbolTable) -> None:
    """Bind a comprehension's walrus in the nearest function or the module; in a class body it is a syntax error."""
    holder = next(outer for outer in table.outwards() if outer.scope.kind != "comprehension")
    if holder is module:
        table.use(name, DECLARED_GLOBAL)
        module.use(name, DECLARED_GLOBAL)
    elif holder.scope.kind != "class":
        declared = holder.uses.get(mangled(name, holder.scope.private), 0) & DECLARED_GLOBAL
        table.use(name, declared or NONLOCAL)
        holder.use(name, ASSIGNED)


def _meaning(name: str, table: SymbolTable) -> int:
    """The meaning of a name in a table: LOCAL, FREE or GLOBAL."""
    uses, around = table.uses[name], table.parent
    if uses & (DECLARED_GLOBAL | NONLOCAL):
        return GLOBAL if uses & DECLARED_GLOBAL else FREE
    if uses & BOUND:
        return LOCAL
    if table.scope.kind == "type_params" and around is not None and around.is_class_that_binds(name):
        return GLOBAL  # type parameters look into the class around them first
    for outer in table.outwards():
        uses = outer.uses.get(name, 0)
        if outer.scope.kind == "class":
            if name == "__class__":
                return FREE
        elif uses & DECLARED_GLOBAL:
            return GLOBAL
        elif uses & (BOUND | NONLOCAL) and outer.scope.kind != "module":
            return FREE
    return GLOBAL


def _pass_through(name: str, table: SymbolTable) -> None:
    """Make a free name free in the scopes between the scope that uses it and the scope that binds it, too."""
    for outer in table.outwards():
        is_class = outer.scope.kind == "class"
        if outer.scope.kind == "module" or (is_class and name == "__class__"):
            return
        if name not in outer.uses:
            outer.uses[name] = 0
            outer.spelled[name] = table.spelled[name]
            outer.means[name] = FREE
        elif not is_class:
            return


def _namespace(table: SymbolTable) -> Iterator[tuple[SymbolTable, str, SymbolTable]]:
    """The scope and the name that a function or class is bound to, with the function's or class's own table."""
    if table.scope.kind in {"function", "class"}:
        holder = next(outer for outer in table.outwards() if outer.scope.kind != "type_params")
        yield holder, mangled(table.scope.name, holder.scope.private), table


def _scope_row(table: SymbolTable, walk: Walk) -> Row:
    scope = table.scope
    line = 0 if scope.kind == "module" else walk.source.line_and_column(scope.start)[0]
    flags = (table.is_nested, scope.kind in FUNCTIONS, table.has_children)
    return (scope.start, scope.end, scope, table.ordinal, scope.kind, scope.name, line, *flags, scope)


def _symbol_rows(table: SymbolTable) -> Iterator[Row]:
    scope = table.scope
    for lookup, uses in table.uses.items():
        meaning = GLOBAL | LOCAL if scope.kind == "module" and uses & BOUND else table.means[lookup]
        yield ((scope, lookup), scope, table.spelled[lookup], lookup, uses | meaning)
