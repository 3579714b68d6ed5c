"""Source-level control flow and variable events of one file: the rows of the ``cfg`` layer.

The module and each class body, function, lambda and comprehension own a graph with an entry and an exit. Its points are
numbered in source order, except that a comprehension's clauses come before its element. An edit elsewhere in the file
changes no id. The kinds of edges:

- ``true``: the condition in the source holds (``not x`` is a condition like any other), an iteration has an item, or a
  handler matches the exception. The iteration's target and the handler's name are defined on that edge only.
- ``exc`` leaves its point at any moment, so each definition of the point may have happened or not. A point that may
  raise has such an edge to the owner's code that catches the exception (a handler, a ``finally``, the exit of a
  ``with``). An uncaught exception has no edge, except those of ``raise``, ``assert``, handlers that don't match and
  cleanups, which lead to the exit.
- ``next``: any other edge. The end of a ``finally`` leads to every target for which its code was entered.

A point that can't be reached from the entry has no edges; any other point except the entry has an edge that leads to
it. A ``finally`` point spans its ``try`` statement, the exit of a ``with`` the item's expression, and the end of
``except … as e``, where ``e`` is unbound, the handler. Other points span the node that they evaluate: a condition, not
its ``if``.
"""

import ast
from collections.abc import Iterable

from flight_client.extract.control_graph import ControlGraph, Ways, with_jumps
from flight_client.extract.control_statements import block, condition, iteration
from flight_client.extract.syntax_tree import Comprehension, parameters
from flight_client.extract.variable_events import Owner, VariableEvents
from flight_client.extract.walk import Row, Walk


def owner_graphs(tree: ast.Module, walk: Walk) -> list[ControlGraph]:
    """The graph of each owner in a file, in source order; the walk must be finished and its scopes settled."""
    events = VariableEvents(walk)
    events.inner.append(tree)
    graphs: list[ControlGraph] = []
    while events.inner:
        owner = events.inner.pop()
        events.enter(walk.opened[owner])
        graphs.append(_graph_of(owner, events))
    graphs.sort(key=lambda graph: (graph.scope.start, walk.numbers[graph.owner]))
    return graphs


def control_rows(graphs: Iterable[ControlGraph], walk: Walk) -> dict[str, list[Row]]:
    """The rows of ``cfg_points``, ``cfg_flow`` and ``var_events``, owner by owner in source order.

    Edges are sorted by source and destination. The columns are those of ``raw_rows.ROWS``; the span of an event is null
    if the source spells no name.
    """
    points: list[Row] = []
    flow: list[Row] = []
    events: list[Row] = []
    numbers, span, whole = walk.numbers, walk.span, (0, len(walk.source.utf8))
    for graph in graphs:
        scope = graph.scope
        ids = [f"{scope.def_id}/point:{number}" for number in range(len(graph.points))]
        for number, (point_id, (kind, node, found)) in enumerate(zip(ids, graph.points, strict=True)):
            place = whole if isinstance(node, ast.Module) else span(node)
            points.append((point_id, scope, kind, numbers[node], *place))
            event_id = f"{scope.def_id}/event:{number}"
            events.extend([(point_id, f"{event_id}.{n}", n, *event) for n, event in enumerate(found)])
        flow.extend([(ids[source], ids[target], kind) for source, target, kind in sorted(graph.edges)])
    return {"cfg_points": points, "cfg_flow": flow, "var_events": events}


def _graph_of(owner: Owner, events: VariableEvents) -> ControlGraph:
    graph = ControlGraph(owner, events)
    bound = []
    if isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        bound = [events.bound(parameter, parameter.arg, "param") for parameter in parameters(owner.args)]
    graph.points.append(("entry", owner, bound))
    ways = _body(graph, owner, [(0, "next")])
    graph.point("exit", owner, [], with_jumps(graph.regions[0], ways))
    return graph


def _body(graph: ControlGraph, owner: Owner, ways: Ways) -> Ways:
    match owner:
        case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return block(graph, owner.body, ways)
        case ast.Lambda():
            return graph.evaluated(owner.body, ways)
        case ast.DictComp():
            return _comprehension(graph, owner, (owner.key, owner.value), ways)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            return _comprehension(graph, owner, (owner.elt,), ways)


def _comprehension(graph: ControlGraph, owner: Comprehension, elements: tuple[ast.expr, ...], ways: Ways) -> Ways:
    """Add nested loops; the first iterable was evaluated outside, before the entry."""
    heads: list[int] = []
    out: Ways = []
    for generator in owner.generators:
        if heads:
            ways = graph.evaluated(generator.iter, ways)
        heads.append(len(graph.points))
        ways, done = iteration(graph, generator.target, ways)
        if len(heads) > 1:
            graph.link(done, heads[-2])
        else:
            out = done
        for test in generator.ifs:
            ways, failed = condition(graph, test, ways)
            graph.link(failed, heads[-1])
    for element in elements:
        ways = graph.evaluated(element, ways)
    graph.link(ways, heads[-1])
    return out
