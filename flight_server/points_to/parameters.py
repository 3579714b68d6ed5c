"""What comes to parameters: the arguments of calls, by position, by name, and out of containers.

What has no parameter goes into ``*args`` and ``**kwargs``. A parameter that is given back as it is (``passing``) brings
its argument to the result of the call too.
"""

import numpy as np

from flight_server.points_to.columns import Ints, constant, pack
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.keys import DICT_KEYS, EVERY, SOME
from flight_server.points_to.relations import Family, Include
from flight_server.points_to.world import World


def give(world: World, parameters: Ints, objects: Ints, results: Ints) -> None:
    """Objects come to parameters, and to the results of the calls where these are given back."""
    world.put(parameters, objects)
    back = world.passed.gives(parameters)
    world.put(results[back], objects[back])


def pass_arguments(world: World, sites: Ints, definitions: Ints, shift: Ints, results: Ints) -> None:
    """The arguments of sites flow to functions' parameters, ``shift`` positions further on."""
    of_source = sites < len(world.source.sites.caller)
    world.bound_calls.add(pack(sites, definitions * 2 + shift)[of_source])
    which, rows = world.arguments.positional.under(sites)
    _pass_positional(world, definitions[which], rows[:, 1] + shift[which], rows[:, 2], results[which])
    which, rows = world.arguments.keyword.under(sites)
    _pass_keyword(world, definitions[which], rows[:, 1], rows[:, 2], results[which])
    which, rows = world.arguments.star.under(sites)
    _pass_star(world, definitions[which], rows[:, 1] + shift[which], rows[:, 2], results[which])
    which, rows = world.arguments.double_star.under(sites)
    _pass_double_star(world, definitions[which], rows[:, 1], results[which])


def _copy(world: World, parameters: Ints, places: Ints, results: Ints) -> None:
    """What is at the places comes to parameters, and to the results of the calls where these are given back."""
    world.copy(parameters, places)
    back = world.passed.gives(parameters)
    world.copy(results[back], places[back])


def _pass_positional(world: World, definitions: Ints, positions: Ints, places: Ints, results: Ints) -> None:
    parameters, keys = world.parameters, world.keys
    found = parameters.at(definitions, positions)
    _copy(world, found, places, results)
    surplus = (found == 0) & (parameters.rest[definitions] > 0) & (positions >= parameters.rest_from[definitions])
    rest = parameters.rest[definitions[surplus]]
    position = positions[surplus] - parameters.rest_from[definitions[surplus]]
    back = world.passed.gives_rest(definitions[surplus], position)
    world.copy(results[surplus][back], places[surplus][back])
    _keep(
        world,
        rest,
        np.where(position < len(keys.at), keys.at[np.minimum(position, len(keys.at) - 1)], keys[SOME]),
        places[surplus],
    )


def _pass_keyword(world: World, definitions: Ints, names: Ints, places: Ints, results: Ints) -> None:
    parameters = world.parameters
    found = parameters.named.find(pack(definitions, names))
    _copy(world, found, places, results)
    surplus = (found == 0) & (parameters.extra[definitions] > 0)
    extra, items = parameters.extra[definitions[surplus]], world.keys.item_of[names[surplus]]
    _keep(world, extra, items, places[surplus])
    spelled = world.heap.object(Kind.CONSTANT, constant(Shape.STR, items), items)
    world.put(world.heap.field_of(extra, world.keys[DICT_KEYS]), spelled)


def _keep(world: World, containers: Ints, keys: Ints, places: Ints) -> None:
    world.copy(world.heap.field(containers, keys), places)
    world.copy(world.heap.field_of(containers, world.keys[EVERY]), places)


def _load_items(world: World, places: Ints, keys: Ints, parameters: Ints, results: Ints) -> None:
    """Items of what is at the places come to parameters, and to the results where these are given back."""
    world.add(Family.ITEM_LOAD, places, keys, parameters)
    back = world.passed.gives(parameters) & (results > 0)
    world.add(Family.ITEM_LOAD, places[back], keys[back], results[back])


def _pass_star(world: World, definitions: Ints, positions: Ints, places: Ints, results: Ints) -> None:
    """The items of ``*x`` to the parameters from its position on."""
    parameters, keys = world.parameters, world.keys
    which, position, targets = parameters.positional.under(definitions)
    item = position - positions[which]
    kept = (item >= 0) & (item < len(keys.at))
    at = which[kept]
    _load_items(world, places[at], keys.at[item[kept]], targets[kept], results[at])
    rest = parameters.rest[definitions]
    has = rest > 0
    forward = np.clip(parameters.rest_from[definitions] - positions, 0, None)
    world.add(Family.INCLUDE, places[has], rest[has], Include.FROM + forward[has])


def _pass_double_star(world: World, definitions: Ints, places: Ints, results: Ints) -> None:
    """The items of ``**x`` to the parameters of their names, and to a ``**kwargs``."""
    parameters, keys = world.parameters, world.keys
    which, names, targets = parameters.named.under(definitions)
    _load_items(world, places[which], keys.item_of[names], targets, results[which])
    extra = parameters.extra[definitions]
    has = extra > 0
    world.add(Family.INCLUDE, places[has], extra[has], constant(Include.SAME, extra[has]))
