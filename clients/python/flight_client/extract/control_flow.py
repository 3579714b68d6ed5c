"""Source-level control flow and variable events of one file: the rows of the ``cfg`` layer.

The module, each class body, function, lambda and comprehension owns a graph with an entry and an exit, numbered in
the order in which its code is met: source order, but that a comprehension's clauses come before its element. What
happens elsewhere in the file changes no id. Edges:

- ``true`` means that the condition in the source holds (``not x`` is a condition like any other), that an iteration
  has an item, that a handler takes the exception; the target, and the handler's name, are defined on that edge only.
- ``exc`` leaves its point at any moment: each of its definitions may have happened or not. Points that may raise have
  one to what the owner does about it (a handler, a ``finally``, the exit of a ``with``). What nothing there takes has
  no edge, but for ``raise``, ``assert``, handlers that don't match and cleanups, which lead to the exit.
- ``next`` is any other. The end of a ``finally`` leads to all that its code was entered for.

A point that can't be reached from its entry has no edges; any other but the entry has one that leads to it. A
``finally`` point spans its ``try`` statement; an exit from ``with``, the item's expression; that where ``except … as
e`` forgets ``e``, the handler. The rest span the node that they evaluate: a condition, not its ``if``.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from flight_client.extract.control_graph import EdgeKind, PointKind, Ways
from flight_client.extract.control_statements import Statements
from flight_client.extract.lexical_scopes import LexicalScope
from flight_client.extract.syntax_tree import Comprehension, parameters
from flight_client.extract.variable_events import Binding, EventKind, Owner, VariableEvents, WalkedFile

PointRow = tuple[str, LexicalScope, PointKind, int, int, int]
FlowRow = tuple[str, str, EdgeKind]
EventRow = tuple[str, int, Binding, EventKind, int | None, int | None]


@dataclass(frozen=True)
class OwnerGraph:
    """The control graph of one owner, with its points and their events."""

    owner: Owner
    scope: LexicalScope
    built: Statements


@dataclass(frozen=True)
class ControlFlow:
    """Rows of the three tables: owners in source order, points in their order, edges by source and destination.

    ``points``: point_id, the owner's scope, kind, ast_idx, bstart, bend. ``flow``: src, dst, kind. ``events``:
    point_id, ordinal, binding, kind, and the span of the name ref, None and None where the source spells no name; an
    event's id is ``<point_id>/event:<ordinal>``.
    """

    points: list[PointRow] = field(default_factory=list)
    flow: list[FlowRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)


def owner_graphs(tree: ast.Module, walked: WalkedFile) -> list[OwnerGraph]:
    """The graph of each owner in a file whose walk is finished, its scopes settled; in source order."""
    events = VariableEvents(walked)
    events.inner.append(tree)
    graphs: list[OwnerGraph] = []
    while events.inner:
        owner = events.inner.pop()
        events.scope = walked.opened[owner]
        graphs.append(OwnerGraph(owner, events.scope, _flow_of(owner, events)))
    graphs.sort(key=lambda graph: (graph.scope.start, walked.numbers[graph.owner]))
    return graphs


def control_flow(graphs: Iterable[OwnerGraph], walked: WalkedFile) -> ControlFlow:
    """The rows of a file's graphs."""
    rows = ControlFlow()
    for graph in graphs:
        _add_rows(rows, graph.built, graph.scope, walked)
    return rows


def _flow_of(owner: Owner, events: VariableEvents) -> Statements:
    built = Statements(events)
    bound = []
    if isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        bound = [events.bound(parameter, parameter.arg, "param") for parameter in parameters(owner.args)]
    built.points.append(("entry", owner, bound))
    ways = _body(owner, built, [(0, "next")])
    (region,) = built.graph.regions
    built.point("exit", owner, [], ways + [way for taken in region.values() for way in taken])
    return built


def _body(owner: Owner, built: Statements, ways: Ways) -> Ways:
    match owner:
        case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return built.block(owner.body, ways)
        case ast.Lambda():
            return built.statement(owner.body, ways)
        case ast.DictComp():
            return _comprehension(owner, (owner.key, owner.value), built, ways)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            return _comprehension(owner, (owner.elt,), built, ways)


def _comprehension(owner: Comprehension, elements: tuple[ast.expr, ...], built: Statements, ways: Ways) -> Ways:
    """Loops within loops; the first iterable was evaluated outside, before the entry."""
    graph = built.graph
    heads: list[int] = []
    out: Ways = []
    for generator in owner.generators:
        if heads:
            ways = built.statement(generator.iter, ways)
        heads.append(graph.size)
        ways, done = built.iteration(generator.target, ways)
        if len(heads) > 1:
            graph.link(done, heads[-2])
        else:
            out = done
        for condition in generator.ifs:
            ways, failed = built.condition(condition, ways)
            graph.link(failed, heads[-1])
    for element in elements:
        ways = built.statement(element, ways)
    graph.link(ways, heads[-1])
    return out


def _add_rows(rows: ControlFlow, built: Statements, owner: LexicalScope, walked: WalkedFile) -> None:
    prefix, numbers, span, points = f"{owner.def_id}/point:", walked.numbers, walked.span, rows.points
    ids = [f"{prefix}{number}" for number in range(built.graph.size)]
    whole = (0, len(walked.source.utf8))
    for point_id, (kind, node, events) in zip(ids, built.points, strict=True):
        points.append((point_id, owner, kind, numbers[node], *(whole if isinstance(node, ast.Module) else span(node))))
        if events:
            rows.events.extend([(point_id, ordinal, *event) for ordinal, event in enumerate(events)])
    rows.flow.extend([(ids[source], ids[target], kind) for source, target, kind in sorted(built.graph.edges)])
