"""Modules by the names that mean them."""

from dataclasses import dataclass

import pyarrow as pa

from flight_server.points_to.integer_columns import Ints, ranges, spread
from flight_server.points_to.interned_strings import Interned, Strings


@dataclass(frozen=True)
class ModuleIndex:
    """The modules that names mean: those of name n are ``objects[low[n]:high[n]]``.

    ``spelled`` are the keys of texts that name modules, sorted, and the modules; ``named`` the same for their names.
    ``folders`` are the dotted paths of folders, by the number of their object.
    """

    names: Interned
    low: Ints
    high: Ints
    objects: Ints
    folders: pa.Array
    spelled: tuple[Ints, Ints]
    named: tuple[Ints, Ints]

    def meant(self, dotted: Strings) -> tuple[Ints, Ints]:
        """For each name its modules: the position in ``dotted``, and the module."""
        return self.of(self.names.find(dotted))

    def of(self, names: Ints) -> tuple[Ints, Ints]:
        """For each number of a name its modules: the position in ``names``, and the module."""
        which, position = spread(self.low[names], self.high[names])
        return which, self.objects[position]

    def spelled_by(self, keys: Ints) -> tuple[Ints, Ints]:
        """For each key of a text the modules that it names: the position in ``keys``, and the module."""
        which, position = ranges(self.spelled[0], keys)
        return which, self.spelled[1][position]

    def between(self, first: Ints, behind: Ints) -> tuple[Ints, Ints]:
        """For each range of keys the modules with such names: the position in the ranges, and the module."""
        keys, modules = self.named
        which, position = spread(keys.searchsorted(first), keys.searchsorted(behind))
        return which, modules[position]
