"""The solver: synchronous semi-naive rounds up to the fixpoint, in strata.

A round first propagates new objects along the copies until nothing is new, then applies every rule to the new objects.
Facts that rules find take effect in the next round, so a round's result does not depend on the order of rules, facts
or files. The strata: 0 follows only names, modules and classes, as far as base classes need; 1 follows everything; 2
applies annotations where nothing else is known; 3 assumes that methods without a caller are called, and that an unknown
subscript means any item; 4 finds the classes of receivers by the names that are read from them; 5 adds what the
subclasses of a receiver's class have in its place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from flight_server.points_to import attributes, call_rules, descriptors, items, object_pairs, type_hints
from flight_server.points_to.assumed_uses import assume_uses
from flight_server.points_to.class_creation import create_classes, pass_keywords
from flight_server.points_to.class_hierarchy import order_classes
from flight_server.points_to.fact_families import Family
from flight_server.points_to.facts import Facts
from flight_server.points_to.heap import Kind
from flight_server.points_to.initial_facts import initial_state
from flight_server.points_to.integer_columns import HALF, LOWER, NONE, GrowingColumn, Ints, Mask, distinct, where
from flight_server.points_to.module_links import Links, link
from flight_server.points_to.overrides import load_overrides
from flight_server.points_to.receivers import load_by_names
from flight_server.points_to.state import State

Rule = Callable[..., None]  # arguments: the state, objects, and the other columns of the facts at the objects' place
ANNOTATIONS, ASSUMED, NAMES, OVERRIDES = 2, 3, 4, 5  # strata, see above
MOST_ROUNDS = 2000
MOST_FUNCTIONS = 64  # functions and methods at a place that is called
MOST_DEFINED = 20  # definitions, instances and modules at a place
MOST_OTHERS = 6  # constants, externals and containers at a place
MOST_IN_CONTEXTS = 30  # functions and instances at a place that differ by their contexts
_AGAIN = 8
_UNTYPED = (Kind.CONSTANT, Kind.PREFIX, Kind.EXTERNAL)
_OTHERS = (*_UNTYPED, Kind.CONTAINER)

NAME_RULES: Mapping[Family, Rule] = MappingProxyType(
    {
        Family.ATTRIBUTE_LOAD: attributes.lookup,
        Family.ATTRIBUTE_STORE: attributes.store_attributes,
        Family.ITEM_LOAD: items.load_items,
        Family.CALL: call_rules.decorate_classes,
    }
)
RULES: Mapping[Family, Rule] = MappingProxyType(
    {
        **NAME_RULES,
        Family.ITEM_STORE: items.store_items,
        Family.ELEMENT_LOAD: items.load_elements,
        Family.YIELD_LOAD: items.load_yields,
        Family.RETURN_LOAD: items.load_returns,
        Family.SEND: items.send,
        Family.CONTAINERS: items.containers_of,
        Family.CALL: call_rules.call,
        Family.PAIR: object_pairs.pair,
        Family.PAIR_BACK: object_pairs.pair_back,
        Family.INCLUDE: items.include_items,
        Family.WRAP: object_pairs.wrap,
        Family.TYPE: object_pairs.type_of,
        Family.MAKE: object_pairs.make_instances,
        Family.PARTIAL: object_pairs.partial,
        Family.DESCRIPTOR_STORE: descriptors.store_through_descriptors,
        Family.DESCRIPTOR_LOAD: descriptors.load_through_descriptors,
        Family.DESCRIPTOR_SET: descriptors.set_through_descriptors,
        Family.REGISTER: call_rules.register,
        Family.NEW: call_rules.make_new,
        Family.CONSTRUCT: call_rules.make_through_super,
        Family.CLASSES: object_pairs.classes_of,
        Family.IMPORTED: object_pairs.imported,
        Family.FACTORY: call_rules.make_defaults,
        Family.NAMED: descriptors.name_descriptors,
    }
)


@dataclass(frozen=True)
class Solution:
    """The state at the fixpoint, the names that files share, and the call edges with the stratum that found them."""

    state: State
    links: Links
    edge_strata: list[tuple[int, Ints]]


@dataclass
class Solver:
    """Runs the rules over a state; ``between_rounds`` is called before each round and may raise to stop.

    ``held`` counts the objects at each place, a column for each limit.
    """

    state: State
    links: Links
    between_rounds: Callable[[], None]
    rounds: int = 0
    edge_strata: list[tuple[int, Ints]] = field(default_factory=list)
    held: Sequence[GrowingColumn] = field(default_factory=lambda: [GrowingColumn(1024) for _ in range(4)])

    def run(self, stratum: int, again: Mask | None = None) -> None:
        """Run rounds until nothing is new; the rules are also applied again to the objects in ``again``, a mask."""
        state = self.state
        while True:
            self.between_rounds()
            self.rounds += 1
            for family, added in state.take_rows().items():
                self._apply_to_all(family, added)
            new = self._spread_copies()
            if again is not None:
                codes = state.points.all()
                objects = codes & LOWER
                chosen = (objects < len(again)) & again[np.minimum(objects, len(again) - 1)]
                new, again = distinct(np.concatenate([codes[chosen], new])), None
            self._apply(new)
            items.spread_inclusions(state)
            self.edge_strata.append((stratum, state.take_edges()))
            if not (len(new) or state.has_news()):
                return
            if self.rounds >= MOST_ROUNDS:
                state.is_unfinished = True
                return

    def repeat(self, step: Callable[[], bool]) -> None:
        """Repeat a step until it reports no change; after too many steps the state is marked as unfinished."""
        if all(step() for _ in range(_AGAIN)):
            self.state.is_unfinished = True

    def settle(self, affected: Mask) -> None:
        """Follow everything, repeatedly, until no class order changes."""

        def step() -> bool:
            nonlocal affected
            self.state.forget_calls(affected)
            create_classes(self.state)
            self.run(1, affected)
            changed = order_classes(self.state, self.links.bound)
            affected = _bearing(self.state, changed)
            return len(changed) > 0

        self.repeat(step)

    def assume(self) -> None:
        """Apply annotations and assumed uses of methods and subscripts where nothing else is known."""
        state = self.state

        def use() -> bool:
            before = state.size
            type_hints.annotate(state)
            self.run(ANNOTATIONS)
            assume_uses(state)
            self.run(ASSUMED)
            return before != state.size

        def load() -> bool:
            before = state.size
            attributes.load_missing(state)
            self.run(ASSUMED)
            return before != state.size

        self.repeat(use)
        self.repeat(load)

    def widen(self) -> None:
        """Add what receivers of which too little is known may have; nothing is assumed because of it."""
        for load, stratum in ((load_by_names, NAMES), (load_overrides, OVERRIDES)):
            load(self.state)
            self.run(stratum)

    def _rules(self) -> Mapping[Family, Rule]:
        return NAME_RULES if self.state.follows_names_only else RULES

    def _apply_to_all(self, family: Family, columns: Ints) -> None:
        """Apply a family's rule to new facts and all objects."""
        self.state.families.append(family, columns)
        rule = self._rules().get(family)
        if rule is not None:
            which, objects = self.state.points.under(columns[0])
            if len(which):
                rule(self.state, objects, *(column[which] for column in columns[1:]))

    def _apply(self, new: Ints) -> None:
        """Apply all rules to all facts and new objects."""
        state = self.state
        places, objects = new >> HALF, new & LOWER
        bits = state.families.bits(places)
        for family, rule in self._rules().items():
            chosen = (bits >> family) & 1 > 0
            if chosen.any():
                which, *columns = state.families.rows[family].under(places[chosen])
                rule(state, objects[chosen][which], *columns)

    def _spread_copies(self) -> Ints:
        """Propagate objects along copies until nothing is new; returns all new packed (place, object)."""
        state = self.state
        news = [NONE]
        while True:
            points = self._within_limits(state.take_points())
            state.points.put(points)
            copies = state.copies.missing(state.take_copies())
            if not len(points) and not len(copies):
                return np.concatenate(news)
            news.append(points)
            number, targets = state.copies.under(points >> HALF)
            self._arrive(targets, points[number] & LOWER)
            state.copies.put(copies)
            number, objects = state.points.under(copies >> HALF)
            self._arrive(copies[number] & LOWER, objects)

    def _within_limits(self, codes: Ints) -> Ints:
        """The new pairs of place and object within the limits, sorted and distinct; a place over a limit is saturated.

        A place keeps the objects that arrived first; of those that arrive in one step, the ones with the lowest
        numbers. A place whose annotation is a class of the repo takes no external, constant or prefix.
        """
        state = self.state
        new = state.points.missing(codes)
        places = new >> HALF
        spelled = state.heap.spelled(places)
        typed = state.typed[np.where(spelled < len(state.typed), spelled, 0)]
        allowed = ~(typed & state.heap.is_of(new & LOWER, *_UNTYPED))
        allowed &= ~state.decorated.others(state.heap, spelled, new & LOWER)
        new, spelled = new[allowed], spelled[allowed]
        if not len(new):
            return NONE
        functions = state.is_called[np.where(spelled < len(state.is_called), spelled, 0)]
        functions &= state.heap.is_of(new & LOWER, Kind.FUNCTION, Kind.METHOD)
        others, in_context = state.heap.is_of(new & LOWER, *_OTHERS), state.heap.is_in_context(new & LOWER)
        stays = np.ones(len(new), bool)
        plain = ~others & ~in_context
        sorts = (functions & ~in_context, ~functions & plain, others, in_context)
        limits = (MOST_FUNCTIONS, MOST_DEFINED, MOST_OTHERS, MOST_IN_CONTEXTS)
        for held, most, sort in zip(self.held, limits, sorts, strict=True):
            held.reach(state.heap.next_place)
            chosen = np.flatnonzero(sort)
            places = new[chosen] >> HALF
            rank = np.arange(len(places)) - np.searchsorted(places, places)
            fits = held[places] + rank < most
            stays[chosen[~fits]] = False
            state.saturate(places[~fits])
            held[places[~fits]] = most
            np.add.at(held.values, places[fits], 1)
        return new[stays]

    def _arrive(self, places: Ints, objects: Ints) -> None:
        state = self.state
        is_view = state.heap.view_target[places] > 0
        runs = ~is_view & (state.heap.kind[objects] == Kind.ACCESS)
        state.put(*where(~is_view & ~runs, places, objects))
        if is_view.any():
            descriptors.through_views(state, *where(is_view, places, objects))
        if runs.any():
            descriptors.access(state, *where(runs, places, objects))


def solve(facts: Facts, between_rounds: Callable[[], None]) -> Solution:
    """The solution for a repo's facts."""
    state = initial_state(facts)
    links = link(state)
    solver = Solver(state, links, between_rounds)
    solver.run(0)
    order_classes(state, links.bound)
    state.typed = type_hints.typed_places(state)
    pass_keywords(state)
    state.follows_names_only = False
    affected = np.ones(state.heap.next_object, bool)

    def step() -> bool:
        nonlocal affected
        solver.settle(affected)
        solver.assume()
        changed = order_classes(state, links.bound)
        affected = _bearing(state, changed)
        return len(changed) > 0

    solver.repeat(step)
    solver.widen()
    return Solution(state, links, solver.edge_strata)


def _bearing(state: State, classes: Ints) -> Mask:
    """The objects whose attributes depend on these classes' orders: the classes, their instances, ``super`` of both."""
    heap = state.heap
    bearing = np.zeros(heap.next_object, bool)
    bearing[classes] = True
    kind, first, second = (column[: heap.next_object] for column in (heap.kind, heap.first, heap.second))
    bearing |= (kind == Kind.INSTANCE) & bearing[np.where(kind == Kind.INSTANCE, first, 0)]
    bearing |= (kind == Kind.SUPER) & bearing[np.where(kind == Kind.SUPER, second, 0)]
    return bearing
