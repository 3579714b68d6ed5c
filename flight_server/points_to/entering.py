"""Calls enter the bodies of functions: which context a call gets, and the facts that a body has in a new context.

A function that makes closures gets a context for each call site, so does one that passes a function on to other calls,
and a decorator whose nested functions use its variables. A method of an instance that is told apart gets a context for
each instance. Every other call enters the body in the context in which its function was created.
"""

import numpy as np

from flight_server.points_to.bodies import PLACES, Basic
from flight_server.points_to.fact_families import Family
from flight_server.points_to.heap import Kind
from flight_server.points_to.integer_columns import HALF, LOWER, Ints, Mask, pack, where
from flight_server.points_to.state import State

MOST_CALLEES = 4  # at a site whose calls get contexts
_CALLABLE = (Kind.FUNCTION, Kind.CLASS, Kind.METHOD, Kind.PARTIAL, Kind.STATIC, Kind.CLASS_METHOD, Kind.PROPERTY)


def enter(state: State, sites: Ints, functions: Ints, selves: Ints) -> Ints:
    """The functions as called at sites: objects whose context is that of the body that the call enters."""
    heap, makers = state.heap, state.makers
    definitions, contexts = heap.first[functions], heap.second[functions].copy()
    decorates, given = state.decorates(sites), makers.passes[definitions]
    given[given] = gives_callable(state, sites[given])
    of_site = makers.closes[definitions] | given | (decorates & makers.captured[definitions])
    of_site[of_site] = _has_few_callees(state, sites[of_site])
    creators = np.where(heap.is_of(selves, Kind.INSTANCE), heap.second[selves], 0)
    opens = of_site | (creators > 0)
    if not (opens.any() or contexts.any()):
        return functions
    origins = np.where(of_site, 2 * sites, 2 * selves + 1)
    callers = state.site_context[np.where(of_site, sites, creators)]
    columns = (column[opens] for column in (functions, definitions, contexts, origins, callers))
    found = state.contexts.enter(*columns)
    contexts[opens] = np.where(found > 0, found, contexts[opens])
    inside = contexts > 0
    enter_bodies(state, definitions[inside], contexts[inside])
    return heap.object(Kind.FUNCTION, definitions, contexts)


def _has_few_callees(state: State, sites: Ints) -> Mask:
    which, _ = state.points.under(state.site_callee[sites])
    mask: Mask = np.bincount(which, minlength=len(sites)) <= MOST_CALLEES
    return mask


def gives_callable(state: State, sites: Ints) -> Mask:
    """Which sites pass a function or class as an argument."""
    gives = state.decorates(sites)
    for family in (state.arguments.positional, state.arguments.keyword):
        which, _, places = family.under(sites)
        at, objects = state.points.under(places)
        gives[which[at[state.heap.is_of(objects, *_CALLABLE)]]] = True
    return gives


def enter_bodies(state: State, definitions: Ints, contexts: Ints) -> None:
    """Add the facts of functions' own code in contexts that are entered for the first time."""
    new = state.bodies.entered.add(pack(definitions, contexts))
    if not len(new):
        return
    definitions, contexts = new >> HALF, new & LOWER
    for kind, rows in state.bodies.rows.items():
        which, *columns = rows.under(definitions)
        if not len(which):
            continue
        inside = contexts[which]
        held = columns[PLACES[kind][0]]
        for at in PLACES[kind]:
            columns[at] = state.placed(columns[at], inside)
        match kind:
            case Basic.COPY:
                state.copy(*columns)
            case Basic.OBJECT:
                state.put(columns[0], state.made_in(columns[1], state.contexts.enclosing(definitions[which], inside)))
            case Basic.IMPORT:
                state.copy(columns[0], held)
            case Family.PAIR:
                state.pair(*columns)
            case Family.CALL:
                sites = _copy_sites(state, columns[1], inside, columns[0], columns[2])
                state.add(kind, columns[0], sites, columns[2])
            case _:
                state.add(kind, *columns)
    _expose(state, definitions, contexts)


def _copy_sites(state: State, sites: Ints, contexts: Ints, callees: Ints, results: Ints) -> Ints:
    """The call sites of a body in contexts, with the arguments of the source's sites."""
    made = state.new_sites(sites, results, callees, beside=False)
    state.site_context[made], state.site_source[made] = contexts, sites
    arguments = state.arguments
    for family in (arguments.positional, arguments.keyword, arguments.star, arguments.double_star):
        which, *columns = family.under(sites)
        columns[-1] = state.placed(columns[-1], contexts[which])
        family.append(made[which], *columns)
    return made


def _expose(state: State, definitions: Ints, contexts: Ints) -> None:
    """A class has no contexts: it sees the variables of the function around it as they are in all contexts."""
    definitions, contexts = where(state.bodies.exposed[definitions], definitions, contexts)
    which, places = state.bodies.variables.under(definitions)
    state.copy(places, state.placed(places, contexts[which]))
