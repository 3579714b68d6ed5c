"""Arguments of call sites, parameters of functions, what they give back: the tables that a call joins."""

from dataclasses import dataclass, field

import numpy as np

from flight_server.points_to.columns import NONE, Ints, Mask, Pairs, is_in, pack
from flight_server.points_to.relations import Rows


@dataclass
class Arguments:
    """The arguments of call sites; models of library functions add sites with arguments of their own.

    ``positional`` and ``star`` rows are (site, position, place), ``keyword`` (site, key, place), ``double_star`` (site,
    place).
    """

    positional: Rows = field(default_factory=lambda: Rows(3))
    keyword: Rows = field(default_factory=lambda: Rows(3))
    star: Rows = field(default_factory=lambda: Rows(3))
    double_star: Rows = field(default_factory=lambda: Rows(2))

    def at(self, sites: Ints, positions: Ints) -> Ints:
        """The places of positional arguments, 0 where a site has none there."""
        return _found(self.positional, sites, positions)

    def named(self, sites: Ints, keys: Ints) -> Ints:
        """The places of keyword arguments, 0 where a site has none of that name."""
        return _found(self.keyword, sites, keys)

    def join(self, made: Ints, first: Ints, then: Ints, *, taken: int) -> None:
        """Give new sites the arguments of ``first`` without so many, followed by those of ``then``."""
        counts = np.zeros(len(made), np.int64)
        which, rows = self.positional.under(first)
        np.add.at(counts, which, 1)
        later, more = self.positional.under(then)
        self.positional.append(np.stack([made[which], rows[:, 1] - taken, rows[:, 2]], axis=1)[rows[:, 1] >= taken])
        self.positional.append(np.stack([made[later], more[:, 1] + counts[later] - taken, more[:, 2]], axis=1))
        for family in (self.keyword, self.star, self.double_star):
            for sites in (first, then):
                which, rows = family.under(sites)
                family.append(np.concatenate([made[which][:, None], rows[:, 1:]], axis=1))


def _found(family: Rows, sites: Ints, sought: Ints) -> Ints:
    places = np.zeros(len(sites), np.int64)
    which, rows = family.under(sites)
    match = rows[:, 1] == sought[which]
    places[which[match]] = rows[match, 2]
    return places


@dataclass
class Parameters:
    """The parameters of functions, by definition.

    ``positional`` gives the place of (definition, position), ``named`` that of (definition, key). ``rest`` is the tuple
    of a ``*args`` and ``rest_from`` the position where it starts, ``extra`` the dictionary of a ``**kwargs``: objects,
    0 for none.
    """

    positional: Pairs = field(default_factory=Pairs)
    named: Pairs = field(default_factory=Pairs)
    rest: Ints = field(default_factory=lambda: np.zeros(1, np.int64))
    rest_from: Ints = field(default_factory=lambda: np.zeros(1, np.int64))
    extra: Ints = field(default_factory=lambda: np.zeros(1, np.int64))

    def at(self, definitions: Ints, positions: Ints) -> Ints:
        """The places of functions' parameters at positions, 0 where there is none."""
        return self.positional.find(pack(definitions, positions))


@dataclass
class Passed:
    """Parameters that functions give back as they are (``passing``).

    ``returns`` is, by definition, the place of all else that calls get from it. ``inner`` is the same place, by the
    place of a parameter that is given back, 0 for other places. ``rest``, sorted, has the packed (definition, position
    in its ``*args``) of arguments that are given back. ``origins`` are the packed (place in ``returns``, return value)
    where the two differ, sorted.
    """

    returns: Ints = field(default_factory=lambda: NONE)
    inner: Ints = field(default_factory=lambda: np.zeros(1, np.int64))
    rest: Ints = field(default_factory=lambda: NONE)
    origins: Ints = field(default_factory=lambda: NONE)

    def gives(self, parameters: Ints) -> Mask:
        """Which parameters, by place, are given back."""
        mask: Mask = self.inner[parameters] > 0
        return mask

    def gives_rest(self, definitions: Ints, positions: Ints) -> Mask:
        """Which positions in functions' ``*args`` are given back."""
        return is_in(pack(definitions, positions), self.rest)
