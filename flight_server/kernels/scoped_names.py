"""Lookup of many names at once, in one scope or also in the scopes around it."""

import numpy as np

from flight_server.kernels.arrays import Ints


class ScopedNames:
    """The bindings of names in scopes, all given as numbers; of several bindings in one scope the first counts."""

    def __init__(self, scope: Ints, name: Ints, binding: Ints) -> None:
        self._width = int(name.max(initial=0)) + 1
        keys = scope * self._width + name
        order = np.argsort(keys, kind="stable")
        self._keys, self._bindings = keys[order], binding[order]

    def find(self, scope: Ints, name: Ints) -> Ints:
        """The binding of each name in its scope; -1 if there is none, or if the scope is -1."""
        if not len(self._keys):
            return np.full(len(scope), -1)
        wanted = scope * self._width + name
        at = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        is_bound = (self._keys[at] == wanted) & (scope >= 0) & (name < self._width)
        return np.where(is_bound, self._bindings[at], -1)

    def find_outwards(self, parent: Ints, scope: Ints, name: Ints) -> Ints:
        """The binding in the scope or in the nearest enclosing scope that binds the name, or -1.

        ``parent`` has the enclosing scope of each scope, or -1. The number of rounds is the depth of the nesting.
        """
        found = np.full(len(scope), -1)
        waiting, around = np.arange(len(scope)), scope
        for _ in range(len(parent) + 1):
            found[waiting] = self.find(around, name[waiting])
            missed = (found[waiting] < 0) & (around >= 0)
            waiting, around = waiting[missed], parent[around[missed]]
        return found
