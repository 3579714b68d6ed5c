"""The places that names mean: one for each variable, and one for each definition if they can be distinguished.

If a variable has several definitions, all in the code of its own scope, each definition has a place, which is copied to
the variable's place. A use in that scope reads the places of the definitions that reach it. Code elsewhere may run at
any time and reads the variable's place. In a class body, a name that may not be defined yet also has the meaning that
it has around the class.
"""

import ast
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from flight_client.extract.control_graph import ControlGraph
from flight_client.extract.flow_reaching import UNDEFINED, Reached, reaching
from flight_client.extract.flow_rows import UNEXECUTED, FlowRows
from flight_client.extract.lexical_scopes import LexicalScope
from flight_client.extract.memo import Memo
from flight_client.extract.places import Place, argument_place, class_place, variable_place
from flight_client.extract.syntax_tree import parameters
from flight_client.extract.variable_events import Binding, binding_of


@dataclass(slots=True, eq=False)
class Variable:
    """A variable's place, and the places of definitions and uses that differ from it, by the name's byte offset."""

    place: Place
    definitions: dict[int, Place] = field(default_factory=dict)
    uses: dict[int, Place] = field(default_factory=dict)


class Variables:
    """The variables of a file. ``cells`` has the variable ``__class__`` of each class; copies are added to ``rows``."""

    def __init__(self, module: LexicalScope, rows: FlowRows) -> None:
        self.module = module
        self.rows = rows
        self.cells = Memo(partial(_cell, rows))
        self._variables = Memo(_variable)

    def meant(self, scope: LexicalScope, name: str) -> Variable:
        """The variable that a name means in a scope; a name without a binding in the file belongs to the module."""
        home, lookup = binding_of(scope, name, self.module)
        around = class_around(scope) if name == "__class__" and scope.home(name) is None else None
        return self._variables[home, lookup] if around is None else self.cells[around]

    def keep_apart(self, graphs: Iterable[ControlGraph]) -> None:
        """Give definitions and uses separate places, by the control flow of each owner."""
        owners = list(graphs)
        tracked = _worth_tracking(owners)
        for graph in owners:
            bindings = tracked[graph.scope]
            if bindings:
                self._place(graph, reaching(graph, bindings))

    def _place(self, graph: ControlGraph, reached: Reached) -> None:
        """Give the tracked definitions their places, and the uses the places of the definitions that reach them."""
        scope, counts = graph.scope, Counter(event[0] for event in reached.definitions)
        arguments = _argument_places(graph)
        places: list[Place] = []
        for number, (binding, kind, start, _) in enumerate(reached.definitions):
            variable = self._variables[binding]
            place = variable.place
            if start is not None and counts[binding] > 1:
                if kind == "param":
                    place = arguments[start]
                else:
                    place = variable.definitions[start] = f"x:{scope.def_id}:d{number}"
                    self.rows.copies.append((variable.place, place, "assign"))
            places.append(place)
        merged: dict[tuple[Binding, tuple[int, ...]], Place] = {}
        for start, found in reached.uses.items():
            binding, numbers = found
            sources = [places[number] for number in numbers if number != UNDEFINED]
            if numbers[0] == UNDEFINED and scope.kind == "class":
                sources.append(self._around(binding))
            elif len(sources) == counts[binding]:
                continue
            if len(sources) > 1:
                if found not in merged:
                    merged[found] = f"x:{scope.def_id}:m{len(merged)}"
                    self.rows.copies.extend([(merged[found], source, "assign") for source in sources])
                sources = [merged[found]]
            if sources:
                self._variables[binding].uses[start] = sources[0]

    def _around(self, binding: Binding) -> Place:
        """The place that a class body's name means if the class does not define it."""
        scope, lookup = binding
        outer = scope.parent
        while outer is not None and outer.kind == "class":
            outer = outer.parent
        return self.meant(outer or self.module, lookup).place


def _variable(binding: Binding) -> Variable:
    return Variable(variable_place(*binding))


def _cell(rows: FlowRows, definition: LexicalScope) -> Variable:
    found = Variable(class_place(definition))
    rows.allocs.append((found.place, definition.def_id, "class", None))
    return found


def class_around(scope: LexicalScope) -> LexicalScope | None:
    """The innermost class around a function's code."""
    outer = scope.parent
    while outer is not None and outer.kind != "class":
        outer = outer.parent
    return outer


def _worth_tracking(graphs: Iterable[ControlGraph]) -> dict[LexicalScope, set[Binding]]:
    """Variables with several definitions (in a class body: with any), all in the code of their own scope."""
    defined: dict[LexicalScope, Counter[Binding]] = {}
    elsewhere: set[Binding] = set()
    for graph in graphs:
        scope = graph.scope
        own = defined[scope] = Counter()
        for _, _, events in graph.points:
            for binding, kind, _, _ in events:
                if kind != "use":
                    if binding[0] is not scope or scope.kind in UNEXECUTED:
                        elsewhere.add(binding)
                    elif kind != "kill":
                        own[binding] += 1
    return {
        scope: {binding for binding, count in own.items() if count > (scope.kind != "class")} - elsewhere
        for scope, own in defined.items()
    }


def _argument_places(graph: ControlGraph) -> dict[int, Place]:
    """The places of an owner's parameters, by the byte offsets of their names."""
    owner = graph.owner
    if not isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return {}
    events = zip(parameters(owner.args), graph.points[0][2], strict=True)
    return {
        start: argument_place(graph.scope, parameter.arg, position)
        for position, (parameter, (_, _, start, _)) in enumerate(events)
        if start is not None
    }
