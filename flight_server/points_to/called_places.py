"""Places whose objects are called: callees of call sites, and what flows into them by copies and by returns.

``visit = self.visitor_of(node); visit(node)`` calls what a function named ``visitor_of`` returns. Such places hold more
functions and methods than others, so that a visitor with a hundred methods keeps all of them on their way to the call.
"""

import numpy as np
import pyarrow.compute as pc

from flight_server.points_to.facts import Facts, where_equal
from flight_server.points_to.integer_columns import Mask

_STEPS = 6  # copies and returns between a function's value and its call


def called_places(facts: Facts) -> Mask:
    """The places of the source, as a mask, whose objects are called."""
    defs, place = facts.definitions, facts.place
    origins, targets = place["flow_copies", "src"], place["flow_copies", "dst"]
    loads = facts.tables["flow_loads"]
    attribute = where_equal(loads, "access", "attr")
    names = facts.by_place(facts.variables, facts.name_of_variable)
    names[place["flow_loads", "dst"][attribute]] = facts.keys.find(pc.filter(loads["key"], attribute))
    functions = np.flatnonzero(defs.is_function & (defs.returns > 0))
    called = facts.by_place(facts.sites.callee, 1) > 0
    for _ in range(_STEPS):
        called[origins[called[targets]]] = True
        returning = np.zeros(len(facts.keys.all.values) + 1, bool)
        returning[names[facts.sites.callee[called[facts.sites.result]]]] = True
        returning[0] = False
        called[defs.returns[functions[returning[defs.name[functions]]]]] = True
    called[0] = False
    return called
