"""What names mean, as places: one for each variable, and more where its definitions are kept apart.

A variable with several definitions in the code of its own scope, and none in another's, has a place for each of them,
copied into the variable's. A use in that scope reads those that reach it; code elsewhere may run at any time and reads
the variable's own place. In a class body a name that may not be defined yet means what it means around the class.
"""

import ast
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from flight_client.extract.control_flow import OwnerGraph
from flight_client.extract.flow_reaching import UNDEFINED, Reached, reaching
from flight_client.extract.flow_rows import FlowRows
from flight_client.extract.lexical_scopes import LexicalScope, mangled
from flight_client.extract.places import Place, argument_place, class_place, variable_place
from flight_client.extract.syntax_tree import parameters
from flight_client.extract.variable_events import Binding

_NOT_KEPT_APART = frozenset({"comprehension", "type_params"})


@dataclass(slots=True, eq=False)
class Variable:
    """A variable's place; those of its definitions and uses by the byte offset of the name, where they differ."""

    place: Place
    definitions: dict[int, Place] = field(default_factory=dict)
    uses: dict[int, Place] = field(default_factory=dict)


class Names(dict[str, Variable]):
    """The variables that names mean in a scope: found when first asked for. ``variables`` knows nothing of it."""

    def __init__(self, scope: LexicalScope, variables: "Variables") -> None:
        super().__init__()
        self.scope = scope
        self.variables = variables

    def __missing__(self, name: str) -> Variable:
        found = self[name] = self.variables.meant(name, self.scope)
        return found


class Variables:
    """The variables of a file. ``rows`` gets the copies between their places."""

    def __init__(self, module: LexicalScope, rows: FlowRows) -> None:
        self.module = module
        self.rows = rows
        self._known: dict[Binding, Variable] = {}
        self._cells: dict[LexicalScope, Variable] = {}

    def meant(self, name: str, scope: LexicalScope) -> Variable:
        """What a name means in a scope; what nothing in the file binds is a variable of the module."""
        lookup = mangled(name, scope.private)
        home = scope.home(name)
        if home is None and name == "__class__":
            around = class_around(scope)
            if around is not None:
                return self.cell(around)
        if home is None or mangled(name, home.private) != lookup:
            home = self.module
        return self._variable((home, lookup))

    def cell(self, definition: LexicalScope) -> Variable:
        """``__class__`` in the methods of a class."""
        found = self._cells.get(definition)
        if found is None:
            found = self._cells[definition] = Variable(class_place(definition))
            self.rows.allocs.append((found.place, definition.def_id, "class", None))
        return found

    def keep_apart(self, graphs: Iterable[OwnerGraph]) -> None:
        """Give definitions and uses their own places, by the control flow of each owner."""
        owners = list(graphs)
        tracked = _worth_tracking(owners)
        for graph in owners:
            bindings = tracked.get(graph.scope)
            if bindings:
                self._place(graph, reaching(graph.built, bindings))

    def _variable(self, binding: Binding) -> Variable:
        found = self._known.get(binding)
        if found is None:
            scope, lookup = binding
            found = self._known[binding] = Variable(variable_place(scope, lookup))
        return found

    def _place(self, graph: OwnerGraph, reached: Reached) -> None:
        """Give the definitions that were tracked their places, and the uses those of what reaches them."""
        scope, counts = graph.scope, Counter(event[0] for event in reached.definitions)
        arguments = _argument_places(graph)
        places: list[Place] = []
        for number, (binding, kind, start, _) in enumerate(reached.definitions):
            variable = self._variable(binding)
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
                self._variable(binding).uses[start] = sources[0]

    def _around(self, binding: Binding) -> Place:
        """What a name of a class body means where the class does not define it."""
        scope, lookup = binding
        outer = scope.parent
        while outer is not None and outer.kind == "class":
            outer = outer.parent
        return self.meant(lookup, outer or self.module).place


def class_around(scope: LexicalScope) -> LexicalScope | None:
    """The innermost class around a function's code."""
    outer = scope.parent
    while outer is not None and outer.kind != "class":
        outer = outer.parent
    return outer


def _worth_tracking(graphs: Iterable[OwnerGraph]) -> dict[LexicalScope, set[Binding]]:
    """Variables with several definitions, all in their own scope's code; of a class body, all that it uses too."""
    defined: dict[LexicalScope, Counter[Binding]] = {}
    elsewhere: set[Binding] = set()
    for graph in graphs:
        scope = graph.scope
        own = defined[scope] = Counter()
        for _, _, events in graph.built.points:
            for binding, kind, _, _ in events:
                if kind != "use":
                    if binding[0] is not scope or scope.kind in _NOT_KEPT_APART:
                        elsewhere.add(binding)
                    elif kind != "kill":
                        own[binding] += 1
    tracked = {}
    for scope, own in defined.items():
        least = 1 if scope.kind == "class" else 2
        found = {binding for binding, count in own.items() if count >= least}
        tracked[scope] = found - elsewhere
    return tracked


def _argument_places(graph: OwnerGraph) -> dict[int, Place]:
    """The places of an owner's parameters by the offsets of their names."""
    owner = graph.owner
    if not isinstance(owner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return {}
    names = [parameter.arg for parameter in parameters(owner.args)]
    places = {}
    for position, (name, event) in enumerate(zip(names, graph.built.points[0][2], strict=True)):
        _, _, start, _ = event
        if start is not None:
            places[start] = argument_place(graph.scope, name, position)
    return places
