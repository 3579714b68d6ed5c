"""Statements to points: one for each simple statement, condition, iteration, handler and cleanup.

The condition of a statement is split at its ``and`` and ``or``; a test of a constant has only one way out. An exception
that the owner may handle leaves a point at any moment. ``try`` sends it to its first handler; a handler that doesn't
match sends it to the next one. ``with`` is a cleanup that may swallow exceptions. The end of ``except … as e``, which
unbinds ``e``, is a cleanup that doesn't, as in the language reference.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flight_client.extract.control_graph import (
    ControlGraph,
    Jump,
    Region,
    Ways,
    cleanup,
    handlers,
    labelled,
    loop,
    with_jumps,
)
from flight_client.extract.syntax_tree import dispatch_table


def block(graph: ControlGraph, body: Iterable[ast.stmt], ways: Ways) -> Ways:
    """Add statements. Like all functions here it takes the ways into the code and returns the ways out of it."""
    for node in body:
        ways = _DISPATCH[node.__class__](graph, node, ways)
    return ways


def condition(graph: ControlGraph, node: ast.expr, ways: Ways) -> tuple[Ways, Ways]:
    """Add a condition; returns the ways out if it holds, and if it doesn't."""
    if isinstance(node, ast.BoolOp):
        decided: Ways = []
        is_and = isinstance(node.op, ast.And)
        for operand in node.values:
            true, false = condition(graph, operand, ways)
            ways, short = (true, false) if is_and else (false, true)
            decided += short
        return (ways, decided) if is_and else (decided, ways)
    tested = graph.point("test", node, graph.events.of(node), ways)
    true, false = labelled(tested, "true"), labelled(tested, "false")
    if isinstance(node, ast.Constant):
        return (true, []) if node.value else ([], false)
    return true, false


def iteration(graph: ControlGraph, target: ast.expr, ways: Ways) -> tuple[Ways, Ways]:
    """Add an iteration; returns the way out with a next item, which alone defines the target, and without one."""
    next_item = graph.point("iter", target, graph.events.of(target), ways)
    return labelled(next_item, "true"), labelled(next_item, "false")


def _if(graph: ControlGraph, node: ast.If, ways: Ways) -> Ways:
    """Add an ``if`` with all its ``elif`` in a loop: a source may have thousands, nested in the syntax tree."""
    ends: Ways = []
    while True:
        true, ways = condition(graph, node.test, ways)
        ends += block(graph, node.body, true)
        match node.orelse:
            case [ast.If() as node]:
                pass
            case orelse:
                return ends + block(graph, orelse, ways)


def _loop(graph: ControlGraph, node: ast.While | ast.For | ast.AsyncFor, ways: Ways) -> Ways:
    if not isinstance(node, ast.While):
        ways = graph.evaluated(node.iter, ways)
    head = len(graph.points)
    if isinstance(node, ast.While):
        true, false = condition(graph, node.test, ways)
    else:
        true, false = iteration(graph, node.target, ways)
    region = loop()
    ends = _within(graph, region, node.body, true)
    graph.link(ends + region["continue"], head)
    return block(graph, node.orelse, false) + region["break"]


def _within(graph: ControlGraph, region: Region, body: Iterable[ast.stmt], ways: Ways) -> Ways:
    graph.regions.append(region)
    ends = block(graph, body, ways)
    graph.regions.pop()
    return ends


def _with(graph: ControlGraph, node: ast.With | ast.AsyncWith, ways: Ways) -> Ways:
    """Add a point that enters each item, and one of kind ``finally`` that exits it."""
    regions = []
    for item in node.items:
        ways = graph.point("stmt", item.context_expr, graph.events.of(item), ways)
        regions.append(cleanup())
        graph.regions.append(regions[-1])
    ways = block(graph, node.body, ways)
    for item, region in zip(reversed(node.items), reversed(regions), strict=True):
        graph.regions.pop()
        ends = graph.point("finally", item.context_expr, [], with_jumps(region, ways))
        ways = graph.leave(region, ways, ends, swallows=True)
    return ways


def _try(graph: ControlGraph, node: ast.Try | ast.TryStar, ways: Ways) -> Ways:
    if not node.finalbody:
        return _try_except(graph, node, ways)
    region = cleanup()
    graph.regions.append(region)
    ways = _try_except(graph, node, ways)
    graph.regions.pop()
    ends = block(graph, node.finalbody, graph.point("finally", node, [], with_jumps(region, ways)))
    if not ends:
        graph.overriding.add(node)
    return graph.leave(region, ways, ends)


def _try_except(graph: ControlGraph, node: ast.Try | ast.TryStar, ways: Ways) -> Ways:
    if not node.handlers:
        return block(graph, node.orelse, block(graph, node.body, ways))
    region = handlers()
    ways = block(graph, node.orelse, _within(graph, region, node.body, ways))
    handle = _handle if isinstance(node, ast.Try) else _handle_groups
    return ways + handle(graph, node.handlers, region["raise"])


def _handle(graph: ControlGraph, nodes: list[ast.ExceptHandler], ways: Ways) -> Ways:
    """Try handlers in order: ``true`` leads into the handler, ``false`` to the next, ``exc`` past the last."""
    ends: Ways = []
    for node in nodes:
        matched, ways = _handler(graph, node, ways)
        ends += _handler_body(graph, node, matched)
    graph.jump(labelled(ways, "exc"), "raise")
    return ends


def _handle_groups(graph: ControlGraph, nodes: list[ast.ExceptHandler], ways: Ways) -> Ways:
    """``except*``: every handler is tried, even if an earlier one has handled the whole group or has raised."""
    ends: Ways = []
    for node in nodes:
        may_be_empty = bool(ends)
        matched, unmatched = _handler(graph, node, ways)
        region = handlers()
        graph.regions.append(region)
        ends = _handler_body(graph, node, matched)
        graph.regions.pop()
        ways = unmatched + ends + region["raise"]
        ends += unmatched if may_be_empty else []
    graph.jump(labelled(ways, "exc"), "raise")
    return ends


def _handler(graph: ControlGraph, node: ast.ExceptHandler, ways: Ways) -> tuple[Ways, Ways]:
    events = graph.events.of(node.type) if node.type is not None else []
    if node.name is not None:
        events.append(graph.events.bound(node, node.name))
    tried = graph.point("handler", node, events, ways)
    return (tried, []) if node.type is None else (labelled(tried, "true"), labelled(tried, "false"))


def _handler_body(graph: ControlGraph, node: ast.ExceptHandler, ways: Ways) -> Ways:
    if node.name is None:
        return block(graph, node.body, ways)
    region = cleanup()
    ways = _within(graph, region, node.body, ways)
    ends = graph.point("finally", node, [graph.events.forgotten(node.name)], with_jumps(region, ways))
    return graph.leave(region, ways, ends)


def _match(graph: ControlGraph, node: ast.Match, ways: Ways) -> Ways:
    """A pattern is a test; the names that it captures are defined at a separate point, before the guard."""
    ways = graph.evaluated(node.subject, ways)
    ends: Ways = []
    for case in node.cases:
        events = graph.events.of(case.pattern)
        captures = [event for event in events if event[1] == "def"]
        tested = graph.point("test", case.pattern, [event for event in events if event[1] != "def"], ways)
        true = labelled(tested, "true")
        ways = [] if _always_matches(case.pattern) else labelled(tested, "false")
        if captures:
            true = graph.point("stmt", case.pattern, captures, true)
        if case.guard is not None:
            true, false = condition(graph, case.guard, true)
            ways = ways + false
        ends += block(graph, case.body, true)
    return ends + ways


def _always_matches(pattern: ast.pattern) -> bool:
    match pattern:
        case ast.MatchAs(pattern=None):
            return True
        case ast.MatchAs(pattern=ast.pattern() as inner) | ast.MatchOr(patterns=[*_, inner]):
            return _always_matches(inner)
        case _:
            return False


def _assert(graph: ControlGraph, node: ast.Assert, ways: Ways) -> Ways:
    """If the condition doesn't hold, the point of the message raises, or without a message the test."""
    true, false = condition(graph, node.test, ways)
    if node.msg is not None:
        false = graph.evaluated(node.msg, false)
    graph.jump(false, "raise")
    return true


def _jumping(jump: Jump) -> Callable[[ControlGraph, ast.stmt, Ways], Ways]:
    def build(graph: ControlGraph, node: ast.stmt, ways: Ways) -> Ways:
        graph.jump(graph.evaluated(node, ways), jump)
        return []

    return build


_DISPATCH: Mapping[type, Callable[[ControlGraph, Any, Ways], Ways]] = dispatch_table(
    {
        "If": _if,
        "While For AsyncFor": _loop,
        "With AsyncWith": _with,
        "Try TryStar": _try,
        "Match": _match,
        "Assert": _assert,
        "Return": _jumping("return"),
        "Raise": _jumping("raise"),
        "Break": _jumping("break"),
        "Continue": _jumping("continue"),
    },
    ControlGraph.evaluated,
)
