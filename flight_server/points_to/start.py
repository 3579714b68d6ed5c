"""What holds before any rule has run: facts in their families, objects where they are made, parameters."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.columns import Ints, Mask, distinct, ints, pack, table
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.keys import EVERY, SOME
from flight_server.points_to.library_names import SHAPES, name_library
from flight_server.points_to.passing import find_passed
from flight_server.points_to.relations import Family, Together
from flight_server.points_to.source import Source, beginnings, flags, rows_where
from flight_server.points_to.world import World

_LITERALS = {**SHAPES, "prefix": Shape.STR}
_DOUBLE = 2  # what ``star`` is for ``**x``
_CONTAINERS = ("list", "tuple", "set", "dict", "generator")


def begin(source: Source) -> World:
    """A repo's facts, ready for the rules."""
    world = World(source)
    name_library(world)
    _adopt_variables(world)
    _allocate(world)
    world.copy(source.place["flow_copies", "dst"], source.place["flow_copies", "src"])
    world.copy(source.place["cst_params", "place"], source.place["cst_params", "default_place"])
    _load(world)
    _store(world)
    _call(world)
    _declare_parameters(world)
    world.assigned = _assigned(world)
    world.stored = _stored(source)
    find_passed(world)
    annotated, annotation = (
        source.place["flow_annotations", "place"],
        source.place["flow_annotations", "annotation_place"],
    )
    world.add(Family.ANNOTATION, annotation, annotated)
    world.annotated_items = _annotated_items(world)
    return world


def _adopt_variables(world: World) -> None:
    """The variables of classes and modules are their attributes."""
    source, known = world.source, world.source.definitions
    scopes = source.scope_of_variable
    held = known.is_class[scopes] | known.is_module[scopes]
    objects = world.definition(scopes[held])
    world.heap.adopt(objects, source.name_of_variable[held], source.variables[held])


def _allocate(world: World) -> None:
    source = world.source
    allocs, places = source.tables["flow_allocs"], source.place["flow_allocs", "place"]
    kinds = allocs["object_kind"].combine_chunks()
    defined = flags(pc.is_in(kinds, pa.array(["function", "class"])))
    definitions = source.definitions.ids.find(allocs["object_id"].filter(pa.array(defined)))
    world.put(places[defined], world.definition(definitions))
    shapes = _shapes(kinds)
    contained = flags(pc.is_in(kinds, pa.array(_CONTAINERS)))
    identities, (numbers,) = source.files.numbered([allocs["object_id"].filter(pa.array(contained))])
    world.container_ids = identities
    world.containers = len(identities.values) + 1
    objects = world.heap.object(Kind.CONTAINER, numbers, shapes[contained])
    world.put(places[contained], objects)
    world.allocated = np.zeros(len(source.places.values) + 1, np.int64)
    world.allocated[places[contained]] = objects
    valued = (shapes > 0) & ~contained
    spelled = flags(pc.is_in(kinds, pa.array(["str", "int"])))
    reprs = pc.if_else(pa.array(spelled), pc.binary_join_element_wise("[", allocs["const_repr"], ""), None)
    keys = source.keys.all.find(reprs)
    world.put(places[valued], world.heap.object(Kind.CONSTANT, shapes[valued], keys[valued]))
    begins = flags(pc.equal(kinds, "prefix"))
    first, behind = beginnings(allocs["const_repr"].filter(pa.array(begins)))
    prefixes = world.heap.object(Kind.PREFIX, source.keys.all.find(first), source.keys.all.find(behind))
    world.put(places[begins], prefixes)


def _shapes(kinds: pa.Array) -> Ints:
    at = pc.index_in(kinds, value_set=pa.array(list(_LITERALS))).fill_null(len(_LITERALS))
    shapes: Ints = ints([*_LITERALS.values(), 0])[at.to_numpy(zero_copy_only=False)]
    return shapes


def _load(world: World) -> None:
    source = world.source
    loads = source.tables["flow_loads"]
    dst, base, key_place = (source.place["flow_loads", column] for column in ("dst", "base", "key_place"))
    implicit = flags(loads["implicit"].combine_chunks()).astype(np.int64)
    attribute, item = rows_where(loads, "access", "attr"), rows_where(loads, "access", "item")
    keys = _keys(world, loads, attribute, item)
    world.add(Family.ATTRIBUTE_LOAD, *(column[attribute] for column in (base, keys, dst, implicit)))
    spelled = item & (keys > 0)
    world.add(Family.ITEM_LOAD, *(column[spelled] for column in (base, keys, dst)))
    computed = item & (keys == 0) & (key_place > 0)
    world.together(Together.ITEM_LOAD, base[computed], key_place[computed], dst[computed])
    unknown = item & (keys == 0) & (key_place == 0)
    world.add(Family.ITEM_LOAD, base[unknown], np.full(unknown.sum(), world.keys[EVERY]), dst[unknown])
    for access, family in (
        *(("iter", Family.ELEMENT_LOAD), ("yield", Family.YIELD_LOAD)),
        ("return", Family.RETURN_LOAD),
    ):
        chosen = rows_where(loads, "access", access)
        world.add(family, base[chosen], dst[chosen])
    world.receiver[dst[attribute]] = base[attribute]


def _keys(world: World, facts: pa.Table, attribute: Mask, item: Mask) -> Ints:
    names = world.keys.all.find(pc.if_else(pa.array(attribute), facts["key"], None))
    subscripts = pc.binary_join_element_wise("[", pc.if_else(pa.array(item), facts["key"], None), "")
    return names + world.keys.all.find(subscripts)


def _store(world: World) -> None:
    source = world.source
    stores = source.tables["flow_stores"]
    base, src, key_place = (source.place["flow_stores", column] for column in ("base", "src", "key_place"))
    attribute, item = rows_where(stores, "access", "attr"), rows_where(stores, "access", "item")
    keys = _keys(world, stores, attribute, item)
    world.add(Family.ATTRIBUTE_STORE, *(column[attribute] for column in (base, keys, src)))
    spelled = item & (keys > 0)
    world.add(Family.ITEM_STORE, *(column[spelled] for column in (base, keys, src)))
    computed = item & (keys == 0) & (key_place > 0)
    world.together(Together.ITEM_STORE, base[computed], key_place[computed], src[computed])
    _count_from_end(world, base[spelled], keys[spelled], src[spelled])
    unknown = item & (keys == 0) & (key_place == 0)
    world.add(Family.ITEM_STORE, base[unknown], np.full(unknown.sum(), world.keys[SOME]), src[unknown])


def _annotated_items(world: World) -> Ints:
    """By the place of an item of a container that an annotation makes, the place of the container; else 0."""
    source = world.source
    bases, sources = source.place["flow_stores", "base"], source.place["flow_stores", "src"]
    told = np.zeros(len(source.places.values) + 1, bool)
    told[source.place["flow_annotations", "place"]] = True
    kept = rows_where(source.tables["flow_stores"], "access", "item") & (world.allocated[bases] > 0)
    for _ in range(2):  # what holds a told item is told too
        inner = kept & told[sources]
        told[bases[inner]] = True
    found = np.zeros(len(told), np.int64)
    found[sources[inner]] = bases[inner]
    return found


def _count_from_end(world: World, bases: Ints, keys: Ints, sources: Ints) -> None:
    """What stands in the lists and tuples that the source spells, under positions from the end where it uses such."""
    heap = world.heap
    made = world.allocated[bases]
    position = world.keys.position[keys]
    kept = np.isin(heap.second.values[made], (Shape.LIST, Shape.TUPLE)) & heap.is_of(made, Kind.CONTAINER)
    kept &= (position >= 0) & (position < len(world.keys.at))
    made, position, sources = made[kept], position[kept], sources[kept]
    containers, which, counts = np.unique(made, return_inverse=True, return_counts=True)
    last = np.zeros(len(containers), np.int64)
    np.maximum.at(last, which, position)
    complete = last + 1 == counts
    world.displays = containers[complete]
    kept = complete[which]
    texts = pc.binary_join_element_wise("[-", pa.array((counts[which] - position)[kept]).cast(pa.string()), "")
    backward = world.keys.all.find(texts)
    used = backward > 0
    world.copy(heap.field(made[kept][used], backward[used]), sources[kept][used])


def _call(world: World) -> None:
    source = world.source
    sites = np.arange(1, len(source.sites.callee))
    world.add(Family.CALL, source.sites.callee[1:], sites, source.sites.result[1:])
    args = source.tables["flow_args"]
    site, place = source.sites.ids.find(args["site_id"]), source.place["flow_args", "place"]
    position = ints(args["pos"].combine_chunks().fill_null(0).to_numpy(zero_copy_only=False))
    star = ints(args["star"].combine_chunks().fill_null(0).to_numpy(zero_copy_only=False))
    keyword = source.keys.all.find(args["keyword"])
    known = place > 0
    plain, named = known & (star == 0) & (keyword == 0), known & (keyword > 0)
    arguments = world.arguments
    arguments.positional.append(table(site[plain], position[plain], place[plain]))
    arguments.keyword.append(table(site[named], keyword[named], place[named]))
    arguments.star.append(table(*(column[known & (star == 1)] for column in (site, position, place))))
    arguments.double_star.append(table(*(column[known & (star == _DOUBLE)] for column in (site, place))))


def _declare_parameters(world: World) -> None:
    source = world.source
    params = source.tables["cst_params"]
    definition, place = source.definitions.ids.find(params["def_id"]), source.place["cst_params", "place"]
    position = ints(params["pos"].combine_chunks().fill_null(0).to_numpy(zero_copy_only=False))
    kind = {name: rows_where(params, "kind", name) for name in ("posonly", "pos", "vararg", "kwonly", "kwarg")}
    positional, named = kind["posonly"] | kind["pos"], kind["pos"] | kind["kwonly"]
    parameters = world.parameters
    for pairs, chosen, second in (
        (parameters.positional, positional, position),
        (parameters.named, named, source.keys.all.find(params["name"])),
    ):
        codes, first = np.unique(pack(definition[chosen], second[chosen]), return_index=True)
        pairs.put(codes, place[chosen][first])
    size = len(source.definitions.container)
    parameters.rest, parameters.rest_from, parameters.extra = (np.zeros(size, np.int64) for _ in range(3))
    parameters.rest[definition[kind["vararg"]]] = world.allocated[place[kind["vararg"]]]
    np.add.at(parameters.rest_from, definition[positional], 1)
    parameters.extra[definition[kind["kwarg"]]] = world.allocated[place[kind["kwarg"]]]


def _assigned(world: World) -> Ints:
    """The packed (class, key) of the attributes that methods set on their first parameter, sorted."""
    source, known = world.source, world.source.definitions
    functions = np.flatnonzero(known.is_function & known.is_class[known.container] & ~known.static)
    class_of = np.zeros(len(source.places.values) + 1, np.int64)
    first = world.parameters.at(functions, np.zeros_like(functions))
    class_of[first] = world.definition(known.container[functions])
    class_of[0] = 0
    stores = source.tables["flow_stores"]
    classes = class_of[source.place["flow_stores", "base"]]
    kept = rows_where(stores, "access", "attr") & (classes > 0)
    keys = world.keys.all.find(stores["key"].filter(pa.array(kept)))
    return np.unique(pack(classes[kept], keys))


def _stored(source: Source) -> Ints:
    """The keys of the attributes that something sets, and of keywords, which library functions may set; sorted."""
    stores, args = source.tables["flow_stores"], source.tables["flow_args"]
    names = stores["key"].filter(pc.equal(stores["access"], "attr"))
    found = distinct(np.concatenate([source.keys.all.find(names), source.keys.all.find(args["keyword"])]))
    return found[found > 0]
