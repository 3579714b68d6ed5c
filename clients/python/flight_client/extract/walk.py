"""The walk over one file: what it defines and calls, with the scopes in which its code runs.

Defaults, annotations, bases, decorators and a comprehension's first iterable run in the enclosing scope; with type
parameters (PEP 695), annotations and bases run in the scope of those.
"""

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from flight_client.extract import positions
from flight_client.extract.modules import Module
from flight_client.extract.names import NAME_HANDLERS, NameWalk, Row, start_of
from flight_client.extract.node_classes import Located
from flight_client.extract.scopes import (
    Scope,
    inner_scope,
    literal_method,
    module_itself,
    settle,
    type_params_scope,
)
from flight_client.extract.signatures import defaults
from flight_client.extract.source import Source, printable
from flight_client.extract.spelling import dotted_name, method_of_literal

CALLEE_TEXT_CHARACTERS = 200

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Function = ast.FunctionDef | ast.AsyncFunctionDef

_SHAPES = MappingProxyType({ast.Name: "NAME", ast.Attribute: "ATTRIBUTE", ast.Subscript: "SUBSCRIPT", ast.Call: "CALL"})
_ANNOTATION_KINDS: Mapping[type[ast.AST], str] = MappingProxyType(
    {**_SHAPES, ast.BinOp: "UNION", ast.Tuple: "TUPLE", ast.List: "LIST", ast.Starred: "STARRED"}
)
_COMPREHENSIONS = MappingProxyType(
    {ast.ListComp: "<listcomp>", ast.SetComp: "<setcomp>", ast.DictComp: "<dictcomp>", ast.GeneratorExp: "<genexpr>"}
)


class TypeAliasNode(Located, Protocol):
    """``ast.TypeAlias`` (3.12)."""

    name: ast.Name
    type_params: list[ast.AST]
    value: ast.expr


@dataclass(frozen=True)
class Signature:
    """Where the parts of a parameter list run: a function's parameters are bound in ``function``.

    ``defaulted`` are the positions of those that have defaults.
    """

    function: Scope
    annotations: Scope
    defaults: Scope
    defaulted: Collection[int]


class Walk(NameWalk):
    """Walks one file into rows of all ``cst_*`` tables that describe what it holds."""

    handlers = MappingProxyType(
        {
            **NAME_HANDLERS,
            "Call": "_call",
            "FunctionDef": "_function",
            "AsyncFunctionDef": "_function",
            "Lambda": "_lambda_",
            "ClassDef": "_class_",
            "ListComp": "_comprehension",
            "SetComp": "_comprehension",
            "DictComp": "_comprehension",
            "GeneratorExp": "_comprehension",
            "AnnAssign": "_annotated",
            "TypeAlias": "_type_alias",
            "Yield": "_yield_",
            "YieldFrom": "_yield_",
        }
    )

    def __init__(self, source: Source, module: Module, file_id: str) -> None:
        super().__init__(source, module)
        self.file_id = file_id
        self.calls: list[Row] = []
        self.definitions: list[Row] = []
        self.params: list[Row] = []
        self.type_exprs: list[Row] = []
        self.decorators: list[Row] = []
        self.bases: list[Row] = []
        self.opened: dict[object, Scope] = {}

    def walk(self, tree: ast.Module) -> None:
        """Walk the file; its rows are complete afterwards, in source order."""
        scope = self.scopes[0]
        name = self.module.name
        row = (scope, None, "module", name, None, None, (module_itself, name), scope, 0, _docstring(tree), scope)
        self.definitions.append((0, len(self.utf8), *row))
        self.opened[tree], self.numbers[tree] = scope, 0
        self.children(tree, scope)
        settle(self.scopes, self.file_id)
        for rows in (
            self.imports,
            self.calls,
            self.definitions,
            self.params,
            self.type_exprs,
            self.decorators,
            self.bases,
        ):
            rows.sort(key=start_of)

    def open(self, scope: Scope) -> Scope:
        """Remember a scope that was entered."""
        self.scopes.append(scope)
        return scope

    def _call(self, node: ast.Call, scope: Scope) -> None:
        """A row of ``cst_callsites``; ``callee_text`` is its callee's first CALLEE_TEXT_CHARACTERS characters."""
        callee = node.func
        index = self.numbered
        self.numbered += 1
        start, end = self.span(callee)
        text = self.source.cut(start, min(end, start + 4 * CALLEE_TEXT_CHARACTERS))[:CALLEE_TEXT_CHARACTERS]
        shape = _SHAPES.get(callee.__class__, "OTHER")
        dotted, is_pure = dotted_name(callee)
        literal = method_of_literal(callee) if dotted is None else None
        names = (scope.candidates, dotted) if dotted else (literal_method, literal) if literal else None
        count = len(node.args) + len(node.keywords)
        row = (start, end, shape, text, count, dotted if is_pure else None, names, scope, scope, index)
        self.calls.append((*self.span(node), *row))
        self.visit(callee, scope)
        self.visit_all(node.args, scope)
        self.visit_all(node.keywords, scope)

    def _function(self, node: Function, scope: Scope) -> None:
        kind = "async_function" if isinstance(node, ast.AsyncFunctionDef) else "function"
        function, outer = self._define(node, kind, scope)
        self.numbered += 1
        self.arguments(node.args, Signature(function, outer, scope, defaults(node.args)))
        self.visit_all(node.body, function)
        self._decorated(node, function, scope)
        if node.returns is not None:
            self.annotation(node.returns, outer, "return", None, function)
        self.visit_all(getattr(node, "type_params", ()), outer)

    def _class_(self, node: ast.ClassDef, scope: Scope) -> None:
        body, outer = self._define(node, "class", scope)
        self.numbered += 1
        for position, base in enumerate(node.bases):
            self.bases.append((*self.span(base), body, position, None))
        for position, keyword in enumerate(node.keywords, len(node.bases)):
            self.bases.append((*self.span(keyword.value), body, position, keyword.arg or "**"))
        self.visit_all(node.bases, outer)
        self.visit_all(node.keywords, outer)
        self.visit_all(node.body, body)
        self._decorated(node, body, scope)
        self.visit_all(getattr(node, "type_params", ()), outer)

    def _decorated(self, node: Function | ast.ClassDef, definition: Scope, scope: Scope) -> None:
        for position, decorator in enumerate(node.decorator_list):
            dotted, _ = dotted_name(decorator)
            names = None if dotted is None else (scope.candidates, dotted)
            self.decorators.append((*self.span(decorator), definition, position, names))
            self.visit(decorator, scope)

    def _define(self, node: Function | ast.ClassDef, kind: str, scope: Scope) -> tuple[Scope, Scope]:
        """Bind the name and add the row of ``cst_defs``; gives the body's scope and that of the type parameters."""
        start, end = self.span(node)
        outer = scope
        if getattr(node, "type_params", ()):
            outer = self.open(type_params_scope(node.name, scope, (start, end), of_class=kind == "class"))
        opened = self.open(inner_scope("class" if kind == "class" else "function", node.name, outer, (start, end)))
        name = positions.defined_name(self.utf8, start)
        self.opened[node] = opened
        self.bind(node, name, node.name, "def", scope)
        row = (opened, scope, kind, node.name, *name, (scope.defined, node.name), opened, self.numbered)
        self.definitions.append((start, end, *row, _docstring(node), opened))
        return opened, outer

    def _define_unnamed(self, node: ast.expr, kind: str, name: str, scope: Scope) -> Scope:
        start, end = self.span(node)
        opened = self.open(inner_scope("lambda" if kind == "lambda" else "comprehension", name, scope, (start, end)))
        self.opened[node] = opened
        row = (opened, scope, kind, name, None, None, None, opened, self.numbered, None, opened)
        self.definitions.append((start, end, *row))
        self.numbered += 1
        return opened

    def _lambda_(self, node: ast.Lambda, scope: Scope) -> None:
        function = self._define_unnamed(node, "lambda", "<lambda>", scope)
        self.arguments(node.args, Signature(function, scope, scope, defaults(node.args)))
        self.visit(node.body, function)

    def arguments(self, node: ast.arguments, signature: Signature) -> None:
        """A row of ``cst_params`` for each parameter, numbered in the order of the signature."""
        self.numbered += 1
        listed = [(arg, "posonly") for arg in node.posonlyargs] + [(arg, "pos") for arg in node.args]
        listed += [(node.vararg, "vararg")] if node.vararg else []
        listed += [(arg, "kwonly") for arg in node.kwonlyargs]
        for index, (arg, kind) in enumerate(listed):
            self._param(arg, index, kind, signature)
        self.visit_all(node.kw_defaults, signature.defaults)
        if node.kwarg:
            self._param(node.kwarg, len(listed), "kwarg", signature)
        self.visit_all(node.defaults, signature.defaults)

    def _param(self, node: ast.arg, index: int, kind: str, signature: Signature) -> None:
        self.numbered += 1
        function = signature.function
        name = positions.name_at(self.utf8, self.span(node)[0])
        self.bind(node, name, node.arg, "param", function)
        type_expr = None
        if node.annotation is not None:
            type_expr = "type_expr:{}:{}-{}".format(self.file_id, *self.span(node.annotation))
            self.annotation(node.annotation, signature.annotations, "param", node.arg, function)
        argument = (function, node.arg, index)
        default = index if index in signature.defaulted else None
        row = ((function, index), function, index, node.arg, kind, argument, default, type_expr)
        self.params.append((*name, *row))

    def annotation(self, node: ast.expr, scope: Scope, role: str, param: str | None, owner: Scope) -> None:
        """A row of ``cst_type_exprs``: its owner is the annotated function, or the variable's scope."""
        span = self.span(node)
        kind = _ANNOTATION_KINDS.get(node.__class__, "OTHER")
        if isinstance(node, ast.Constant):
            kind = "STRING" if isinstance(node.value, str) else "CONSTANT"
        self.type_exprs.append((*span, owner, param, kind, role, self.source.cut(*span)))
        if self.defers_annotations:
            self.visit_unevaluated(node, scope)
        else:
            self.visit(node, scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        self.numbered += 1
        if isinstance(node.target, ast.Name) and not node.simple and node.value is None:
            self.visit_unevaluated(node.target, scope)
        else:
            self.visit(node.target, scope)
        if isinstance(node.target, ast.Name) and node.simple:
            self.noted.append((node.target.id, "annotated", scope))
        self.annotation(node.annotation, scope, "variable", None, scope)
        self.visit(node.value, scope)

    def _comprehension(self, node: Comprehension, scope: Scope) -> None:
        inner = self._define_unnamed(node, "comprehension", _COMPREHENSIONS[node.__class__], scope)
        inner.is_generator = isinstance(node, ast.GeneratorExp)
        if isinstance(node, ast.DictComp):
            self.visit(node.key, inner)
            self.visit(node.value, inner)
        else:
            self.visit(node.elt, inner)
        for index, generator in enumerate(node.generators):
            self.numbered += 1
            self.visit(generator.target, inner)
            self.visit(generator.iter, inner if index else scope)
            self.visit_all(generator.ifs, inner)

    def _type_alias(self, node: TypeAliasNode, scope: Scope) -> None:
        """``type X[T] = …`` (3.12): its value runs in the scope of its type parameters, also when it has none."""
        self.numbered += 1
        outer = self.open(type_params_scope(node.name.id, scope, self.span(node)))
        self.opened[node] = outer
        self.visit(node.name, scope)
        self.visit_all(node.type_params, outer)
        self.visit(node.value, outer)

    def _yield_(self, node: ast.Yield | ast.YieldFrom, scope: Scope) -> None:
        scope.is_generator = True
        self.children(node, scope)


def _docstring(node: ast.Module | ast.ClassDef | Function) -> str | None:
    """The text as it stands in the source, indentation and all, whatever the interpreter makes of it."""
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return printable(first.value.value)
    return None
