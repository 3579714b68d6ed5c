"""What an object means elsewhere: annotations, types, wrappers, and what two objects make together."""

import numpy as np

from flight_server.points_to.attributes import lookup, store_attributes
from flight_server.points_to.columns import LOWER, Ints, Mask, constant, pack, spread
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.items import include_items, load_items, store_items
from flight_server.points_to.relations import Family, Include, Together
from flight_server.points_to.world import World

DEEPEST_ANNOTATION = 3  # containers in containers


def typed_places(world: World) -> Mask:
    """The places whose annotations mean classes of the repo alone: what is there is none of the library's.

    A protocol may be anybody's.
    """
    heap, source = world.heap, world.source
    annotated, annotation = (source.place["flow_annotations", column] for column in ("place", "annotation_place"))
    which, objects = world.points.under(annotation)
    number, _, member = world.classes.order(np.where(heap.is_of(objects, Kind.CLASS), objects, 0))
    own = np.zeros(len(objects), bool)
    own[number] = True
    own[number[np.isin(member, world.protocol_types)]] = False
    meant = np.isin(np.arange(len(annotation)), which)
    typed = np.zeros(heap.places, bool)
    typed[annotated[meant]] = True
    typed[annotated[~meant]] = typed[annotated[which[~own]]] = False
    returns = source.definitions.returns
    typed[world.passed.returns[typed[returns]]] = True
    typed[0] = False
    return typed


def annotate(world: World) -> None:
    """What annotations say of places of which nothing else is known, or only that something external comes there.

    A class stands for its instances, a tuple for those of its classes, a builtin type for a value of it, an external
    for itself; not so the vocabulary of annotations, ``Callable`` and the like. An exception that is caught may be of
    any subclass of which there are instances.
    """
    heap, rows = world.heap, world.relations.rows[Family.ANNOTATION].all()
    rows = rows[~_has_other_items(world, rows[:, 1])]
    rows = np.concatenate([rows, _of_tuples(world, rows)])
    which, objects = world.points.under(rows[:, 1])
    vague = heap.is_of(objects, Kind.EXTERNAL) | (
        heap.is_of(objects, Kind.CONSTANT) & (heap.first.values[objects] == Shape.NONE)
    )
    rows = np.delete(rows, np.unique(which[~vague]), axis=0)
    which, objects = world.points.under(rows[:, 0])
    which, objects = _with_subclasses(world, which, objects)
    externals = heap.is_of(objects, Kind.EXTERNAL) & ~np.isin(heap.root.values[objects], world.annotation_roots)
    values = _values(world, objects[externals])
    inner = world.passed.inner
    for targets in (rows[:, 1], inner[np.where(rows[:, 1] < len(inner), rows[:, 1], 0)]):
        _instances(world, objects, targets[which])
        world.put(targets[which[externals]], values)


def _has_other_items(world: World, places: Ints) -> Mask:
    """Which places are of items in a container that an annotation makes, beside others that are known."""
    known = np.zeros(len(places), bool)
    at = np.where(places < len(world.annotated_items), places, 0)
    for _ in range(DEEPEST_ANNOTATION):
        at = world.annotated_items[at]
        which, objects = world.points.under(at)
        others = world.heap.is_of(objects, Kind.CONTAINER, Kind.GENERATOR) & (objects != world.allocated[at[which]])
        known[which[others]] = True
    return known


def _of_tuples(world: World, rows: Ints) -> Ints:
    """The rows again for what is in tuples at the places of annotations: ``except ERRORS``."""
    which, objects = world.points.under(rows[:, 0])
    tuples = world.heap.is_of(objects, Kind.CONTAINER)
    items = world.heap.fields.find(pack(objects[tuples], constant(world.keys["#every item"], objects[tuples])))
    return np.stack([items, rows[which[tuples], 1]], axis=1)[items > 0]


def _with_subclasses(world: World, which: Ints, objects: Ints) -> tuple[Ints, Ints]:
    """Beside classes of exceptions, the classes below them that have instances, or those alone if it has none."""
    heap = world.heap
    classes = np.flatnonzero(world.classes.high > world.classes.low)
    number, rank, member = world.classes.order(classes)
    raised = np.zeros(len(classes), bool)
    raised[number[heap.is_of(member, Kind.EXTERNAL) & world.is_builtin(member)]] = True
    kept = raised[number] & (rank > 0) & (heap.known(Kind.INSTANCE, classes)[number] > 0)
    below, above = classes[number[kept]], member[kept]
    order = np.argsort(above, kind="stable")
    low, high = (np.searchsorted(above[order], objects, side) for side in ("left", "right"))
    at, position = spread(low, high)
    own = heap.is_of(objects[at], Kind.CLASS)
    at, position = at[own], position[own]
    kept = np.ones(len(objects), bool)
    kept[at[heap.known(Kind.INSTANCE, objects[at]) == 0]] = False
    return np.concatenate([which[kept], which[at]]), np.concatenate([objects[kept], below[order[position]]])


def make(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of MAKE."""
    _instances(world, objects, rows[:, 1])


def classes_of(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of CLASSES."""
    classes = np.flatnonzero(world.classes.metaclass)
    metaclasses = world.classes.metaclass[classes]
    order = np.argsort(metaclasses, kind="stable")
    low, high = (np.searchsorted(metaclasses[order], objects, side) for side in ("left", "right"))
    which, position = spread(low, high)
    world.put(rows[which, 1], classes[order[position]])


def imported(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of IMPORTED."""
    heap = world.heap
    texts = np.where(heap.is_of(objects, Kind.CONSTANT), heap.second.values[objects], 0)
    names, modules = world.module_names
    low, high = (np.searchsorted(names, texts, side) for side in ("left", "right"))
    which, position = spread(low, high)
    world.put(rows[which, 1], modules[position])
    begins = heap.is_of(objects, Kind.PREFIX)
    prefixes, targets = objects[begins], rows[begins, 1]
    names, modules = world.module_keys
    low, high = (np.searchsorted(names, column.values[prefixes]) for column in (heap.first, heap.second))
    which, position = spread(low, high)
    world.put(targets[which], modules[position])


def type_of(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of TYPE."""
    instances = world.heap.is_of(objects, Kind.INSTANCE)
    world.put(rows[instances, 1], world.heap.first.values[objects[instances]])


def wrap(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of WRAP."""
    heap = world.heap
    callable_ = heap.is_of(objects, Kind.FUNCTION, Kind.INSTANCE, Kind.METHOD, Kind.PARTIAL)
    callable_ |= heap.is_of(objects, Kind.CLASS, Kind.EXTERNAL) & (rows[:, 1] == Kind.FACTORY)
    objects, kinds, targets = objects[callable_], rows[callable_, 1], rows[callable_, 2]
    for kind in (Kind.PROPERTY, Kind.SETTER, Kind.STATIC, Kind.CLASS_METHOD, Kind.FACTORY, Kind.DISPATCH):
        chosen = kinds == kind
        world.put(targets[chosen], heap.object(kind, objects[chosen]))


def partial(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of PARTIAL: of functions and classes, and of partials of these, so that their number is bounded."""
    heap = world.heap
    nested = heap.is_of(objects, Kind.PARTIAL)
    inner = np.where(nested, heap.first.values[objects], objects)
    kept = heap.is_of(inner, Kind.FUNCTION, Kind.METHOD, Kind.CLASS, Kind.INSTANCE)
    for kind in (Kind.PARTIAL, Kind.PARTIAL_METHOD):
        chosen = kept & (rows[:, 3] == kind)
        world.put(rows[chosen, 2], heap.object(kind, objects[chosen], rows[chosen, 1]))


def pair(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of PAIR: a new object at the first place with all at the other."""
    which, others = world.points.under(rows[:, 1])
    combine(world, objects[which], others, rows[which, 2], rows[which, 3])


def pair_back(world: World, objects: Ints, rows: Ints) -> None:
    """Rows of PAIR_BACK: a new object at the other place with all at the first."""
    which, bases = world.points.under(rows[:, 1])
    combine(world, bases, objects[which], rows[which, 2], rows[which, 3])


def combine(world: World, bases: Ints, others: Ints, targets: Ints, what: Ints) -> None:
    """Do with pairs of objects what ``Together`` says."""
    heap = world.heap
    text = heap.is_of(others, Kind.CONSTANT) & (heap.second.values[others] > 0)
    keys = np.where(text, heap.second.values[others], 0)
    names = world.keys.name_of[keys]
    chosen = what == Together.SUPER
    _super(world, bases[chosen], others[chosen], targets[chosen])
    for together, rule in ((Together.ITEM_LOAD, load_items), (Together.ITEM_STORE, store_items)):
        chosen = (what == together) & (keys > 0)
        rule(world, bases[chosen], keys[chosen], targets[chosen])
    chosen = (what == Together.ITEM_STORE) & heap.is_of(bases, Kind.CONTAINER)
    _keep_key(world, bases[chosen], others[chosen])
    chosen = (what == Together.ATTRIBUTE_LOAD) & (names > 0)
    chosen &= ~heap.is_of(bases, Kind.EXTERNAL) | (heap.depth.values[bases] == 1)  # a name is hardly an attribute's
    chosen &= names != world.keys["__class__"]  # who asks by text makes proxies: all classes of what they stand for
    lookup(world, bases[chosen], names[chosen], targets[chosen], np.zeros(chosen.sum(), bool))
    _load_beginning(world, bases, others, targets, what)
    chosen = (what == Together.ATTRIBUTE_STORE) & (names > 0)
    store_attributes(world, bases[chosen], names[chosen], targets[chosen])
    chosen = (what == Together.BIND) & heap.is_of(bases, Kind.FUNCTION) & heap.is_of(others, Kind.INSTANCE, Kind.CLASS)
    world.put(targets[chosen], heap.object(Kind.METHOD, bases[chosen], others[chosen]))
    chosen = (what == Together.UPDATE) & heap.is_of(others, Kind.CONTAINER, Kind.INSTANCE, Kind.NAMESPACE)
    include_items(world, bases[chosen], others[chosen], constant(Include.SAME, others[chosen]))


def _load_beginning(world: World, bases: Ints, others: Ints, targets: Ints, what: Ints) -> None:
    """Attributes of which only the beginning of the name is known: all such that classes or modules bind."""
    heap = world.heap
    chosen = (what == Together.ATTRIBUTE_LOAD) & heap.is_of(others, Kind.PREFIX)
    chosen &= heap.is_of(bases, Kind.INSTANCE, Kind.CLASS, Kind.MODULE)
    if not chosen.any():
        return
    bases, others, targets = bases[chosen], others[chosen], targets[chosen]
    of_instance, of_module = heap.is_of(bases, Kind.INSTANCE), heap.is_of(bases, Kind.MODULE)
    number, _, holder = world.classes.order(np.where(of_instance, heap.first.values[bases], bases))
    number = np.concatenate([number, np.flatnonzero(of_module)])
    holder = np.concatenate([holder, bases[of_module]])
    first, behind = heap.first.values[others[number]], heap.second.values[others[number]]
    binds = world.classes.binds
    which, position = spread(binds.searchsorted(pack(holder, first)), binds.searchsorted(pack(holder, behind)))
    keys, at = binds[position] & LOWER, number[which]
    lookup(world, bases[at], keys, targets[at], np.zeros(len(at), bool))


def unknown_keys(world: World, rows: Ints) -> None:
    """Rows of PAIR whose key nothing is known of: any item may be meant."""
    for together, rule, key in (
        (Together.ITEM_LOAD, load_items, world.keys["#every item"]),
        (Together.ITEM_STORE, store_items, world.keys["#item at an unknown position"]),
    ):
        mine = rows[rows[:, 3] == together]
        which, others = world.points.under(mine[:, 1])
        known = world.heap.is_of(others, Kind.CONSTANT) & (world.heap.second.values[others] > 0)
        mine = np.delete(mine, np.unique(which[known]), axis=0)
        which, objects = world.points.under(mine[:, 0])
        rule(world, objects, constant(key, objects), mine[which, 2])


def _super(world: World, selves: Ints, classes: Ints, targets: Ints) -> None:
    kept = world.heap.is_of(selves, Kind.INSTANCE, Kind.CLASS) & world.heap.is_of(classes, Kind.CLASS)
    world.put(targets[kept], world.heap.object(Kind.SUPER, classes[kept], selves[kept]))


def _keep_key(world: World, containers: Ints, keys: Ints) -> None:
    world.put(world.heap.field_of(containers, world.keys["#keys"]), keys)


def _instances(world: World, objects: Ints, targets: Ints) -> None:
    classes = world.heap.is_of(objects, Kind.CLASS)
    world.put(targets[classes], world.heap.object(Kind.INSTANCE, objects[classes]))


def _values(world: World, externals: Ints) -> Ints:
    """A value of an external type: of builtin ones a constant, of other builtins nothing is said."""
    shapes = world.shape_of_type(externals)
    values = np.where(world.is_builtin(externals), 0, externals)
    builtin = shapes > 0
    values[builtin] = world.heap.object(Kind.CONSTANT, shapes[builtin])
    return values
