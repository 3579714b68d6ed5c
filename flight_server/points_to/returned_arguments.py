"""Parameters that functions return unchanged: a call of such a function returns its own argument, not those of others.

Otherwise each use of a decorator like ``def register(f): ...; return f`` would return everything that it was ever used
on, and each ``return self`` every receiver. Only copies are followed, from the return value back through variables and
conditional expressions. If they end at a parameter, each call copies its argument to its result. All other returned
objects flow to the call through a separate place, next to the place of all the function's return values. A call in a
return statement (``return decorate(*args)``) is followed once, if the same module defines the callee.
"""

from dataclasses import dataclass

import numpy as np

from flight_server.points_to.call_arguments import ReturnedArguments
from flight_server.points_to.facts import Facts, where_equal
from flight_server.points_to.field_keys import RETURNED
from flight_server.points_to.integer_columns import HALF, LOWER, NONE, Ints, Mask, distinct, is_in, pack, where
from flight_server.points_to.sorted_runs import PairSet
from flight_server.points_to.state import State

STEPS = 8


@dataclass(frozen=True)
class Origins:
    """Where the objects at places come from.

    ``copies`` are the source's copies, except those of defaults, packed (target, source). ``plain`` places get objects
    only by copies. ``parameter_of`` has, for a parameter that only gets its argument or default, its function.
    ``single`` places get objects from exactly one fact, which is not a copy.
    """

    copies: PairSet
    plain: Mask
    parameter_of: Ints
    single: Mask

    @classmethod
    def of(cls, facts: Facts) -> "Origins":
        """The origins in a repo."""
        place, size = facts.place, facts.last_place + 1
        params, parameters = facts.tables["cst_params"], place["cst_params", "place"]
        plain = where_equal(params, "kind", "posonly", "pos", "kwonly") & (parameters > 0)
        owners = facts.by_place(parameters[plain], facts.definitions.ids.find(params["def_id"])[plain])
        copies = pack(place["flow_copies", "dst"], place["flow_copies", "src"])
        defaults = pack(parameters, place["cst_params", "default_place"])
        found = PairSet()
        found.add(copies[~is_in(copies, np.sort(defaults))])
        copied = np.bincount(found.all() >> HALF, minlength=size)
        columns = (("flow_allocs", "place"), ("flow_loads", "dst"), ("flow_calls", "result"))
        others = np.sum([np.bincount(place[column], minlength=size) for column in columns], axis=0)
        others[facts.variables[facts.definitions.is_class[facts.scope_of_variable]]] += 1  # assigned as attributes
        others[0] += 1
        return cls(
            copies=found,
            plain=(copied > 0) & (others == 0) & (owners == 0),
            parameter_of=np.where((copied == 0) & (others == 0), owners, 0),
            single=(copied == 0) & (others == 1) & (owners == 0),
        )

    def ends(self, pairs: Ints) -> Ints:
        """Follow each packed (function, place) back along copies to the places that the objects come from."""
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
        """Which pairs (function, place) are a function and its own parameter, which it returns unchanged."""
        mask: Mask = self.parameter_of[pairs & LOWER] == pairs >> HALF
        return mask


@dataclass(frozen=True)
class _Calls:
    """Calls in return statements: the returning function, the site, the place of the call's result, the callee."""

    callers: Ints
    sites: Ints
    results: Ints
    callees: Ints

    def of(self, chosen: Mask) -> "_Calls":
        return _Calls(*where(chosen, self.callers, self.sites, self.results, self.callees))


def returned_arguments(state: State) -> ReturnedArguments:
    """The arguments that functions return; their other return values are copied to separate places."""
    defs = state.facts.definitions
    functions = np.flatnonzero(defs.is_function & ~defs.is_generator & (defs.returns > 0))
    origins = Origins.of(state.facts)
    ends = origins.ends(pack(functions, defs.returns[functions]))
    passes = origins.passes(ends)
    calls = _calls_of(state, origins, ends[~passes])
    calls = calls.of(np.isin(calls.callees, ends[passes] >> HALF))
    places, rest = _followed(state, calls, ends[passes])
    ends = distinct(np.concatenate([ends, origins.ends(places)]))
    passes = origins.passes(ends)
    returned = _returned(state, ends[passes], distinct(rest))
    separate = (returned.others != defs.returns)[ends >> HALF] & ~passes
    separate &= ~is_in(ends, np.sort(pack(calls.callers, calls.results)))
    _copy_others(state, returned, ends[separate], ends[passes], calls)
    return returned


def _returned(state: State, given: Ints, rest: Ints) -> ReturnedArguments:
    """The returned parameters, and for each of their functions a new place for its other return values."""
    defs = state.facts.definitions
    functions = distinct(np.concatenate([given, rest]) >> HALF)
    others = defs.returns.copy()
    others[functions] = state.heap.field(state.definition(functions), state.keys[RETURNED])
    others_at = state.facts.by_place(given & LOWER, others[given >> HALF])
    return ReturnedArguments(others, others_at, rest, pack(others[functions], defs.returns[functions]))


def _copy_others(state: State, returned: ReturnedArguments, ends: Ints, given: Ints, calls: _Calls) -> None:
    """Copy the other return values to their places: other ends, defaults, and other values of inner calls."""
    facts, others = state.facts, returned.others
    state.copy(others[ends >> HALF], ends & LOWER)
    default = facts.by_place(facts.place["cst_params", "place"], facts.place["cst_params", "default_place"])
    state.copy(others[given >> HALF], default[given & LOWER])
    separate = others[calls.callers] != facts.definitions.returns[calls.callers]
    state.copy(others[calls.callers[separate]], others[calls.callees[separate]])


def _calls_of(state: State, origins: Origins, ends: Ints) -> _Calls:
    """The ends that are results of calls, if the called name means one function and nothing else."""
    facts = state.facts
    allocs = facts.tables["flow_allocs"]
    made = where_equal(allocs, "object_kind", "function")
    functions = facts.definitions.ids.find(allocs["object_id"].filter(made))
    function_at = facts.by_place(facts.place["flow_allocs", "place"][made], functions) * origins.single
    site_of = facts.by_place(facts.sites.result, np.arange(len(facts.sites.result))) * origins.single
    sites = site_of[ends & LOWER]
    callees = function_at[facts.sites.callee[sites]]
    calls = _Calls(ends >> HALF, sites, ends & LOWER, callees)
    return calls.of((sites > 0) & (callees > 0) & ~facts.definitions.is_generator[callees])


def _followed(state: State, calls: _Calls, given: Ints) -> tuple[Ints, Ints]:
    """The arguments that the calls return: packed (function, place), and (function, position in its ``*args``)."""
    parameters, arguments = state.parameters, state.arguments
    is_given = state.facts.by_place(given & LOWER, 1) > 0
    which, position, place = parameters.positional.under(calls.callees)
    which, position = where(is_given[place], which, position)
    named, name, place = parameters.named.under(calls.callees)
    named, name = where(is_given[place], named, name)
    by_position = pack(calls.callers[which], arguments.at(calls.sites[which], position))
    by_name = pack(calls.callers[named], arguments.named(calls.sites[named], name))
    found = np.concatenate([by_position, by_name])
    at, start, place = arguments.star.under(calls.sites[which])
    callers = calls.callers[which[at]]
    own = state.allocated[place] == parameters.rest[callers]
    further = position[at] - start
    inside = own & (parameters.rest[callers] > 0) & (further >= 0)
    return found[found & LOWER > 0], pack(callers[inside], further[inside])
