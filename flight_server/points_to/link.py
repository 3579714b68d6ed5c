"""Names across files: which modules imports mean, what star imports bring, and what is left for builtins.

A module is known by its dotted name and, where no module has that name, by its path (folders without ``__init__``);
such folders are modules without code. Several modules of one name are all meant.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_client.contracts.builtin_names import BUILTIN_NAMES
from flight_server.points_to.columns import Codes, Ints, Mask, constant, ints, is_in, pack, spread
from flight_server.points_to.heap import Kind
from flight_server.points_to.interning import Strings, Texts, texts
from flight_server.points_to.library_names import external_of
from flight_server.points_to.source import rows_where
from flight_server.points_to.world import World


@dataclass(frozen=True)
class Modules:
    """The modules that names mean: those of name n are ``objects[low[n]:high[n]]``."""

    names: Texts
    low: Ints
    high: Ints
    objects: Ints

    def meant(self, dotted: Strings) -> tuple[Ints, Ints]:
        """For each name its modules: the position in ``dotted``, and the module."""
        numbers = self.names.find(dotted)
        which, position = spread(self.low[numbers], self.high[numbers])
        return which, self.objects[position]


def link(world: World) -> Codes:
    """Write down what names of other files mean; gives the packed (module or class, key) that are bound."""
    modules = _modules(world)
    world.module_names, world.module_keys = _spelled(world, modules)
    bound = Codes()
    source = world.source
    scopes = source.scope_of_variable
    held = (source.definitions.is_class[scopes] | source.definitions.is_module[scopes]) & source.bound[source.variables]
    bound.add(pack(world.definition(scopes[held]), source.name_of_variable[held]))
    _hold_submodules(world, modules, bound)
    outside = _star_imports(world, modules, bound)
    _import_modules(world, modules)
    _import_names(world, modules, bound)
    _unbound(world, bound, outside)
    return bound


def _modules(world: World) -> Modules:
    source = world.source
    files, table = source.tables["repo_files"], source.tables["cst_defs"]
    is_module = pc.equal(table["kind"], "module")
    of_file = table.filter(is_module)
    row = source_positions(files["file_id"], of_file["file_id"])
    objects = world.definition(source.definitions.ids.find(of_file["def_id"]))
    known = row >= 0
    objects, row = objects[known], pa.array(row[known])
    official = files["module"].take(row).combine_chunks()
    paths = pc.replace_substring_regex(files["path"].take(row).combine_chunks(), r"(/__init__)?\.py$", "")
    by_path = pc.replace_substring(paths, "/", ".")
    folders = _folders(by_path, official)
    world.folders = folders
    pseudo = world.heap.object(Kind.MODULE, np.zeros(len(folders), np.int64), np.arange(1, len(folders) + 1))
    alias = pc.invert(pc.is_in(by_path, value_set=pc.drop_null(official))).to_numpy(zero_copy_only=False)
    alias &= pc.not_equal(by_path, "").to_numpy(zero_copy_only=False)
    named = official.is_valid().to_numpy(zero_copy_only=False)
    every = pa.concat_arrays([official.filter(pa.array(named)), by_path.filter(pa.array(alias)), folders])
    meant = np.concatenate([objects[named], objects[alias], pseudo])
    names = texts([every])
    numbers = names.find(every)
    order = np.lexsort((meant, numbers))
    counts = np.bincount(numbers, minlength=len(names.values) + 1)
    high = np.cumsum(counts)
    return Modules(names, high - counts, high, meant[order])


def _spelled(world: World, modules: Modules) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
    """The keys of the texts that name modules, sorted, and the modules; the same for their names.

    A text that is no key is spelled nowhere.
    """
    numbers = np.repeat(np.arange(len(modules.low)), modules.high - modules.low)
    names = modules.names.of(numbers)
    found = []
    for texts_ in (pc.binary_join_element_wise("['", names, "'", ""), names):
        keys = world.keys.all.find(texts_)
        order = np.argsort(keys, kind="stable")
        order = order[keys[order] > 0]
        found.append((keys[order], modules.objects[order]))
    spelled, named = found
    return spelled, named


def source_positions(keys: Strings, sought: Strings) -> Ints:
    """The rows of ``keys`` at which ``sought`` stand, -1 for none."""
    found = pc.index_in(sought, value_set=keys)
    flat = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return ints(flat.fill_null(-1).to_numpy(zero_copy_only=False))


def _folders(by_path: pa.Array, official: pa.Array) -> pa.Array:
    """The dotted paths of folders that are no package: every proper prefix of a path that no module has."""
    found: list[pa.Array] = []
    level = pc.unique(by_path)
    while len(level):
        level = pc.unique(_parent(level)).drop_null()
        level = level.filter(pc.not_equal(level, ""))
        found.append(level)
    every = texts(found or [by_path[:0]]).values
    taken = pa.concat_arrays([by_path, pc.drop_null(official)])
    return every.filter(pc.invert(pc.is_in(every, value_set=taken)))


def _parent(dotted: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(dotted, r"(^|\.)[^.]*$", "")


def _last(dotted: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(dotted, r"^.*\.", "")


def _hold_submodules(world: World, modules: Modules, bound: Codes) -> None:
    """A module is an attribute of its package unless the package binds the name."""
    dotted = modules.names.values
    which, parents = modules.meant(_parent(dotted))
    keys = world.keys.all.find(_last(dotted))[which]
    free = ~bound.contains(pack(parents, keys))
    which, parents, keys = which[free], parents[free], keys[free]
    child, position = spread(modules.low[which + 1], modules.high[which + 1])
    world.put(world.heap.field(parents[child], keys[child]), modules.objects[position])


def _star_imports(world: World, modules: Modules, bound: Codes) -> tuple[Ints, Ints]:
    """Bring the exported names of modules to those that star-import them and do not bind them themselves.

    Gives the importers and names of external modules.
    """
    source = world.source
    allocs = source.tables["flow_allocs"]
    rows = np.flatnonzero(rows_where(allocs, "object_kind", "import_star"))
    scope = np.zeros(len(source.places.values) + 1, np.int64)
    scope[source.variables] = source.scope_of_variable
    importer = world.definition(scope[source.place["flow_allocs", "place"][rows]])
    dotted = allocs["object_id"].take(pa.array(rows)).combine_chunks()
    which, exporter = modules.meant(dotted)
    target = importer[which]
    listed, lists = _exports(world)
    of_itself = bound.all()
    while True:
        star, keys = bound.under(exporter)
        codes = pack(exporter[star], keys)
        open_ = ~np.isin(exporter[star], lists) & ~world.keys.private[keys]
        chosen = (target[star] > 0) & (open_ | is_in(codes, listed)) & ~is_in(pack(target[star], keys), of_itself)
        star, keys = star[chosen], keys[chosen]
        places, exported = world.heap.field(target[star], keys), world.heap.field(exporter[star], keys)
        world.copy(places, exported)
        if not len(bound.add(pack(target[star], keys))):
            break
    used = (places <= len(source.places.values)) & (exported <= len(source.places.values))
    world.meant_variables = (places[used], exported[used])
    outside = np.setdiff1d(np.arange(len(rows)), which)
    externals = external_of(world, dotted.take(pa.array(outside)))
    return importer[outside], externals


def _exports(world: World) -> tuple[Ints, Ints]:
    """The packed (module, key) that ``__all__`` lists, sorted, and the modules of which it lists everything."""
    source = world.source
    exports, table = source.tables["cst_exports"], source.tables["cst_defs"]
    of_file = table.filter(pc.equal(table["kind"], "module"))
    at = source_positions(of_file["file_id"], exports["file_id"])
    objects = (
        np.where(at >= 0, world.definition(source.definitions.ids.find(of_file["def_id"]))[at], 0)
        if len(of_file)
        else at
    )
    listed = pack(objects, source.keys.all.find(exports["name"]))
    unknown = rows_where(exports, "op", "unknown")
    return np.unique(listed[~unknown]), np.setdiff1d(objects[~unknown], objects[unknown])


def _import_modules(world: World, modules: Modules) -> None:
    allocs = world.source.tables["flow_allocs"]
    rows = np.flatnonzero(rows_where(allocs, "object_kind", "import"))
    places = world.source.place["flow_allocs", "place"][rows]
    dotted = allocs["object_id"].take(pa.array(rows)).combine_chunks()
    which, objects = modules.meant(dotted)
    world.put(places[which], objects)
    outside = np.setdiff1d(np.arange(len(rows)), which)
    world.put(places[outside], external_of(world, dotted.take(pa.array(outside))))


def _import_names(world: World, modules: Modules, bound: Codes) -> None:
    """``from m import n``: what m binds to n; else its submodule; else, and outside the repo, the external m.n."""
    allocs = world.source.tables["flow_allocs"]
    rows = np.flatnonzero(rows_where(allocs, "object_kind", "import_from"))
    places = world.source.place["flow_allocs", "place"][rows]
    taken = allocs.take(pa.array(rows))
    module, name = taken["object_id"].combine_chunks(), taken["const_repr"].combine_chunks()
    keys = world.keys.all.find(name)
    which, holders = modules.meant(module)
    fields = world.heap.field(holders, keys[which])
    has = bound.contains(pack(holders, keys[which])) & (fields != places[which])
    world.copy(places[which[has]], fields[has])
    submodule, objects = modules.meant(pc.binary_join_element_wise(module, name, "."))
    free = ~np.isin(submodule, which[has])
    world.put(places[submodule[free]], objects[free])
    outside = np.setdiff1d(np.arange(len(rows)), np.concatenate([which[has], submodule]))
    relative = pc.starts_with(module, ".").fill_null(fill_value=True).to_numpy(zero_copy_only=False)
    outside = outside[~relative[outside]]
    dotted = pc.binary_join_element_wise(module, name, ".").take(pa.array(outside))
    world.put(places[outside], external_of(world, dotted))


def _unbound(world: World, bound: Codes, outside: tuple[Ints, Ints]) -> None:
    """Names that nothing binds: builtins, or what a star import of an external module may have brought."""
    source = world.source
    scopes = source.scope_of_variable
    in_module = source.definitions.is_module[scopes]
    objects, keys, places = (
        world.definition(scopes[in_module]),
        source.name_of_variable[in_module],
        source.variables[in_module],
    )
    free = ~bound.contains(pack(objects, keys))
    objects, keys, places = objects[free], keys[free], places[free]
    names = world.keys.all.find(pa.array(sorted(BUILTIN_NAMES)))
    builtin: Mask = is_in(keys, np.sort(names[names > 0]))
    builtins = world.heap.external(constant(world.builtins, keys)[builtin], keys[builtin])
    world.put(places[builtin], builtins)
    importers, externals = outside
    order = np.argsort(objects, kind="stable")
    low, high = np.searchsorted(objects[order], importers), np.searchsorted(objects[order], importers, "right")
    star, position = spread(low, high)
    at = order[position]
    kept = ~builtin[at] & (keys[at] != world.keys["*"])
    starred = world.heap.external(externals[star[kept]], keys[at[kept]])
    world.put(places[at[kept]], starred)
    world.meant_externals = (np.concatenate([places[builtin], places[at[kept]]]), np.concatenate([builtins, starred]))
