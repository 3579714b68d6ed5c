"""Statements to points: one for each simple statement, condition, iteration, handler and cleanup.

The condition of a statement is split at its ``and`` and ``or``; a test whose operand is a constant has one way on.
Exceptions that the owner may look at leave a point at any moment. ``try`` sends them to its first handler, which
passes on what it doesn't take. ``with`` is a cleanup that may swallow them; the end of ``except … as e``, which
forgets ``e``, is one that doesn't, as the language reference writes it.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from flight_client.extract.control_graph import ControlGraph, EdgeKind, PointKind, Region, Ways, cleanup, handlers, loop
from flight_client.extract.variable_events import Event, VariableEvents

PointNode = ast.stmt | ast.expr | ast.pattern | ast.ExceptHandler | ast.Module
Point = tuple[PointKind, PointNode, list[Event]]

NEVER_RAISE = frozenset({ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal, ast.Constant})
QUIET = frozenset({"entry", "exit", "handler", "finally"})
_STATEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "If": "_if",
        "While": "_while",
        "For": "_for",
        "AsyncFor": "_for",
        "With": "_with",
        "AsyncWith": "_with",
        "Try": "_try",
        "TryStar": "_try",
        "Match": "_match",
        "Assert": "_assert",
        "Return": "_return",
        "Raise": "_raise",
        "Break": "_break",
        "Continue": "_continue",
    }
)


class Statements:
    """Builds the graph of one owner: methods take the ways into code and give the ways out of it."""

    def __init__(self, events: VariableEvents) -> None:
        self.events = events
        self.graph = ControlGraph()
        self.points: list[Point] = []

    def point(self, kind: PointKind, node: PointNode, events: list[Event], ways: Ways) -> Ways:
        """Add a point for a node."""
        self.points.append((kind, node, events))
        return self.graph.point(ways, may_raise=kind not in QUIET and node.__class__ not in NEVER_RAISE)

    def block(self, body: Iterable[ast.stmt], ways: Ways) -> Ways:
        """Statements, one after another."""
        for node in body:
            build: Callable[..., Ways] = getattr(self, _STATEMENTS.get(node.__class__.__name__, "statement"))
            ways = build(node, ways)
        return ways

    def statement(self, node: ast.stmt | ast.expr, ways: Ways) -> Ways:
        """What is one point: a simple statement, a definition, an expression that is evaluated by itself."""
        return self.point("stmt", node, self.events.of(node), ways)

    def condition(self, node: ast.expr, ways: Ways) -> tuple[Ways, Ways]:
        """The ways on where a condition holds, and where it doesn't."""
        if isinstance(node, ast.BoolOp):
            decided: Ways = []
            is_and = isinstance(node.op, ast.And)
            for operand in node.values:
                true, false = self.condition(operand, ways)
                ways, short = (true, false) if is_and else (false, true)
                decided += short
            return (ways, decided) if is_and else (decided, ways)
        tested = self.point("test", node, self.events.of(node), ways)
        true, false = labelled(tested, "true"), labelled(tested, "false")
        if isinstance(node, ast.Constant):
            return (true, []) if node.value else ([], false)
        return true, false

    def iteration(self, target: ast.expr, ways: Ways) -> tuple[Ways, Ways]:
        """The ways on with the next item, which defines the target on that way alone, and without one."""
        turn = self.point("iter", target, self.events.of(target), ways)
        return labelled(turn, "true"), labelled(turn, "false")

    def _if(self, node: ast.If, ways: Ways) -> Ways:
        """With all its ``elif``, of which a source may have thousands: they are nested in the syntax tree."""
        ends: Ways = []
        while True:
            true, ways = self.condition(node.test, ways)
            ends += self.block(node.body, true)
            match node.orelse:
                case [ast.If() as node]:
                    pass
                case orelse:
                    return ends + self.block(orelse, ways)

    def _while(self, node: ast.While, ways: Ways) -> Ways:
        head = self.graph.size
        true, false = self.condition(node.test, ways)
        return self._loop(node, head, true, false)

    def _for(self, node: ast.For | ast.AsyncFor, ways: Ways) -> Ways:
        ways = self.statement(node.iter, ways)
        head = self.graph.size
        true, false = self.iteration(node.target, ways)
        return self._loop(node, head, true, false)

    def _loop(self, node: ast.While | ast.For | ast.AsyncFor, head: int, true: Ways, false: Ways) -> Ways:
        region = loop()
        ends = self._within(region, node.body, true)
        self.graph.link(ends + region["continue"], head)
        return self.block(node.orelse, false) + region["break"]

    def _within(self, region: Region, body: Iterable[ast.stmt], ways: Ways) -> Ways:
        self.graph.regions.append(region)
        ends = self.block(body, ways)
        self.graph.regions.pop()
        return ends

    def _with(self, node: ast.With | ast.AsyncWith, ways: Ways) -> Ways:
        """A point to enter each item and one, of kind ``finally``, to exit it."""
        entered: list[tuple[ast.withitem, Region]] = []
        for item in node.items:
            ways = self.point("stmt", item.context_expr, self.events.of(item), ways)
            entered.append((item, cleanup()))
            self.graph.regions.append(entered[-1][1])
        ways = self.block(node.body, ways)
        for item, region in reversed(entered):
            self.graph.regions.pop()
            ends = self.point("finally", item.context_expr, [], _all_ways(region, ways))
            ways = self.graph.leave(region, ways, ends, swallows=True)
        return ways

    def _try(self, node: ast.Try | ast.TryStar, ways: Ways) -> Ways:
        if not node.finalbody:
            return self._try_except(node, ways)
        region = cleanup()
        self.graph.regions.append(region)
        ways = self._try_except(node, ways)
        self.graph.regions.pop()
        ends = self.point("finally", node, [], _all_ways(region, ways))
        return self.graph.leave(region, ways, self.block(node.finalbody, ends))

    def _try_except(self, node: ast.Try | ast.TryStar, ways: Ways) -> Ways:
        if not node.handlers:
            return self.block(node.orelse, self.block(node.body, ways))
        region = handlers()
        ways = self.block(node.orelse, self._within(region, node.body, ways))
        handle = self._handle if isinstance(node, ast.Try) else self._handle_groups
        return ways + handle(node.handlers, region["raise"])

    def _handle(self, nodes: list[ast.ExceptHandler], ways: Ways) -> Ways:
        """Handlers are asked in turn: ``true`` leads into the handler, ``false`` to the next, ``exc`` past the last."""
        ends: Ways = []
        for node in nodes:
            matched, ways = self._handler(node, ways)
            ends += self._handler_body(node, matched)
        self.graph.jump(labelled(ways, "exc"), "raise")
        return ends

    def _handle_groups(self, nodes: list[ast.ExceptHandler], ways: Ways) -> Ways:
        """``except*``: every handler is asked, whatever those before it took, raised or left."""
        ends: Ways = []
        for node in nodes:
            may_be_empty = bool(ends)
            matched, unmatched = self._handler(node, ways)
            region = handlers()
            self.graph.regions.append(region)
            ends = self._handler_body(node, matched)
            self.graph.regions.pop()
            ways = unmatched + ends + region["raise"]
            ends += unmatched if may_be_empty else []
        self.graph.jump(labelled(ways, "exc"), "raise")
        return ends

    def _handler(self, node: ast.ExceptHandler, ways: Ways) -> tuple[Ways, Ways]:
        events = self.events.of(node.type) if node.type is not None else []
        if node.name is not None:
            events.append(self.events.bound(node, node.name))
        asked = self.point("handler", node, events, ways)
        return (asked, []) if node.type is None else (labelled(asked, "true"), labelled(asked, "false"))

    def _handler_body(self, node: ast.ExceptHandler, ways: Ways) -> Ways:
        if node.name is None:
            return self.block(node.body, ways)
        region = cleanup()
        ways = self._within(region, node.body, ways)
        ends = self.point("finally", node, [self.events.forgotten(node.name)], _all_ways(region, ways))
        return self.graph.leave(region, ways, ends)

    def _match(self, node: ast.Match, ways: Ways) -> Ways:
        """A pattern is a test; what it captures is defined at a point of its own, before the guard."""
        ways = self.statement(node.subject, ways)
        ends: Ways = []
        for case in node.cases:
            events = self.events.of(case.pattern)
            captures = [event for event in events if event[1] == "def"]
            tested = self.point("test", case.pattern, [event for event in events if event[1] != "def"], ways)
            true = labelled(tested, "true")
            ways = [] if _always_matches(case.pattern) else labelled(tested, "false")
            if captures:
                true = self.point("stmt", case.pattern, captures, true)
            if case.guard is not None:
                true, false = self.condition(case.guard, true)
                ways = ways + false
            ends += self.block(case.body, true)
        return ends + ways

    def _assert(self, node: ast.Assert, ways: Ways) -> Ways:
        """Where the condition doesn't hold, a point for the message, which raises; without one, the test does."""
        true, false = self.condition(node.test, ways)
        if node.msg is not None:
            false = self.statement(node.msg, false)
        self.graph.jump(false, "raise")
        return true

    def _return(self, node: ast.Return, ways: Ways) -> Ways:
        self.graph.jump(self.statement(node, ways), "return")
        return []

    def _raise(self, node: ast.Raise, ways: Ways) -> Ways:
        self.graph.jump(self.statement(node, ways), "raise")
        return []

    def _break(self, node: ast.Break, ways: Ways) -> Ways:
        self.graph.jump(self.statement(node, ways), "break")
        return []

    def _continue(self, node: ast.Continue, ways: Ways) -> Ways:
        self.graph.jump(self.statement(node, ways), "continue")
        return []


def labelled(ways: Ways, kind: EdgeKind) -> Ways:
    """The ways under another kind."""
    return [(point, kind) for point, _ in ways]


def _all_ways(region: Region, ways: Ways) -> Ways:
    """The ways into a region's cleanup: from its end, and all that it has taken."""
    return ways + [way for taken in region.values() for way in taken]


def _always_matches(pattern: ast.pattern) -> bool:
    match pattern:
        case ast.MatchAs(pattern=None):
            return True
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _always_matches(inner)
        case ast.MatchOr(patterns=[*_, last]):
            return _always_matches(last)
        case _:
            return False
