"""Calls: the effect of calling an object, by its kind.

Arguments flow to parameters, return values to the site. Calling a class creates an instance and runs ``__new__`` and
``__init__``; calling an instance runs its class's ``__call__``. These methods are looked up like attributes into a
field of the object, and the objects that arrive at that field are called.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from flight_server.points_to.argument_passing import pass_arguments, pass_objects
from flight_server.points_to.attributes import inherited_from_repo, lookup
from flight_server.points_to.entering import enter, gives_callable
from flight_server.points_to.fact_families import Family
from flight_server.points_to.field_keys import CALL, EVERY, INIT, NEW, POST_INIT, REGISTERED
from flight_server.points_to.heap import Kind
from flight_server.points_to.integer_columns import Ints, constant, is_in, pack, where
from flight_server.points_to.model_calls import call_external
from flight_server.points_to.state import State

CallRule = Callable[[State, Ints, Ints, Ints], None]


def call(state: State, objects: Ints, sites: Ints, results: Ints) -> None:
    """Call objects at sites, each pair once."""
    codes, first = np.unique(pack(sites, objects), return_index=True)
    first = first[~state.dispatched.contains(codes)]
    state.dispatched.add(pack(sites[first], objects[first]))
    dispatch(state, sites[first], objects[first], results[first])


def decorate_classes(state: State, objects: Ints, sites: Ints, results: Ints) -> None:
    """Call external decorators of classes while only names are followed, because bases may have such decorators."""
    decorated = state.facts.sites.decorated
    definitions = decorated[np.where(sites < len(decorated), sites, 0)]
    is_class = state.facts.definitions.is_class[definitions] & state.heap.is_of(objects, Kind.EXTERNAL)
    call(state, *where(is_class, objects, sites, results))


def assume_class_is_returned(state: State) -> None:
    """Assume that an unknown decorator returns the class that it decorates."""
    sites = state.facts.sites
    at = np.flatnonzero(state.facts.definitions.is_class[sites.decorated] & (sites.result > 0))
    at = at[~state.points.has_any(sites.result[at])]
    state.copy(sites.result[at], state.arguments.at(at, 0))


def dispatch(state: State, sites: Ints, objects: Ints, results: Ints) -> None:
    """Call objects at sites; ``results`` are the places of the return values, 0 where these are not used."""
    kinds = state.heap.kind[objects]
    for kind, rule in _RULES.items():
        chosen = kinds == kind
        if chosen.any():
            rule(state, sites[chosen], objects[chosen], results[chosen])


def call_function(state: State, sites: Ints, functions: Ints, selves: Ints, results: Ints) -> Ints:
    """Call functions at sites; ``selves`` are the objects that the functions are bound to, 0 for none.

    Returns the functions as called, whose contexts are those of the bodies that the calls enter.
    """
    if not len(sites):
        return sites
    heap, defs = state.heap, state.facts.definitions
    state.edge(sites, functions)
    functions = enter(state, sites, functions, selves)
    definitions, contexts = heap.first[functions], heap.second[functions]
    bound = selves > 0
    pass_objects(state, state.parameters_of(functions[bound], 0), selves[bound], results[bound])
    generates = defs.is_generator[definitions]
    returns = np.where(
        contexts > 0, state.placed(defs.returns[definitions], contexts), state.returned.others[definitions]
    )
    state.copy(results[~generates], returns[~generates])
    used = generates & (results > 0)
    state.put(results[used], heap.object(Kind.GENERATOR, functions[used]))
    pass_arguments(state, sites, functions, bound.astype(np.int64), results)
    return functions


def _call_function(state: State, sites: Ints, functions: Ints, results: Ints) -> None:
    call_function(state, sites, functions, np.zeros_like(sites), results)


def _call_method(state: State, sites: Ints, methods: Ints, results: Ints) -> None:
    heap = state.heap
    inner, selves = heap.first[methods], heap.second[methods]
    partial = np.flatnonzero(heap.is_of(inner, Kind.PARTIAL_METHOD))
    if len(partial):
        sites, inner = sites.copy(), inner.copy()
        made = state.new_sites(sites[partial], results[partial], np.zeros_like(partial), beside=False)
        state.arguments.join(made, heap.second[inner[partial]], sites[partial], taken=1)
        sites[partial], inner[partial] = made, heap.first[inner[partial]]
    plain, dispatching = heap.is_of(inner, Kind.FUNCTION), heap.is_of(inner, Kind.DISPATCH)
    call_function(state, *where(plain, sites, inner, selves, results))
    if dispatching.any():
        _call_dispatching_method(state, *where(dispatching, sites, methods, results))
    dispatch(state, *where(~plain & ~dispatching, sites, inner, results))


def _call_class(state: State, sites: Ints, classes: Ints, results: Ints) -> None:
    """Create an instance, unless the metaclass has its own ``__call__``."""
    heap, name = state.heap, state.keys["__call__"]
    metaclasses = state.classes.metaclass_of(classes)
    found = state.classes.bearers(metaclasses, name)[2] & (metaclasses > 0)
    types, called, at, targets = where(found, metaclasses, classes, sites, results)
    fields = heap.field(called, state.keys[CALL])
    inherited_from_repo(state, types, name, fields, called, binds=True)
    state.add(Family.CALL, fields, at, targets)
    state.put(targets, heap.object(Kind.INSTANCE, called))
    construct(state, *where(~found, sites, classes, results))


def construct(state: State, sites: Ints, classes: Ints, results: Ints) -> None:
    """Create instances: ``__new__``, then ``__init__``."""
    heap, keys = state.heap, state.keys
    instances = heap.object(Kind.INSTANCE, classes, _creators(state, sites, classes))
    state.put(results, instances)
    state.edge(sites, classes)
    for name, held in (("__init__", INIT), ("__post_init__", POST_INIT)):
        fields = heap.field(instances, keys[held])
        lookup(state, instances, keys[name], fields, implicit=1)
        state.add(Family.CALL, fields, sites, np.zeros_like(sites))
    fields = heap.field(classes, keys[NEW])
    inherited_from_repo(state, classes, keys["__new__"], fields, classes, binds=False)
    state.add(Family.NEW, fields, classes, sites, results)
    _fill_dataclass(state, *where(is_in(classes, state.classes.made), sites, classes, instances))
    _fill_dictionary(state, *where(is_in(classes, state.classes.dicts), sites, instances))


def _creators(state: State, sites: Ints, classes: Ints) -> Ints:
    """The sites by which new instances are told apart; 0 for other instances.

    Instances of a class that are called or read as attributes are told apart if they are given a function or class.
    """
    apart = is_in(classes, state.classes.callables)
    apart[apart] = gives_callable(state, sites[apart])
    return np.where(apart, sites, 0)


def make_new(state: State, objects: Ints, classes: Ints, sites: Ints, results: Ints) -> None:
    """Call functions that are the ``__new__`` of a class, with the class as their first argument."""
    is_function = state.heap.is_of(objects, Kind.FUNCTION)
    call_function(state, *where(is_function, sites, objects, classes, results))


def make_through_super(state: State, objects: Ints, sites: Ints, results: Ints) -> None:
    """``super().__call__()`` in a metaclass creates an instance of the class that ``super`` is bound to."""
    heap = state.heap
    selves = heap.second[objects]
    bound = heap.is_of(objects, Kind.SUPER) & heap.is_of(selves, Kind.CLASS)
    construct(state, *where(bound, sites, selves, results))


def _fill_dataclass(state: State, sites: Ints, classes: Ints, instances: Ints) -> None:
    """Store arguments as attributes, if the class's ``__init__`` is generated from its annotations.

    The arguments of a typed named tuple become its items too.
    """
    if not len(sites):
        return
    heap, orders, keys = state.heap, state.classes, state.keys
    which, names = orders.fields_of(classes)
    number, member, found = orders.bearers(classes[which], names)
    number, member = where(found[number], number, member)
    defaults, held = heap.field(member, names[number]), heap.field(instances[which[number]], names[number])
    state.add(Family.FACTORY, defaults, sites[which[number]], held)
    which, positions, places = state.arguments.positional.under(sites)
    names = orders.fields_at(classes[which], positions)
    which, positions, places, names = where(names > 0, which, positions, places, names)
    state.copy(heap.field(instances[which], names), places)
    of_tuple = is_in(classes[which], orders.tuples) & (positions < len(keys.at))
    which, positions, places = where(of_tuple, which, positions, places)
    for item in (keys.at[positions], keys[EVERY]):
        state.copy(heap.field(instances[which], item), places)
    which, names, places = state.arguments.keyword.under(sites)
    which, names, places = where(orders.fields_at(classes[which], 0) > 0, which, names, places)
    state.copy(heap.field(instances[which], names), places)
    _fill_from_starred(state, sites, classes, instances)


def _fill_from_starred(state: State, sites: Ints, classes: Ints, instances: Ints) -> None:
    """Load the fields of ``C(*xs, **kw)`` from the items of ``xs`` by position, and of ``kw`` by name."""
    heap, keys = state.heap, state.keys
    which, starts, places = state.arguments.star.under(sites)
    row, names = state.classes.fields_of(classes[which])
    position = np.arange(len(row)) - np.searchsorted(row, row) - starts[row]
    row, names, position = where((position >= 0) & (position < len(keys.at)), row, names, position)
    state.add(Family.ITEM_LOAD, places[row], keys.at[position], heap.field(instances[which[row]], names))
    which, places = state.arguments.double_star.under(sites)
    row, names = state.classes.fields_of(classes[which])
    state.add(Family.ITEM_LOAD, places[row], keys.item_of[names], heap.field(instances[which[row]], names))


def _fill_dictionary(state: State, sites: Ints, instances: Ints) -> None:
    """Store the keyword arguments as items of a typed dictionary."""
    which, names, places = state.arguments.keyword.under(sites)
    for items in (state.keys.item_of[names], constant(state.keys[EVERY], names)):
        state.copy(state.heap.field(instances[which], items), places)


def make_defaults(state: State, objects: Ints, sites: Ints, results: Ints) -> None:
    """A site that creates an instance calls the factories of its defaults; calls of external factories have no edge."""
    heap = state.heap
    factories, sites, results = where(heap.is_of(objects, Kind.FACTORY), objects, sites, results)
    callees = heap.first[factories]
    sites = np.where(heap.is_of(callees, Kind.EXTERNAL), 0, sites)
    made = state.new_sites(sites, results, np.zeros_like(sites), beside=True)
    dispatch(state, made, callees, results)


def _call_instance(state: State, sites: Ints, instances: Ints, results: Ints) -> None:
    heap, name = state.heap, state.keys["__call__"]
    fields = heap.field(instances, state.keys[CALL])
    lookup(state, instances, name, fields, implicit=1)
    state.add(Family.CALL, fields, sites, results)
    decorates = np.flatnonzero(state.decorates(sites))
    number, member, found = state.classes.bearers(heap.first[instances[decorates]], name)
    at = decorates[np.unique(number[heap.is_of(member, Kind.EXTERNAL) & ~found[number]])]
    state.copy(results[at], state.arguments.at(sites[at], 0))


def _call_partial(state: State, sites: Ints, partials: Ints, results: Ints) -> None:
    """Pass the arguments that the partial was created with, then those of this site.

    A deferred model gets them in the opposite order.
    """
    heap = state.heap
    callees, makers = heap.first[partials], heap.second[partials]
    made = state.new_sites(sites, results, np.zeros_like(sites), beside=False)
    deferred = heap.is_of(callees, Kind.EXTERNAL)
    state.arguments.join(*where(~deferred, made, makers, sites), taken=1)
    state.arguments.join(*where(deferred, made, sites, makers), taken=0)
    dispatch(state, made, callees, results)


def _call_wrapped(state: State, sites: Ints, wrappers: Ints, results: Ints) -> None:
    dispatch(state, sites, state.heap.first[wrappers], results)


def _call_dispatching(state: State, sites: Ints, dispatching: Ints, results: Ints) -> None:
    """Call the function and all functions registered with it; at run time the type of an argument chooses one."""
    _call_wrapped(state, sites, dispatching, results)
    state.add(Family.CALL, state.heap.field(dispatching, state.keys[REGISTERED]), sites, results)


def _call_dispatching_method(state: State, sites: Ints, methods: Ints, results: Ints) -> None:
    """Like ``_call_dispatching``, for functions bound to an object."""
    heap = state.heap
    dispatching, selves = heap.first[methods], heap.second[methods]
    functions = heap.first[dispatching]
    call_function(state, *where(heap.is_of(functions, Kind.FUNCTION), sites, functions, selves, results))
    fields = heap.field(methods, state.keys[CALL])
    state.copy(heap.view(fields, selves, binds=True), heap.field(dispatching, state.keys[REGISTERED]))
    state.add(Family.CALL, fields, sites, results)


def register(state: State, objects: Ints, steps: Ints, results: Ints) -> None:
    """``f.register(x)`` returns a function ``x``; for a class ``x`` it returns a step that takes the function."""
    heap = state.heap
    functions = heap.is_of(objects, Kind.FUNCTION)
    state.put(heap.field(heap.first[steps[functions]], state.keys[REGISTERED]), objects[functions])
    state.put(results, np.where(functions, objects, steps))


def _call_property_step(state: State, sites: Ints, steps: Ints, results: Ints) -> None:
    """``p.setter(f)`` returns ``p``, and ``f`` is called on a store; ``d.register(f)`` returns ``f``."""
    heap = state.heap
    registers = heap.second[steps] == state.keys["register"]
    at, registering, targets = where(registers, sites, steps, results)
    for position in range(2):
        state.add(Family.REGISTER, state.arguments.at(at, position), registering, targets)
    sites, steps, results = where(~registers, sites, steps, results)
    state.put(results, heap.first[steps])
    sites, results = where(heap.second[steps] == state.keys["setter"], sites, results)
    which, _, places = state.arguments.positional.under(sites)
    state.add(Family.WRAP, places, constant(Kind.SETTER, which), results[which])


_RULES: Mapping[Kind, CallRule] = MappingProxyType(
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
