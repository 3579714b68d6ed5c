"""The state before any rule has run: facts by family, objects at the places that create them, parameters."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.bodies import Basic, Rows
from flight_server.points_to.call_arguments import ParameterPlaces
from flight_server.points_to.contexts import Contexts
from flight_server.points_to.fact_families import Family, Operation
from flight_server.points_to.facts import CONTAINERS, Facts, beginnings, where_equal
from flight_server.points_to.field_keys import EVERY, SOME
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.integer_columns import Ints, Mask, constant, distinct, ints, pack, where
from flight_server.points_to.interned_strings import flags, is_one_of
from flight_server.points_to.library import SHAPES
from flight_server.points_to.makers import Makers
from flight_server.points_to.returned_arguments import returned_arguments
from flight_server.points_to.sorted_runs import PairNumbers
from flight_server.points_to.state import State

_LITERALS = {**SHAPES, "prefix": Shape.STR}
_DOUBLE = 2  # the value of ``star`` for ``**x``


def initial_state(facts: Facts) -> State:
    """A repo's facts, ready for the rules."""
    state, place = State(facts), facts.place
    _adopt_variables(state)
    _allocate(state)
    _record(state, Basic.COPY, place["flow_copies", "dst"], place["flow_copies", "src"])
    _record(state, Basic.COPY, place["cst_params", "place"], place["cst_params", "default_place"])
    _load(state)
    _store(state)
    _call(state)
    state.parameters = _parameters(state)
    state.assigned = _assigned(state)
    state.stored = _stored(facts)
    state.returned = returned_arguments(state)
    annotations = place["flow_annotations", "annotation_place"], place["flow_annotations", "place"]
    _record(state, Family.ANNOTATION, *annotations)
    state.makers = Makers.of(facts, state.bodies, state.arguments)
    state.contexts = Contexts(facts.definitions, state.bodies.sizes())
    state.annotated_items = _annotated_items(state)
    return state


def _record(state: State, kind: Rows, *columns: Ints) -> None:
    """Add facts of the source, and record them, so that contexts may have copies of them."""
    state.bodies.record(kind, *columns)
    match kind:
        case Basic.COPY:
            state.copy(*columns)
        case Basic.OBJECT:
            state.put(*columns)
        case Family.PAIR:
            state.pair(*columns)
        case Family():
            state.add(kind, *columns)


def _adopt_variables(state: State) -> None:
    """Make the variables of classes and modules their attributes."""
    facts, defs = state.facts, state.facts.definitions
    scopes = facts.scope_of_variable
    held = defs.is_class[scopes] | defs.is_module[scopes]
    state.heap.adopt(state.definition(scopes[held]), facts.name_of_variable[held], facts.variables[held])


def _allocate(state: State) -> None:
    facts, heap = state.facts, state.heap
    allocs, places = facts.tables["flow_allocs"], facts.place["flow_allocs", "place"]
    kinds = allocs["object_kind"].combine_chunks()
    defined = is_one_of(kinds, "function", "class")
    definitions = facts.definitions.ids.find(allocs["object_id"].filter(pa.array(defined)))
    _record(state, Basic.OBJECT, places[defined], state.definition(definitions))
    shapes = _shapes(kinds)
    contained = is_one_of(kinds, *CONTAINERS)
    numbers = facts.containers.find(allocs["object_id"].filter(pa.array(contained)))
    containers = heap.object(Kind.CONTAINER, numbers, shapes[contained])
    _record(state, Basic.OBJECT, places[contained], containers)
    state.allocated = facts.by_place(places[contained], containers)
    valued = (shapes > 0) & ~contained
    spelled = pa.array(is_one_of(kinds, "str", "int"))
    keys = state.keys.find(pc.if_else(spelled, pc.binary_join_element_wise("[", allocs["const_repr"], ""), None))
    _record(state, Basic.OBJECT, places[valued], heap.object(Kind.CONSTANT, shapes[valued], keys[valued]))
    begins = is_one_of(kinds, "prefix")
    first, behind = map(state.keys.find, beginnings(allocs["const_repr"].filter(pa.array(begins))))
    _record(state, Basic.OBJECT, places[begins], heap.object(Kind.PREFIX, first, behind))
    _record(state, Basic.IMPORT, places[is_one_of(kinds, "import", "import_from")])


def _shapes(kinds: pa.Array) -> Ints:
    at = pc.index_in(kinds, value_set=pa.array(list(_LITERALS))).fill_null(len(_LITERALS))
    shapes: Ints = ints([*_LITERALS.values(), 0])[at.to_numpy(zero_copy_only=False)]
    return shapes


def _load(state: State) -> None:
    facts = state.facts
    loads = facts.tables["flow_loads"]
    dst, base, key_place = (facts.place["flow_loads", column] for column in ("dst", "base", "key_place"))
    attribute, item, keys = _keys(state, loads)
    implicit = flags(loads["implicit"]).astype(np.int64)
    _record(state, Family.ATTRIBUTE_LOAD, *where(attribute, base, keys, dst, implicit))
    spelled, computed, unknown = _subscripts(item, keys, key_place)
    _record(state, Family.ITEM_LOAD, *where(spelled, base, keys, dst))
    _pair(state, Operation.ITEM_LOAD, *where(computed, base, key_place, dst))
    _record(state, Family.ITEM_LOAD, base[unknown], constant(state.keys[EVERY], base[unknown]), dst[unknown])
    for access, family in (
        *(("iter", Family.ELEMENT_LOAD), ("yield", Family.YIELD_LOAD)),
        ("return", Family.RETURN_LOAD),
    ):
        _record(state, family, *where(where_equal(loads, "access", access), base, dst))
    state.receiver = facts.by_place(dst[attribute], base[attribute])


def _store(state: State) -> None:
    facts = state.facts
    base, src, key_place = (facts.place["flow_stores", column] for column in ("base", "src", "key_place"))
    attribute, item, keys = _keys(state, facts.tables["flow_stores"])
    _record(state, Family.ATTRIBUTE_STORE, *where(attribute, base, keys, src))
    spelled, computed, unknown = _subscripts(item, keys, key_place)
    _record(state, Family.ITEM_STORE, *where(spelled, base, keys, src))
    _pair(state, Operation.ITEM_STORE, *where(computed, base, key_place, src))
    state.displays = _count_from_end(state, *where(spelled, base, keys, src))
    _record(state, Family.ITEM_STORE, base[unknown], constant(state.keys[SOME], base[unknown]), src[unknown])


def _pair(state: State, operation: Operation, *places: Ints) -> None:
    _record(state, Family.PAIR, *places, constant(operation, places[0]))


def _keys(state: State, table: pa.Table) -> tuple[Mask, Mask, Ints]:
    """Which rows access attributes and which items, and their keys; 0 if the source spells none."""
    attribute, item = where_equal(table, "access", "attr"), where_equal(table, "access", "item")
    names = state.keys.find(pc.if_else(pa.array(attribute), table["key"], None))
    subscripts = pc.binary_join_element_wise("[", pc.if_else(pa.array(item), table["key"], None), "")
    return attribute, item, names + state.keys.find(subscripts)


def _subscripts(item: Mask, keys: Ints, key_place: Ints) -> tuple[Mask, Mask, Mask]:
    """Which rows access items with a spelled, a computed, and an unknown subscript."""
    return item & (keys > 0), item & (keys == 0) & (key_place > 0), item & (keys == 0) & (key_place == 0)


def _annotated_items(state: State) -> Ints:
    """By place: the place of the annotation's container, if the place is an item of it; else 0."""
    facts = state.facts
    bases, sources = facts.place["flow_stores", "base"], facts.place["flow_stores", "src"]
    annotated = facts.by_place(facts.place["flow_annotations", "place"], 1) > 0
    allocated = where_equal(facts.tables["flow_stores"], "access", "item") & (state.allocated[bases] > 0)
    for _ in range(2):  # a container of annotated items is annotated too
        inner = allocated & annotated[sources]
        annotated[bases[inner]] = True
    return facts.by_place(sources[inner], bases[inner])


def _count_from_end(state: State, bases: Ints, keys: Ints, sources: Ints) -> Ints:
    """Add positions from the end, where they are used, to items of lists and tuples that the source spells.

    Returns the containers whose positions are all known.
    """
    heap = state.heap
    made = state.allocated[bases]
    position = state.keys.position[keys]
    placed = np.isin(heap.shape(made), (Shape.LIST, Shape.TUPLE)) & heap.is_of(made, Kind.CONTAINER)
    placed &= (position >= 0) & (position < len(state.keys.at))
    made, position, sources = where(placed, made, position, sources)
    containers, which, counts = np.unique(made, return_inverse=True, return_counts=True)
    last = np.zeros(len(containers), np.int64)
    np.maximum.at(last, which, position)
    complete = last + 1 == counts
    made, backward, sources = where(complete[which], made, counts[which] - position, sources)
    key = state.keys.find(pc.binary_join_element_wise("[-", pa.array(backward).cast(pa.string()), ""))
    made, key, sources = where(key > 0, made, key, sources)
    state.copy(heap.field(made, key), sources)
    displays: Ints = containers[complete]
    return displays


def _call(state: State) -> None:
    facts, arguments = state.facts, state.arguments
    sites = np.arange(1, len(facts.sites.callee))
    _record(state, Family.CALL, facts.sites.callee[1:], sites, facts.sites.result[1:])
    table = facts.tables["flow_args"]
    site, place, keyword = (
        facts.sites.ids.find(table["site_id"]),
        facts.place["flow_args", "place"],
        state.keys.find(table["keyword"]),
    )
    position, star = facts.number("flow_args", "pos"), facts.number("flow_args", "star")
    has_place = place > 0
    arguments.positional.append(*where(has_place & (star == 0) & (keyword == 0), site, position, place))
    arguments.keyword.append(*where(has_place & (keyword > 0), site, keyword, place))
    arguments.star.append(*where(has_place & (star == 1), site, position, place))
    arguments.double_star.append(*where(has_place & (star == _DOUBLE), site, place))


def _parameters(state: State) -> ParameterPlaces:
    facts = state.facts
    table, place = facts.tables["cst_params"], facts.place["cst_params", "place"]
    definition = facts.definitions.ids.find(table["def_id"])
    positional, named = where_equal(table, "kind", "posonly", "pos"), where_equal(table, "kind", "pos", "kwonly")
    by_position, by_name = PairNumbers(), PairNumbers()
    for found, chosen, second in (
        (by_position, positional, facts.number("cst_params", "pos")),
        (by_name, named, _keywords(facts, definition)),
    ):
        codes, first = np.unique(pack(definition[chosen], second[chosen]), return_index=True)
        found.put(codes, place[chosen][first])
    rest, extra = np.zeros((2, len(facts.definitions.container)), np.int64)
    for column, kind in ((rest, "vararg"), (extra, "kwarg")):
        chosen = where_equal(table, "kind", kind)
        column[definition[chosen]] = state.allocated[place[chosen]]
    rest_from = np.bincount(definition[positional], minlength=len(rest))
    return ParameterPlaces(by_position, by_name, rest, rest_from, extra)


def _keywords(facts: Facts, functions: Ints) -> Ints:
    """The keys of parameters as keywords: private names are mangled by the class around the function."""
    names, defs = facts.tables["cst_params"]["name"].combine_chunks(), facts.definitions
    found = facts.keys.find(names)
    private = np.flatnonzero(flags(pc.match_substring_regex(names, r"^__.*([^_]_|[^_])$")))
    owners = facts.keys.all.of(defs.name[defs.around(functions[private], defs.is_class)])
    owners = pc.utf8_ltrim(owners, "_")
    mangled = pc.binary_join_element_wise("_", owners, names.take(pa.array(private)), "")
    found[private] = np.where(flags(pc.not_equal(owners, "")), facts.keys.find(mangled), found[private])
    return found


def _assigned(state: State) -> Ints:
    """The packed (class, key) of the attributes that methods set on their first parameter, sorted."""
    facts, defs = state.facts, state.facts.definitions
    functions = np.flatnonzero(defs.is_function & defs.is_class[defs.container] & ~defs.static)
    class_of = facts.by_place(state.parameters.at(functions, 0), state.definition(defs.container[functions]))
    stores = facts.tables["flow_stores"]
    classes = class_of[facts.place["flow_stores", "base"]]
    chosen = where_equal(stores, "access", "attr") & (classes > 0)
    return np.unique(pack(classes[chosen], state.keys.find(stores["key"].filter(pa.array(chosen)))))


def _stored(facts: Facts) -> Ints:
    """The keys of all attributes that the repo sets, and of keywords, which library functions may set; sorted."""
    stores, args = facts.tables["flow_stores"], facts.tables["flow_args"]
    names = stores["key"].filter(pc.equal(stores["access"], "attr"))
    found = distinct(np.concatenate([facts.keys.find(names), facts.keys.find(args["keyword"])]))
    return found[found > 0]
