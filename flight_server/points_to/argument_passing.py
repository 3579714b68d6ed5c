"""Arguments flow to parameters: by position, by name, and out of containers.

Arguments without a parameter go into ``*args`` and ``**kwargs``. If a function returns a parameter unchanged, the
argument also flows to the result of the call.
"""

import numpy as np

from flight_server.points_to.fact_families import Family, Include
from flight_server.points_to.field_keys import DICT_KEYS, EVERY, SOME
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.integer_columns import Ints, constant, pack, where
from flight_server.points_to.state import State


def pass_objects(state: State, parameters: Ints, objects: Ints, results: Ints) -> None:
    """Put objects at parameters, and at the calls' results if their functions return these parameters."""
    state.put(parameters, objects)
    back = state.returned.is_returned(parameters)
    state.put(results[back], objects[back])


def pass_arguments(state: State, sites: Ints, functions: Ints, shift: Ints, results: Ints) -> None:
    """Pass the arguments of sites to the parameters of functions as called, ``shift`` positions further on."""
    spelled, definitions = state.site_source[sites], state.heap.first[functions]
    state.bound_calls.add(pack(spelled, definitions * 2 + shift)[spelled > 0])
    which, positions, places = state.arguments.positional.under(sites)
    _pass_positional(state, functions[which], positions + shift[which], places, results[which])
    which, names, places = state.arguments.keyword.under(sites)
    _pass_keyword(state, functions[which], names, places, results[which])
    which, positions, places = state.arguments.star.under(sites)
    _pass_star(state, functions[which], positions + shift[which], places, results[which])
    which, places = state.arguments.double_star.under(sites)
    _pass_double_star(state, functions[which], places, results[which])


def _copy(state: State, parameters: Ints, places: Ints, results: Ints) -> None:
    """Copy objects at places to parameters, and to the calls' results if their functions return these parameters."""
    state.copy(parameters, places)
    back = state.returned.is_returned(parameters)
    state.copy(results[back], places[back])


def _pass_positional(state: State, functions: Ints, positions: Ints, places: Ints, results: Ints) -> None:
    parameters, keys, definitions = state.parameters, state.keys, state.heap.first[functions]
    found = state.parameters_of(functions, positions)
    _copy(state, found, places, results)
    surplus = (found == 0) & (parameters.rest[definitions] > 0) & (positions >= parameters.rest_from[definitions])
    functions, definitions, places, results = where(surplus, functions, definitions, places, results)
    position = positions[surplus] - parameters.rest_from[definitions]
    back = state.returned.is_rest_returned(definitions, position)
    state.copy(results[back], places[back])
    at = np.where(position < len(keys.at), keys.at[np.minimum(position, len(keys.at) - 1)], keys[SOME])
    _hold(state, _container(state, parameters.rest, functions), at, places)


def _container(state: State, containers: Ints, functions: Ints) -> Ints:
    """The containers of surplus arguments of functions as called."""
    definitions, contexts = state.heap.first[functions], state.heap.second[functions]
    return state.made_in(containers[definitions], state.contexts.enclosing(definitions, contexts))


def _pass_keyword(state: State, functions: Ints, names: Ints, places: Ints, results: Ints) -> None:
    parameters, definitions = state.parameters, state.heap.first[functions]
    found = parameters.named.find(pack(definitions, names))
    _copy(state, state.placed(found, state.heap.second[functions]), places, results)
    surplus = (found == 0) & (parameters.extra[definitions] > 0)
    extra, items = _container(state, parameters.extra, functions[surplus]), state.keys.item_of[names[surplus]]
    _hold(state, extra, items, places[surplus])
    spelled = state.heap.object(Kind.CONSTANT, constant(Shape.STR, items), items)
    state.put(state.heap.field(extra, state.keys[DICT_KEYS]), spelled)


def _hold(state: State, containers: Ints, keys: Ints, places: Ints) -> None:
    state.copy(state.heap.field(containers, keys), places)
    state.copy(state.heap.field(containers, state.keys[EVERY]), places)


def _load_items(state: State, places: Ints, keys: Ints, parameters: Ints, results: Ints) -> None:
    """Load items of the objects at places into parameters, and into results if these parameters are returned."""
    state.add(Family.ITEM_LOAD, places, keys, parameters)
    back = state.returned.is_returned(parameters) & (results > 0)
    state.add(Family.ITEM_LOAD, places[back], keys[back], results[back])


def _pass_star(state: State, functions: Ints, positions: Ints, places: Ints, results: Ints) -> None:
    """Pass the items of ``*x`` to the parameters from its position on."""
    parameters, keys, definitions = state.parameters, state.keys, state.heap.first[functions]
    which, position, targets = parameters.positional.under(definitions)
    targets = state.placed(targets, state.heap.second[functions[which]])
    item = position - positions[which]
    placed = (item >= 0) & (item < len(keys.at))
    at = which[placed]
    _load_items(state, places[at], keys.at[item[placed]], targets[placed], results[at])
    has = parameters.rest[definitions] > 0
    forward = np.clip(parameters.rest_from[definitions] - positions, 0, None)
    state.add(
        *(Family.INCLUDE, places[has], _container(state, parameters.rest, functions[has])), Include.FROM + forward[has]
    )


def _pass_double_star(state: State, functions: Ints, places: Ints, results: Ints) -> None:
    """Pass the items of ``**x`` to the parameters of their names, and to ``**kwargs``."""
    definitions = state.heap.first[functions]
    which, names, targets = state.parameters.named.under(definitions)
    targets = state.placed(targets, state.heap.second[functions[which]])
    _load_items(state, places[which], state.keys.item_of[names], targets, results[which])
    has = state.parameters.extra[definitions] > 0
    extra = _container(state, state.parameters.extra, functions[has])
    state.add(Family.INCLUDE, places[has], extra, constant(Include.SAME, extra))
