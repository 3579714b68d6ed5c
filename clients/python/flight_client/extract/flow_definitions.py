"""Definitions to facts: functions, lambdas, classes, their parameters, decorators and bases, imports, type parameters.

Code that runs in the scope around a definition (defaults, decorators, bases, annotations) is lowered there; the body is
lowered in the definition's own scope. Places and sites that also occur in rows of the layer ``cst`` are numbered by
position.
"""

import ast
from collections.abc import Mapping

from flight_client.extract.flow_annotations import annotate, annotate_result, hold_classes, mention
from flight_client.extract.flow_context import FlowContext, FlowVisitor
from flight_client.extract.lexical_scopes import LexicalScope, mangled
from flight_client.extract.places import Place, argument_place, base_place, decorator_site, default_place
from flight_client.extract.syntax_tree import Function, NamedNode, TypeAliasNode, defaults, parameters


def _function(flow: FlowContext, node: Function) -> None:
    function = flow.walk.opened[node]
    outer = flow.scope
    decorators = [flow.value(decorator) for decorator in node.decorator_list]
    _defaults(flow, node.args, function)
    _type_params(flow, node, function)
    _parameters(flow, node.args, function)
    if node.returns is not None:
        annotate_result(flow, function, node.returns)
    flow.enter(outer)
    _define(flow, node, function, decorators)


def _class(flow: FlowContext, node: ast.ClassDef) -> None:
    body = flow.walk.opened[node]
    outer = flow.scope
    decorators = [flow.value(decorator) for decorator in node.decorator_list]
    _type_params(flow, node, body)
    for position, base in enumerate(node.bases):
        flow.copy(base_place(body, position), _base(flow, base), "assign")
    for position, keyword in enumerate(node.keywords, len(node.bases)):
        flow.copy(base_place(body, position), flow.value(keyword.value), "assign")
    flow.enter(outer)
    _define(flow, node, body, decorators)


def _define(
    flow: FlowContext, node: Function | ast.ClassDef, definition: LexicalScope, decorators: list[Place | None]
) -> None:
    """Bind the definition to its name, through its decorators from the last to the first; then lower its body."""
    bound = flow.bound_place(node, node.name)
    place = flow.temporary() if decorators else bound
    kind = "class" if isinstance(node, ast.ClassDef) else "function"
    flow.rows.allocs.append((place, definition.def_id, kind, None))
    for position in reversed(range(len(decorators))):
        site, result = decorator_site(definition, position), flow.temporary() if position else bound
        span = flow.span(node.decorator_list[position])
        row = (*span, site, None, "decorator", decorators[position], result, flow.executor.def_id)
        flow.rows.calls.append(row)
        flow.rows.args.append((None, None, site, 0, None, 0, place))
        place = result
    outer = flow.enter(definition)
    flow.values(node.body)
    flow.enter(outer)


def _lambda(flow: FlowContext, node: ast.Lambda) -> Place:
    function = flow.walk.opened[node]
    place = flow.temporary()
    flow.rows.allocs.append((place, function.def_id, "function", None))
    _defaults(flow, node.args, function)
    _parameters(flow, node.args, function)
    outer = flow.enter(function)
    flow.copy(f"ret:{function.def_id}", flow.value(node.body), "return")
    flow.enter(outer)
    return place


def _base(flow: FlowContext, node: ast.expr) -> Place | None:
    """The place of a base class; that of ``Base[X]`` is ``Base``."""
    if isinstance(node, ast.Subscript):
        mention(flow, node.slice)
        return _base(flow, node.value)
    return flow.value(node)


def _defaults(flow: FlowContext, node: ast.arguments, function: LexicalScope) -> None:
    """Lower defaults; their places have the numbers of their parameters."""
    named = parameters(node)
    for position, default in defaults(node).items():
        place = default_place(function, position)
        flow.copy(place, flow.value(default), "default")
        flow.copy(argument_place(function, named[position].arg, position), place, "default")


def _parameters(flow: FlowContext, node: ast.arguments, function: LexicalScope) -> None:
    """Lower parameters and their annotations; ``*args`` is a tuple, ``**kwargs`` a dict."""
    names = flow.names_of[function]
    for position, parameter in enumerate(parameters(node)):
        place = held = argument_place(function, parameter.arg, position)
        flow.copy(names[parameter.arg].place, place, "assign")
        if parameter is node.vararg or parameter is node.kwarg:
            kind = "tuple" if parameter is node.vararg else "dict"
            flow.rows.allocs.append((place, f"obj:{function.def_id}:p{position}", kind, None))
            if parameter.annotation is not None:
                held = flow.temporary()
                flow.put(place, held)
        if parameter.annotation is not None:
            annotate(flow, held, parameter.annotation)
        if not position and (node.posonlyargs or node.args):
            flow.first_parameter[function] = place


def _type_params(flow: FlowContext, node: Function | ast.ClassDef, definition: LexicalScope) -> None:
    """Lower type parameters (3.12) in their own scope, in which the caller continues."""
    found = getattr(node, "type_params", ())
    if found and definition.parent is not None:
        flow.enter(definition.parent)
        flow.values(found)


def _type_param(flow: FlowContext, node: NamedNode) -> None:
    """A value annotated with a type parameter may be an instance of its bound, or of its default (3.13)."""
    place = flow.bound_place(node, node.name)
    for name in ("bound", "default_value"):
        meant = getattr(node, name, None)
        for member in meant.elts if isinstance(meant, ast.Tuple) else [meant]:
            if member is not None:
                flow.copy(place, flow.value(member), "assign")


def _type_alias(flow: FlowContext, node: TypeAliasNode) -> None:
    place = flow.definition_place(node.name)
    outer = flow.enter(flow.walk.opened[node])
    flow.values(node.type_params)
    hold_classes(flow, place, node.value)
    flow.enter(outer)


def _import(flow: FlowContext, node: ast.Import) -> None:
    for alias in node.names:
        root = alias.name.partition(".")[0]
        place = flow.bound_place(alias, alias.asname or root)
        row = (alias.name, "import", None) if alias.asname else (root, "import", alias.name)
        flow.rows.allocs.append((place, *row))


def _import_from(flow: FlowContext, node: ast.ImportFrom) -> None:
    module = flow.walk.module.absolute(node.level, node.module or "")
    for alias in node.names:
        if alias.name == "*":
            flow.rows.allocs.append((f"var:{flow.scope.scope_id}:*", module, "import_star", None))
        else:
            place = flow.bound_place(alias, alias.asname or alias.name)
            name = mangled(alias.name, flow.scope.private)
            flow.rows.allocs.append((place, module, "import_from", name))


DEFINITIONS: Mapping[str, FlowVisitor] = {
    "FunctionDef AsyncFunctionDef": _function,
    "Lambda": _lambda,
    "ClassDef": _class,
    "TypeAlias": _type_alias,
    "TypeVar ParamSpec TypeVarTuple": _type_param,
    "Import": _import,
    "ImportFrom": _import_from,
}
