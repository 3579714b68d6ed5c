"""Attributes: the places that a load reads and a store writes, for each kind of object.

An instance has its own attributes. From the classes of its method resolution order it has, through views that bind, the
attributes up to the first class that has the name. A class has the attributes of the classes in its order and of its
metaclass; ``super`` starts after a class of the order. An external has externals as attributes, and those that the repo
sets on it.
"""

import numpy as np

from flight_server.points_to.fact_families import Family, Operation
from flight_server.points_to.field_keys import GET_ATTRIBUTE, SET_ATTRIBUTE
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.integer_columns import Ints, Mask, column, constant, is_in, pack, where
from flight_server.points_to.state import State

DEEPEST_EXTERNAL = 5

_WITHOUT_CLASS = (Kind.FUNCTION, Kind.MODULE)
_HOLDERS = (Kind.INSTANCE, Kind.CLASS, *_WITHOUT_CLASS)


def lookup(state: State, objects: Ints, keys: Ints | int, targets: Ints, implicit: Ints | int) -> None:
    """Load the attributes ``keys`` of objects into ``targets``; an implicit load (special method) asks the type."""
    heap, keys = state.heap, column(keys, len(objects))
    is_implicit = column(implicit, len(objects)) > 0
    explicit = ~is_implicit
    plain = heap.is_of(objects, *(_HOLDERS if state.follows_names_only else _WITHOUT_CLASS)) & explicit
    state.copy(targets[plain], heap.field(objects[plain], keys[plain]))
    _external(state, *where(heap.is_of(objects, Kind.EXTERNAL) & explicit, objects, keys, targets))
    namespace = heap.is_of(objects, *_HOLDERS) & (keys == state.keys["__dict__"])
    state.put(targets[namespace], heap.object(Kind.NAMESPACE, objects[namespace]))
    if state.follows_names_only:
        return
    assigned = _is_settable_external(state, objects) & explicit & is_in(keys, state.stored)
    state.copy(targets[assigned], heap.field(objects[assigned], keys[assigned]))
    literal = heap.is_of(objects, Kind.CONTAINER) & (explicit | is_in(keys, state.library.operators))
    literal |= heap.is_of(objects, Kind.CONSTANT, Kind.GENERATOR, Kind.NAMESPACE) & explicit
    _literal(state, *where(literal, objects, keys, targets))
    modelled = heap.is_of(objects, Kind.EXTERNAL) & is_implicit
    modelled[modelled] = state.library.models_of(objects[modelled], heap) > 0
    _enter_as_itself(state, *where(modelled, keys, targets))
    _property(state, *where(heap.is_of(objects, Kind.PROPERTY, Kind.DISPATCH) & explicit, objects, keys, targets))
    seen = heap.is_of(objects, Kind.INSTANCE, Kind.CLASS) | (heap.is_of(objects, Kind.SUPER) & explicit)
    _through_classes(state, *where(seen, objects, keys, targets), implicit=is_implicit[seen])


def load_missing(state: State) -> None:
    """Load attributes that have no value so far.

    A framework may create an instance without running a base's ``__init__``. Such an instance is assumed to have the
    attributes that the base's own instances have. Otherwise its class, or a module, may have a ``__getattr__``.
    """
    heap = state.heap
    bases, keys, targets, implicit = state.families.rows[Family.ATTRIBUTE_LOAD].all()
    bases, keys, targets = where((implicit == 0) & ~state.points.has_any(targets), bases, keys, targets)
    which, objects = state.points.under(bases)
    for kind, rules in (
        (Kind.INSTANCE, (_from_instances_of_bases, _from_getattr)),
        (Kind.MODULE, (_from_getattr_of_modules,)),
    ):
        chosen = heap.is_of(objects, kind)
        for rule in rules:
            rule(state, objects[chosen], keys[which[chosen]], targets[which[chosen]])


def _from_instances_of_bases(state: State, objects: Ints, keys: Ints, targets: Ints) -> None:
    heap = state.heap
    number, rank, member = state.classes.order(heap.first[objects])
    number, member = where((rank > 0) & heap.is_of(member, Kind.CLASS), number, member)
    instances = heap.existing(Kind.INSTANCE, member)
    state.copy(targets[number], heap.fields.find(pack(instances, keys[number])))


def _from_getattr(state: State, objects: Ints, keys: Ints, targets: Ints) -> None:
    heap, name = state.heap, state.keys["__getattr__"]
    classes = heap.first[objects]
    number, member, found = state.classes.bearers(classes, name)
    number, member = where(heap.is_of(member, Kind.CLASS), number, member)
    _load_delegated(state, heap.field(member, name), keys[number], targets[number], 1)
    objects, classes, targets = where(found, objects, classes, targets)
    fields = heap.field(objects, state.keys[GET_ATTRIBUTE])
    inherited_from_repo(state, classes, name, fields, objects, binds=True)
    state.add(Family.CALL, fields, state.access_sites(targets, 0), targets)


def _from_getattr_of_modules(state: State, modules: Ints, keys: Ints, targets: Ints) -> None:
    name = state.keys["__getattr__"]
    has = is_in(pack(modules, name), state.classes.binds)
    fields, targets = state.heap.field(modules[has], name), targets[has]
    _load_delegated(state, fields, keys[has], targets, 0)
    state.add(Family.CALL, fields, state.access_sites(targets, 0), targets)


def _load_delegated(state: State, fields: Ints, keys: Ints, targets: Ints, position: int) -> None:
    """A ``__getattr__`` may read the same name from another object: load that object's attribute for each reader."""
    which, objects = state.points.under(fields)
    which, objects = where(state.heap.is_of(objects, Kind.FUNCTION), which, objects)
    parameters = state.parameters_of(objects, position)
    asked, bases, _, operation = state.families.rows[Family.PAIR_BACK].under(parameters)
    asked, bases = where(operation == Operation.ATTRIBUTE_LOAD, asked, bases)
    keys, targets = keys[which[asked]], targets[which[asked]]
    state.add(Family.ATTRIBUTE_LOAD, bases, keys, targets, np.zeros_like(keys))


def store_attributes(state: State, objects: Ints, keys: Ints, sources: Ints) -> None:
    """Store the objects at ``sources`` as attributes."""
    holds = state.heap.is_of(objects, *_HOLDERS)
    if not state.follows_names_only:
        holds |= _is_settable_external(state, objects)
    objects, keys, sources = where(holds, objects, keys, sources)
    state.copy(state.heap.field(objects, keys), sources)
    if not state.follows_names_only:
        _through_setters(state, objects, keys, sources)
        _through_setattr(state, objects, sources)


def _is_settable_external(state: State, objects: Ints) -> Mask:
    """Which objects are externals whose attributes the repo may set: not modules, which all code shares."""
    return state.heap.is_of(objects, Kind.EXTERNAL) & (state.heap.depth[objects] > 1)


def _through_classes(state: State, objects: Ints, keys: Ints, targets: Ints, *, implicit: Mask) -> None:
    """Look up each attribute of each object once, into its own place, which is copied to the targets."""
    heap = state.heap
    reads = heap.read(objects, keys, implicit=implicit)
    state.copy(targets, reads)
    _saturate_cut_orders(state, objects, keys, targets)
    reads, first = np.unique(reads, return_index=True)
    objects, keys, implicit = objects[first], keys[first], implicit[first]
    is_instance, is_class = heap.is_of(objects, Kind.INSTANCE), heap.is_of(objects, Kind.CLASS)
    _instance(state, *where(is_instance & ~implicit, objects, keys, reads))
    instances, names, to = where(is_instance & implicit, objects, keys, reads)
    found = inherited_from_repo(state, heap.first[instances], names, to, instances, binds=True)[2]
    _enter_as_itself(state, names[~found], to[~found])
    _class(state, *where(is_class, objects, keys, reads), implicit=implicit[is_class])
    _super(state, *where(heap.is_of(objects, Kind.SUPER), objects, keys, reads))


def _saturate_cut_orders(state: State, objects: Ints, keys: Ints, targets: Ints) -> None:
    """Saturate reads through orders that lack a base: a name that the order does not bind may come from that base."""
    if len(state.classes.cut):
        selves = np.where(state.heap.is_of(objects, Kind.SUPER), state.heap.second[objects], objects)
        classes = class_of(state, selves)
        classes, keys, targets = where(is_in(classes, state.classes.cut), classes, keys, targets)
        state.saturate(targets[~state.classes.bearers(classes, keys)[2]])


def class_of(state: State, selves: Ints) -> Ints:
    """The class of each instance; any other object is itself."""
    return np.where(state.heap.is_of(selves, Kind.INSTANCE), state.heap.first[selves], selves)


def _enter_as_itself(state: State, keys: Ints, targets: Ints) -> None:
    """An object without a known ``__enter__`` enters as itself, as with an external base or ``closing``."""
    enters = (keys == state.keys["__enter__"]) | (keys == state.keys["__aenter__"])
    state.put(targets[enters], constant(state.library.enters, targets[enters]))


def inherited(
    state: State, classes: Ints, keys: Ints, targets: Ints, selves: Ints, *, binds: bool, after: Ints | None = None
) -> None:
    """Load classes' attributes, read through ``selves``, into ``targets``; an external class gives an external.

    There is no external for an attribute that methods of the repo's classes set, nor for a base without attributes.
    """
    number, member, found = inherited_from_repo(state, classes, keys, targets, selves, binds=binds, after=after)
    found[number[is_in(pack(member, keys[number]), state.assigned)]] = True
    outside = state.heap.is_of(member, Kind.EXTERNAL) & ~found[number] & ~is_in(member, state.library.bare_types)
    which, first = np.unique(number[outside], return_index=True)
    _external(state, member[outside][first], keys[which], targets[which])


def inherited_from_repo(
    state: State,
    classes: Ints,
    keys: Ints | int,
    targets: Ints,
    selves: Ints,
    *,
    binds: bool,
    after: Ints | None = None,
) -> tuple[Ints, Ints, Mask]:
    """Like ``inherited``, for the repo's classes alone; returns the result of ``ClassOrders.bearers``."""
    heap, keys = state.heap, column(keys, len(classes))
    number, member, found = state.classes.bearers(classes, keys, after)
    is_own = heap.is_of(member, Kind.CLASS)
    which = number[is_own]
    views = heap.view(targets[which], selves[which], binds=binds)
    state.copy(views, heap.field(member[is_own], keys[which]))
    return number, member, found


def repo_bearers(state: State, classes: Ints, keys: Ints | int) -> tuple[Ints, Ints, Mask]:
    """The repo's classes that an attribute comes from, by position in ``classes``, and which of ``classes`` have it."""
    number, member, found = state.classes.bearers(classes, keys)
    number, member = where(found[number] & state.heap.is_of(member, Kind.CLASS), number, member)
    return number, member, found


def _through_setters(state: State, objects: Ints, keys: Ints, sources: Ints) -> None:
    """Pass the value to a property or another descriptor that the class has under the name."""
    heap = state.heap
    objects, keys, sources = where(heap.is_of(objects, Kind.INSTANCE), objects, keys, sources)
    number, member, _ = repo_bearers(state, heap.first[objects], keys)
    state.add(Family.DESCRIPTOR_STORE, heap.field(member, keys[number]), objects[number], sources[number])


def _through_setattr(state: State, objects: Ints, sources: Ints) -> None:
    """Call ``__setattr__`` for writes to instances whose class has one."""
    heap = state.heap
    writes = heap.is_of(objects, Kind.INSTANCE) & is_in(heap.first[objects], state.classes.writers)
    objects, sources = where(writes, objects, sources)
    if len(objects):
        fields = heap.field(objects, state.keys[SET_ATTRIBUTE])
        inherited_from_repo(state, heap.first[objects], state.keys["__setattr__"], fields, objects, binds=True)
        sites = state.access_sites(sources, 1)
        state.add(Family.CALL, fields, sites, np.zeros_like(sites))


def _external(state: State, objects: Ints, keys: Ints, targets: Ints) -> None:
    """Load attributes of externals, up to a depth, and not where a name repeats (``node.parent.parent``)."""
    heap = state.heap
    depth = heap.depth[objects]
    goes_on = (depth < DEEPEST_EXTERNAL) & ((heap.second[objects] != keys) | (depth == 1))
    state.put(targets[goes_on], heap.external(objects[goes_on], keys[goes_on]))


def _literal(state: State, objects: Ints, keys: Ints, targets: Ints) -> None:
    """Load attributes of literals: one external for each type, whichever literal it is read from."""
    heap, library = state.heap, state.library
    shape = np.where(heap.is_of(objects, Kind.CONTAINER), heap.shape(objects), heap.first[objects])
    for kind, shape_of_kind in ((Kind.GENERATOR, Shape.GENERATOR), (Kind.NAMESPACE, Shape.DICT)):
        shape[heap.is_of(objects, kind)] = shape_of_kind
    has = is_in(pack(shape, keys), library.value_attributes) | (shape >= Shape.DEQUE)
    _external(state, library.shape_types[shape[has]], keys[has], targets[has])


def _instance(state: State, objects: Ints, keys: Ints, targets: Ints) -> None:
    if not len(objects):
        return
    classes = state.heap.first[objects]
    state.copy(targets, state.heap.field(objects, keys))
    inherited(state, classes, keys, targets, objects, binds=True)
    type_of = keys == state.keys["__class__"]
    state.put(targets[type_of], classes[type_of])


def _class(state: State, objects: Ints, keys: Ints, targets: Ints, *, implicit: Mask) -> None:
    if not len(objects):
        return
    inherited(state, *where(~implicit, objects, keys, targets, objects), binds=False)
    metaclasses = state.classes.metaclass_of(objects)
    has = metaclasses > 0
    inherited_from_repo(state, *where(has, metaclasses, keys, targets, objects), binds=True)
    type_of = has & (keys == state.keys["__class__"])
    state.put(targets[type_of], metaclasses[type_of])


def _super(state: State, objects: Ints, keys: Ints, targets: Ints) -> None:
    """``super()`` in a method searches the order of the object's class; in a metaclass, the metaclass's order."""
    if not len(objects):
        return
    heap = state.heap
    after, selves = heap.first[objects], heap.second[objects]
    of_instance, classes = heap.is_of(selves, Kind.INSTANCE), class_of(state, selves)
    for binds, mask in ((True, of_instance), (False, ~of_instance)):
        inherited(state, *where(mask, classes, keys, targets, selves), binds=binds, after=after[mask])
    metaclasses = state.classes.metaclass_of(classes)
    mask = ~of_instance & (metaclasses > 0)
    inherited(state, *where(mask, metaclasses, keys, targets, selves), binds=True, after=after[mask])
    _of_object(state, classes, keys, targets, after)


def _of_object(state: State, classes: Ints, keys: Ints, targets: Ints, after: Ints) -> None:
    """Load the methods of ``object``, the end of each order, that ``super`` may reach."""
    number, member, found = state.classes.bearers(classes, keys, after)
    bare = ~found & is_in(keys, state.library.object_methods)
    bare[number[state.heap.is_of(member, Kind.EXTERNAL)]] = False
    _external(state, constant(state.library.object_type, keys[bare]), keys[bare], targets[bare])


def _property(state: State, objects: Ints, keys: Ints, targets: Ints) -> None:
    if not len(objects):
        return
    is_step = np.isin(keys, [state.keys["setter"], state.keys["getter"], state.keys["deleter"]])
    dispatching = state.heap.is_of(objects, Kind.DISPATCH)
    is_step = np.where(dispatching, keys == state.keys["register"], is_step)
    state.put(targets[is_step], state.heap.object(Kind.PROPERTY_STEP, objects[is_step], keys[is_step]))
