"""Items: what is kept in lists, tuples, sets and dictionaries, by position or key where it is known.

A container has a field for each known key (a display also for positions from its end), one for items at unknown
positions, one that every item flows into, and a dictionary one for its keys. Instances are containers too: a class may
inherit from one or keep what it is given.
"""

import numpy as np

from flight_server.points_to.columns import HALF, LOWER, Ints, Mask, constant, is_in
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.keys import DICT_KEYS, EVERY, SOME
from flight_server.points_to.relations import Include
from flight_server.points_to.world import World


def load(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of ITEM_LOAD."""
    load_items(world, objects, rows[:, 1], rows[:, 2])


def load_items(world: World, objects: Ints, keys: Ints, targets: Ints) -> None:
    """Bring the items ``keys`` to ``targets``."""
    heap = world.heap
    slices = keys == world.keys.slice
    _load_slices(world, objects[slices], targets[slices])
    objects, keys, targets = objects[~slices], keys[~slices], targets[~slices]
    holds = heap.is_of(objects, Kind.CONTAINER, Kind.INSTANCE)
    holders, key, target = objects[holds], keys[holds], targets[holds]
    exact = world.keys.is_exact[key] | (world.keys.is_backward[key] & is_in(holders, world.displays))
    world.copy(target, heap.field(holders, np.where(exact, key, world.keys[EVERY])))
    world.copy(target[exact], heap.field_of(holders[exact], world.keys[SOME]))
    _load_yields(world, objects, targets)
    fields = _attributes(world, objects, keys)
    world.copy(targets[fields > 0], fields[fields > 0])
    member = is_in(objects, world.classes.enums)
    world.put(targets[member], heap.object(Kind.INSTANCE, objects[member]))
    alias = heap.is_of(objects, Kind.CLASS) & ~member
    world.put(targets[alias], objects[alias])


def store(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of ITEM_STORE."""
    store_items(world, objects, rows[:, 1], rows[:, 2])


def store_items(world: World, objects: Ints, keys: Ints, sources: Ints) -> None:
    """Keep what is at ``sources`` under ``keys``."""
    heap = world.heap
    world.copy(_attributes(world, objects, keys), sources)
    holds = heap.is_of(objects, Kind.CONTAINER, Kind.INSTANCE)
    objects, keys, sources = objects[holds], keys[holds], sources[holds]
    exact = world.keys.is_exact[keys]
    world.copy(heap.field(objects, np.where(exact, keys, world.keys[SOME])), sources)
    world.copy(heap.field_of(objects, world.keys[EVERY]), sources)
    spelled = exact & ((heap.second.values[objects] == Shape.DICT) | heap.is_of(objects, Kind.INSTANCE))
    shape = np.where(world.keys.is_text[keys[spelled]], Shape.STR, Shape.INT)
    world.put(heap.field_of(objects[spelled], world.keys[DICT_KEYS]), heap.object(Kind.CONSTANT, shape, keys[spelled]))


def _attributes(world: World, objects: Ints, keys: Ints) -> Ints:
    """The places of the attributes that the items of modules' names and of ``__dict__`` are, else 0."""
    heap = world.heap
    named = heap.is_of(objects, Kind.NAMESPACE, Kind.MODULE) & (world.keys.name_of[keys] > 0)
    places = np.zeros(len(objects), np.int64)
    if not named.any():
        return places
    holders = np.where(heap.is_of(objects, Kind.NAMESPACE), heap.first.values[objects], objects)
    places[named] = heap.field(holders[named], world.keys.name_of[keys[named]])
    return places


def load_elements(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of ELEMENT_LOAD."""
    heap, targets = world.heap, rows[:, 1]
    instances = heap.is_of(objects, Kind.INSTANCE)
    contained = heap.is_of(objects, Kind.CONTAINER)
    is_dict = contained & (heap.second.values[objects] == Shape.DICT)
    for mask, key in ((instances | (contained & ~is_dict), EVERY), (instances | is_dict, DICT_KEYS)):
        world.copy(targets[mask], heap.field_of(objects[mask], world.keys[key]))
    _load_yields(world, objects, targets)
    member = is_in(objects, world.classes.enums)
    world.put(targets[member], heap.object(Kind.INSTANCE, objects[member]))


def load_yields(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of YIELD_LOAD."""
    _load_yields(world, objects, rows[:, 1])


def load_returns(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of RETURN_LOAD."""
    generators = world.heap.is_of(objects, Kind.GENERATOR)
    world.copy(rows[generators, 1], world.source.definitions.returns[_generating(world, objects[generators])])


def send(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of SEND."""
    generators = world.heap.is_of(objects, Kind.GENERATOR)
    world.copy(world.source.definitions.sent[_generating(world, objects[generators])], rows[generators, 1])


def containers_of(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of CONTAINERS."""
    kept = world.heap.is_of(objects, Kind.CONTAINER)
    world.put(rows[kept, 1], objects[kept])


def include(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of INCLUDE."""
    include_items(world, objects, rows[:, 1], rows[:, 2])


def include_items(world: World, sources: Ints, targets: Ints, modes: Ints) -> None:
    """Let the items of ``sources`` be items of the containers ``targets``."""
    heap = world.heap
    holds = heap.is_of(sources, Kind.CONTAINER, Kind.INSTANCE) & (sources != targets)
    world.include(sources[holds], targets[holds], modes[holds])
    generators = heap.is_of(sources, Kind.GENERATOR)
    yields = _yields(world, sources[generators])
    for key in (SOME, EVERY):
        world.copy(heap.field_of(targets[generators], world.keys[key]), yields)


def spread_inclusions(world: World) -> None:
    """Bring new fields of included containers, and all fields of newly included ones, to where they are included."""
    fields, places = world.heap.take_new_fields()
    number, inclusions = world.included.under(fields >> HALF)
    _bring(world, (fields >> HALF)[number], (fields & LOWER)[number], places[number], inclusions)
    new = world.take_inclusions()
    number, keys, places = world.heap.fields.under(new >> HALF)
    _bring(world, (new >> HALF)[number], keys, places, (new & LOWER)[number])


def _bring(world: World, sources: Ints, keys: Ints, places: Ints, inclusions: Ints) -> None:
    if not len(sources):
        return
    targets, modes = world.inclusion(inclusions)
    special, heap = world.keys, world.heap
    is_key = keys == special[DICT_KEYS]
    is_dict = heap.is_of(sources, Kind.CONTAINER) & (heap.second.values[sources] == Shape.DICT)
    by_element = (modes == Include.ELEMENTS) | (modes >= Include.FROM)
    kept = special.is_item[keys] & np.where(by_element, is_key == is_dict, ~is_key | (modes == Include.SAME))
    position = special.position[keys] - (modes - Include.FROM)
    placed = (modes >= Include.FROM) & (special.position[keys] >= 0)
    at = np.where(placed & (position >= 0), special.at[np.clip(position, 0, len(special.at) - 1)], special[SOME])
    kept &= ~placed | (position >= 0)
    kept &= (modes == Include.SAME) | ~special.is_backward[keys]
    key = np.where(keys == special[EVERY], special[EVERY], np.where(placed, at, special[SOME]))
    key = np.where(modes == Include.SAME, keys, key)
    namespaces = heap.is_of(targets, Kind.NAMESPACE)
    world.copy(_attributes(world, targets, np.where(kept & namespaces, keys, 0)), places)
    kept &= ~namespaces
    world.copy(heap.field(targets[kept], key[kept]), places[kept])
    keys_too = kept & is_key & by_element
    world.copy(heap.field_of(targets[keys_too], special[EVERY]), places[keys_too])


def _load_slices(world: World, objects: Ints, targets: Ints) -> None:
    """A slice is a list of its own, whose positions are not known."""
    heap = world.heap
    holds = heap.is_of(objects, Kind.CONTAINER, Kind.INSTANCE)
    objects, targets = objects[holds], targets[holds]
    made = heap.object(Kind.CONTAINER, world.containers + targets, constant(Shape.LIST, targets))
    world.put(targets, made)
    include_items(world, objects, made, constant(Include.ELEMENTS, made))


def _load_yields(world: World, objects: Ints, targets: Ints) -> None:
    generators: Mask = world.heap.is_of(objects, Kind.GENERATOR)
    world.copy(targets[generators], _yields(world, objects[generators]))


def _yields(world: World, generators: Ints) -> Ints:
    return world.source.definitions.yields[_generating(world, generators)]


def _generating(world: World, generators: Ints) -> Ints:
    """The definitions of the functions that make the generators."""
    return world.heap.first.values[world.heap.first.values[generators]]
