"""Calls: what happens when an object is called, by its kind.

Arguments flow to parameters, what is returned to the site. A class makes an instance and runs ``__new__`` and
``__init__``, an instance its class's ``__call__``: these are looked up like attributes into a field of the object, and
the call goes on with what comes there.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from flight_server.points_to.attributes import lookup, own
from flight_server.points_to.columns import Ints, constant, is_in, pack
from flight_server.points_to.heap import Kind
from flight_server.points_to.keys import CALL, EVERY, INIT, NEW, POST_INIT, REGISTERED
from flight_server.points_to.library import call_external
from flight_server.points_to.parameters import give, pass_arguments
from flight_server.points_to.relations import Family
from flight_server.points_to.world import World

Targets = Callable[[World, Ints, Ints, Ints], None]


def call(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of CALL."""
    sites, results = rows[:, 1], rows[:, 2]
    codes, first = np.unique(pack(sites, objects), return_index=True)
    first = first[~world.dispatched.contains(codes)]
    world.dispatched.add(pack(sites[first], objects[first]))
    dispatch(world, sites[first], objects[first], results[first])


def decorate_classes(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of CALL, while names alone are followed: the library's decorators of classes, which bases may have."""
    sites = world.source.sites.decorated
    decorated = sites[np.where(rows[:, 1] < len(sites), rows[:, 1], 0)]
    kept = world.source.definitions.is_class[decorated] & world.heap.is_of(objects, Kind.EXTERNAL)
    call(world, objects[kept], rows[kept])


def keep_decorated(world: World) -> None:
    """A class is still itself behind decorators of which nothing is known."""
    sites = world.source.sites
    at = np.flatnonzero(world.source.definitions.is_class[sites.decorated] & (sites.result > 0))
    at = at[~world.points.has_any(sites.result[at])]
    world.copy(sites.result[at], world.arguments.at(at, np.zeros_like(at)))


def dispatch(world: World, sites: Ints, objects: Ints, results: Ints) -> None:
    """Sites call objects; ``results`` are the places of what they return, 0 where it is not used."""
    kinds = world.heap.kinds(objects)
    for kind, rule in _RULES.items():
        chosen = kinds == kind
        if chosen.any():
            rule(world, sites[chosen], objects[chosen], results[chosen])


def call_function(world: World, sites: Ints, functions: Ints, selves: Ints, results: Ints) -> None:
    """Sites call functions; ``selves`` are the objects that they are bound to, 0 for none."""
    heap, known = world.heap, world.source.definitions
    if not len(sites):
        return
    world.edge(sites, functions)
    definitions = heap.first.values[functions]
    bound = selves > 0
    first = world.parameters.at(definitions[bound], np.zeros(bound.sum(), np.int64))
    give(world, first, selves[bound], results[bound])
    generates = known.is_generator[definitions]
    world.copy(results[~generates], world.passed.returns[definitions[~generates]])
    used = generates & (results > 0)
    world.put(results[used], heap.object(Kind.GENERATOR, functions[used]))
    pass_arguments(world, sites, definitions, bound.astype(np.int64), results)


def _call_function(world: World, sites: Ints, functions: Ints, results: Ints) -> None:
    call_function(world, sites, functions, np.zeros_like(sites), results)


def _call_method(world: World, sites: Ints, methods: Ints, results: Ints) -> None:
    heap = world.heap
    inner, selves = heap.first.values[methods], heap.second.values[methods]
    partial = np.flatnonzero(heap.is_of(inner, Kind.PARTIAL_METHOD))
    if len(partial):
        sites, inner = sites.copy(), inner.copy()
        made = world.new_sites(sites[partial], results[partial], np.zeros_like(partial))
        world.arguments.join(made, heap.second.values[inner[partial]], sites[partial], taken=1)
        sites[partial], inner[partial] = made, heap.first.values[inner[partial]]
    plain, dispatching = heap.is_of(inner, Kind.FUNCTION), heap.is_of(inner, Kind.DISPATCH)
    call_function(world, sites[plain], inner[plain], selves[plain], results[plain])
    if dispatching.any():
        _call_dispatching_method(world, sites[dispatching], methods[dispatching], results[dispatching])
    others = ~plain & ~dispatching
    dispatch(world, sites[others], inner[others], results[others])


def _call_class(world: World, sites: Ints, classes: Ints, results: Ints) -> None:
    """An instance, unless the metaclass has a ``__call__`` of its own."""
    heap, keys = world.heap, world.keys
    metaclasses = world.classes.metaclass_of(classes)
    name = constant(keys["__call__"], classes)
    _, _, found = world.classes.bearers(metaclasses, name)
    found &= metaclasses > 0
    fields = heap.field_of(classes[found], keys[CALL])
    own(world, metaclasses[found], name[found], fields, classes[found], binds=True)
    world.add(Family.CALL, fields, sites[found], results[found])
    world.put(results[found], heap.object(Kind.INSTANCE, classes[found]))
    construct(world, sites[~found], classes[~found], results[~found])


def construct(world: World, sites: Ints, classes: Ints, results: Ints) -> None:
    """Make instances: ``__new__``, then ``__init__``."""
    heap, keys = world.heap, world.keys
    instances = heap.object(Kind.INSTANCE, classes)
    world.put(results, instances)
    world.edge(sites, classes)
    for name, held in (("__init__", INIT), ("__post_init__", POST_INIT)):
        fields = heap.field_of(instances, keys[held])
        lookup(world, instances, constant(keys[name], fields), fields, np.ones(len(fields), bool))
        world.add(Family.CALL, fields, sites, np.zeros_like(sites))
    fields = heap.field_of(classes, keys[NEW])
    own(world, classes, constant(keys["__new__"], fields), fields, classes, binds=False)
    world.add(Family.NEW, fields, classes, sites, results)
    _fill_dataclass(world, sites, classes, instances)


def make_new(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of NEW: functions that are the ``__new__`` of a class, which is their first argument."""
    kept = world.heap.is_of(objects, Kind.FUNCTION)
    _, classes, sites, results = rows[kept].T
    call_function(world, sites, objects[kept], classes, results)


def make_through_super(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of CONSTRUCT: ``super().__call__()`` in a metaclass makes an instance of the class that it is bound to."""
    heap = world.heap
    selves = heap.second.values[objects]
    kept = heap.is_of(objects, Kind.SUPER) & heap.is_of(selves, Kind.CLASS)
    construct(world, rows[kept, 1], selves[kept], rows[kept, 2])


def _fill_dataclass(world: World, sites: Ints, classes: Ints, instances: Ints) -> None:
    """The arguments of a class whose ``__init__`` is made from its annotations are the instance's attributes.

    Those of a typed tuple are its items too.
    """
    heap = world.heap
    has = is_in(classes, world.classes.made)
    sites, classes, instances = sites[has], classes[has], instances[has]
    if not len(sites):
        return
    which, keys = world.classes.fields_of(classes)
    number, member, found = world.classes.bearers(classes[which], keys)
    number, member = number[found[number]], member[found[number]]
    defaults, held = heap.field(member, keys[number]), heap.field(instances[which[number]], keys[number])
    world.add(Family.FACTORY, defaults, sites[which[number]], held)
    which, rows = world.arguments.positional.under(sites)
    keys = world.classes.fields_at(classes[which], rows[:, 1])
    kept = keys > 0
    world.copy(heap.field(instances[which[kept]], keys[kept]), rows[kept, 2])
    kept &= is_in(classes[which], world.classes.tuples) & (rows[:, 1] < len(world.keys.at))
    for item in (world.keys.at[rows[kept, 1]], constant(world.keys[EVERY], rows[kept, 1])):
        world.copy(heap.field(instances[which[kept]], item), rows[kept, 2])
    which, rows = world.arguments.keyword.under(sites)
    kept = world.classes.fields_at(classes[which], np.zeros_like(which)) > 0
    world.copy(world.heap.field(instances[which[kept]], rows[kept, 1]), rows[kept, 2])


def make_defaults(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of FACTORY: who makes an instance calls what makes its defaults; of the library's nothing is told."""
    heap = world.heap
    kept = heap.is_of(objects, Kind.FACTORY)
    callees, (_, sites, results) = heap.first.values[objects[kept]], rows[kept].T
    sites = np.where(heap.is_of(callees, Kind.EXTERNAL), 0, sites)
    dispatch(world, world.new_sites(sites, results, np.zeros_like(sites)), callees, results)


def _call_instance(world: World, sites: Ints, instances: Ints, results: Ints) -> None:
    heap, keys = world.heap, world.keys
    fields = heap.field_of(instances, keys[CALL])
    name = constant(keys["__call__"], fields)
    lookup(world, instances, name, fields, np.ones(len(fields), bool))
    world.add(Family.CALL, fields, sites, results)
    decorates = np.flatnonzero(world.decorates(sites))
    number, member, found = world.classes.bearers(heap.first.values[instances[decorates]], name[decorates])
    foreign = np.unique(number[heap.is_of(member, Kind.EXTERNAL) & ~found[number]])
    at = decorates[foreign]
    world.copy(results[at], world.arguments.at(sites[at], np.zeros_like(at)))


def _call_partial(world: World, sites: Ints, partials: Ints, results: Ints) -> None:
    """The callee gets the arguments that the partial was made with, then those of this site.

    A model that was kept for later gets them the other way round.
    """
    heap = world.heap
    callees, makers = heap.first.values[partials], heap.second.values[partials]
    made = world.new_sites(sites, results, np.zeros_like(sites))
    kept = heap.is_of(callees, Kind.EXTERNAL)
    world.arguments.join(made[~kept], makers[~kept], sites[~kept], taken=1)
    world.arguments.join(made[kept], sites[kept], makers[kept], taken=0)
    dispatch(world, made, callees, results)


def _call_wrapped(world: World, sites: Ints, wrappers: Ints, results: Ints) -> None:
    dispatch(world, sites, world.heap.first.values[wrappers], results)


def _call_dispatching(world: World, sites: Ints, dispatching: Ints, results: Ints) -> None:
    """The function, and all that are registered with it: which of them is up to the type of an argument."""
    _call_wrapped(world, sites, dispatching, results)
    world.add(Family.CALL, world.heap.field_of(dispatching, world.keys[REGISTERED]), sites, results)


def _call_dispatching_method(world: World, sites: Ints, methods: Ints, results: Ints) -> None:
    """The same, of the object that it is bound to."""
    heap = world.heap
    dispatching, selves = heap.first.values[methods], heap.second.values[methods]
    functions = heap.first.values[dispatching]
    plain = heap.is_of(functions, Kind.FUNCTION)
    call_function(world, sites[plain], functions[plain], selves[plain], results[plain])
    fields = heap.field_of(methods, world.keys[CALL])
    views = heap.view(fields, selves, binds=np.ones(len(fields), bool))
    world.copy(views, heap.field_of(dispatching, world.keys[REGISTERED]))
    world.add(Family.CALL, fields, sites, results)


def register(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of REGISTER: a function is given back; after a class, the function comes next."""
    heap = world.heap
    _, steps, results = rows.T
    functions = heap.is_of(objects, Kind.FUNCTION)
    world.put(heap.field_of(heap.first.values[steps[functions]], world.keys[REGISTERED]), objects[functions])
    world.put(results, np.where(functions, objects, steps))


def _call_property_step(world: World, sites: Ints, steps: Ints, results: Ints) -> None:
    """``p.setter(f)`` is p, with f as what is called on a store; ``d.register(f)`` is f."""
    heap = world.heap
    registers = heap.second.values[steps] == world.keys["register"]
    for position in range(2):
        places = world.arguments.at(sites[registers], constant(position, sites[registers]))
        world.add(Family.REGISTER, places, steps[registers], results[registers])
    sites, steps, results = sites[~registers], steps[~registers], results[~registers]
    world.put(results, heap.first.values[steps])
    sets = heap.second.values[steps] == world.keys["setter"]
    which, rows = world.arguments.positional.under(sites[sets])
    world.add(Family.WRAP, rows[:, 2], constant(Kind.SETTER, which), results[sets][which])


_RULES: Mapping[Kind, Targets] = MappingProxyType(
    {
        Kind.FUNCTION: _call_function,
        Kind.METHOD: _call_method,
        Kind.CLASS: _call_class,
        Kind.INSTANCE: _call_instance,
        Kind.EXTERNAL: call_external,
        Kind.PARTIAL: _call_partial,
        Kind.STATIC: _call_wrapped,
        Kind.DISPATCH: _call_dispatching,
        Kind.PROPERTY_STEP: _call_property_step,
    }
)
