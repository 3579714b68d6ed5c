"""What is assumed where nothing else is known: methods and wrappers without a caller are called.

An unknown subscript means any item, and an unknown decorator returns the class that it decorates.
"""

import numpy as np

from flight_server.points_to import call_rules, object_pairs
from flight_server.points_to.entering import enter_bodies
from flight_server.points_to.heap import Kind
from flight_server.points_to.integer_columns import where
from flight_server.points_to.state import State


def assume_uses(state: State) -> None:
    """Assume that methods without a caller are called on an instance of their class, and so on.

    Also assume that unknown subscripts mean any item, and that an unknown decorator returns the class it decorates.
    """
    object_pairs.unknown_keys(state)
    call_rules.assume_class_is_returned(state)
    defs, new = state.facts.definitions, state.keys["__new__"]
    is_method = defs.is_function & defs.is_class[defs.container] & ~(defs.static & (defs.name != new))
    functions = np.flatnonzero(is_method)
    first = state.parameters.at(functions, 0)
    called = state.bodies.entered.has_any(functions) | state.points.has_any(first)
    functions, first = where((first > 0) & ~called, functions, first)
    classes = state.definition(defs.container[functions])
    on_class = defs.class_method[functions] | (defs.name[functions] == new)
    state.put(first[on_class], classes[on_class])
    state.put(first[~on_class], state.heap.object(Kind.INSTANCE, classes[~on_class]))
    _assume_wrappers(state)


def _assume_wrappers(state: State) -> None:
    """Assume that functions in contexts are called, those that a class holds on an instance of the class."""
    heap = state.heap
    functions = np.flatnonzero(heap.kind[: heap.next_object] == Kind.FUNCTION)
    functions = functions[heap.second[functions] > 0]
    enter_bodies(state, heap.first[functions], heap.second[functions])
    scopes, variables = state.facts.scope_of_variable, state.facts.variables
    scopes, variables = where(state.facts.definitions.is_class[scopes], scopes, variables)
    which, objects = state.points.under(variables)
    which, objects = where(heap.is_of(objects, Kind.FUNCTION) & (heap.second[objects] > 0), which, objects)
    first = state.parameters_of(objects, 0)
    which, first = where((first > 0) & ~state.points.has_any(first), which, first)
    state.put(first, heap.object(Kind.INSTANCE, state.definition(scopes[which])))
