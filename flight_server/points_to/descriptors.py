"""The descriptor protocol: a class's attribute that is read through an instance, a class or ``super`` (a view).

Functions become methods, class methods are bound to the class, static methods are unwrapped. The getters of properties
and the ``__get__`` of other descriptors are called at the place of the read's result. The values in the body of an
enumeration are read as its members.
"""

import numpy as np

from flight_server.points_to.argument_passing import pass_objects
from flight_server.points_to.attributes import class_of, inherited_from_repo, repo_bearers
from flight_server.points_to.call_rules import call_function
from flight_server.points_to.fact_families import Family
from flight_server.points_to.heap import Kind
from flight_server.points_to.integer_columns import Ints, Mask, is_in, where
from flight_server.points_to.state import State

_MEMBERS = (Kind.CONSTANT, Kind.CONTAINER, Kind.EXTERNAL, Kind.INSTANCE, Kind.PARTIAL)


def through_views(state: State, places: Ints, objects: Ints) -> None:
    """Bind objects that arrive at views, and pass them to the views' targets."""
    heap, defs = state.heap, state.facts.definitions
    targets, coded = heap.view_target[places], heap.view_self[places]
    selves, binds = coded >> 1, (coded & 1) > 0
    kinds = heap.kind[objects]
    definitions = np.where(kinds == Kind.FUNCTION, heap.first[objects], 0)
    of_class = defs.class_method[definitions] | (kinds == Kind.CLASS_METHOD)
    is_method = (kinds == Kind.FUNCTION) & binds & ~of_class & ~defs.static[definitions]
    _bind_class_methods(state, *where(of_class, objects, selves, targets))
    state.put(targets[is_method], heap.object(Kind.METHOD, objects[is_method], selves[is_method]))
    static = kinds == Kind.STATIC
    state.put(targets[static], heap.first[objects[static]])
    runs = (kinds == Kind.PROPERTY) & binds
    described = np.flatnonzero(kinds == Kind.INSTANCE)
    runs[described[_get_bearers(state, objects[described])[2]]] = True
    state.put(targets[runs], heap.object(Kind.ACCESS, objects[runs], selves[runs]))
    partial = ((kinds == Kind.PARTIAL_METHOD) | (kinds == Kind.DISPATCH)) & binds
    state.put(targets[partial], heap.object(Kind.METHOD, objects[partial], selves[partial]))
    members = _members(state, objects, selves) & ~runs
    state.put(targets[members], heap.object(Kind.INSTANCE, class_of(state, selves[members])))
    plain = ~(of_class | is_method | static | runs | members | partial)
    plain &= (kinds != Kind.SETTER) & (kinds != Kind.FACTORY)
    state.put(targets[plain], objects[plain])


def _members(state: State, objects: Ints, selves: Ints) -> Mask:
    """Which objects are the values of an enumeration's members."""
    members = state.heap.is_of(objects, *_MEMBERS)
    if len(state.classes.enums) and members.any():
        return members & is_in(class_of(state, selves), state.classes.enums)
    return np.zeros(len(objects), bool)


def access(state: State, targets: Ints, accesses: Ints) -> None:
    """Call the properties' getters and descriptors' ``__get__`` for reads with their results at ``targets``."""
    heap = state.heap
    objects, selves = heap.first[accesses], heap.second[accesses]
    is_property = heap.is_of(objects, Kind.PROPERTY)
    getters = np.where(is_property, heap.first[objects], 0)
    functions, owners, results = where(heap.is_of(getters, Kind.FUNCTION), getters, selves, targets)
    call_function(state, state.access_sites(results, 0), functions, owners, results)
    descriptors, selves, targets = where(~is_property, objects, selves, targets)
    number, member, _ = _get_bearers(state, descriptors)
    fields = heap.field(member, state.keys["__get__"])
    state.add(Family.DESCRIPTOR_LOAD, fields, descriptors[number], selves[number], targets[number])


def _bind_class_methods(state: State, objects: Ints, selves: Ints, targets: Ints) -> None:
    heap = state.heap
    functions = np.where(heap.is_of(objects, Kind.CLASS_METHOD), heap.first[objects], objects)
    state.put(targets, heap.object(Kind.METHOD, functions, class_of(state, selves)))


def _get_bearers(state: State, instances: Ints) -> tuple[Ints, Ints, Mask]:
    """The repo's classes that the ``__get__`` of instances comes from, as in ``repo_bearers``."""
    return repo_bearers(state, state.heap.first[instances], state.keys["__get__"])


def load_through_descriptors(state: State, objects: Ints, descriptors: Ints, selves: Ints, targets: Ints) -> None:
    """Call functions that are the ``__get__`` of a descriptor."""
    is_function = state.heap.is_of(objects, Kind.FUNCTION)
    functions, descriptors, selves, targets = where(is_function, objects, descriptors, selves, targets)
    functions = call_function(state, state.access_sites(targets, 0), functions, descriptors, targets)
    pass_objects(state, state.parameters_of(functions, 1), selves, targets)


def name_descriptors(state: State, objects: Ints, sites: Ints) -> None:
    """The class statement calls ``__set_name__`` of instances in the class body."""
    objects, sites = where(state.heap.is_of(objects, Kind.INSTANCE), objects, sites)
    name = state.keys["__set_name__"]
    fields = state.heap.field(objects, name)
    inherited_from_repo(state, state.heap.first[objects], name, fields, objects, binds=True)
    state.add(Family.CALL, fields, sites, np.zeros_like(sites))


def store_through_descriptors(state: State, objects: Ints, selves: Ints, sources: Ints) -> None:
    """Call setters of properties, and ``__set__`` of descriptors, for a store to an attribute of a class."""
    heap = state.heap
    setters = np.where(heap.is_of(objects, Kind.SETTER), heap.first[objects], 0)
    _call_setter(state, *where(heap.is_of(setters, Kind.FUNCTION), setters, selves, sources), position=1)
    descriptors, selves, sources = where(heap.is_of(objects, Kind.INSTANCE), objects, selves, sources)
    if len(descriptors):
        number, member, _ = repo_bearers(state, heap.first[descriptors], state.keys["__set__"])
        fields = heap.field(member, state.keys["__set__"])
        state.add(Family.DESCRIPTOR_SET, fields, descriptors[number], selves[number], sources[number])


def set_through_descriptors(state: State, objects: Ints, descriptors: Ints, selves: Ints, sources: Ints) -> None:
    """Call functions that are the ``__set__`` of a descriptor."""
    is_function = state.heap.is_of(objects, Kind.FUNCTION)
    functions, descriptors, selves, sources = where(is_function, objects, descriptors, selves, sources)
    functions = _call_setter(state, functions, descriptors, sources, position=2)
    state.put(state.parameters_of(functions, 1), selves)


def _call_setter(state: State, functions: Ints, selves: Ints, sources: Ints, *, position: int) -> Ints:
    sites = state.access_sites(sources, 1)
    functions = call_function(state, sites, functions, selves, np.zeros_like(sites))
    state.copy(state.parameters_of(functions, position), sources)
    return functions
