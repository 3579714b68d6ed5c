"""Parameters that functions give back as they are: a call of such a function gives its own argument, not everybody's.

Else each use of a decorator like ``def register(f): ...; return f`` would give all that it was ever used on, and each
``return self`` every receiver. Only copies are followed, from what is returned back through variables and conditional
expressions. Where that ends at a parameter, calls copy their argument to their result; whatever else is returned comes
to them by way of a place ``inner``, beside the one that holds all that the function returns. A call in a return
statement, of a function that the same module defines, is looked through once: ``return decorate(*args)``.
"""

from dataclasses import dataclass

import numpy as np

from flight_server.points_to.arguments import Passed
from flight_server.points_to.columns import HALF, LOWER, NONE, Codes, Ints, Mask, distinct, is_in, pack
from flight_server.points_to.keys import RETURNED
from flight_server.points_to.source import is_one_of
from flight_server.points_to.world import World

STEPS = 8
_PLAIN = ("posonly", "pos", "kwonly")


@dataclass(frozen=True)
class Origins:
    """Where places get their objects from.

    ``copies`` are those of the source without those of defaults, packed (target, source). ``plain`` places get objects
    by copies alone. ``parameter_of`` is the function that gets nothing else there than what is passed, or a default.
    ``single`` places get objects once, and not by a copy.
    """

    copies: Codes
    plain: Mask
    parameter_of: Ints
    single: Mask

    @classmethod
    def of(cls, world: World) -> "Origins":
        """Those of a repo."""
        source = world.source
        place, size = source.place, len(source.places.values) + 1
        parameters = place["cst_params", "place"]
        plain = is_one_of(source.tables["cst_params"]["kind"], *_PLAIN) & (parameters > 0)
        owners = np.zeros(size, np.int64)
        owners[parameters[plain]] = source.definitions.ids.find(source.tables["cst_params"]["def_id"])[plain]
        copies = pack(place["flow_copies", "dst"], place["flow_copies", "src"])
        defaults = pack(parameters, place["cst_params", "default_place"])
        found = Codes()
        found.add(copies[~is_in(copies, np.sort(defaults))])
        copied = np.bincount(found.all() >> HALF, minlength=size)
        others = np.zeros(size, np.int64)
        for column in (("flow_allocs", "place"), ("flow_loads", "dst"), ("flow_calls", "result")):
            others += np.bincount(place[column], minlength=size)
        others[source.variables[source.definitions.is_class[source.scope_of_variable]]] += 1  # attributes are assigned
        others[0] += 1
        alone = (copied == 0) & (others == 0)
        return cls(
            copies=found,
            plain=(copied > 0) & (others == 0) & (owners == 0),
            parameter_of=np.where(alone, owners, 0),
            single=(copied == 0) & (others == 1) & (owners == 0),
        )

    def ends(self, pairs: Ints) -> Ints:
        """Packed (function, place), each followed back along copies to the places where the objects come from."""
        found, seen, pairs = [NONE], pairs, distinct(pairs)
        for _ in range(STEPS):
            on = self.plain[pairs & LOWER]
            found.append(pairs[~on])
            which, sources = self.copies.under(pairs[on] & LOWER)
            pairs = distinct(pack(pairs[on][which] >> HALF, sources))
            pairs = pairs[~is_in(pairs, seen)]
            seen = distinct(np.concatenate([seen, pairs]))
        return distinct(np.concatenate([*found, pairs]))

    def passes(self, pairs: Ints) -> Mask:
        """Which places are parameters of the function that come back as they are."""
        mask: Mask = self.parameter_of[pairs & LOWER] == pairs >> HALF
        return mask


@dataclass(frozen=True)
class _Calls:
    """Calls in return statements: the function that returns, the site, the place of its result, what it calls."""

    callers: Ints
    sites: Ints
    results: Ints
    callees: Ints

    def of(self, chosen: Mask) -> "_Calls":
        return _Calls(self.callers[chosen], self.sites[chosen], self.results[chosen], self.callees[chosen])


def find_passed(world: World) -> None:
    """Note in ``world.passed`` what functions give back, and copy what else they return to places of its own."""
    known = world.source.definitions
    functions = np.flatnonzero(known.is_function & ~known.is_generator & (known.returns > 0))
    origins = Origins.of(world)
    ends = origins.ends(pack(functions, known.returns[functions]))
    passes = origins.passes(ends)
    calls = _calls_of(world, origins, ends[~passes])
    calls = calls.of(np.isin(calls.callees, ends[passes] >> HALF))
    places, rest = _looked_through(world, calls, ends[passes])
    ends = distinct(np.concatenate([ends, origins.ends(places)]))
    passes = origins.passes(ends)
    world.passed = _passed(world, ends[passes], distinct(rest))
    separate = (world.passed.returns != known.returns)[ends >> HALF] & ~passes
    separate &= ~is_in(ends, np.sort(pack(calls.callers, calls.results)))
    _copy_others(world, ends[separate], ends[passes], calls)


def _passed(world: World, given: Ints, rest: Ints) -> Passed:
    """The functions and parameters, and an inner place for each of the functions."""
    known = world.source.definitions
    functions = distinct(np.concatenate([given, rest]) >> HALF)
    returns = known.returns.copy()
    returns[functions] = world.heap.field_of(world.definition(functions), world.keys[RETURNED])
    inner = np.zeros(len(world.source.places.values) + 1, np.int64)
    inner[given & LOWER] = returns[given >> HALF]
    return Passed(returns, inner, rest, pack(returns[functions], known.returns[functions]))


def _copy_others(world: World, ends: Ints, given: Ints, calls: _Calls) -> None:
    """What is no argument comes to the inner places: other values, defaults, the rest of what inner calls return."""
    place, returns = world.source.place, world.passed.returns
    world.copy(returns[ends >> HALF], ends & LOWER)
    default = np.zeros(len(world.passed.inner), np.int64)
    default[place["cst_params", "place"]] = place["cst_params", "default_place"]
    world.copy(returns[given >> HALF], default[given & LOWER])
    separate = returns[calls.callers] != world.source.definitions.returns[calls.callers]
    world.copy(returns[calls.callers[separate]], returns[calls.callees[separate]])


def _calls_of(world: World, origins: Origins, ends: Ints) -> _Calls:
    """The ends that are results of calls of functions whose name means nothing else."""
    source = world.source
    allocs = source.tables["flow_allocs"]
    made = is_one_of(allocs["object_kind"], "function")
    function_at, site_of = (np.zeros(len(origins.single), np.int64) for _ in range(2))
    function_at[source.place["flow_allocs", "place"][made]] = source.definitions.ids.find(
        allocs["object_id"].filter(made)
    )
    function_at[~origins.single] = 0
    site_of[source.sites.result] = np.arange(len(source.sites.result))
    site_of[~origins.single] = 0
    sites = site_of[ends & LOWER]
    callees = function_at[source.sites.callee[sites]]
    calls = _Calls(ends >> HALF, sites, ends & LOWER, callees)
    return calls.of((sites > 0) & (callees > 0) & ~source.definitions.is_generator[callees])


def _looked_through(world: World, calls: _Calls, given: Ints) -> tuple[Ints, Ints]:
    """The arguments that the calls give back: packed (function, place), and (function, position in its ``*args``)."""
    parameters, arguments = world.parameters, world.arguments
    is_given = np.zeros(len(world.source.places.values) + 1, bool)
    is_given[given & LOWER] = True
    which, position, place = parameters.positional.under(calls.callees)
    which, position = which[is_given[place]], position[is_given[place]]
    named, name, place = parameters.named.under(calls.callees)
    named, name = named[is_given[place]], name[is_given[place]]
    found = np.concatenate(
        [
            pack(calls.callers[which], arguments.at(calls.sites[which], position)),
            pack(calls.callers[named], arguments.named(calls.sites[named], name)),
        ]
    )
    at, rows = arguments.star.under(calls.sites[which])
    callers = calls.callers[which[at]]
    own = world.allocated[rows[:, 2]] == parameters.rest[callers]
    further = position[at] - rows[:, 1]
    kept = own & (parameters.rest[callers] > 0) & (further >= 0)
    return found[found & LOWER > 0], pack(callers[kept], further[kept])
