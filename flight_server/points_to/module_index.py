"""An index of modules by name; a name may mean several modules."""

from dataclasses import dataclass

import pyarrow as pa

from flight_server.points_to.integer_columns import Ints, ranges, spread
from flight_server.points_to.interned_strings import Interned, Strings


@dataclass(frozen=True)
class ModuleIndex:
    """The modules that names mean: name n means ``objects[low[n]:high[n]]``.

    ``spelled`` has the sorted item keys of texts that name modules, and the modules; ``named`` has the same for the
    keys of names. ``folders`` has the dotted paths of folders, by the number of the folder.
    """

    names: Interned
    low: Ints
    high: Ints
    objects: Ints
    folders: pa.Array
    spelled: tuple[Ints, Ints]
    named: tuple[Ints, Ints]

    def meant(self, dotted: Strings) -> tuple[Ints, Ints]:
        """The modules of each name, as rows: the position in ``dotted``, and the module."""
        return self.of(self.names.find(dotted))

    def of(self, names: Ints) -> tuple[Ints, Ints]:
        """The modules of each name's number, as rows: the position in ``names``, and the module."""
        which, position = spread(self.low[names], self.high[names])
        return which, self.objects[position]

    def spelled_by(self, keys: Ints) -> tuple[Ints, Ints]:
        """The modules that each text names, by the text's key, as rows: the position in ``keys``, and the module."""
        which, position = ranges(self.spelled[0], keys)
        return which, self.spelled[1][position]

    def between(self, first: Ints, behind: Ints) -> tuple[Ints, Ints]:
        """The modules with names in each range of keys, as rows: the position in ``first``, and the module."""
        keys, modules = self.named
        which, position = spread(keys.searchsorted(first), keys.searchsorted(behind))
        return which, modules[position]
