"""The facts of one file for a points-to analysis: the objects that reach places, and the copies between places.

The syntax tree is visited in source order; a table maps each node class to its visitor, and the visitors of statements
are in this file. Conditions are ignored, so all code counts as reachable. No other file is read. Names are resolved by
the walk's scopes; if a variable has several definitions, the control flow decides which of them a use may read. The
rows are described in ``docs/flow.md``.
"""

import ast
from collections.abc import Mapping, Sequence

from flight_client.extract.control_graph import ControlGraph
from flight_client.extract.flow_annotations import annotate, mention
from flight_client.extract.flow_branches import lower_if
from flight_client.extract.flow_containers import CONTAINERS, get_item
from flight_client.extract.flow_context import FlowContext, FlowVisitor
from flight_client.extract.flow_definitions import DEFINITIONS
from flight_client.extract.flow_expressions import EXPRESSIONS, OPERATORS
from flight_client.extract.flow_patterns import match_pattern
from flight_client.extract.flow_rows import FlowRows
from flight_client.extract.flow_targets import assign, delete, iterate, key, set_item, star_of, target_place
from flight_client.extract.flow_variables import Variables
from flight_client.extract.places import Place
from flight_client.extract.syntax_tree import dispatch_table
from flight_client.extract.walk import Walk

_Paired = Place | list["_Paired"] | None


def flow_facts(tree: ast.Module, walk: Walk, graphs: Sequence[ControlGraph]) -> FlowRows:
    """The facts of a file whose walk is finished; ``graphs`` is the control flow of each of its owners."""
    rows = FlowRows()
    variables = Variables(walk.scopes[0], rows)
    variables.keep_apart(graphs)
    flow = FlowContext(walk, rows, variables, _DISPATCH)
    flow.overriding = frozenset(node for graph in graphs for node in graph.overriding)
    flow.values(tree.body)
    return rows


def _expr(flow: FlowContext, node: ast.Expr) -> None:
    if not isinstance(node.value, ast.Constant):
        flow.value(node.value)


def _assign(flow: FlowContext, node: ast.Assign) -> None:
    """Lower an assignment; ``a, b = x, y`` assigns item by item, without a tuple."""
    if _is_paired(node.value) and all(isinstance(target, ast.Tuple | ast.List) for target in node.targets):
        found = _paired(flow, node.value)
        for target in node.targets:
            _assign_items(flow, target, found)
        return
    value = flow.value(node.value)
    for target in node.targets:
        assign(flow, target, value)


def _is_paired(node: ast.expr) -> bool:
    """Whether a node is a tuple or list display without a starred item."""
    return isinstance(node, ast.Tuple | ast.List) and star_of(node.elts) is None


def _paired(flow: FlowContext, node: ast.expr) -> _Paired:
    if isinstance(node, ast.Tuple | ast.List) and _is_paired(node):
        return [_paired(flow, element) for element in node.elts]
    return flow.value(node)


def _assign_items(flow: FlowContext, target: ast.expr, found: _Paired) -> None:
    """Assign item by item; a starred target gets the surplus. A mismatch, an error at run time, is ignored."""
    if not isinstance(found, list):
        assign(flow, target, found, "unpack")
    elif not isinstance(target, ast.Tuple | ast.List):
        assign(flow, target, _collected(flow, found, "tuple"), "unpack")
    else:
        star = star_of(target.elts)
        if star is not None:
            end = max(star, len(found) - (len(target.elts) - star - 1))
            found = [*found[:star], _collected(flow, found[star:end], "list"), *found[end:]]
        for each, part in zip(target.elts, found, strict=False):
            _assign_items(flow, each, part)


def _collected(flow: FlowContext, found: list[_Paired], kind: str) -> Place:
    container = flow.made(kind)
    for position, part in enumerate(found):
        flow.put(container, _collected(flow, part, "tuple") if isinstance(part, list) else part, str(position))
    return container


def _ann_assign(flow: FlowContext, node: ast.AnnAssign) -> None:
    """Annotate the assigned value, or the variable if no value is assigned."""
    target = node.target
    value = None if node.value is None else flow.value(node.value)
    match target:
        case ast.Name():
            place = flow.names[target.id].place if node.value is None else flow.definition_place(target)
            annotate(flow, place, node.annotation)
            flow.copy(place, value, "assign")
        case ast.Attribute():
            place = flow.temporary()
            annotate(flow, place, node.annotation)
            flow.copy(place, value, "assign")
            flow.set_attribute(flow.value(target.value), target.attr, place)
        case ast.Subscript():
            mention(flow, node.annotation)
            if node.value is None:
                flow.parts(target)
            else:
                assign(flow, target, value)


def _aug_assign(flow: FlowContext, node: ast.AugAssign) -> None:
    """Lower ``x += y``: the target is evaluated once, and its in-place method is called, or else the plain one."""
    match target := node.target:
        case ast.Name():
            old = flow.value(ast.copy_location(ast.Name(target.id, ast.Load()), target))
            flow.copy(flow.definition_place(target), _augmented(flow, node, old), "assign")
            flow.copy(flow.definition_place(target), old, "aug")
        case ast.Attribute():
            base = flow.value(target.value)
            old = None if base is None else flow.attribute(base, target.attr)
            flow.set_attribute(base, target.attr, _augmented(flow, node, old))
        case ast.Subscript():
            base = flow.value(target.value)
            at = key(flow, target.slice)
            old = None if base is None else get_item(flow, target, base, at)
            set_item(flow, target, base, at, _augmented(flow, node, old))


def _augmented(flow: FlowContext, node: ast.AugAssign, old: Place | None) -> Place | None:
    """The result of the operator's method."""
    right = flow.value(node.value)
    if old is None:
        return right
    name = OPERATORS[node.op.__class__]
    result = flow.temporary()
    flow.implied("binop", old, (f"__i{name}__", f"__{name}__"), flow.span(node), (right,), result)
    return result


def _return(flow: FlowContext, node: ast.Return) -> None:
    value = None if node.value is None else flow.value(node.value)
    if not flow.executor.overriding:
        flow.copy(f"ret:{flow.executor.def_id}", value, "return")


def _for(flow: FlowContext, node: ast.For | ast.AsyncFor) -> None:
    source = flow.value(node.iter)
    iterate(flow, node.target, source, node.iter, is_async=isinstance(node, ast.AsyncFor))
    flow.values((*node.body, *node.orelse))


def _with(flow: FlowContext, node: ast.With | ast.AsyncWith) -> None:
    prefix = "__a" if isinstance(node, ast.AsyncWith) else "__"
    for item in node.items:
        manager, target = flow.value(item.context_expr), item.optional_vars
        if manager is None:
            if target is not None:
                assign(flow, target, None)
            continue
        span = flow.span(item.context_expr)
        entered = None if target is None else target_place(flow, target)
        flow.implied("enter", manager, (f"{prefix}enter__",), span, (), entered)
        flow.implied("exit", manager, (f"{prefix}exit__",), span)
        if target is not None and entered is not None:
            flow.load(entered, manager, "yield")
            assign(flow, target, entered)
    flow.values(node.body)


def _raise(flow: FlowContext, node: ast.Raise) -> None:
    """Lower ``raise``; a raised class is called."""
    if node.exc is not None:
        raised = flow.value(node.exc)
        if raised is not None and not isinstance(node.exc, ast.Call):
            flow.call("raise", raised, flow.span(node.exc))
    flow.values((node.cause,))


def _try(flow: FlowContext, node: ast.Try | ast.TryStar) -> None:
    """Lower ``try``. A caught exception is an instance of a class of the handler; an ``except*`` group is unknown.

    If its ``finally`` always jumps, a ``return`` before it returns nothing.
    """
    executor, is_overriding = flow.executor, node in flow.overriding
    executor.overriding += is_overriding
    flow.values(node.body)
    for handler in node.handlers:
        for found in handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]:
            held = None if found is None else flow.value(found)
            if handler.name is not None and held is not None and isinstance(node, ast.Try):
                flow.rows.annotations.append((flow.bound_place(handler, handler.name), held))
        flow.values(handler.body)
    flow.values(node.orelse)
    executor.overriding -= is_overriding
    flow.values(node.finalbody)


def _match(flow: FlowContext, node: ast.Match) -> None:
    subject = flow.value(node.subject)
    for case in node.cases:
        match_pattern(flow, case.pattern, subject)
        flow.values((case.guard, *case.body))


def _delete(flow: FlowContext, node: ast.Delete) -> None:
    for target in node.targets:
        delete(flow, target)


_VISITORS: Mapping[str, FlowVisitor] = {
    **EXPRESSIONS,
    **CONTAINERS,
    **DEFINITIONS,
    "Expr": _expr,
    "Assign": _assign,
    "AnnAssign": _ann_assign,
    "AugAssign": _aug_assign,
    "Return": _return,
    "For AsyncFor": _for,
    "With AsyncWith": _with,
    "Raise": _raise,
    "Try TryStar": _try,
    "Match": _match,
    "If": lower_if,
    "Delete": _delete,
}
_DISPATCH = dispatch_table(_VISITORS, FlowContext.parts)
