"""The calls that create a class.

They are ``__prepare__``, ``__new__`` and ``__init__`` of its metaclass, ``__init_subclass__`` of its bases, and
``__set_name__`` of the objects in its body.
"""

import numpy as np

from flight_server.points_to.attributes import inherited_from_repo
from flight_server.points_to.fact_families import Family
from flight_server.points_to.field_keys import CREATED, INITIALISED, PREPARED, SUBCLASSED
from flight_server.points_to.integer_columns import Ints, where
from flight_server.points_to.state import CREATION, State


def create_classes(state: State) -> None:
    """Add the calls that create the repo's classes."""
    facts, heap, keys = state.facts, state.heap, state.keys
    definitions = np.flatnonzero(facts.definitions.is_class)
    classes = state.definition(definitions)
    sites = state.access_sites(definitions, CREATION)
    metaclasses = state.classes.metaclass_of(classes)
    types, made, at = where(metaclasses > 0, metaclasses, classes, sites)
    fields = heap.field(made, keys[PREPARED])
    inherited_from_repo(state, types, keys["__prepare__"], fields, types, binds=False)
    state.add(Family.CALL, fields, at, np.zeros_like(at))
    for name, held, firsts in (("__new__", CREATED, types), ("__init__", INITIALISED, made)):
        fields = heap.field(made, keys[held])
        inherited_from_repo(state, types, keys[name], fields, firsts, binds=False)
        state.add(Family.NEW, fields, firsts, at, np.zeros_like(at))
    fields = heap.field(classes, keys[SUBCLASSED])
    inherited_from_repo(state, classes, keys["__init_subclass__"], fields, classes, binds=False, after=classes)
    state.add(Family.CALL, fields, sites, np.zeros_like(sites))
    site_of: Ints = np.zeros(len(facts.definitions.is_class), np.int64)
    site_of[definitions] = sites
    held_by = site_of[facts.scope_of_variable]
    state.add(Family.NAMED, *where(held_by > 0, facts.variables, held_by))


def pass_keywords(state: State) -> None:
    """Pass the keywords of class statements as arguments to the calls that create the classes."""
    facts = state.facts
    table = facts.tables["cst_bases"]
    names = state.keys.find(table["keyword"])
    is_argument = (names > 0) & (names != state.keys["metaclass"])
    definitions, names, places = where(
        is_argument, facts.definitions.ids.find(table["def_id"]), names, facts.place["cst_bases", "place"]
    )
    state.arguments.keyword.append(state.access_sites(definitions, CREATION), names, places)
