"""Annotations: the places that they type, and the objects that they mean if nothing else is known."""

import numpy as np

from flight_server.points_to.fact_families import Family
from flight_server.points_to.field_keys import EVERY
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.integer_columns import Ints, Mask, pack, ranges, where
from flight_server.points_to.object_pairs import make_instances
from flight_server.points_to.state import State

DEEPEST_ANNOTATION = 3  # containers in containers


def typed_places(state: State) -> Mask:
    """The places whose annotations mean only classes of the repo, so that they never hold externals.

    Protocols don't count, since external objects may satisfy them.
    """
    heap, facts = state.heap, state.facts
    annotated, annotation = (facts.place["flow_annotations", column] for column in ("place", "annotation_place"))
    which, objects = state.points.under(annotation)
    number, _, member = state.classes.order(np.where(heap.is_of(objects, Kind.CLASS), objects, 0))
    own = np.zeros(len(objects), bool)
    own[number] = True
    own[number[np.isin(member, state.library.protocol_types)]] = False
    meant = np.isin(np.arange(len(annotation)), which)
    typed = np.zeros(heap.next_place, bool)
    typed[annotated[meant]] = True
    typed[annotated[~meant]] = typed[annotated[which[~own]]] = False
    typed[state.returned.others[typed[facts.definitions.returns]]] = True
    typed[0] = False
    return typed


def annotate(state: State) -> None:
    """Put the objects of annotations at places without other objects, or with externals and ``None`` alone.

    A class means its instances, a tuple those of its classes, a built-in type a value of it, any other external itself;
    the vocabulary of annotations (``Callable``) is left out. A caught exception may be an instance of any subclass that
    has instances.
    """
    heap = state.heap
    annotations, annotated = state.families.rows[Family.ANNOTATION].all()
    annotations, annotated = where(~_has_other_items(state, annotated), annotations, annotated)
    items, of_tuple = _of_tuples(state, annotations, annotated)
    annotations, annotated = np.concatenate([annotations, items]), np.concatenate([annotated, of_tuple])
    which, objects = state.points.under(annotated)
    vague = heap.is_of(objects, Kind.EXTERNAL)
    vague |= heap.is_of(objects, Kind.CONSTANT) & (heap.first[objects] == Shape.NONE)
    is_open = np.ones(len(annotated), bool)
    is_open[which[~vague]] = False
    annotations, annotated = where(is_open, annotations, annotated)
    which, objects = _with_subclasses(state, *state.points.under(annotations))
    externals = heap.is_of(objects, Kind.EXTERNAL) & ~np.isin(heap.root[objects], state.library.annotation_roots)
    values = _values(state, objects[externals])
    others_at = state.returned.others_at
    for targets in (annotated, others_at[np.where(annotated < len(others_at), annotated, 0)]):
        make_instances(state, objects, targets[which])
        state.put(targets[which[externals]], values)


def _has_other_items(state: State, places: Ints) -> Mask:
    """Which places are items of an annotation's container, if another container is known at the same place."""
    has_others = np.zeros(len(places), bool)
    heap = state.heap
    at, contexts = heap.source[places], heap.context[places]
    for _ in range(DEEPEST_ANNOTATION):
        at = state.annotated_items[at]
        which, objects = state.points.under(state.placed(at, contexts))
        own = state.made_in(state.allocated[at], state.contexts.enclosing(state.bodies.owner[at], contexts))
        others = heap.is_of(objects, Kind.CONTAINER, Kind.GENERATOR) & (objects != own[which])
        has_others[which[others]] = True
    return has_others


def _of_tuples(state: State, annotations: Ints, annotated: Ints) -> tuple[Ints, ...]:
    """The items of tuples at the places of annotations (``except ERRORS``), with the places that they annotate."""
    which, objects = state.points.under(annotations)
    which, tuples = where(state.heap.is_of(objects, Kind.CONTAINER), which, objects)
    items = state.heap.fields.find(pack(tuples, state.keys[EVERY]))
    return where(items > 0, items, annotated[which])


def _with_subclasses(state: State, which: Ints, objects: Ints) -> tuple[Ints, Ints]:
    """The objects, and for exception classes their subclasses with instances.

    If such a class has no instances, its subclasses replace it.
    """
    heap = state.heap
    classes = np.flatnonzero(state.classes.high > state.classes.low)
    number, rank, member = state.classes.order(classes)
    raised = np.zeros(len(classes), bool)
    raised[number[heap.is_of(member, Kind.EXTERNAL) & state.library.is_builtin(member, heap)]] = True
    is_below = raised[number] & (rank > 0) & (heap.existing(Kind.INSTANCE, classes)[number] > 0)
    below, above = classes[number[is_below]], member[is_below]
    order = np.argsort(above, kind="stable")
    at, position = ranges(above[order], objects)
    at, position = where(heap.is_of(objects[at], Kind.CLASS), at, position)
    stays = np.ones(len(objects), bool)
    stays[at[heap.existing(Kind.INSTANCE, objects[at]) == 0]] = False
    return np.concatenate([which[stays], which[at]]), np.concatenate([objects[stays], below[order[position]]])


def _values(state: State, externals: Ints) -> Ints:
    """A value of an external type: a constant for builtin types with values, nothing for other builtins."""
    shapes = state.library.shape_of_type(externals)
    values = np.where(state.library.is_builtin(externals, state.heap), 0, externals)
    values[shapes > 0] = state.heap.object(Kind.CONSTANT, shapes[shapes > 0])
    return values
