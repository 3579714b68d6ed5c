"""Items: the contents of lists, tuples, sets and dictionaries, by position or key if it is known.

A container has a field for each known key (a display also for positions from its end), one for items at unknown
positions, and one that every item flows into; a dictionary also has one for its keys. Instances are treated as
containers too, because their class may inherit from one.
"""

import numpy as np

from flight_server.points_to.fact_families import Include
from flight_server.points_to.field_keys import DICT_KEYS, EVERY, SLICE, SOME
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.integer_columns import HALF, LOWER, Ints, Mask, constant, is_in, where
from flight_server.points_to.state import State


def load_items(state: State, objects: Ints, keys: Ints, targets: Ints) -> None:
    """Load the items ``keys`` of objects into ``targets``."""
    heap = state.heap
    slices = keys == state.keys[SLICE]
    _load_slices(state, objects[slices], targets[slices])
    objects, keys, targets = where(~slices, objects, keys, targets)
    holds = heap.is_of(objects, Kind.CONTAINER, Kind.INSTANCE)
    holders, key, target = where(holds, objects, keys, targets)
    exact = state.keys.is_exact[key] | (state.keys.is_backward[key] & is_in(holders, state.displays))
    state.copy(target, heap.field(holders, np.where(exact, key, state.keys[EVERY])))
    state.copy(target[exact], heap.field(holders[exact], state.keys[SOME]))
    load_yields(state, objects, targets)
    fields = _attributes(state, objects, keys)
    state.copy(targets[fields > 0], fields[fields > 0])
    typed = heap.is_of(objects, Kind.INSTANCE) & is_in(heap.first[objects], state.classes.dicts)
    _load_typed(state, *where(typed, heap.first[objects], state.keys.name_of[keys], targets))
    member = _load_members(state, objects, targets)
    alias = heap.is_of(objects, Kind.CLASS) & ~member
    state.put(targets[alias], objects[alias])


def _load_typed(state: State, classes: Ints, names: Ints, targets: Ints) -> None:
    """Load what the annotations of a typed dictionary's keys say: those of the variables of its class."""
    number, member, _ = state.classes.bearers(classes, names)
    number, member = where(names[number] > 0, number, member)
    state.copy(targets[number], state.heap.field(member, names[number]))


def store_items(state: State, objects: Ints, keys: Ints, sources: Ints) -> None:
    """Store the objects at ``sources`` under ``keys``."""
    heap = state.heap
    state.copy(_attributes(state, objects, keys), sources)
    holds = heap.is_of(objects, Kind.CONTAINER, Kind.INSTANCE)
    objects, keys, sources = where(holds, objects, keys, sources)
    exact = state.keys.is_exact[keys]
    state.copy(heap.field(objects, np.where(exact, keys, state.keys[SOME])), sources)
    state.copy(heap.field(objects, state.keys[EVERY]), sources)
    spelled = exact & ((heap.shape(objects) == Shape.DICT) | heap.is_of(objects, Kind.INSTANCE))
    shape = np.where(state.keys.is_text[keys[spelled]], Shape.STR, Shape.INT)
    state.put(heap.field(objects[spelled], state.keys[DICT_KEYS]), heap.object(Kind.CONSTANT, shape, keys[spelled]))


def _attributes(state: State, objects: Ints, keys: Ints) -> Ints:
    """The places of the attributes that items of a namespace (``__dict__``, ``globals()``) mean; 0 for others."""
    heap = state.heap
    named = heap.is_of(objects, Kind.NAMESPACE, Kind.MODULE) & (state.keys.name_of[keys] > 0)
    places = np.zeros(len(objects), np.int64)
    if not named.any():
        return places
    holders = np.where(heap.is_of(objects, Kind.NAMESPACE), heap.first[objects], objects)
    places[named] = heap.field(holders[named], state.keys.name_of[keys[named]])
    return places


def load_elements(state: State, objects: Ints, targets: Ints) -> None:
    """Load the elements of iterables into the targets."""
    heap = state.heap
    instances, contained = heap.is_of(objects, Kind.INSTANCE), heap.is_of(objects, Kind.CONTAINER)
    is_dict = contained & (heap.shape(objects) == Shape.DICT)
    for mask, key in ((instances | (contained & ~is_dict), EVERY), (instances | is_dict, DICT_KEYS)):
        state.copy(targets[mask], heap.field(objects[mask], state.keys[key]))
    load_yields(state, objects, targets)
    _load_members(state, objects, targets)


def _load_members(state: State, objects: Ints, targets: Ints) -> Mask:
    """Load the members of enumerations into the targets; returns which objects are enumerations."""
    member = is_in(objects, state.classes.enums)
    state.put(targets[member], state.heap.object(Kind.INSTANCE, objects[member]))
    return member


def load_yields(state: State, objects: Ints, targets: Ints) -> None:
    """Load the yielded objects of generators into the targets."""
    places, targets = _of_generators(state, state.facts.definitions.yields, objects, targets)
    state.copy(targets, places)


def load_returns(state: State, objects: Ints, targets: Ints) -> None:
    """Load the return values of generators into the targets."""
    places, targets = _of_generators(state, state.facts.definitions.returns, objects, targets)
    state.copy(targets, places)


def send(state: State, objects: Ints, sources: Ints) -> None:
    """Send the objects at ``sources`` to generators."""
    places, sources = _of_generators(state, state.facts.definitions.sent, objects, sources)
    state.copy(places, sources)


def _of_generators(state: State, places: Ints, objects: Ints, others: Ints) -> tuple[Ints, ...]:
    """For the generators among the objects, their functions' places of a kind, with the other column's rows."""
    heap = state.heap
    objects, others = where(heap.is_of(objects, Kind.GENERATOR), objects, others)
    functions = heap.first[objects]
    return state.placed(places[heap.first[functions]], heap.second[functions]), others


def containers_of(state: State, objects: Ints, targets: Ints) -> None:
    """Put the containers among the objects, and the texts of which the beginning is known, at the targets."""
    state.put(*where(state.heap.is_of(objects, Kind.CONTAINER, Kind.PREFIX), targets, objects))


def include_items(state: State, sources: Ints, targets: Ints, modes: Ints) -> None:
    """Make the items of ``sources`` items of the containers ``targets``."""
    heap = state.heap
    holds = heap.is_of(sources, Kind.CONTAINER, Kind.INSTANCE) & (sources != targets)
    state.include(sources[holds], targets[holds], modes[holds])
    places, containers = _of_generators(state, state.facts.definitions.yields, sources, targets)
    for key in (SOME, EVERY):
        state.copy(heap.field(containers, state.keys[key]), places)


def spread_inclusions(state: State) -> None:
    """Copy new fields of included containers, and all fields of newly included ones, to the including containers."""
    fields, places = state.heap.take_new_fields()
    number, inclusions = state.included.under(fields >> HALF)
    _copy_included(state, (fields >> HALF)[number], (fields & LOWER)[number], places[number], inclusions)
    new = state.take_inclusions()
    number, keys, places = state.heap.fields.under(new >> HALF)
    _copy_included(state, (new >> HALF)[number], keys, places, (new & LOWER)[number])


def _copy_included(state: State, sources: Ints, keys: Ints, places: Ints, inclusions: Ints) -> None:
    if not len(sources):
        return
    targets, modes = state.inclusion(inclusions)
    special, heap = state.keys, state.heap
    is_key = keys == special[DICT_KEYS]
    is_dict = heap.is_of(sources, Kind.CONTAINER) & (heap.shape(sources) == Shape.DICT)
    by_element = (modes == Include.ELEMENTS) | (modes >= Include.FROM)
    goes = special.is_item[keys] & np.where(by_element, is_key == is_dict, ~is_key | (modes == Include.SAME))
    position = special.position[keys] - (modes - Include.FROM)
    placed = (modes >= Include.FROM) & (special.position[keys] >= 0)
    at = np.where(placed & (position >= 0), special.at[np.clip(position, 0, len(special.at) - 1)], special[SOME])
    goes &= ~placed | (position >= 0)
    goes &= (modes == Include.SAME) | ~special.is_backward[keys]
    key = np.where(keys == special[EVERY], special[EVERY], np.where(placed, at, special[SOME]))
    key = np.where(modes == Include.SAME, keys, key)
    namespaces = heap.is_of(targets, Kind.NAMESPACE)
    state.copy(_attributes(state, targets, np.where(goes & namespaces, keys, 0)), places)
    goes &= ~namespaces
    state.copy(heap.field(targets[goes], key[goes]), places[goes])
    keys_too = goes & is_key & by_element
    state.copy(heap.field(targets[keys_too], special[EVERY]), places[keys_too])


def _load_slices(state: State, objects: Ints, targets: Ints) -> None:
    """Put a new list with unknown positions at the target of each slice."""
    heap = state.heap
    holds = heap.is_of(objects, Kind.CONTAINER, Kind.INSTANCE)
    objects, targets = where(holds, objects, targets)
    made = state.made_container(targets, constant(Shape.LIST, targets))
    state.put(targets, made)
    include_items(state, objects, made, constant(Include.ELEMENTS, made))
