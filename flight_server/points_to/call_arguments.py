"""The tables that calls are joined with: arguments of sites, parameters of functions, parameters that are returned."""

from dataclasses import dataclass, field

import numpy as np

from flight_server.points_to.integer_columns import Ints, Mask, is_in, pack
from flight_server.points_to.sorted_runs import FactRows, PairNumbers


@dataclass
class SiteArguments:
    """The arguments of call sites; models of library functions add more sites with arguments.

    ``positional`` and ``star`` rows are (site, position, place), ``keyword`` (site, key, place), ``double_star`` (site,
    place).
    """

    positional: FactRows = field(default_factory=lambda: FactRows(3))
    keyword: FactRows = field(default_factory=lambda: FactRows(3))
    star: FactRows = field(default_factory=lambda: FactRows(3))
    double_star: FactRows = field(default_factory=lambda: FactRows(2))

    def at(self, sites: Ints, positions: Ints | int) -> Ints:
        """The places of positional arguments; 0 if a site has no argument at the position."""
        return _found(self.positional, sites, positions)

    def named(self, sites: Ints, keys: Ints) -> Ints:
        """The places of keyword arguments; 0 if a site has none of that name."""
        return _found(self.keyword, sites, keys)

    def join(self, made: Ints, first: Ints, then: Ints, *, taken: int) -> None:
        """Give new sites the arguments of ``first`` without the first ``taken`` ones, then those of ``then``."""
        which, positions, places = self.positional.under(first)
        counts = np.bincount(which, minlength=len(made))
        later, more, places_then = self.positional.under(then)
        left = positions >= taken
        self.positional.append(made[which[left]], positions[left] - taken, places[left])
        self.positional.append(made[later], more + counts[later] - taken, places_then)
        for family in (self.keyword, self.star, self.double_star):
            for sites in (first, then):
                which, *columns = family.under(sites)
                family.append(made[which], *columns)


@dataclass(frozen=True)
class ParameterPlaces:
    """The parameters of functions, by definition.

    ``positional`` gives the place of (definition, position), ``named`` that of (definition, key). ``rest`` has the
    tuple object of ``*args``, ``rest_from`` the position where it starts, ``extra`` the dictionary object of
    ``**kwargs``; 0 for none.
    """

    positional: PairNumbers
    named: PairNumbers
    rest: Ints
    rest_from: Ints
    extra: Ints

    def at(self, definitions: Ints, positions: Ints | int) -> Ints:
        """The places of functions' parameters at positions; 0 if there is none."""
        return self.positional.find(pack(definitions, positions))


@dataclass(frozen=True)
class ReturnedArguments:
    """Parameters that functions return unchanged (see ``returned_arguments``).

    ``others`` has, by definition, the place of all other values that the function returns. ``others_at`` has the same
    place by the place of a parameter that is returned, 0 for other places. Functions in contexts have no such
    parameters. ``rest``, sorted, has the packed
    (definition, position in its ``*args``) of arguments that are returned. ``origins`` are the packed (place in
    ``others``, place of the return value) where the two differ, sorted.
    """

    others: Ints
    others_at: Ints
    rest: Ints
    origins: Ints

    def is_returned(self, parameters: Ints) -> Mask:
        """Which parameters, by place, are returned unchanged."""
        mask: Mask = self.others_at[np.where(parameters < len(self.others_at), parameters, 0)] > 0
        return mask

    def is_rest_returned(self, definitions: Ints, positions: Ints) -> Mask:
        """Which positions in functions' ``*args`` are returned unchanged."""
        return is_in(pack(definitions, positions), self.rest)


def _found(family: FactRows, sites: Ints, sought: Ints | int) -> Ints:
    found = np.zeros(len(sites), np.int64)
    which, values, places = family.under(sites)
    match = values == (sought[which] if isinstance(sought, np.ndarray) else sought)
    found[which[match]] = places[match]
    return found
