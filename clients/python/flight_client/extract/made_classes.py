"""Classes that a call makes: ``type(name, bases, namespace)``, named tuples, enumerations and typed dictionaries.

Such a call is a definition of kind ``made_class`` in ``cst_defs``, whose span is the call; it has no scope in
``sym_scopes``. The functions that make classes are recognised by their qualified names, so after the walk.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from flight_client.extract.lexical_scopes import LexicalScope, inner_scope
from flight_client.extract.walk import Walk

_MAKERS: Mapping[str, str] = MappingProxyType(
    {
        name: kind
        for kind, names in {
            "type": "builtins.type",
            "fields": "collections.namedtuple",
            "typed": "typing.NamedTuple typing_extensions.NamedTuple typing.TypedDict typing_extensions.TypedDict",
            "members": "enum.Enum enum.IntEnum enum.StrEnum enum.Flag enum.IntFlag",
        }.items()
        for name in names.split()
    }
)
_TYPE_ARGUMENTS = 3
Entry = tuple[str, ast.expr | None]


def may_make_class(node: ast.Call) -> bool:
    """Whether the arguments of a call are those of a function that makes a class."""
    match node.args:
        case [_, _, _] | [ast.Constant(value=str()), *_]:
            return True
        case _:
            return False


def find_made_classes(walk: Walk, tree: ast.Module) -> None:
    """Add the definitions and bases of the classes that calls make; the scopes must be settled."""
    ordinals: Counter[str] = Counter()
    for node, scope, dotted, index in sorted(walk.may_make_class, key=lambda found: walk.span(found[0])[0]):
        kinds = {_MAKERS[name] for name, _ in scope.candidates(dotted) if name in _MAKERS}
        if len(kinds) != 1 or ("type" in kinds and len(node.args) != _TYPE_ARGUMENTS) or not _has_entries(node):
            continue
        kind = kinds.pop()
        made = _scope_of(node, scope, walk)
        ordinals[made.qualpath] += 1
        made.def_id = f"def:{walk.file_id}:{made.qualpath}#made{ordinals[made.qualpath]}"
        made.scope_id, made.qname = f"{made.def_id}/scope", f"{scope.qname}.{made.name}"
        walk.made[node] = made, kind
        row = (made, scope, "made_class", made.name, None, None, (scope.defined, made.name), None, index, None, made)
        walk.definitions.append((*walk.span(node), *row, made))
        bases = bases_of(node) if kind == "type" else [node.func]
        walk.bases += [(*walk.span(base), made, position, None) for position, base in enumerate(bases)]
        if kind == "type" and not walk.spelled_keys and not keys_of(node.args[2]):
            walk.spelled_keys = _spelled_keys(tree)


def _has_entries(node: ast.Call) -> bool:
    """Whether the call has more than a name: ``Color("red")`` looks a member up."""
    return len(node.args) > 1 or bool(node.keywords)


def _scope_of(node: ast.Call, scope: LexicalScope, walk: Walk) -> LexicalScope:
    match node.args[0]:
        case ast.Constant(value=str() as name) if name.isidentifier():
            pass
        case _:
            name = "<class>"
    return inner_scope("class", name, scope, walk.span(node), of_class=True)


def bases_of(node: ast.Call) -> list[ast.expr]:
    """The bases that a call of ``type`` spells; if it spells none of them, the tuple of them."""
    bases = node.args[1]
    return bases.elts if isinstance(bases, ast.Tuple | ast.List) else [bases]


def keys_of(node: ast.expr) -> list[str]:
    """The names in a dictionary display or a call of ``dict``; empty if some are unknown."""
    match node:
        case ast.Dict(keys=keys):
            found = [_text(key) for key in keys]
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            found = [keyword.arg for keyword in keywords]
        case _:
            return []
    return [] if None in found else [name for name in found if name is not None]


def _spelled_keys(tree: ast.Module) -> tuple[str, ...]:
    """The names that are keys of dictionaries, or stored under as subscripts, anywhere in a file."""
    found: list[str | None] = []
    for node in ast.walk(tree):
        match node:
            case ast.Dict(keys=keys):
                found += map(_text, keys)
            case ast.Call(func=ast.Name(id="dict"), keywords=keywords):
                found += [keyword.arg for keyword in keywords]
            case ast.Subscript(slice=ast.Constant(value=str() as key), ctx=ast.Store()):
                found.append(key)
    return tuple(dict.fromkeys(name for name in found if name is not None and name.isidentifier()))


def entries_of(node: ast.Call) -> Iterator[Entry]:
    """The names of fields or members, with the type or value of each where it is spelled."""
    named = [keyword.value for keyword in node.keywords if keyword.arg in {"names", "field_names", "fields"}]
    for listed in (*node.args[1:2], *named):
        match listed:
            case ast.Constant(value=str() as text):
                yield from ((name, None) for name in text.replace(",", " ").split())
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                yield from (entry for element in elements for entry in _entry(element))
            case ast.Dict(keys=keys, values=values):
                pairs = ((_text(key), value) for key, value in zip(keys, values, strict=True))
                yield from ((name, value) for name, value in pairs if name is not None)


def _entry(node: ast.expr) -> Iterator[Entry]:
    match node:
        case ast.Constant(value=str() as name):
            yield name, None
        case ast.Tuple(elts=[ast.Constant(value=str() as name), value]):
            yield name, value


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
