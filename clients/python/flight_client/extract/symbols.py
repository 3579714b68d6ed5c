"""Scopes, symbols and the edges between them, as ``symtable`` of Python 3.11 sees them, on every interpreter.

A walk's name refs say what each scope does with each name; ``resolve`` says what the name means there: a local or
global name, or a free one, which a function further out binds. Like ``symtable`` it leaves a class body's names out of
what its functions see, counts a walrus in a comprehension for the function around it, and mangles private names.
Type parameters, which 3.11 doesn't know, have a scope like a function's. The names that the interpreter makes up
(``.0`` in comprehensions) are left out, but for ``__class__`` where ``super`` stands.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from flight_client.extract.names import NameRef, Noted, Row
from flight_client.extract.scopes import Scope
from flight_client.extract.source import Source

REFERENCED, ASSIGNED, IMPORTED, ANNOTATED, PARAMETER, DECLARED_GLOBAL, NONLOCAL = (1 << bit for bit in range(7))
GLOBAL, LOCAL, FREE, NAMESPACE = (1 << bit for bit in range(7, 11))
BOUND = ASSIGNED | IMPORTED | PARAMETER

FUNCTIONS = frozenset({"function", "lambda", "comprehension", "type_params"})
_USES: Mapping[tuple[str, str | None], int] = MappingProxyType(
    {
        ("name", "LOAD"): REFERENCED,
        ("name", "STORE"): ASSIGNED,
        ("name", "DEL"): ASSIGNED,
        ("def", "STORE"): ASSIGNED,
        ("except", "STORE"): ASSIGNED,
        ("match", "STORE"): ASSIGNED,
        ("import", "STORE"): IMPORTED,
        ("param", "STORE"): PARAMETER,
        ("global", None): DECLARED_GLOBAL,
    }
)


@dataclass(eq=False, slots=True)
class Block:
    """A scope with its symbols: by mangled name, what is done with each name and how it is spelled."""

    scope: Scope
    parent: "Block | None"
    uses: dict[str, int] = field(default_factory=dict)
    spelled: dict[str, str] = field(default_factory=dict)
    ordinal: int = 0
    is_nested: bool = False
    has_children: bool = False

    def use(self, name: str, flags: int) -> None:
        """Record what the scope does with a name."""
        lookup = mangled(name, self.scope.private) if name.startswith("__") else name
        if lookup not in self.uses:
            self.spelled[lookup] = name
        self.uses[lookup] = self.uses.get(lookup, 0) | flags


def mangled(name: str, class_name: str) -> str:
    """A class-private name as it is looked up; other names as they are."""
    if not name.startswith("__") or name.endswith("__"):
        return name
    owner = class_name.lstrip("_")
    return f"_{owner}{name}" if owner and "." not in name else name


def symbol_tables(
    source: Source, scopes: Iterable[Scope], refs: Iterable[NameRef], noted: Iterable[Noted]
) -> dict[str, list[Row]]:
    """The rows of the ``sym_*`` tables of a file, from its scopes (a parent before its children) and name refs.

    ``noted`` is what the refs don't tell: which names are annotated, and which a walrus in a comprehension binds.
    """
    blocks = _blocks(scopes)
    _collect(blocks, refs, noted)
    means = {block: {name: _meaning(name, block) for name in block.uses} for block in blocks.values()}
    for block, names in means.items():
        for name in [name for name, flag in names.items() if flag == FREE]:
            _pass_through(name, block, means)
    namespaces = [edge for block in blocks.values() for edge in _namespace(block)]
    for holder, lookup, _ in namespaces:
        holder.uses[lookup] |= NAMESPACE
    in_source_order = sorted(blocks.values(), key=lambda block: (block.scope.start, block.ordinal))
    return {
        "sym_scopes": [_scope_row(block, source) for block in in_source_order],
        "sym_symbols": [row for block in in_source_order for row in _symbol_rows(block, means[block])],
        "sym_scope_edges": [(b.parent.scope, b.scope) for b in in_source_order if b.parent is not None],
        "sym_namespace_edges": [
            (holder.scope, (holder.scope, lookup), child.scope)
            for holder, lookup, child in sorted(namespaces, key=lambda edge: edge[2].scope.start)
        ],
    }


def _blocks(scopes: Iterable[Scope]) -> dict[Scope, Block]:
    blocks: dict[Scope, Block] = {}
    children: defaultdict[Block, list[Block]] = defaultdict(list)
    for scope in scopes:
        parent = blocks[scope.parent] if scope.parent is not None else None
        block = blocks[scope] = Block(scope, parent)
        if parent is not None:
            parent.has_children = True
            children[parent].append(block)
            block.is_nested = parent.is_nested or parent.scope.kind in FUNCTIONS
    waiting = [block for block in blocks.values() if block.parent is None]
    for ordinal in range(len(blocks)):
        block = waiting.pop()
        block.ordinal = ordinal
        waiting += sorted(children[block], key=lambda child: child.scope.start, reverse=True)
    return blocks


def _collect(blocks: Mapping[Scope, Block], refs: Iterable[NameRef], noted: Iterable[Noted]) -> None:
    module = next(iter(blocks.values()))
    for _, _, name, context, kind, scope in refs:
        flags = _USES.get((kind, context))
        if flags is None:
            continue
        block = blocks[scope]
        if flags == DECLARED_GLOBAL and name in scope.nonlocals:
            flags = NONLOCAL
        elif flags == PARAMETER and scope.kind == "type_params":
            flags = ASSIGNED
        elif name == "super" and flags == REFERENCED and scope.kind in FUNCTIONS:
            block.use("__class__", REFERENCED)
        block.use(name, flags)
        if flags == DECLARED_GLOBAL:
            module.use(mangled(name, scope.private), DECLARED_GLOBAL)
    for name, what, scope in noted:
        if what == "walrus":
            _walrus(name, blocks[scope], module)
        else:
            blocks[scope].use(name, ANNOTATED)


def _walrus(name: str, block: Block, module: Block) -> None:
    """A walrus in a comprehension binds in the nearest function, or in the module; a class body may not hold one."""
    holder = block
    while holder.scope.kind == "comprehension" and holder.parent is not None:
        holder = holder.parent
    if holder is module:
        block.use(name, DECLARED_GLOBAL)
        module.use(name, DECLARED_GLOBAL)
    elif holder.scope.kind != "class":
        declared = holder.uses.get(mangled(name, holder.scope.private), 0) & DECLARED_GLOBAL
        block.use(name, declared or NONLOCAL)
        holder.use(name, ASSIGNED)


def _meaning(name: str, block: Block) -> int:
    """LOCAL, FREE or GLOBAL."""
    uses = block.uses[name]
    if uses & (DECLARED_GLOBAL | NONLOCAL):
        return GLOBAL if uses & DECLARED_GLOBAL else FREE
    if uses & BOUND:
        return LOCAL
    if _is_of_class_around(name, block):
        return GLOBAL
    for outer in _outwards(block):
        uses = outer.uses.get(name, 0)
        if outer.scope.kind == "class":
            if name == "__class__":
                return FREE
        elif uses & DECLARED_GLOBAL:
            return GLOBAL
        elif uses & (BOUND | NONLOCAL) and outer.scope.kind != "module":
            return FREE
    return GLOBAL


def _is_of_class_around(name: str, block: Block) -> bool:
    """Whether type parameters find the name in the class around them, where it is looked up before the global one."""
    around = block.parent
    if around is None or block.scope.kind != "type_params" or around.scope.kind != "class":
        return False
    return bool(around.uses.get(name, 0) & BOUND)


def _pass_through(name: str, block: Block, means: Mapping[Block, dict[str, int]]) -> None:
    """Make the name free in the scopes between the one that uses it and the one that binds it."""
    for outer in _outwards(block):
        is_class = outer.scope.kind == "class"
        if outer.scope.kind == "module" or (is_class and name == "__class__"):
            return
        if name not in outer.uses:
            outer.uses[name] = 0
            outer.spelled[name] = block.spelled[name]
            means[outer][name] = FREE
        elif not is_class:
            return


def _outwards(block: Block) -> Iterator[Block]:
    outer = block.parent
    while outer is not None:
        yield outer
        outer = outer.parent


def _namespace(block: Block) -> Iterator[tuple[Block, str, Block]]:
    """The symbol that a function or class is bound to, with the scope that holds it."""
    holder = block.parent
    while holder is not None and holder.scope.kind == "type_params":
        holder = holder.parent
    if holder is not None and block.scope.kind in {"function", "class"}:
        yield holder, mangled(block.scope.name, holder.scope.private), block


def _scope_row(block: Block, source: Source) -> Row:
    scope = block.scope
    line = 0 if scope.kind == "module" else source.line_and_column(scope.start)[0]
    is_optimized = scope.kind in FUNCTIONS
    flags = (block.is_nested, is_optimized, block.has_children)
    return (scope.start, scope.end, scope, block.ordinal, scope.kind, scope.name, line, *flags, scope)


def _symbol_rows(block: Block, means: Mapping[str, int]) -> Iterator[Row]:
    scope = block.scope
    for lookup, uses in block.uses.items():
        meaning = means[lookup]
        if scope.kind == "module" and uses & BOUND:
            meaning = GLOBAL | LOCAL
        yield ((scope, lookup), scope, block.spelled[lookup], lookup, uses | meaning)
