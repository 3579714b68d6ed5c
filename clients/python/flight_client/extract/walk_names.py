"""Visitors of the nodes that have names: they add rows of ``cst_name_refs`` and ``cst_imports``, and bindings.

They raise ValueError for a name whose position is not found.
"""

import ast
from collections.abc import Callable, Mapping
from types import MappingProxyType

from flight_client.extract.fstrings import place_parts
from flight_client.extract.lexical_scopes import LexicalScope, mangled
from flight_client.extract.source_text import AS_NAME, DECLARED, IDENTIFIER, KEYWORD, REST, STARRED
from flight_client.extract.syntax_tree import NamedNode, parts_of
from flight_client.extract.walk import Walk, children

_CONTEXTS: Mapping[type[ast.AST], str] = MappingProxyType({ast.Load: "LOAD", ast.Store: "STORE", ast.Del: "DEL"})


def _constant(walk: Walk, _node: ast.Constant, _scope: LexicalScope) -> None:
    walk.numbered += 1


def _name(walk: Walk, node: ast.Name, scope: LexicalScope) -> None:
    walk.numbered += 1
    name, context, column = node.id, _CONTEXTS[node.ctx.__class__], node.col_offset
    if context == "STORE":
        scope.bind(name)
    start = walk.lines[node.lineno - 1] + column
    end = start + (node.end_col_offset or column) - column  # a name stands on one line
    walk.refs.append((start, end, name, context, "name", scope))


def _attribute(walk: Walk, node: ast.Attribute, scope: LexicalScope) -> None:
    walk.numbered += 1
    name = node.attr
    span = walk.source.name_before(walk.span(node)[1], name)
    walk.refs.append((*span, name, _CONTEXTS[node.ctx.__class__], "attribute", scope))
    walk.visit(node.value, scope)


def _keyword(walk: Walk, node: ast.keyword, scope: LexicalScope) -> None:
    walk.numbered += 1
    if node.arg is not None:
        walk.refer(walk.source.name_after(IDENTIFIER, walk.span(node)[0]), node.arg, None, "keyword", scope)
    walk.visit(node.value, scope)


def _named_expr(walk: Walk, node: ast.NamedExpr, scope: LexicalScope) -> None:
    """A walrus in a comprehension binds in the nearest scope around it that is not a comprehension."""
    walk.numbered += 2
    walk.refer(walk.span(node.target), node.target.id, "STORE", "name", scope)
    holder = scope
    while holder.kind == "comprehension" and holder.parent is not None:
        holder = holder.parent
    holder.bind(node.target.id)
    if holder is not scope:
        walk.noted.append((node.target.id, "walrus", scope))
    walk.visit(node.value, scope)


def _import(walk: Walk, node: ast.Import, scope: LexicalScope) -> None:
    walk.numbered += 1
    for alias in node.names:
        name, asname = alias.name, alias.asname
        bound = asname or name.partition(".")[0]
        _imported(walk, node, alias, bound, scope)
        if asname:
            scope.bind(asname, name)
            continue
        scope.bind(bound, bound)
        for position, character in enumerate(name + "."):
            if character == "." and position > len(bound):
                scope.bind(name[:position], name[:position])
                scope.has_dotted = True


def _import_from(walk: Walk, node: ast.ImportFrom, scope: LexicalScope) -> None:
    walk.numbered += 1
    origin = walk.module.absolute(node.level, node.module or "")
    for alias in node.names:
        bound = alias.asname or alias.name
        _imported(walk, node, alias, bound, scope)
        walk.defers_annotations |= origin == "__future__" and alias.name == "annotations"
        if bound != "*":
            separator = "" if origin.endswith(".") else "."
            scope.bind(bound, f"{origin}{separator}{mangled(alias.name, scope.private)}")


def _imported(walk: Walk, node: ast.Import | ast.ImportFrom, alias: ast.alias, bound: str, scope: LexicalScope) -> None:
    walk.numbered += 1
    start, end = walk.span(alias)
    origin = ("import_from", node.module, node.level) if isinstance(node, ast.ImportFrom) else ("import", None, 0)
    is_star = alias.name == "*"
    walk.imports.append((start, end, *origin, alias.name, alias.asname, is_star, *walk.span(node), scope))
    if not is_star:
        source = walk.source
        at = source.name_after(IDENTIFIER, start) if alias.asname is None else source.name_before(end, bound)
        walk.bound_at[alias] = at
        walk.refer(at, bound, "STORE", "import", scope)


def _global(walk: Walk, node: ast.Global, scope: LexicalScope) -> None:
    _declared(walk, node, scope)
    if scope.kind != "module":
        scope.globals |= _lookups(node, scope)


def _nonlocal(walk: Walk, node: ast.Nonlocal, scope: LexicalScope) -> None:
    _declared(walk, node, scope)
    scope.nonlocals |= _lookups(node, scope)


def _lookups(node: ast.Global | ast.Nonlocal, scope: LexicalScope) -> frozenset[str]:
    return frozenset(mangled(name, scope.private) for name in node.names)


def _declared(walk: Walk, node: ast.Global | ast.Nonlocal, scope: LexicalScope) -> None:
    walk.numbered += 1
    end = walk.span(node)[0]
    for name in node.names:
        span = walk.source.name_after(DECLARED, end)
        walk.refer(span, name, None, "global", scope)
        end = span[1]


def _except_handler(walk: Walk, node: ast.ExceptHandler, scope: LexicalScope) -> None:
    if node.name is not None and node.type is not None:
        walk.bind(node, walk.source.name_after(AS_NAME, walk.span(node.type)[1]), node.name, "except", scope)
    children(walk, node, scope)


def _capture(walk: Walk, node: ast.MatchAs | ast.MatchStar, scope: LexicalScope) -> None:
    if node.name is not None:
        walk.bind(node, walk.source.name_before(walk.span(node)[1], node.name), node.name, "match", scope)
    children(walk, node, scope)


def _match_mapping(walk: Walk, node: ast.MatchMapping, scope: LexicalScope) -> None:
    if node.rest is not None:
        start = walk.span(node.patterns[-1])[1] if node.patterns else walk.span(node)[0]
        walk.bind(node, walk.source.name_after(REST, start), node.rest, "match", scope)
    children(walk, node, scope)


def _match_class(walk: Walk, node: ast.MatchClass, scope: LexicalScope) -> None:
    end = walk.span(node.patterns[-1] if node.patterns else node.cls)[1]
    for name, pattern in zip(node.kwd_attrs, node.kwd_patterns, strict=True):
        walk.refer(walk.source.name_after(KEYWORD, end), name, None, "keyword", scope)
        end = walk.span(pattern)[1]
    children(walk, node, scope)


def _type_param(walk: Walk, node: NamedNode, scope: LexicalScope) -> None:
    walk.bind(node, walk.source.name_after(STARRED, walk.span(node)[0]), node.name, "param", scope)
    children(walk, node, scope)


def _joined_str(walk: Walk, node: ast.JoinedStr, scope: LexicalScope) -> None:
    place_parts(node, walk.source, *walk.span(node))
    _string_parts(walk, node, scope)


def _formatted_value(walk: Walk, node: ast.FormattedValue, scope: LexicalScope) -> None:
    walk.numbered += 1
    walk.visit(node.value, scope)
    if isinstance(node.format_spec, ast.JoinedStr):
        _string_parts(walk, node.format_spec, scope)


def _string_parts(walk: Walk, node: ast.JoinedStr, scope: LexicalScope) -> None:
    walk.numbered += 1
    walk.visit_all(parts_of(node), scope)


NAME_VISITORS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {
        "Name": _name,
        "Constant": _constant,
        "Attribute": _attribute,
        "keyword": _keyword,
        "NamedExpr": _named_expr,
        "Import": _import,
        "ImportFrom": _import_from,
        "Global": _global,
        "Nonlocal": _nonlocal,
        "ExceptHandler": _except_handler,
        "MatchAs MatchStar": _capture,
        "MatchMapping": _match_mapping,
        "MatchClass": _match_class,
        "TypeVar ParamSpec TypeVarTuple": _type_param,
        "JoinedStr": _joined_str,
        "FormattedValue": _formatted_value,
    }
)
