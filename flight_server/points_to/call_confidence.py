"""How sure a call edge is: a rule for each edge, and the rule's confidence.

The confidences are measured: they are the shares of edges that were seen when packages ran their own tests. The record
of ``benchmarks/call_truth.py`` is ``tests/calls/seen_by_rule.json``. Rivals are the callees of one group of sites (see
``State``): a class counts once with its ``__init__`` and ``__new__``, and an external is no rival of a definition of
the repo, unless it belongs to a builtin type.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

import numpy as np

from flight_server.points_to.facts import where_equal
from flight_server.points_to.fixpoint import ANNOTATIONS, NAMES, OVERRIDES, Solution
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.integer_columns import HALF, LOWER, Ints, Mask, distinct, is_in, pack
from flight_server.points_to.state import CREATION, State


class CallRule(IntEnum):
    """The rules of call edges, the surest first: of several sites inside a call, the surest counts."""

    ONLY_CALLEE = 0
    DECLARED = 1
    GIVEN = 2
    BY_NAMES = 3
    OWN_OVERRIDE = 4
    ONE_OF_FEW = 5
    SPECIAL_METHOD = 6
    ONE_OF_MANY = 7
    OVERRIDE = 8
    SATURATED = 9


CONFIDENCE: Mapping[CallRule, float] = MappingProxyType(
    {
        CallRule.ONLY_CALLEE: 0.98,
        CallRule.DECLARED: 0.91,
        CallRule.GIVEN: 0.91,
        CallRule.BY_NAMES: 0.56,
        CallRule.OWN_OVERRIDE: 0.52,
        CallRule.ONE_OF_FEW: 0.46,
        CallRule.SPECIAL_METHOD: 0.34,
        CallRule.ONE_OF_MANY: 0.34,
        CallRule.OVERRIDE: 0.26,
        CallRule.SATURATED: 0.22,
    }
)
_FEW = 5  # rivals
_STEPS = 8
_VALUES = (Kind.FUNCTION, Kind.METHOD, Kind.CONSTANT, Kind.EXTERNAL, Kind.CONTAINER)
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
    roots, places = state.site_root[groups], state.site_callee[groups]
    receivers = state.receivers(places)
    of_own, of_subclass = _methods_of_self(state, receivers, callees)
    rules = np.select((rivals <= 1, rivals <= _FEW), (CallRule.ONLY_CALLEE, CallRule.ONE_OF_FEW), CallRule.ONE_OF_MANY)
    rules[(strata == OVERRIDES) & (rivals > 1)] = CallRule.OVERRIDE
    rules[of_subclass & (rivals > 1)] = CallRule.OWN_OVERRIDE
    declared = (of_own & (strata < NAMES)) | ((strata == ANNOTATIONS) & (receivers > 0))
    rules[declared & (rivals > 1)] = CallRule.DECLARED
    rules[_is_given(state, roots) & (groups == roots) & (rivals > 1)] = CallRule.GIVEN
    rules[strata == NAMES] = CallRule.BY_NAMES
    special = (groups != roots) & _is_special(state, callees)
    rules[special & ((rivals > 1) | _may_be_builtin(state, _operands(state, roots)))] = CallRule.SPECIAL_METHOD
    rules[state.is_saturated(places)] = CallRule.SATURATED
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
    of_builtin = is_external & (
        is_in(callees, _builtin_types(state)) | is_in(heap.first[callees], _builtin_types(state))
    )
    own, every = (
        np.bincount(groups[mask], minlength=state.sites) for mask in (counted & (~is_external | of_builtin), counted)
    )
    rivals = np.where(is_external, every[groups], own[groups])
    rivals[state.access_of(groups)[0] == CREATION] = 1  # the statement of a class runs all its hooks
    return rivals


def _builtin_types(state: State) -> Ints:
    """The externals that are the types of literals."""
    types = distinct(state.library.shape_types)
    return types[types > 0]


def _methods_of_self(state: State, receivers: Ints, callees: Ints) -> tuple[Mask, Mask]:
    """Which callees are called on ``self`` and belong to the class around the call, and which to its subclasses."""
    heap, orders, defs = state.heap, state.classes, state.facts.definitions
    methods = np.flatnonzero(defs.is_function & defs.is_class[defs.container] & ~defs.static)
    class_at = state.facts.by_place(state.parameters.at(methods, 0), state.definition(defs.container[methods]))
    spelled = heap.spelled(receivers)
    around = class_at[np.where(spelled < len(class_at), spelled, 0)]
    functions = np.where(heap.is_of(callees, Kind.FUNCTION), heap.first[callees], 0)
    holders = state.definition(np.where(defs.is_class[defs.container[functions]], defs.container[functions], 0))
    at = np.flatnonzero((around > 0) & (holders > 0))
    number, member, found = orders.bearers(around[at], defs.name[functions[at]])
    of_own, below = np.zeros((2, len(callees)), bool)
    of_own[at[number[found[number] & (member == holders[at[number]])]]] = True
    number, _, member = orders.order(holders[at])
    below[at[number[member == around[at[number]]]]] = True
    return of_own, below & ~of_own


def _is_given(state: State, sites: Ints) -> Mask:
    """Which sites call one of several functions that the program passes on by name.

    ``for step in (load, check): step()`` calls both. A place that holds an attribute, an item, the result of a call
    or what several assignments give is another case, since there one of several functions was chosen; so is a place
    that holds other callables too.
    """
    facts, heap = state.facts, state.heap
    chosen = facts.by_place(facts.sites.result, 1)
    loads = facts.place["flow_loads", "dst"]
    chosen[loads[~where_equal(facts.tables["flow_loads"], "access", "iter")]] = 1
    origins, targets = facts.place["flow_copies", "src"], facts.place["flow_copies", "dst"]
    chosen[np.bincount(targets, minlength=len(chosen)) > 1] = 1
    for _ in range(_STEPS):
        chosen[targets[chosen[origins] > 0]] = 1
    chosen[0] = 1
    places = facts.sites.callee[np.where(sites < len(facts.sites.callee), sites, 0)]
    codes = state.points.all()
    codes = codes[~heap.is_of(codes & LOWER, *_VALUES)]
    mixed = distinct(heap.spelled(codes >> HALF))
    mask: Mask = (chosen[places] == 0) & ~is_in(places, mixed)
    return mask


def _operands(state: State, sites: Ints) -> Ints:
    """The first argument of each site, or the receiver of a call without arguments."""
    first = state.arguments.at(sites, 0)
    return np.where(first > 0, first, state.receivers(state.site_callee[sites]))


def _may_be_builtin(state: State, places: Ints) -> Mask:
    """Which places may hold a value of a builtin type other than ``None``."""
    heap = state.heap
    which, objects = state.points.under(places)
    builtin = heap.is_of(objects, Kind.CONTAINER, Kind.GENERATOR, Kind.NAMESPACE, Kind.CONSTANT)
    builtin &= ~(heap.is_of(objects, Kind.CONSTANT) & (heap.first[objects] == Shape.NONE))
    mask = np.zeros(len(places), bool)
    mask[which[builtin]] = True
    return mask
