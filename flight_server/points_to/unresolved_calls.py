"""Calls without a known callee, and the reason of each."""

import numpy as np
import pyarrow as pa

from flight_server.points_to.call_confidence import JudgedEdges
from flight_server.points_to.fact_families import Family, Operation
from flight_server.points_to.integer_columns import HALF, LOWER, Ints, Mask, distinct, is_in
from flight_server.points_to.interned_strings import coded, is_one_of
from flight_server.points_to.relation_rows import NamedSolution, choice, relation_table
from flight_server.points_to.state import State

REASONS = ("saturated", "not_callable", "computed_name", "unknown_attribute", "unknown_receiver", "unknown_callee")


def unresolved(named: NamedSolution, judged: JudgedEdges) -> pa.Table:
    """Rows of ``unresolved``: the calls that the source spells and that have no edge."""
    state, facts = named.state, named.facts
    spelled = np.flatnonzero(is_one_of(facts.sites.kind, "call")) + 1
    sites = np.setdiff1d(spelled, judged.edges >> HALF)
    callees = facts.sites.callee[sites]
    receivers = state.receivers(callees)
    reasons = (
        state.is_saturated(callees),
        state.points.has_any(callees),
        _has_computed_name(state, callees),
        state.points.has_any(receivers),
        receivers > 0,
    )
    columns = {
        "src": facts.sites.ids.coded(sites),
        "kind": choice(REASONS, np.select(reasons, range(len(reasons)), len(reasons))),
        "owner": facts.definitions.ids.coded(facts.sites.caller[sites]),
        "owner_name": coded(named.qualified, facts.sites.caller[sites]),
    }
    return relation_table("unresolved", facts.files.ids.coded(facts.sites.ids.files[sites]), columns)


def _has_computed_name(state: State, callees: Ints) -> Mask:
    """Which places get an attribute whose name a value spells, at once or by a copy."""
    _, _, targets, operation = state.families.rows[Family.PAIR].all()
    computed = distinct(targets[operation == Operation.ATTRIBUTE_LOAD])
    copies = state.copies.all()
    copied = (copies & LOWER)[is_in(copies >> HALF, computed)]
    return is_in(callees, distinct(np.concatenate([computed, copied])))
