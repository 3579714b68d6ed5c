"""Visitors of definitions, which open scopes, and of calls; and the walk over a file.

Defaults, annotations, bases, decorators and a comprehension's first iterable run in the enclosing scope; with type
parameters (PEP 695), annotations and bases run in the scope of the type parameters.
"""

import ast
from collections.abc import Callable, Mapping
from types import MappingProxyType

from flight_client.extract.lexical_scopes import LexicalScope, ScopeKind, literal_method, module_itself, settle
from flight_client.extract.made_classes import find_made_classes, may_make_class
from flight_client.extract.module_names import Module
from flight_client.extract.source_text import DEFINITION, IDENTIFIER, SourceText, printable
from flight_client.extract.syntax_tree import (
    Comprehension,
    Function,
    TypeAliasNode,
    defaults,
    dispatch_table,
    dotted_name,
    method_of_literal,
)
from flight_client.extract.walk import Walk, children, start_of
from flight_client.extract.walk_names import NAME_VISITORS

CALLEE_TEXT_CHARACTERS = 200

_SHAPES = MappingProxyType({ast.Name: "NAME", ast.Attribute: "ATTRIBUTE", ast.Subscript: "SUBSCRIPT", ast.Call: "CALL"})
_ANNOTATION_KINDS: Mapping[type[ast.AST], str] = MappingProxyType(
    {**_SHAPES, ast.BinOp: "UNION", ast.Tuple: "TUPLE", ast.List: "LIST", ast.Starred: "STARRED"}
)


def walk_file(tree: ast.Module, source: SourceText, module: Module, file_id: str) -> Walk:
    """Walk a file. In the result, rows are complete and in source order, and scopes have their ids.

    Raises ValueError for a name whose position is not found, RecursionError for a tree that is too deep.
    """
    walk = Walk(source, module, file_id, _DISPATCH)
    scope, name = walk.scopes[0], module.name
    row = (scope, None, "module", name, None, None, (module_itself, name), scope, 0, _docstring(tree), scope, scope)
    walk.definitions.append((0, len(source.utf8), *row))
    walk.opened[tree], walk.numbers[tree] = scope, 0
    children(walk, tree, scope)
    settle(walk.scopes, file_id)
    find_made_classes(walk, tree)
    for rows in (
        walk.imports,
        walk.calls,
        walk.definitions,
        walk.params,
        walk.type_exprs,
        walk.decorators,
        walk.bases,
    ):
        rows.sort(key=start_of)
    return walk


def _call(walk: Walk, node: ast.Call, scope: LexicalScope) -> None:
    """Add a row of ``cst_callsites``; ``callee_text`` is cut to CALLEE_TEXT_CHARACTERS characters."""
    callee = node.func
    index = walk.numbered
    walk.numbered += 1
    start, end = walk.span(callee)
    text = walk.source.cut(start, min(end, start + 4 * CALLEE_TEXT_CHARACTERS))[:CALLEE_TEXT_CHARACTERS]
    shape = _SHAPES.get(callee.__class__, "OTHER")
    dotted, is_pure = dotted_name(callee, is_called=True)
    literal = method_of_literal(callee) if dotted is None else None
    names = (scope.candidates, dotted) if dotted else (literal_method, literal) if literal else None
    count = len(node.args) + len(node.keywords)
    row = (start, end, shape, text, count, dotted if is_pure else None, names, scope, scope, index)
    walk.calls.append((*walk.span(node), *row))
    if dotted and may_make_class(node):
        walk.may_make_class.append((node, scope, dotted, index))
    walk.visit(callee, scope)
    walk.visit_all(node.args, scope)
    walk.visit_all(node.keywords, scope)


def _function(walk: Walk, node: Function, scope: LexicalScope) -> None:
    kind = "async_function" if isinstance(node, ast.AsyncFunctionDef) else "function"
    function, outer = _defined(walk, node, kind, scope)
    _arguments(walk, node.args, function, outer, scope)
    walk.visit_all(node.body, function)
    _decorators(walk, node, function, scope)
    if node.returns is not None:
        _annotation(walk, node.returns, outer, "return", None, function)
    walk.visit_all(getattr(node, "type_params", ()), outer)


def _class(walk: Walk, node: ast.ClassDef, scope: LexicalScope) -> None:
    body, outer = _defined(walk, node, "class", scope)
    for position, base in enumerate(node.bases):
        walk.bases.append((*walk.span(base), body, position, None))
    for position, keyword in enumerate(node.keywords, len(node.bases)):
        walk.bases.append((*walk.span(keyword.value), body, position, keyword.arg or "**"))
    walk.visit_all(node.bases, outer)
    walk.visit_all(node.keywords, outer)
    walk.visit_all(node.body, body)
    _decorators(walk, node, body, scope)
    walk.visit_all(getattr(node, "type_params", ()), outer)


def _decorators(walk: Walk, node: Function | ast.ClassDef, definition: LexicalScope, scope: LexicalScope) -> None:
    for position, decorator in enumerate(node.decorator_list):
        dotted, _ = dotted_name(decorator)
        names = None if dotted is None else (scope.candidates, dotted)
        walk.decorators.append((*walk.span(decorator), definition, position, names))
        walk.visit(decorator, scope)


def _defined(
    walk: Walk, node: Function | ast.ClassDef, kind: str, scope: LexicalScope
) -> tuple[LexicalScope, LexicalScope]:
    """Bind the name and add the row of ``cst_defs``; returns the body's scope, and the scope around it."""
    span, of_class = walk.span(node), kind == "class"
    outer = scope
    if getattr(node, "type_params", ()):
        outer = walk.open("type_params", node.name, scope, span, of_class=of_class)
    opened = walk.open("class" if of_class else "function", node.name, outer, span, of_class=of_class)
    name = walk.source.name_after(DEFINITION, span[0])
    walk.opened[node] = opened
    walk.bind(node, name, node.name, "def", scope)
    row = (opened, scope, kind, node.name, *name, (scope.defined, node.name), opened, walk.numbered)
    walk.definitions.append((*span, *row, _docstring(node), opened, opened))
    walk.numbered += 1
    return opened, outer


def _defined_unnamed(walk: Walk, node: ast.Lambda | Comprehension, name: str, scope: LexicalScope) -> LexicalScope:
    kind: ScopeKind = "lambda" if isinstance(node, ast.Lambda) else "comprehension"
    span = walk.span(node)
    opened = walk.opened[node] = walk.open(kind, name, scope, span)
    row = (opened, scope, kind, name, None, None, None, opened, walk.numbered, None, opened, opened)
    walk.definitions.append((*span, *row))
    walk.numbered += 1
    return opened


def _lambda(walk: Walk, node: ast.Lambda, scope: LexicalScope) -> None:
    function = _defined_unnamed(walk, node, "<lambda>", scope)
    _arguments(walk, node.args, function, scope, scope)
    walk.visit(node.body, function)


def _arguments(
    walk: Walk, node: ast.arguments, function: LexicalScope, outer: LexicalScope, scope: LexicalScope
) -> None:
    """Add a row of ``cst_params`` for each parameter, numbered in the order of the signature.

    Parameters are bound in ``function``, annotations run in ``outer``, defaults in ``scope``.
    """
    walk.numbered += 1
    defaulted = defaults(node)
    listed = [(arg, "posonly") for arg in node.posonlyargs] + [(arg, "pos") for arg in node.args]
    listed += [(node.vararg, "vararg")] if node.vararg else []
    listed += [(arg, "kwonly") for arg in node.kwonlyargs]
    for index, (arg, kind) in enumerate(listed):
        _parameter(walk, arg, (index, kind, index if index in defaulted else None), function, outer)
    walk.visit_all(node.kw_defaults, scope)
    if node.kwarg:
        _parameter(walk, node.kwarg, (len(listed), "kwarg", None), function, outer)
    walk.visit_all(node.defaults, scope)


def _parameter(
    walk: Walk, node: ast.arg, place: tuple[int, str, int | None], function: LexicalScope, outer: LexicalScope
) -> None:
    """Add a row of ``cst_params``; ``place`` is the position, the kind, and the position again if it has a default."""
    walk.numbered += 1
    index, kind, default = place
    name = walk.source.name_after(IDENTIFIER, walk.span(node)[0])
    walk.bind(node, name, node.arg, "param", function)
    type_expr = None
    if node.annotation is not None:
        type_expr = "type_expr:{}:{}-{}".format(walk.file_id, *walk.span(node.annotation))
        _annotation(walk, node.annotation, outer, "param", node.arg, function)
    argument = (function, node.arg, index)
    walk.params.append((*name, (function, index), function, index, node.arg, kind, argument, default, type_expr))


def _annotation(
    walk: Walk, node: ast.expr, scope: LexicalScope, role: str, param: str | None, owner: LexicalScope
) -> None:
    """Add a row of ``cst_type_exprs``; ``owner`` is the annotated function, or the variable's scope."""
    span = walk.span(node)
    kind = _ANNOTATION_KINDS.get(node.__class__, "OTHER")
    if isinstance(node, ast.Constant):
        kind = "STRING" if isinstance(node.value, str) else "CONSTANT"
    walk.type_exprs.append((*span, owner, param, kind, role, walk.source.cut(*span)))
    if walk.defers_annotations:
        walk.visit_unevaluated(node, scope)
    else:
        walk.visit(node, scope)


def _annotated(walk: Walk, node: ast.AnnAssign, scope: LexicalScope) -> None:
    walk.numbered += 1
    if isinstance(node.target, ast.Name) and not node.simple and node.value is None:
        walk.visit_unevaluated(node.target, scope)
    else:
        walk.visit(node.target, scope)
    if isinstance(node.target, ast.Name) and node.simple:
        walk.noted.append((node.target.id, "annotated", scope))
    _annotation(walk, node.annotation, scope, "variable", None, scope)
    walk.visit(node.value, scope)


def _comprehension(walk: Walk, node: Comprehension, scope: LexicalScope) -> None:
    name = "<genexpr>" if isinstance(node, ast.GeneratorExp) else f"<{node.__class__.__name__.lower()}>"
    inner = _defined_unnamed(walk, node, name, scope)
    inner.is_generator = isinstance(node, ast.GeneratorExp)
    walk.visit_all((node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,), inner)
    for index, generator in enumerate(node.generators):
        walk.numbered += 1
        walk.visit(generator.target, inner)
        walk.visit(generator.iter, inner if index else scope)
        walk.visit_all(generator.ifs, inner)


def _type_alias(walk: Walk, node: TypeAliasNode, scope: LexicalScope) -> None:
    """Visit ``type X[T] = …`` (3.12); its value runs in the scope of its type parameters, even if it has none."""
    walk.numbered += 1
    outer = walk.opened[node] = walk.open("type_params", node.name.id, scope, walk.span(node))
    walk.visit(node.name, scope)
    walk.visit_all(node.type_params, outer)
    walk.visit(node.value, outer)


def _yield(walk: Walk, node: ast.Yield | ast.YieldFrom, scope: LexicalScope) -> None:
    scope.is_generator = True
    children(walk, node, scope)


def _docstring(node: ast.Module | ast.ClassDef | Function) -> str | None:
    """The docstring as in the source, with its indentation, which some interpreters remove."""
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return printable(first.value.value)
    return None


_DISPATCH: Mapping[type, Callable[..., None]] = dispatch_table(
    {
        **NAME_VISITORS,
        "Call": _call,
        "FunctionDef AsyncFunctionDef": _function,
        "Lambda": _lambda,
        "ClassDef": _class,
        "ListComp SetComp DictComp GeneratorExp": _comprehension,
        "AnnAssign": _annotated,
        "TypeAlias": _type_alias,
        "Yield YieldFrom": _yield,
    },
    otherwise=children,
)
