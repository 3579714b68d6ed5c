"""Attributes: which places a load reads and a store writes, for each kind of object.

An instance has its own attributes and, through views that bind, its classes' up to the first that has the name; a class
has its classes' and its metaclass's; ``super`` starts behind a class of the order. Attributes of externals are
externals, and what the repo sets there.
"""

import numpy as np

from flight_server.points_to.columns import Ints, Mask, constant, is_in, pack
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.keys import GET_ATTRIBUTE, SET_ATTRIBUTE
from flight_server.points_to.relations import Family, Together
from flight_server.points_to.world import World

DEEPEST_EXTERNAL = 5

_WITHOUT_CLASS = (Kind.FUNCTION, Kind.MODULE)
_HOLDERS = (Kind.INSTANCE, Kind.CLASS, *_WITHOUT_CLASS)


def load(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of ATTRIBUTE_LOAD."""
    lookup(world, objects, rows[:, 1], rows[:, 2], rows[:, 3] > 0)


def load_missing(world: World, rows: Ints) -> None:
    """Rows of ATTRIBUTE_LOAD whose attribute was found nowhere.

    Either a framework makes the instance, and a base's ``__init__`` sets the attribute, of which nothing is known but
    what it does to the base's own instances; or the class, or module, has a ``__getattr__``.
    """
    heap = world.heap
    rows = rows[(rows[:, 3] == 0) & ~world.points.has_any(rows[:, 2])]
    which, objects = world.points.under(rows[:, 0])
    kept = heap.is_of(objects, Kind.INSTANCE)
    _from_instances_of_bases(world, objects[kept], rows[which[kept]])
    _from_getattr(world, objects[kept], rows[which[kept]])
    modules = heap.is_of(objects, Kind.MODULE)
    _from_getattr_of_modules(world, objects[modules], rows[which[modules]])


def _from_instances_of_bases(world: World, objects: Ints, rows: Ints) -> None:
    heap = world.heap
    number, rank, member = world.classes.order(heap.first.values[objects])
    number, member = _where((rank > 0) & heap.is_of(member, Kind.CLASS), number, member)
    instances = heap.known(Kind.INSTANCE, member)
    world.copy(rows[number, 2], heap.fields.find(pack(instances, rows[number, 1])))


def _from_getattr(world: World, objects: Ints, rows: Ints) -> None:
    heap, keys = world.heap, world.keys
    classes, name = heap.first.values[objects], constant(keys["__getattr__"], objects)
    number, member, found = world.classes.bearers(classes, name)
    kept = heap.is_of(member, Kind.CLASS)
    _hand_on(world, heap.field_of(member[kept], keys["__getattr__"]), rows[number[kept]], 1)
    objects, classes, name, rows = objects[found], classes[found], name[found], rows[found]
    fields = heap.field_of(objects, keys[GET_ATTRIBUTE])
    own(world, classes, name, fields, objects, binds=True)
    world.add(Family.CALL, fields, world.access_sites(rows[:, 2], 0), rows[:, 2])


def _from_getattr_of_modules(world: World, modules: Ints, rows: Ints) -> None:
    name = world.keys["__getattr__"]
    has = is_in(pack(modules, constant(name, modules)), world.classes.binds)
    fields, rows = world.heap.field_of(modules[has], name), rows[has]
    _hand_on(world, fields, rows, 0)
    world.add(Family.CALL, fields, world.access_sites(rows[:, 2], 0), rows[:, 2])


def _hand_on(world: World, fields: Ints, rows: Ints, position: int) -> None:
    """What a ``__getattr__`` asks of another object under the name that it was asked for, each reader gets."""
    which, objects = world.points.under(fields)
    functions = world.heap.is_of(objects, Kind.FUNCTION)
    definitions, which = world.heap.first.values[objects[functions]], which[functions]
    asked, pairs = world.relations.rows[Family.PAIR_BACK].under(
        world.parameters.at(definitions, constant(position, definitions))
    )
    asks = pairs[:, 3] == Together.ATTRIBUTE_LOAD
    keys, targets = rows[which[asked[asks]], 1], rows[which[asked[asks]], 2]
    world.add(Family.ATTRIBUTE_LOAD, pairs[asks, 1], keys, targets, np.zeros_like(keys))


def store(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of ATTRIBUTE_STORE."""
    store_attributes(world, objects, rows[:, 1], rows[:, 2])


def store_attributes(world: World, objects: Ints, keys: Ints, sources: Ints) -> None:
    """Keep what is at ``sources`` as attributes."""
    kept = world.heap.is_of(objects, *_HOLDERS)
    if not world.resolves_names_only:
        kept |= _takes(world, objects)
    objects, keys, sources = objects[kept], keys[kept], sources[kept]
    world.copy(world.heap.field(objects, keys), sources)
    if not world.resolves_names_only:
        _through_setters(world, objects, keys, sources)
        _through_setattr(world, objects, sources)


def _takes(world: World, objects: Ints) -> Mask:
    """Which are externals that the repo may set attributes of: but modules, which stand for all that use them."""
    return world.heap.is_of(objects, Kind.EXTERNAL) & (world.heap.depth.values[objects] > 1)


def lookup(world: World, objects: Ints, keys: Ints, targets: Ints, implicit: Mask) -> None:
    """Bring the attributes ``keys`` of objects to ``targets``; implicit ones (special methods) come from the type."""
    heap = world.heap
    plain = heap.is_of(objects, *(_HOLDERS if world.resolves_names_only else _WITHOUT_CLASS)) & ~implicit
    world.copy(targets[plain], heap.field(objects[plain], keys[plain]))
    _external(world, *_where(heap.is_of(objects, Kind.EXTERNAL) & ~implicit, objects, keys, targets))
    namespace = heap.is_of(objects, *_HOLDERS) & (keys == world.keys["__dict__"])
    world.put(targets[namespace], heap.object(Kind.NAMESPACE, objects[namespace]))
    if world.resolves_names_only:
        return
    set_ = _takes(world, objects) & ~implicit & is_in(keys, world.stored)
    world.copy(targets[set_], heap.field(objects[set_], keys[set_]))
    literal = heap.is_of(objects, Kind.CONTAINER) & (~implicit | is_in(keys, world.operators))
    literal |= heap.is_of(objects, Kind.CONSTANT, Kind.GENERATOR, Kind.NAMESPACE) & ~implicit
    _literal(world, *_where(literal, objects, keys, targets))
    known = heap.is_of(objects, Kind.EXTERNAL) & implicit
    known[known] = world.models_of(objects[known]) > 0
    _enter(world, *_where(known, keys, targets))
    _property(world, *_where(heap.is_of(objects, Kind.PROPERTY, Kind.DISPATCH) & ~implicit, objects, keys, targets))
    seen = heap.is_of(objects, Kind.INSTANCE, Kind.CLASS) | (heap.is_of(objects, Kind.SUPER) & ~implicit)
    _through_classes(world, *_where(seen, objects, keys, targets), implicit=implicit[seen])


def _through_classes(world: World, objects: Ints, keys: Ints, targets: Ints, *, implicit: Mask) -> None:
    """Look each attribute of each object up once, into a place of its own that is copied to the targets."""
    heap = world.heap
    reads = heap.read(objects, keys, implicit=implicit)
    world.copy(targets, reads)
    _mark_cut(world, objects, keys, targets)
    reads, first = np.unique(reads, return_index=True)
    objects, keys, implicit = objects[first], keys[first], implicit[first]
    is_instance, is_class = heap.is_of(objects, Kind.INSTANCE), heap.is_of(objects, Kind.CLASS)
    _instance(world, *_where(is_instance & ~implicit, objects, keys, reads))
    instances, names, to = _where(is_instance & implicit, objects, keys, reads)
    found = own(world, heap.first.values[instances], names, to, instances, binds=True)[2]
    _enter(world, names[~found], to[~found])
    _class(world, *_where(is_class, objects, keys, reads), implicit=implicit[is_class])
    _super(world, *_where(heap.is_of(objects, Kind.SUPER), objects, keys, reads))


def _mark_cut(world: World, objects: Ints, keys: Ints, targets: Ints) -> None:
    """Where a class's order lacks a base, a name that it does not bind may still be that base's."""
    heap, cut = world.heap, world.classes.cut
    if not len(cut):
        return
    selves = np.where(heap.is_of(objects, Kind.SUPER), heap.second.values[objects], objects)
    classes = np.where(heap.is_of(selves, Kind.INSTANCE), heap.first.values[selves], selves)
    classes, keys, targets = _where(is_in(classes, cut), classes, keys, targets)
    world.saturate(targets[~world.classes.bearers(classes, keys)[2]])


def _enter(world: World, keys: Ints, targets: Ints) -> None:
    """Who has no ``__enter__`` that we know of is entered as itself: an external base or ``closing`` does it."""
    enters = (keys == world.keys["__enter__"]) | (keys == world.keys["__aenter__"])
    world.put(targets[enters], constant(world.enters, targets[enters]))


def inherited(
    world: World, classes: Ints, keys: Ints, targets: Ints, selves: Ints, *, binds: bool, after: Ints | None = None
) -> None:
    """Bring classes' attributes, as ``selves`` see them, to ``targets``; externals, of classes outside the repo.

    Not those of an attribute that methods of the repo's classes set, nor of bases that have none of their own.
    """
    number, member, found = own(world, classes, keys, targets, selves, binds=binds, after=after)
    found[number[is_in(pack(member, keys[number]), world.assigned)]] = True
    outside = world.heap.is_of(member, Kind.EXTERNAL) & ~found[number] & ~is_in(member, world.bare_types)
    which, first = np.unique(number[outside], return_index=True)
    _external(world, member[outside][first], keys[which], targets[which])


def own(
    world: World, classes: Ints, keys: Ints, targets: Ints, selves: Ints, *, binds: bool, after: Ints | None = None
) -> tuple[Ints, Ints, Mask]:
    """The same for the repo's classes alone; gives the classes that were looked through (see ``Classes.bearers``)."""
    heap = world.heap
    number, member, found = world.classes.bearers(classes, keys, after)
    is_own = heap.is_of(member, Kind.CLASS)
    which = number[is_own]
    views = heap.view(targets[which], selves[which], binds=np.full(len(which), binds))
    world.copy(views, heap.field(member[is_own], keys[which]))
    return number, member, found


def _through_setters(world: World, objects: Ints, keys: Ints, sources: Ints) -> None:
    """What a class has under the name may be a property or another descriptor that takes the value."""
    heap = world.heap
    kept = heap.is_of(objects, Kind.INSTANCE)
    objects, keys, sources = _where(kept, objects, keys, sources)
    number, member, found = world.classes.bearers(heap.first.values[objects], keys)
    number, member = _where(found[number] & heap.is_of(member, Kind.CLASS), number, member)
    world.add(Family.DESCRIPTOR_STORE, heap.field(member, keys[number]), objects[number], sources[number])


def _through_setattr(world: World, objects: Ints, sources: Ints) -> None:
    """Writes to instances whose class says itself what these do."""
    heap, keys = world.heap, world.keys
    writes = heap.is_of(objects, Kind.INSTANCE) & is_in(heap.first.values[objects], world.classes.writers)
    objects, sources = _where(writes, objects, sources)
    if not len(objects):
        return
    classes, name = heap.first.values[objects], constant(keys["__setattr__"], objects)
    fields = heap.field_of(objects, keys[SET_ATTRIBUTE])
    own(world, classes, name, fields, objects, binds=True)
    sites = world.access_sites(sources, 1)
    world.add(Family.CALL, fields, sites, np.zeros_like(sites))


def _where(mask: Mask, *columns: Ints) -> tuple[Ints, ...]:
    return tuple(column[mask] for column in columns)


def _external(world: World, objects: Ints, keys: Ints, targets: Ints) -> None:
    """Chains of externals end at a depth, and where a name repeats (``node.parent.parent``)."""
    heap = world.heap
    depth = heap.depth.values[objects]
    kept = (depth < DEEPEST_EXTERNAL) & ((heap.second.values[objects] != keys) | (depth == 1))
    world.put(targets[kept], heap.external(objects[kept], keys[kept]))


def _literal(world: World, objects: Ints, keys: Ints, targets: Ints) -> None:
    """A method of a literal is one object for each type, whichever literal it is read from."""
    heap = world.heap
    shape = np.where(heap.is_of(objects, Kind.CONTAINER), heap.second.values[objects], heap.first.values[objects])
    for kind, shape_of_kind in ((Kind.GENERATOR, Shape.GENERATOR), (Kind.NAMESPACE, Shape.DICT)):
        shape[heap.is_of(objects, kind)] = shape_of_kind
    kept = is_in(pack(shape, keys), world.value_attributes) | (shape >= Shape.DEQUE)
    _external(world, world.shape_types[shape[kept]], keys[kept], targets[kept])


def _instance(world: World, objects: Ints, keys: Ints, targets: Ints) -> None:
    if not len(objects):
        return
    heap = world.heap
    classes = heap.first.values[objects]
    world.copy(targets, heap.field(objects, keys))
    inherited(world, classes, keys, targets, objects, binds=True)
    type_of = keys == world.keys["__class__"]
    world.put(targets[type_of], classes[type_of])


def _class(world: World, objects: Ints, keys: Ints, targets: Ints, *, implicit: Mask) -> None:
    if not len(objects):
        return
    inherited(world, *_where(~implicit, objects, keys, targets, objects), binds=False)
    metaclasses = world.classes.metaclass_of(objects)
    has = metaclasses > 0
    own(world, *_where(has, metaclasses, keys, targets, objects), binds=True)
    type_of = has & (keys == world.keys["__class__"])
    world.put(targets[type_of], metaclasses[type_of])


def _super(world: World, objects: Ints, keys: Ints, targets: Ints) -> None:
    """``super()`` in a method looks in the order of the object's class, in a metaclass in that of the metaclass."""
    if not len(objects):
        return
    heap = world.heap
    after, selves = heap.first.values[objects], heap.second.values[objects]
    of_instance = heap.is_of(selves, Kind.INSTANCE)
    classes = np.where(of_instance, heap.first.values[selves], selves)
    for binds, mask in ((True, of_instance), (False, ~of_instance)):
        inherited(world, *_where(mask, classes, keys, targets, selves), binds=binds, after=after[mask])
    metaclasses = world.classes.metaclass_of(classes)
    mask = ~of_instance & (metaclasses > 0)
    inherited(world, *_where(mask, metaclasses, keys, targets, selves), binds=True, after=after[mask])
    _of_object(world, classes, keys, targets, after)


def _of_object(world: World, classes: Ints, keys: Ints, targets: Ints, after: Ints) -> None:
    """At the end of each order stands ``object``, whose few methods ``super`` may reach."""
    number, member, found = world.classes.bearers(classes, keys, after)
    outside = number[world.heap.is_of(member, Kind.EXTERNAL)]
    bare = ~found & is_in(keys, world.object_methods)
    bare[outside] = False
    _external(world, constant(world.object_type, keys[bare]), keys[bare], targets[bare])


def _property(world: World, objects: Ints, keys: Ints, targets: Ints) -> None:
    if not len(objects):
        return
    kept = np.isin(keys, [world.keys["setter"], world.keys["getter"], world.keys["deleter"]])
    dispatching = world.heap.is_of(objects, Kind.DISPATCH)
    kept = np.where(dispatching, keys == world.keys["register"], kept)
    world.put(targets[kept], world.heap.object(Kind.PROPERTY_STEP, objects[kept], keys[kept]))
