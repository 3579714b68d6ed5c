"""Functions whose calls get contexts: those that return closures, and those that pass an argument through other calls.

Only the source is followed, from the return value back through copies and through the arguments of calls, since a call
may return what it is given (``return cast("F", f)``, ``f = mark(f)``).
"""

from dataclasses import dataclass

import numpy as np

from flight_server.points_to.bodies import Bodies
from flight_server.points_to.call_arguments import SiteArguments
from flight_server.points_to.facts import Facts, where_equal
from flight_server.points_to.integer_columns import HALF, LOWER, Ints, Mask, distinct, is_in, pack, where
from flight_server.points_to.sorted_runs import PairSet

_STEPS = 8


@dataclass(frozen=True)
class Makers:
    """Masks by definition: functions that may return a closure, or an argument that they gave to another call.

    ``captured`` marks the functions whose variables a nested function uses.
    """

    closes: Mask
    passes: Mask
    captured: Mask

    @classmethod
    def of(cls, facts: Facts, bodies: Bodies, arguments: SiteArguments) -> "Makers":
        """The makers among a repo's functions."""
        defs = facts.definitions
        functions = np.flatnonzero(defs.is_function & ~defs.is_generator & (defs.returns > 0))
        returned = pack(functions, defs.returns[functions])
        copies, through_calls = PairSet(), PairSet()
        copies.add(pack(facts.place["flow_copies", "dst"], facts.place["flow_copies", "src"]))
        through_calls.add(np.concatenate([copies.all(), _arguments_of_results(facts, arguments)]))
        copied, reached = (_reached(returned, links) for links in (copies, through_calls))
        parameter_of = facts.by_place(
            facts.place["cst_params", "place"], defs.ids.find(facts.tables["cst_params"]["def_id"])
        )
        passed = reached[~is_in(reached, copied)]
        passed = passed[parameter_of[passed & LOWER] == passed >> HALF] >> HALF
        allocs = facts.tables["flow_allocs"]
        made = where_equal(allocs, "object_kind", "function")
        function_at = facts.by_place(
            facts.place["flow_allocs", "place"][made], defs.ids.find(allocs["object_id"].filter(made))
        )
        nested = function_at[reached & LOWER]
        closes = defs.executing(defs.container[nested]) == reached >> HALF
        captured = bodies.captured & defs.is_function
        return cls(_marked(captured, (reached >> HALF)[closes]) & captured, _marked(captured, passed), captured)


def _marked(like: Mask, definitions: Ints) -> Mask:
    mask = np.zeros_like(like)
    mask[definitions] = True
    return mask


def _arguments_of_results(facts: Facts, arguments: SiteArguments) -> Ints:
    """The packed (result, argument) of all call sites."""
    rows = [(family.all()[0], family.all()[-1]) for family in (arguments.positional, arguments.keyword)]
    sites, places = map(np.concatenate, zip(*rows, strict=True))
    results = facts.sites.result[sites]
    return pack(*where((results > 0) & (places > 0), results, places))


def _reached(pairs: Ints, links: PairSet) -> Ints:
    """The packed (function, place) that lead to the pairs' places along links (place, origin), themselves included."""
    seen = found = distinct(pairs)
    for _ in range(_STEPS):
        which, origins = links.under(found & LOWER)
        found = distinct(pack((found >> HALF)[which], origins))
        found = found[~is_in(found, seen)]
        seen = distinct(np.concatenate([seen, found]))
    return seen
