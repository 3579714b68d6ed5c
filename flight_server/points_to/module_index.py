"""The objects of the repo's modules, by the names that they have in files."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.facts import Facts
from flight_server.points_to.integer_columns import Ints, Mask, spread, where
from flight_server.points_to.interned_strings import Strings, positions
from flight_server.points_to.module_search import ModuleSearch


@dataclass(frozen=True)
class ModuleIndex:
    """The modules by the numbers of ``search``: ``objects`` has the object of each, 0 for a file without a syntax tree.

    ``row`` is the row of each file in ``repo_files``, by the file's number. ``named`` has the sorted keys of the dotted
    names of modules, and their objects.
    """

    search: ModuleSearch
    objects: Ints
    row: Ints
    named: tuple[Ints, Ints]

    @classmethod
    def of(cls, facts: Facts, search: ModuleSearch, objects: Ints) -> "ModuleIndex":
        """The index of a repo's modules."""
        files = facts.tables["repo_files"]
        row = positions(pc.index_in(facts.files.ids.values, value_set=files["file_id"].combine_chunks()))
        names = files["module"].take(pa.array(search.modules))
        keys = facts.keys.find(names)
        keys, found = where(keys > 0, keys, objects[: len(keys)])
        order = np.argsort(keys, kind="stable")
        return cls(search, objects, np.concatenate([[-1], row]), (keys[order], found[order]))

    @property
    def is_shadowed(self) -> Mask:
        """Which modules are stubs beside a module that has source."""
        search = self.search
        places = search.things[search.kind == 0]
        mask: Mask = (search.kind == 1) & np.isin(search.things, places)
        return mask

    def meant(self, files: Ints, dotted: Strings) -> tuple[Ints, Ints]:
        """The modules that names mean in files, as rows: the position in ``dotted``, and the module."""
        which, found = self.search.find(self.row[files], dotted)
        has_object = self.objects[found] > 0
        return which[has_object], self.objects[found[has_object]]

    def between(self, first: Ints, behind: Ints) -> tuple[Ints, Ints]:
        """The modules with names in each range of keys, as rows: the position in ``first``, and the module."""
        keys, modules = self.named
        which, position = spread(keys.searchsorted(first), keys.searchsorted(behind))
        return which, modules[position]
