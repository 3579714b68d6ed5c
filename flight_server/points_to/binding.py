"""Views: what becomes of a class's attribute that is read through an instance, a class or ``super``.

This is the descriptor protocol: functions become methods, class methods are bound to the class, static methods
unwrapped; the getters of properties and the ``__get__`` of other descriptors are called where the read has its result.
The values in the body of an enumeration are read as its members.
"""

import numpy as np

from flight_server.points_to.attributes import own
from flight_server.points_to.calls import call_function
from flight_server.points_to.columns import Ints, Mask, constant, is_in
from flight_server.points_to.heap import Kind
from flight_server.points_to.parameters import give
from flight_server.points_to.relations import Family
from flight_server.points_to.world import World

_MEMBERS = (Kind.CONSTANT, Kind.CONTAINER, Kind.EXTERNAL, Kind.INSTANCE, Kind.PARTIAL)


def through_views(world: World, places: Ints, objects: Ints) -> None:
    """Objects that arrive at views go on to the views' targets, bound."""
    heap = world.heap
    targets, coded = heap.view_target.values[places], heap.view_self.values[places]
    selves, binds = coded >> 1, (coded & 1) > 0
    kinds = heap.kinds(objects)
    of_class = (kinds == Kind.FUNCTION) & world.source.definitions.class_method[
        heap.first.values[objects] * (kinds == Kind.FUNCTION)
    ]
    of_class |= kinds == Kind.CLASS_METHOD
    is_static = (kinds == Kind.FUNCTION) & world.source.definitions.static[
        heap.first.values[objects] * (kinds == Kind.FUNCTION)
    ]
    is_method = (kinds == Kind.FUNCTION) & binds & ~of_class & ~is_static
    _bind_class_methods(world, of_class, objects, selves, targets)
    world.put(targets[is_method], heap.object(Kind.METHOD, objects[is_method], selves[is_method]))
    static = kinds == Kind.STATIC
    world.put(targets[static], heap.first.values[objects[static]])
    runs = (kinds == Kind.PROPERTY) & binds
    described = np.flatnonzero(kinds == Kind.INSTANCE)
    runs[described[_bears_get(world, objects[described])[2]]] = True
    world.put(targets[runs], heap.object(Kind.ACCESS, objects[runs], selves[runs]))
    partial = ((kinds == Kind.PARTIAL_METHOD) | (kinds == Kind.DISPATCH)) & binds
    world.put(targets[partial], heap.object(Kind.METHOD, objects[partial], selves[partial]))
    members = _members(world, objects, selves) & ~runs
    world.put(targets[members], heap.object(Kind.INSTANCE, _class_of(world, selves[members])))
    plain = ~(of_class | is_method | static | runs | members | partial)
    plain &= (kinds != Kind.SETTER) & (kinds != Kind.FACTORY)
    world.put(targets[plain], objects[plain])


def _members(world: World, objects: Ints, selves: Ints) -> Mask:
    """Which are the values of members of an enumeration."""
    heap, enums = world.heap, world.classes.enums
    members = heap.is_of(objects, *_MEMBERS)
    if len(enums) and members.any():
        return members & is_in(_class_of(world, selves), enums)
    return np.zeros(len(objects), bool)


def _class_of(world: World, selves: Ints) -> Ints:
    """The classes of instances, and classes themselves."""
    return np.where(world.heap.is_of(selves, Kind.INSTANCE), world.heap.first.values[selves], selves)


def access(world: World, targets: Ints, accesses: Ints) -> None:
    """Reads with their results at ``targets`` run properties' getters and descriptors' ``__get__``."""
    heap = world.heap
    objects, selves = heap.first.values[accesses], heap.second.values[accesses]
    is_property = heap.is_of(objects, Kind.PROPERTY)
    _call_getters(world, heap.first.values[objects[is_property]], selves[is_property], targets[is_property])
    _call_get(world, objects[~is_property], selves[~is_property], targets[~is_property])


def _bind_class_methods(world: World, mask: Mask, objects: Ints, selves: Ints, targets: Ints) -> None:
    heap = world.heap
    objects, selves, targets = objects[mask], selves[mask], targets[mask]
    functions = np.where(heap.is_of(objects, Kind.CLASS_METHOD), heap.first.values[objects], objects)
    world.put(targets, heap.object(Kind.METHOD, functions, _class_of(world, selves)))


def _call_getters(world: World, getters: Ints, selves: Ints, targets: Ints) -> None:
    kept = world.heap.is_of(getters, Kind.FUNCTION)
    getters, selves, targets = getters[kept], selves[kept], targets[kept]
    call_function(world, world.access_sites(targets, 0), getters, selves, targets)


def _call_get(world: World, objects: Ints, selves: Ints, targets: Ints) -> None:
    """An instance whose class has ``__get__``: called with the instance and the class that it is read through."""
    heap, name = world.heap, world.keys["__get__"]
    number, member, _ = _bears_get(world, objects)
    world.add(Family.DESCRIPTOR_LOAD, heap.field_of(member, name), objects[number], selves[number], targets[number])


def _bears_get(world: World, instances: Ints) -> tuple[Ints, Ints, Mask]:
    """The repo's classes that the ``__get__`` of instances may come from, by position; and which instances have one."""
    get = constant(world.keys["__get__"], instances)
    number, member, found = world.classes.bearers(world.heap.first.values[instances], get)
    kept = found[number] & world.heap.is_of(member, Kind.CLASS)
    return number[kept], member[kept], found


def load_through_descriptors(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of DESCRIPTOR_LOAD: functions that are the ``__get__`` of a descriptor."""
    _, descriptors, selves, targets = _functions(world, objects, rows)
    functions = objects[world.heap.is_of(objects, Kind.FUNCTION)]
    sites = world.access_sites(targets, 0)
    call_function(world, sites, functions, descriptors, targets)
    give(world, _parameter(world, functions, 1), selves, targets)


def name_descriptors(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of NAMED: instances whose class has ``__set_name__``, which the class statement calls."""
    instances = world.heap.is_of(objects, Kind.INSTANCE)
    objects, sites = objects[instances], rows[instances, 1]
    name = constant(world.keys["__set_name__"], objects)
    fields = world.heap.field(objects, name)
    own(world, world.heap.first.values[objects], name, fields, objects, binds=True)
    world.add(Family.CALL, fields, sites, np.zeros_like(sites))


def store_through_descriptors(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of DESCRIPTOR_STORE: setters of properties, and instances whose class has ``__set__``."""
    heap, keys = world.heap, world.keys
    is_setter = heap.is_of(objects, Kind.SETTER)
    setters, (_, selves, sources) = heap.first.values[objects[is_setter]], rows[is_setter].T
    is_function = heap.is_of(setters, Kind.FUNCTION)
    _call_setter(world, setters[is_function], selves[is_function], sources[is_function], 1)
    is_instance = heap.is_of(objects, Kind.INSTANCE)
    descriptors, (_, selves, sources) = objects[is_instance], rows[is_instance].T
    if len(descriptors):
        name = constant(keys["__set__"], descriptors)
        number, member, found = world.classes.bearers(heap.first.values[descriptors], name)
        kept = found[number] & heap.is_of(member, Kind.CLASS)
        number, member = number[kept], member[kept]
        fields = heap.field(member, name[number])
        world.add(Family.DESCRIPTOR_SET, fields, descriptors[number], selves[number], sources[number])


def set_through_descriptors(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of DESCRIPTOR_SET: functions that are the ``__set__`` of a descriptor."""
    _, descriptors, selves, sources = _functions(world, objects, rows)
    functions = objects[world.heap.is_of(objects, Kind.FUNCTION)]
    _call_setter(world, functions, descriptors, sources, 2)
    world.put(_parameter(world, functions, 1), selves)


def _functions(world: World, objects: Ints, rows: Ints) -> tuple[Ints, ...]:
    return tuple(rows[world.heap.is_of(objects, Kind.FUNCTION)].T)


def _call_setter(world: World, functions: Ints, selves: Ints, sources: Ints, position: int) -> None:
    sites = world.access_sites(sources, 1)
    call_function(world, sites, functions, selves, np.zeros_like(sites))
    world.copy(_parameter(world, functions, position), sources)


def _parameter(world: World, functions: Ints, position: int) -> Ints:
    definitions = world.heap.first.values[functions]
    return world.parameters.at(definitions, constant(position, definitions))
