"""An id for each object, derived from its definition, name or constant, or from the place where it is created.

No id contains a number that the solver assigns, so a new file does not change the rows of others. Objects that differ
only by their contexts have the same id. The id of an object
that is composed of others contains their ids: ``method:<function>@<instance>``.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.heap import SHAPES, Kind, Shape
from flight_server.points_to.integer_columns import Ints, Mask
from flight_server.points_to.interned_strings import put_strings
from flight_server.points_to.state import CREATION, State

OBJECT_KINDS = {kind: kind.name.lower() for kind in Kind}
_PREFIXES = pa.array([f"{name}:" for name in OBJECT_KINDS.values()])
_PREFIX_AT = np.zeros(max(Kind) + 1, np.int64)
_PREFIX_AT[list(OBJECT_KINDS)] = np.arange(len(OBJECT_KINDS))
_SHAPE_NAMES = pa.array([None, *(shape.name.lower() for shape in Shape)])
_join = pc.binary_join_element_wise
_OF_TWO = (Kind.METHOD, Kind.SUPER, Kind.ACCESS)
_PARTIALS = (Kind.PARTIAL, Kind.PARTIAL_METHOD)
ACCESSES = ("get:", "set:", "class:")


def object_ids(state: State, external: pa.Array) -> pa.Array:
    """The ids of all objects by number; ``external`` has the dotted names of externals."""
    heap, facts = state.heap, state.facts
    kind, first, second = (column.values[: heap.next_object] for column in (heap.kind, heap.first, heap.second))
    names = facts.keys.all
    ids = _join("ext:", pc.replace_substring(external, ".()", "()"), "")
    at = np.flatnonzero((kind == Kind.FUNCTION) | (kind == Kind.CLASS))
    ids = put_strings(ids, at, facts.definitions.ids.of(first[at]))
    at = np.flatnonzero(kind == Kind.MODULE)
    folders = state.modules.search.packages.take(pa.array(second[at] - 1, mask=second[at] == 0))
    files = facts.files.ids.of(facts.definitions.ids.files[first[at]])
    ids = put_strings(ids, at, pc.coalesce(files, _join("folder:", folders, "")))
    at = np.flatnonzero(kind == Kind.CONSTANT)
    plain = _join("const:", _SHAPE_NAMES.take(pa.array(first[at])), "")
    spelled = _join(plain, pc.utf8_slice_codeunits(names.of(second[at]), 1), ":")
    ids = put_strings(ids, at, pc.coalesce(spelled, plain))
    at = np.flatnonzero(kind == Kind.PREFIX)
    ids = put_strings(ids, at, _join("prefix:", names.of(first[at]), ""))
    at = np.flatnonzero(kind == Kind.INSTANCE)
    ids = put_strings(ids, at, _join("instance:", ids.take(pa.array(first[at])), ""))
    made = _Made(state, ids)
    at = np.flatnonzero(kind == Kind.CONTAINER)
    names = made.containers(at)
    outside = np.flatnonzero(~made.is_inside(at))
    names = put_strings(names, outside, _distinguished(names.take(pa.array(outside))))
    return _derived(state, put_strings(ids, at, names), made)


def _derived(state: State, ids: pa.Array, made: "_Made") -> pa.Array:
    """The ids, completed by those of objects that are composed of others (methods, wrappers): inner objects first."""
    heap = state.heap
    kind, first, second = (column.values[: heap.next_object] for column in (heap.kind, heap.first, heap.second))
    pending = np.flatnonzero(ids.is_null().to_numpy(zero_copy_only=False) & (kind != Kind.SITE) & (kind > 0))
    while len(pending):
        has_id = ids.is_valid().to_numpy(zero_copy_only=False)
        of_two = np.isin(kind[pending], _OF_TWO)
        ready = has_id[first[pending]] & (has_id[np.where(of_two, second[pending], 0)] | ~of_two)
        at, pending = pending[ready], pending[~ready]
        if not len(at):
            break
        kinds = kind[at]
        others = ids.take(pa.array(second[at], mask=~np.isin(kinds, _OF_TWO)))
        rows = np.flatnonzero(np.isin(kinds, _PARTIALS))
        others = put_strings(others, rows, made.sites(second[at[rows]]))
        others = pc.coalesce(others, state.keys.all.of(np.where(kinds == Kind.PROPERTY_STEP, second[at], 0)))
        inner = _join(_PREFIXES.take(pa.array(_PREFIX_AT[kinds])), ids.take(pa.array(first[at])), "")
        ids = put_strings(ids, at, pc.coalesce(_join(inner, others, "@"), inner))
    return ids


class _Made:
    """Names of the places, sites and containers that rules create, from the names of the objects they belong to."""

    def __init__(self, state: State, ids: pa.Array) -> None:
        self.state, self.ids = state, ids

    def containers(self, objects: Ints) -> pa.Array:
        """A container of the source has an id; any other is named after the place that creates it, and its shape."""
        state, heap = self.state, self.state.heap
        numbers, shapes = heap.first[objects], _SHAPE_NAMES.take(pa.array(heap.shape(objects)))
        first_made = len(state.facts.containers.values) + 1
        made = numbers >= first_made
        ids = state.facts.containers.of(np.where(made, 0, numbers))
        names = self.places(numbers[made] - first_made)
        return put_strings(ids, np.flatnonzero(made), _join(_join("obj:", names, ""), shapes.filter(made), ":"))

    def is_inside(self, containers: Ints) -> Mask:
        """Which containers were created in a context; their ids are those of the containers outside it."""
        heap, first_made = self.state.heap, len(self.state.facts.containers.values) + 1
        numbers = heap.first[containers]
        place = np.where(numbers >= first_made, numbers - first_made, 0)
        mask: Mask = (heap.second[containers] >= SHAPES) | (heap.context[place] > 0)
        return mask

    def places(self, places: Ints) -> pa.Array:
        """A place of the source is named by its text, a field by its object and key, a view by its target."""
        facts, heap = self.state.facts, self.state.heap
        places = heap.spelled(places)
        made = np.flatnonzero(places > facts.last_place)
        names = facts.places.of(np.where(places > facts.last_place, 0, places))
        if not len(made):
            return names
        targets = heap.view_target[places[made]]
        holders, keys = heap.field_at(places[made])
        fields = _join(self._holders(holders), self.state.keys.all.of(keys), "/")
        return put_strings(names, made, pc.coalesce(fields, self.places(targets)))

    def sites(self, sites: Ints) -> pa.Array:
        """A site of the source is named by its text, that of an access by its place, any other by root and result."""
        state, facts = self.state, self.state.facts
        spelled, count = state.site_source[sites], len(facts.sites.caller)
        sites = np.where(spelled > 0, spelled, sites)
        made = np.flatnonzero(sites >= count)
        names = facts.sites.ids.of(np.where(sites >= count, 0, sites))
        if not len(made):
            return names
        kinds, places = state.access_of(sites[made])
        creates = kinds == CREATION
        held = self.places(np.where(creates, 0, places))
        held = pc.coalesce(held, facts.definitions.ids.of(np.where(creates, places, 0)))
        accesses = _join(pa.array(ACCESSES).take(pa.array(kinds)), held, "")
        results, callees = (column.values[sites[made]] for column in (state.site_result, state.site_callee))
        inside = np.flatnonzero(places == 0)
        at = sites[made[inside]]
        inner = self.places(np.where(results[inside] > 0, results[inside], callees[inside]))
        models = _join(pc.coalesce(self.sites(state.site_root[at]), ""), pc.coalesce(inner, ""), "/")
        return put_strings(names, made, put_strings(accesses, inside, models))

    def _holders(self, objects: Ints) -> pa.Array:
        """The names of objects that have fields: their ids, or the site for the object with a model's temporaries."""
        heap = self.state.heap
        first, second = heap.first[objects], heap.second[objects]
        names = self.ids.take(pa.array(objects))
        kinds = _PREFIXES.take(pa.array(_PREFIX_AT[heap.kind[objects]]))
        names = pc.if_else(pa.array(objects > 0), pc.coalesce(names, kinds), None)
        at = np.flatnonzero(heap.is_of(objects, Kind.CONTAINER))
        names = put_strings(names, at, self.containers(objects[at])) if len(at) else names
        at = np.flatnonzero(heap.is_of(objects, Kind.SITE))
        if not len(at):
            return names
        first, second = first[at], second[at]
        sites = self.sites(np.where(second > 0, second, first))
        places = self.places(np.where(second > 0, first, 0))
        return put_strings(names, at, pc.coalesce(_join(sites, places, "/"), sites))


def _distinguished(ids: pa.Array) -> pa.Array:
    """The ids, made distinct by a suffix: ``~2`` is the second object with that id."""
    codes = ids.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    order = np.argsort(codes, kind="stable")
    rank = np.empty(len(codes), np.int64)
    rank[order] = np.arange(len(codes)) - np.searchsorted(codes[order], codes[order])
    counted = _join(ids, pa.array(rank + 1).cast(pa.string()), "~")
    return pc.if_else(pa.array(rank > 0), counted, ids)
