"""The modules that a dotted name means in a file, as Python's import system and its tools find them.

A name is looked up in folders: in the file's own source root, in the folders around the file down to the topmost
package that contains it, and in the source roots of other packages, the nearest first. A module of the own root comes
first, then regular modules, then namespace packages, whose portions count together; a ``.py`` file comes before its
stub. Modules of scripts are found by files beside and below them alone. The name of a standard module means a module of
the own root, or none of the repo. If the first step of a name means a regular module, the rest is looked up there.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_client.contracts.builtin_names import STANDARD_MODULES
from flight_client.contracts.kinds import SCRIPT
from flight_server.points_to.folder_tree import FolderTree
from flight_server.points_to.integer_columns import Ints, Mask, pack, spread
from flight_server.points_to.interned_strings import Strings, flags, positions

_REPO = "."  # paths are taken as ``./a/b.py``, so that the empty path is the folder around the repo
_STUBS = r"-stubs(\.|$)"  # a folder with stubs for the package whose name it begins with (PEP 561)
_STUB, _FOLDER = 1, 2
_OWN_FOLDER, _NEAREST, _ANY_FOLDER, _NONE = 10, 100, 1 << 20, 1 << 30  # ranks; the lowest of a name's modules counts


@dataclass(frozen=True)
class _Names:
    """The names of modules and namespace packages in the folders that they may be found from.

    The modules of the name with number n in ``texts`` stand in the rows from ``start[n]`` to ``start[n + 1]``, each
    with its folder.
    """

    texts: pa.Array
    start: Ints
    thing: Ints
    folder: Ints
    is_visible: Mask
    is_standard: Mask


@dataclass(frozen=True)
class ModuleSearch:
    """The modules and namespace packages of a repo, in one numbering.

    First come the modules, whose rows of the files are in ``modules``, then the namespace packages, whose folders are
    in ``packages``, as dotted paths. ``kind`` is 0 for a ``.py`` module, 1 for a stub, 2 for a namespace package.
    ``things`` are their paths in ``tree``. ``holder`` is the number of the package that each is in, or -1, and ``step``
    its name there.
    """

    modules: Ints
    packages: pa.Array
    things: Ints
    kind: Ints
    holder: Ints
    step: pa.Array
    tree: FolderTree
    names: _Names
    place: Ints
    root: Ints
    outermost: Ints

    @classmethod
    def of(cls, files: pa.Table) -> "ModuleSearch":
        """The modules of a repo's files, of which these columns count: path, module, source_root, root_reason."""
        path = pc.binary_join_element_wise(_REPO, files.column("path"), "/")
        place = pc.replace_substring_regex(path, r"/[^/]*$", "")
        root = pc.coalesce(_below_repo(files.column("source_root")), place)
        module = pc.replace_substring_regex(path, r"(/__init__)?\.pyi?$", "")
        tree = FolderTree.of([place, root, module])
        rows = np.flatnonzero(flags(pc.is_valid(files.column("module"))))
        things = tree.numbers_of(module)[rows]
        is_init = flags(pc.match_substring_regex(path, r"/__init__\.pyi?$"))[rows]
        is_regular = np.zeros(len(tree.depth), bool)
        is_regular[things[is_init]] = True
        around = np.unique(tree.around(things)[1])
        packages = around[(tree.depth[around] > 1) & ~is_regular[around]]
        every = np.concatenate([things, packages])
        stub = flags(pc.ends_with(path, ".pyi"))[rows].astype(np.int64)
        kind = np.concatenate([stub, np.full(len(packages), _FOLDER)])
        own = np.concatenate([tree.numbers_of(root), [-1]])
        places = np.concatenate([tree.numbers_of(place), [-1]])
        held_by = np.full(len(tree.depth), -1)
        for holding in (_STUB, 0, _FOLDER):
            chosen = np.flatnonzero((kind == holding) & np.append(is_init, np.ones(len(packages), bool)))
            held_by[every[chosen]] = chosen
        return cls(
            modules=rows,
            packages=pc.replace_substring(pc.utf8_slice_codeunits(tree.paths.take(pa.array(packages)), 2), "/", "."),
            things=every,
            kind=kind,
            holder=held_by[tree.parent(every)],
            step=_stubbed(pc.replace_substring_regex(tree.paths.take(pa.array(every)), ".*/", "")),
            tree=tree,
            names=_names(tree, every, own[rows], files.take(pa.array(rows))),
            place=places,
            root=own,
            outermost=_outermost(tree, places, is_regular),
        )

    def find(self, files: Ints, names: Strings) -> tuple[Ints, Ints]:
        """The modules that names mean in files, by row, -1 for an unknown file: the position in ``names``, and each.

        The pairs are sorted by position. Files of the same row share the work.
        """
        every = self.names.texts
        number = positions(pc.index_in(names, value_set=every))
        top = positions(pc.index_in(pc.replace_substring_regex(names, r"\..*", ""), value_set=every))
        known = np.flatnonzero(number >= 0)
        asked, which = np.unique(np.stack([files[known], number[known], top[known]]), axis=1, return_inverse=True)
        asker, row = self._find(*asked)
        order = np.argsort(asker, kind="stable")
        low, high = (np.searchsorted(asker[order], which.reshape(-1), side) for side in ("left", "right"))
        position, at = spread(low, high)
        found: Ints = np.unique(np.stack([known[position], self.names.thing[row[order[at]]]]), axis=1)
        return found[0], found[1]

    def _find(self, files: Ints, names: Ints, tops: Ints) -> tuple[Ints, Ints]:
        """The rows of ``names`` that count: position, and row. A name that is found in a package must lie there."""
        first, row = self._best(files, tops)
        is_regular = self.kind[self.names.thing[row]] < _FOLDER
        bound = np.zeros(len(files), bool)
        bound[first[is_regular]] = True
        asker, found = self._best(files, names, bound, np.unique(pack(first, self.names.folder[row])[is_regular]))
        return asker, found

    def _best(
        self, files: Ints, names: Ints, bound: Mask | None = None, allowed: Ints | None = None
    ) -> tuple[Ints, Ints]:
        """The rows of each name with the lowest rank; ``allowed`` has the folders for the askers that are ``bound``."""
        start, tree = self.names.start, self.tree
        known = names >= 0
        asker, row = spread(np.where(known, start[names], 0), np.where(known, start[names + 1], 0))
        if bound is not None and allowed is not None:
            inside = ~bound[asker] | np.isin(pack(asker, self.names.folder[row]), allowed)
            asker, row = asker[inside], row[inside]
        file, folder, visible = files[asker], self.names.folder[row], self.names.is_visible[row]
        kind, place = self.kind[self.names.thing[row]], self.place[files[asker]]
        own = folder == self.root[file]
        around = tree.contains(folder, place) & (tree.depth[folder] <= self.outermost[file]) & (file >= 0)
        usable = (own | visible | around) & (own | ~self.names.is_standard[row])
        distance = (tree.above.shape[1] - tree.shared(folder, place)) * 2 + ~visible
        rank = np.where(own, kind, _NEAREST + distance * 2 + kind)
        rank = np.where(kind == _FOLDER, np.where(own, _OWN_FOLDER, _ANY_FOLDER), rank)
        rank = np.where(usable, rank, _NONE)
        best = np.full(len(names), _NONE)
        np.minimum.at(best, asker, rank)
        best = best[asker]
        among = (kind == _FOLDER) & ((best == _OWN_FOLDER) | (best == _ANY_FOLDER))
        chosen = usable & ((rank == best) | among)
        return asker[chosen], row[chosen]


def _below_repo(folder: Strings) -> Strings:
    """Source roots as paths of the tree."""
    inside = pc.binary_join_element_wise(_REPO, folder, "/")
    return pc.if_else(pc.equal(folder, ".."), "", pc.if_else(pc.equal(folder, "."), _REPO, inside))


def _stubbed(names: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(names, _STUBS, r"\1")


def _outermost(tree: FolderTree, places: Ints, is_regular: Mask) -> Ints:
    """The depth of the folder around the topmost package that contains each place, or of the place itself."""
    above = tree.above[places]
    regular = is_regular[above] & (above >= 0)
    first: Ints = np.where(regular.any(axis=1), regular.argmax(axis=1) - 1, tree.depth[places])
    return first


def _names(tree: FolderTree, things: Ints, roots: Ints, modules: pa.Table) -> _Names:
    """The names of things in the folders around them; of modules also the own names in their source roots."""
    which, folder = tree.around(things)
    which, folder = which[folder > 0], folder[folder > 0]
    text = _stubbed(tree.below(things[which], folder))
    count, module = modules.num_rows, modules.column("module").combine_chunks()
    is_script = flags(pc.equal(modules.column("root_reason"), SCRIPT))
    inner, held = tree.around(things[:count])
    held_from = np.unique(pack(held, roots[inner])[~is_script[inner]])
    is_package = which >= count
    visible = np.isin(pack(things[which], folder), held_from) & is_package
    which, folder = np.concatenate([which, np.arange(count)]), np.concatenate([folder, roots])
    text = pa.concat_arrays([text, module])
    visible = np.concatenate([visible, ~is_script])
    named = np.flatnonzero(flags(pc.is_valid(text)))
    texts = pc.unique(text).drop_null()
    number = positions(pc.index_in(text, value_set=texts))[named]
    named = named[np.argsort(number, kind="stable")]
    start = np.append(0, np.cumsum(np.bincount(number, minlength=len(texts))))
    top = pc.is_in(pc.replace_substring_regex(text, r"\..*", ""), value_set=pa.array(sorted(STANDARD_MODULES)))
    return _Names(texts, start, which[named], folder[named], visible[named], flags(top)[named])
