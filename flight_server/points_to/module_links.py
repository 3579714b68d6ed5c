"""Names across files: imported modules, the names of star imports, and builtins.

``ModuleIndex`` says which modules a name means in a file. A folder without ``__init__`` is a module without code. If a
name has several meanings, all count.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_client.contracts.builtin_names import BUILTIN_NAMES
from flight_server.points_to.facts import where_equal
from flight_server.points_to.heap import Kind
from flight_server.points_to.integer_columns import (
    HALF,
    LOWER,
    Ints,
    Mask,
    constant,
    distinct,
    is_in,
    pack,
    ranges,
    where,
)
from flight_server.points_to.interned_strings import Strings, flags, positions
from flight_server.points_to.library import external_of
from flight_server.points_to.module_index import ModuleIndex
from flight_server.points_to.module_search import ModuleSearch
from flight_server.points_to.sorted_runs import PairSet
from flight_server.points_to.state import State


@dataclass(frozen=True)
class Links:
    """The names that files share.

    ``bound`` has the packed (module or class, key) of names that are bound. ``externals`` and ``variables`` are each a
    column of variables, and one of their meanings: externals, or variables of other files.
    """

    bound: PairSet
    externals: tuple[Ints, Ints]
    variables: tuple[Ints, Ints]


def link(state: State) -> Links:
    """Add the meanings of names that other files define."""
    facts, defs = state.facts, state.facts.definitions
    state.modules = modules = _modules(state)
    bound = PairSet()
    scopes = facts.scope_of_variable
    held = (defs.is_class[scopes] | defs.is_module[scopes]) & facts.bound[facts.variables]
    bound.add(pack(state.definition(scopes[held]), facts.name_of_variable[held]))
    _hold_submodules(state, modules, bound)
    outside, variables = _star_imports(state, modules, bound)
    _import_modules(state, modules)
    _import_names(state, modules, bound)
    return Links(bound, _unbound(state, bound, outside), variables)


def _modules(state: State) -> ModuleIndex:
    facts = state.facts
    files, definitions = facts.tables["repo_files"], facts.tables["cst_defs"]
    of_file = definitions.filter(pc.equal(definitions["kind"], "module"))
    row = positions(pc.index_in(of_file["file_id"], value_set=files["file_id"]))
    objects = np.zeros(files.num_rows + 1, np.int64)
    objects[row] = state.definition(facts.definitions.ids.find(of_file["def_id"]))
    search = ModuleSearch.of(files)
    packages = np.arange(1, len(search.packages) + 1)
    pseudo = state.heap.object(Kind.MODULE, np.zeros_like(packages), packages)
    return ModuleIndex.of(facts, search, np.concatenate([objects[search.modules], pseudo]))


def _hold_submodules(state: State, modules: ModuleIndex, bound: PairSet) -> None:
    """A module is an attribute of its package unless the package binds the name."""
    search, objects = modules.search, modules.objects
    held = (search.holder >= 0) & ~modules.is_shadowed
    parents, keys, objects = where(held, objects[search.holder], state.keys.find(search.step), objects)
    free = (parents > 0) & ~bound.contains(pack(parents, keys))
    parents, keys, objects = where(free, parents, keys, objects)
    state.put(state.heap.field(parents, keys), objects)


def _star_imports(state: State, modules: ModuleIndex, bound: PairSet) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
    """Copy the exported names of modules to modules that star-import them, unless these bind the names themselves.

    Returns the importers of external modules with these, and the variables that mean a variable of another module.
    """
    facts, heap = state.facts, state.heap
    rows, importing, dotted = _imports(state, "import_star")
    importer = state.definition(facts.by_place(facts.variables, facts.scope_of_variable)[importing])
    which, exporter = modules.meant(facts.places.files[importing], dotted)
    target = importer[which]
    listed, lists, unknown = _exports(state)
    of_itself = bound.all()
    while True:
        star, keys = bound.under(exporter)
        codes = pack(exporter[star], keys)
        passed_on = np.isin(exporter[star], unknown) & ~is_in(codes, of_itself)
        is_open = ~np.isin(exporter[star], lists) & (~state.keys.is_private[keys] | passed_on)
        chosen = (target[star] > 0) & (is_open | is_in(codes, listed)) & ~is_in(pack(target[star], keys), of_itself)
        star, keys = where(chosen, star, keys)
        places, exported = heap.field(target[star], keys), heap.field(exporter[star], keys)
        state.copy(places, exported)
        if not len(bound.add(pack(target[star], keys))):
            break
    places, exported = _origins(places, exported, is_in(pack(exporter[star], keys), of_itself))
    used = (places <= facts.last_place) & (exported <= facts.last_place)
    outside = np.setdiff1d(np.arange(len(rows)), which)
    externals = external_of(state.keys, heap, dotted.take(pa.array(outside)))
    return _passed_on(importer[outside], externals, target, exporter), (places[used], exported[used])


def _origins(places: Ints, exported: Ints, is_own: Mask) -> tuple[Ints, Ints]:
    """Each variable with the variables that bind its name, through star imports of star imports.

    ``exported`` are the variables of the modules that are star-imported; ``is_own``: that module binds the name itself.
    """
    order = np.argsort(places, kind="stable")
    codes = pack(places, exported)
    found, pending = [codes[is_own]], distinct(codes[~is_own])
    seen = pending
    while len(pending):
        which, position = ranges(places[order], pending & LOWER)
        at = order[position]
        further = pack(pending[which] >> HALF, exported[at])
        found.append(further[is_own[at]])
        pending = np.setdiff1d(further[~is_own[at]], seen)
        seen = np.union1d(seen, pending)
    bound = distinct(np.concatenate(found))
    return bound >> HALF, bound & LOWER


def _passed_on(importers: Ints, externals: Ints, targets: Ints, exporters: Ints) -> tuple[Ints, Ints]:
    """Modules with the externals that they star-import, also through the modules that they star-import."""
    found = distinct(pack(importers, externals))
    while True:
        which, position = ranges(found >> HALF, exporters)
        more = np.union1d(found, pack(targets[which], found[position] & LOWER))
        if len(more) == len(found):
            return found >> HALF, found & LOWER
        found = more


def _imports(state: State, kind: str) -> tuple[Ints, Ints, pa.Array]:
    """The rows of imports of a kind, their places, and the modules that they name."""
    allocs = state.facts.tables["flow_allocs"]
    rows = np.flatnonzero(where_equal(allocs, "object_kind", kind))
    modules = allocs["object_id"].take(pa.array(rows)).combine_chunks()
    return rows, state.facts.place["flow_allocs", "place"][rows], modules


def _exports(state: State) -> tuple[Ints, Ints, Ints]:
    """The packed (module, key) that ``__all__`` lists, sorted, and the modules whose ``__all__`` is known, or in part.

    A list that the source does not spell out, as ``__all__ += other.__all__``, may have names of modules that are
    star-imported, private ones too.
    """
    facts = state.facts
    exports, table = facts.tables["cst_exports"], facts.tables["cst_defs"]
    of_file = table.filter(pc.equal(table["kind"], "module"))
    at = positions(pc.index_in(exports["file_id"], value_set=of_file["file_id"]))
    modules = np.append(state.definition(facts.definitions.ids.find(of_file["def_id"])), 0)  # index -1 means none
    objects = modules[at]
    listed = pack(objects, state.keys.find(exports["name"]))
    unknown = where_equal(exports, "op", "unknown")
    in_part = np.unique(objects[unknown])
    return np.unique(listed[~unknown]), np.setdiff1d(objects[~unknown], in_part), in_part


def _import_modules(state: State, modules: ModuleIndex) -> None:
    rows, places, dotted = _imports(state, "import")
    which, objects = modules.meant(state.facts.places.files[places], dotted)
    state.put(places[which], objects)
    outside = np.setdiff1d(np.arange(len(rows)), which)
    state.put(places[outside], external_of(state.keys, state.heap, dotted.take(pa.array(outside))))


def _import_names(state: State, modules: ModuleIndex, bound: PairSet) -> None:
    """``from m import n`` means the binding of n in m, else the submodule m.n, else the external m.n."""
    rows, places, module = _imports(state, "import_from")
    name = state.facts.tables["flow_allocs"]["const_repr"].take(pa.array(rows)).combine_chunks()
    keys = state.keys.find(name)
    files = state.facts.places.files[places]
    which, holders = modules.meant(files, module)
    fields = state.heap.field(holders, keys[which])
    has = bound.contains(pack(holders, keys[which])) & (fields != places[which])
    state.copy(places[which[has]], fields[has])
    dotted: Strings = pc.binary_join_element_wise(module, name, ".")
    submodule, objects = modules.meant(files, dotted)
    free = ~np.isin(submodule, which[has])
    state.put(places[submodule[free]], objects[free])
    outside = np.setdiff1d(np.arange(len(rows)), np.concatenate([which[has], submodule]))
    relative = flags(pc.starts_with(module, ".").fill_null(fill_value=True))
    outside = outside[~relative[outside]]
    state.put(places[outside], external_of(state.keys, state.heap, dotted.take(pa.array(outside))))


def _unbound(state: State, bound: PairSet, outside: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    """The meanings of unbound names: builtins, or names that a star import of an external module may define."""
    facts, heap = state.facts, state.heap
    scopes = facts.scope_of_variable
    in_module = facts.definitions.is_module[scopes]
    scopes, keys, places = where(in_module, scopes, facts.name_of_variable, facts.variables)
    objects = state.definition(scopes)
    objects, keys, places = where(~bound.contains(pack(objects, keys)), objects, keys, places)
    names = state.keys.find(pa.array(sorted(BUILTIN_NAMES)))
    builtin: Mask = is_in(keys, np.sort(names[names > 0]))
    builtins = heap.external(constant(state.library.builtins, keys[builtin]), keys[builtin])
    state.put(places[builtin], builtins)
    importers, externals = outside
    order = np.argsort(objects, kind="stable")
    star, position = ranges(objects[order], importers)
    at = order[position]
    star, at = where(~builtin[at] & (keys[at] != state.keys["*"]), star, at)
    starred = heap.external(externals[star], keys[at])
    state.put(places[at], starred)
    return np.concatenate([places[builtin], places[at]]), np.concatenate([builtins, starred])
