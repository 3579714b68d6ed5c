"""How sure a call edge is: a rule for each edge, and the rule's confidence.

The confidences are measured: they are the shares of edges that were seen when packages ran their own tests. The record
of ``benchmarks/call_truth.py`` is ``tests/calls/seen_by_rule.json``. Rivals are the callees of one group of sites (see
``State``): a class counts once with its ``__init__`` and ``__new__``, and an external is no rival of a definition of
the repo.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

import numpy as np

from flight_server.points_to.fixpoint import NAMES, OVERRIDES, Solution
from flight_server.points_to.heap import Kind
from flight_server.points_to.integer_columns import HALF, LOWER, Ints, Mask, pack
from flight_server.points_to.state import CREATION, State


class CallRule(IntEnum):
    """The rules of call edges, the surest first: of several sites inside a call, the surest counts."""

    ONLY_CALLEE = 0
    ONE_OF_TWO = 1
    ONE_OF_FEW = 2
    BY_NAMES = 3
    ONE_OF_SEVERAL = 4
    SPECIAL_METHOD = 5
    OVERRIDE = 6
    ONE_OF_MANY = 7
    SATURATED = 8


CONFIDENCE: Mapping[CallRule, float] = MappingProxyType(
    {
        CallRule.ONLY_CALLEE: 0.98,
        CallRule.ONE_OF_TWO: 0.67,
        CallRule.ONE_OF_FEW: 0.54,
        CallRule.BY_NAMES: 0.54,
        CallRule.ONE_OF_SEVERAL: 0.5,
        CallRule.SPECIAL_METHOD: 0.41,
        CallRule.OVERRIDE: 0.27,
        CallRule.ONE_OF_MANY: 0.13,
        CallRule.SATURATED: 0.08,
    }
)
_MOST = ((1, CallRule.ONLY_CALLEE), (2, CallRule.ONE_OF_TWO), (5, CallRule.ONE_OF_FEW), (10, CallRule.ONE_OF_SEVERAL))
_CONSTRUCTORS = ("__init__", "__new__", "__post_init__")


@dataclass(frozen=True)
class JudgedEdges:
    """Call edges, packed (site of the source, callee) and sorted, with their rules, and whether they have rivals."""

    edges: Ints
    rules: Ints
    has_rivals: Mask

    def of(self, edges: Ints) -> "JudgedEdges":
        """Some of the edges, in the order given."""
        at = self.edges.searchsorted(edges)
        return JudgedEdges(edges, self.rules[at], self.has_rivals[at])


def judged_edges(solution: Solution) -> JudgedEdges:
    """The call edges of a solution."""
    state = solution.state
    found = state.edges.all()
    groups, callees = found >> HALF, found & LOWER
    strata = _strata(solution, found)
    rivals = _rivals(state, groups, callees)
    rules = np.select([rivals <= most for most, _ in _MOST], [rule for _, rule in _MOST], CallRule.ONE_OF_MANY)
    rules[(strata == OVERRIDES) & (rivals > _MOST[1][0])] = CallRule.OVERRIDE
    rules[strata == NAMES] = CallRule.BY_NAMES
    roots = state.site_root[groups]
    rules[(groups != roots) & _is_special(state, callees)] = CallRule.SPECIAL_METHOD
    rules[state.is_saturated(state.site_callee[groups])] = CallRule.SATURATED
    edges = pack(roots, callees)
    order = np.lexsort((rules, edges))
    edges, first = np.unique(edges[order], return_index=True)
    surest = order[first]
    return JudgedEdges(edges, rules[surest], rivals[surest] > 1)


def _strata(solution: Solution, edges: Ints) -> Ints:
    """The stratum that found each edge."""
    strata = np.zeros(len(edges), np.int64)
    for stratum, codes in solution.edge_strata:
        strata[edges.searchsorted(codes)] = stratum
    return strata


def _is_special(state: State, callees: Ints) -> Mask:
    """Which callees are functions with the name of a special method."""
    heap, defs = state.heap, state.facts.definitions
    names = defs.name[np.where(heap.is_of(callees, Kind.FUNCTION), heap.first[callees], 0)]
    return state.keys.is_special[names]


def _rivals(state: State, groups: Ints, callees: Ints) -> Ints:
    """The number of callees, each edge's own included, of which a call runs one."""
    heap, defs = state.heap, state.facts.definitions
    is_class, is_external = heap.is_of(callees, Kind.CLASS), heap.is_of(callees, Kind.EXTERNAL)
    is_function = heap.is_of(callees, Kind.FUNCTION)
    names = defs.name[np.where(is_function, heap.first[callees], 0)]
    constructs = np.bincount(groups[is_class], minlength=state.sites) > 0
    counted = ~(np.isin(names, [state.keys[name] for name in _CONSTRUCTORS]) & constructs[groups])
    own, every = (np.bincount(groups[mask], minlength=state.sites) for mask in (counted & ~is_external, counted))
    rivals = np.where(is_external, every[groups], own[groups])
    rivals[state.access_of(groups)[0] == CREATION] = 1  # the statement of a class runs all its hooks
    return rivals
