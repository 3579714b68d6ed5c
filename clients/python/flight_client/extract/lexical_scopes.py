"""Scopes and the names bound in them, with Python 3.11's semantics on every interpreter.

A walk opens a scope for each module, class, function, lambda, comprehension and list of type parameters, and records
the names that each binds. After the walk, ``settle`` moves names declared global or nonlocal to the scopes that they
belong to, and numbers the definitions. From then on scopes have ids and can resolve names.

Qualified names are those of LibCST's QualifiedNameProvider, made absolute: a name bound by imports has the imported
names (IMPORT), any other bound name its scope's prefix (LOCAL), and an unbound name may be a builtin (BUILTIN).
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from flight_client.contracts.builtin_names import BUILTIN_NAMES
from flight_client.extract.source_text import Span

ScopeKind = Literal["module", "class", "function", "lambda", "comprehension", "type_params"]
Qnames = tuple[tuple[str, str], ...]

_FUNCTIONS = frozenset({"function", "lambda", "comprehension"})
_NAMED = frozenset({"class", "function"})
_NUMBER_LAMBDAS = frozenset({"module", "function", "lambda"})


@dataclass(slots=True, eq=False)
class LexicalScope:
    """A scope. ``qualpath`` is its path in the module, ``prefix`` begins the qualified names bound in it.

    ``bound`` has the bindings of each name: the qualified name for an import, None for any other binding. ``import
    a.b`` binds ``a`` and, for lookup only, ``a.b``. ``start`` and ``end`` are the definition's byte offsets.
    ``private`` is the class by whose name private names are mangled here, or empty. ``qname`` is the name that people
    and the call graph use: that of the module, then those of the definitions around, without ``<locals>``. Names in
    ``bound``, ``globals`` and ``nonlocals`` are mangled.
    """

    kind: ScopeKind
    parent: "LexicalScope | None"
    qualpath: str
    prefix: str
    start: int
    end: int
    private: str = ""
    bound: dict[str, list[str | None]] = field(default_factory=dict)
    globals: frozenset[str] = frozenset()
    nonlocals: frozenset[str] = frozenset()
    has_dotted: bool = False
    is_generator: bool = False
    def_id: str = ""
    qname: str = ""
    scope_id: str = ""
    resolved: dict[str, Qnames] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of ``qualpath``: ``f``, ``<lambda>``, ``<module>``."""
        return self.qualpath.rpartition(".")[2]

    def bind(self, name: str, target: str | None = None) -> None:
        """Record that this scope's code binds the name; ``target`` is the qualified name that an import binds."""
        if name.startswith("__"):
            name = mangled(name, self.private)
        targets = self.bound.get(name)
        if targets is None:
            self.bound[name] = [target]
        else:
            targets.append(target)

    def module(self) -> "LexicalScope":
        """The module's scope."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def home(self, name: str) -> "LexicalScope | None":
        """The scope whose binding a load of the name means in this scope; None if the module does not bind it."""
        if name.startswith("__"):
            name = mangled(name, self.private)
        scope: LexicalScope | None = self
        while scope is not None:
            if scope is self or scope.kind != "class" or self._is_type_params_of(scope):
                if name in scope.globals:
                    module = scope.module()
                    return module if name in module.bound else None
                if name in scope.bound:
                    return scope
            scope = scope.parent
        return None

    def defined(self, name: str) -> Qnames:
        """The qualified name of a function or class that is defined in this scope."""
        home = self.home(name) or self
        return ((f"{home.prefix}.{self._spelled(name, home)}", "LOCAL"),)

    def candidates(self, dotted: str) -> Qnames:
        """The qualified names that a dotted name may have here, sorted and distinct.

        A module may import a name of its own; the name is LOCAL then.
        """
        found = self.resolved.get(dotted)
        if found is None:
            found = self.resolved[dotted] = self._candidates(dotted)
        return found

    def _candidates(self, dotted: str) -> Qnames:
        root = dotted.partition(".")[0]
        home = self.home(root)
        if home is None:
            return ((f"builtins.{root}", "BUILTIN"),) if root in BUILTIN_NAMES else ()
        local = f"{home.prefix}.{self._spelled(root, home)}{dotted[len(root) :]}"
        dotted = mangled(root, self.private) + dotted[len(root) :]
        prefix = _longest_bound_prefix(dotted, home.bound) if home.has_dotted else dotted.partition(".")[0]
        rest = dotted[len(prefix) :]
        names = [(local, "LOCAL") if target is None else (target + rest, "IMPORT") for target in home.bound[prefix]]
        return tuple(dict(sorted(names)).items())

    def _spelled(self, name: str, home: "LexicalScope") -> str:
        """The name that this scope's code spells, as the code of the scope that binds it spells it."""
        lookup = mangled(name, self.private)
        return name if mangled(name, home.private) == lookup else lookup

    def _is_type_params_of(self, scope: "LexicalScope") -> bool:
        return self.kind == "type_params" and self.parent is scope


def literal_method(dotted: str) -> Qnames:
    """The qualified name of a method of a literal: ``str.join`` for ``"".join``."""
    return ((f"builtins.{dotted}", "BUILTIN"),)


def module_itself(name: str) -> Qnames:
    """The qualified name of a module."""
    return ((name, "LOCAL"),)


def mangled(name: str, class_name: str) -> str:
    """The mangled spelling of a class-private name; other names are unchanged."""
    if not name.startswith("__") or name.endswith("__"):
        return name
    owner = class_name.lstrip("_")
    return f"_{owner}{name}" if owner and "." not in name else name


def module_scope(name: str, end: int) -> LexicalScope:
    """The outermost scope of a file."""
    return LexicalScope(kind="module", parent=None, qualpath="<module>", prefix=name, start=0, end=end)


def inner_scope(kind: ScopeKind, name: str, parent: LexicalScope, span: Span, *, of_class: bool) -> LexicalScope:
    """The scope of a definition, or of its type parameters (PEP 695), which qualified names and paths ignore.

    ``name`` is the definition's name, or ``<lambda>``, ``<listcomp>`` and so on. ``of_class`` is true for a class.
    """
    private = name if of_class else parent.private
    return LexicalScope(kind, parent, _qualpath(name, parent), _prefix(kind, name, parent), *span, private=private)


def settle(scopes: list[LexicalScope], file_id: str) -> None:
    """Move names declared global or nonlocal to the scopes that they belong to, then set the ids.

    ``scopes`` are in the order in which they were opened, so a parent comes before its children.
    """
    for scope in scopes:
        for name in scope.globals & scope.bound.keys():
            _move(name, scope, scope.module())
        for name in scope.nonlocals & scope.bound.keys():
            _move(name, scope, _enclosing_function(name, scope))
    _number(scopes, file_id)


def _move(name: str, scope: LexicalScope, home: LexicalScope | None) -> None:
    if home is not None and home is not scope:
        home.bound.setdefault(name, []).extend(scope.bound.pop(name))
        home.has_dotted |= scope.has_dotted


def _enclosing_function(name: str, scope: LexicalScope) -> LexicalScope | None:
    outer = scope.parent
    while outer is not None and not (outer.kind in _FUNCTIONS and name in outer.bound):
        outer = outer.parent
    return outer


def _number(scopes: list[LexicalScope], file_id: str) -> None:
    """Set the ids: equal qualified paths are numbered from 1 in source order; a scope's id extends its definition's."""
    ordinals: Counter[tuple[bool, str]] = Counter()
    lambdas: Counter[LexicalScope] = Counter()
    in_source_order = sorted(scopes, key=lambda scope: scope.start)
    parametrised = {
        scope.parent: scope
        for scope in scopes
        if scope.parent and scope.parent.kind == "type_params" and scope.parent.start == scope.start
    }
    for scope in in_source_order:
        scope.qname = _qname(scope, lambdas)
        if scope not in parametrised:
            is_alias = scope.kind == "type_params"
            ordinals[is_alias, scope.qualpath] += 1
            scope.def_id = f"def:{file_id}:{scope.qualpath}#{ordinals[is_alias, scope.qualpath]}"
            scope.scope_id = f"{scope.def_id}/type_alias" if is_alias else f"{scope.def_id}/scope"
    for scope in in_source_order:
        if scope.kind == "type_params" and scope.parent is not None:
            if scope in parametrised:
                scope.scope_id = f"{parametrised[scope].def_id}/type_params"
            scope.def_id = scope.parent.def_id


def _qname(scope: LexicalScope, lambdas: Counter[LexicalScope]) -> str:
    """The scope's ``qname``; those of the scopes around it are set.

    A comprehension has the name of the definition around it; lambdas are numbered within a function or module.
    """
    outer = scope.parent
    if outer is None:
        return scope.prefix
    if scope.kind == "lambda":
        owner = outer
        while owner.kind not in _NUMBER_LAMBDAS and owner.parent is not None:
            owner = owner.parent
        lambdas[owner] += 1
        return f"{outer.qname}.<lambda{lambdas[owner]}>"
    return f"{outer.qname}.{scope.name}" if scope.kind in _NAMED else outer.qname


def _qualpath(name: str, parent: LexicalScope) -> str:
    """The path as in ``__qualname__`` (PEP 3155)."""
    holder = parent
    while holder.kind == "type_params" and holder.parent is not None:
        holder = holder.parent
    if holder.kind == "module" or mangled(name, holder.private) in holder.globals:
        return name
    return f"{holder.qualpath}.{name}" if holder.kind == "class" else f"{holder.qualpath}.<locals>.{name}"


def _prefix(kind: ScopeKind, name: str, parent: LexicalScope) -> str:
    match kind:
        case "class":
            return f"{parent.prefix}.{name}"
        case "type_params":
            return parent.prefix
        case "lambda":
            return f"{parent.prefix}.<locals>"
        case "comprehension":
            return f"{parent.prefix}.<comprehension>"
        case _:
            return f"{parent.prefix}.{name}.<locals>"


def _longest_bound_prefix(dotted: str, bound: dict[str, list[str | None]]) -> str:
    prefix = dotted
    while prefix not in bound:
        prefix = prefix.rpartition(".")[0]
    return prefix
