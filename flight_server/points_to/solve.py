"""The fixpoint: synchronous semi-naive rounds, in strata.

A round first copies what is new along the copies until nothing moves, then every rule looks at what is new; what the
rules find counts from the next round on. So a round's result depends on what was known, not on the order of rules,
facts or files. First only names, modules and classes are followed, as far as bases need; then everything;
then what is left without a caller is assumed to be called, and unknown subscripts to mean any item.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from flight_server.points_to import attributes, binding, calls, evidence, items
from flight_server.points_to.caps import Caps
from flight_server.points_to.columns import HALF, LOWER, NONE, Codes, Ints, Mask, distinct
from flight_server.points_to.creation import create_classes, pass_keywords
from flight_server.points_to.heap import Kind
from flight_server.points_to.hierarchy import order_classes
from flight_server.points_to.link import link
from flight_server.points_to.relations import Family
from flight_server.points_to.source import Source
from flight_server.points_to.start import begin
from flight_server.points_to.world import World

Rule = Callable[[World, Ints, Ints], None]
MOST_ROUNDS = 2000
_AGAIN = 8

NAME_RULES: Mapping[Family, Rule] = MappingProxyType(
    {
        Family.ATTRIBUTE_LOAD: attributes.load,
        Family.ATTRIBUTE_STORE: attributes.store,
        Family.ITEM_LOAD: items.load,
        Family.CALL: calls.decorate_classes,
    }
)
RULES: Mapping[Family, Rule] = MappingProxyType(
    {
        **NAME_RULES,
        Family.ITEM_STORE: items.store,
        Family.ELEMENT_LOAD: items.load_elements,
        Family.YIELD_LOAD: items.load_yields,
        Family.RETURN_LOAD: items.load_returns,
        Family.SEND: items.send,
        Family.CONTAINERS: items.containers_of,
        Family.CALL: calls.call,
        Family.PAIR: evidence.pair,
        Family.PAIR_BACK: evidence.pair_back,
        Family.INCLUDE: items.include,
        Family.WRAP: evidence.wrap,
        Family.TYPE: evidence.type_of,
        Family.MAKE: evidence.make,
        Family.PARTIAL: evidence.partial,
        Family.DESCRIPTOR_STORE: binding.store_through_descriptors,
        Family.DESCRIPTOR_LOAD: binding.load_through_descriptors,
        Family.DESCRIPTOR_SET: binding.set_through_descriptors,
        Family.REGISTER: calls.register,
        Family.NEW: calls.make_new,
        Family.CONSTRUCT: calls.make_through_super,
        Family.CLASSES: evidence.classes_of,
        Family.IMPORTED: evidence.imported,
        Family.FACTORY: calls.make_defaults,
        Family.NAMED: binding.name_descriptors,
    }
)


class Solver:
    """Runs the rules over a world; ``between_rounds`` is called before each round and may raise to stop."""

    def __init__(self, world: World, between_rounds: Callable[[], None]) -> None:
        """Nothing is run yet."""
        self.world = world
        self.between_rounds = between_rounds
        self.caps = Caps()
        self.rounds = 0
        self.edge_strata: list[tuple[int, Ints]] = []

    def run(self, stratum: int, again: Mask | None = None) -> None:
        """Rounds until nothing is new; the rules look at these objects again, by number, wherever they are."""
        world = self.world
        while True:
            self.between_rounds()
            self.rounds += 1
            rows = world.take_rows()
            for family, added in rows.items():
                self._apply_to_all(family, added)
            new = self._spread_copies()
            if again is not None:
                known = world.points.all()
                new, again = distinct(np.concatenate([known[_among(known & LOWER, again)], new])), None
            self._apply(new)
            items.spread_inclusions(world)
            self.edge_strata.append((stratum, world.take_edges()))
            if not (len(new) or world.has_news()):
                return
            if self.rounds >= MOST_ROUNDS:
                world.is_unfinished = True
                return

    def _rules(self) -> Mapping[Family, Rule]:
        return NAME_RULES if self.world.resolves_names_only else RULES

    def _apply_to_all(self, family: Family, rows: Ints) -> None:
        """New facts and all that is known."""
        world = self.world
        world.relations.append(family, rows)
        rule = self._rules().get(family)
        if rule is not None:
            which, objects = world.points.under(rows[:, 0])
            if len(which):
                rule(world, objects, rows[which])

    def _apply(self, new: Ints) -> None:
        """All facts and what is newly known."""
        world = self.world
        places, objects = new >> HALF, new & LOWER
        bits = world.relations.bits(places)
        for family, rule in self._rules().items():
            chosen = (bits >> family) & 1 > 0
            if chosen.any():
                which, rows = world.relations.rows[family].under(places[chosen])
                rule(world, objects[chosen][which], rows)

    def _spread_copies(self) -> Ints:
        """Copy until nothing moves; gives all pairs of place and object that are new."""
        world = self.world
        news: list[Ints] = []
        while True:
            points = self.caps.kept(world, world.take_points())
            world.points.put(points)
            copies = world.copies.missing(world.take_copies())
            if not len(points) and not len(copies):
                return np.concatenate(news) if news else NONE
            news.append(points)
            number, targets = world.copies.under(points >> HALF)
            self._arrive(targets, points[number] & LOWER)
            world.copies.put(copies)
            number, objects = world.points.under(copies >> HALF)
            self._arrive(copies[number] & LOWER, objects)

    def _arrive(self, places: Ints, objects: Ints) -> None:
        world = self.world
        is_view = world.heap.view_target.values[places] > 0
        runs = ~is_view & (world.heap.kinds(objects) == Kind.ACCESS)
        stays = ~is_view & ~runs
        world.put(places[stays], objects[stays])
        if is_view.any():
            binding.through_views(world, places[is_view], objects[is_view])
        if runs.any():
            binding.access(world, places[runs], objects[runs])


def solve(source: Source, between_rounds: Callable[[], None]) -> Solver:
    """The solution for a repo's facts."""
    world = begin(source)
    bound = link(world)
    solver = Solver(world, between_rounds)
    solver.run(0)
    order_classes(world, bound)
    world.typed = evidence.typed_places(world)
    pass_keywords(world)
    world.resolves_names_only = False
    affected = np.ones(world.heap.objects, bool)
    for _ in range(_AGAIN):
        _settle(solver, bound, affected)
        _assume(solver)
        changed = order_classes(world, bound)
        if not len(changed):
            break
        affected = _bearing(world, changed)
    else:
        world.is_unfinished = True
    return solver


def _settle(solver: Solver, bound: Codes, affected: Mask) -> None:
    """Follow everything, until that changes no order of classes."""
    for _ in range(_AGAIN):
        solver.world.forget_calls(affected)
        create_classes(solver.world)
        solver.run(1, affected)
        changed = order_classes(solver.world, bound)
        if not len(changed):
            return
        affected = _bearing(solver.world, changed)
    solver.world.is_unfinished = True


def _assume(solver: Solver) -> None:
    """What is left unknown: annotations say what they can, methods and subscripts are assumed to be used."""
    world = solver.world
    for _ in range(_AGAIN):
        known = world.size
        evidence.annotate(world)
        solver.run(2)
        _assume_uses(world)
        solver.run(3)
        if known == world.size:
            break
    else:
        world.is_unfinished = True
    for _ in range(_AGAIN):
        known = world.size
        attributes.load_missing(world, world.relations.rows[Family.ATTRIBUTE_LOAD].all())
        solver.run(3)
        if known == world.size:
            break
    else:
        world.is_unfinished = True


def _among(objects: Ints, chosen: Mask) -> Mask:
    return (objects < len(chosen)) & chosen[np.minimum(objects, len(chosen) - 1)]


def _bearing(world: World, classes: Ints) -> Mask:
    """The objects whose attributes depend on the orders of these classes: they, instances, and ``super`` of either."""
    heap = world.heap
    bearing = np.zeros(heap.objects, bool)
    bearing[classes] = True
    kind, first, second = (column.values[: heap.objects] for column in (heap.kind, heap.first, heap.second))
    bearing |= (kind == Kind.INSTANCE) & bearing[np.where(kind == Kind.INSTANCE, first, 0)]
    bearing |= (kind == Kind.SUPER) & bearing[np.where(kind == Kind.SUPER, second, 0)]
    return bearing


def _assume_uses(world: World) -> None:
    """Methods that nobody calls are called on an instance of their class.

    Subscripts of which nothing is known mean any item, and a class behind an unknown decorator is that class.
    """
    evidence.unknown_keys(world, world.relations.rows[Family.PAIR].all())
    calls.keep_decorated(world)
    known = world.source.definitions
    functions = np.flatnonzero(known.is_function & known.is_class[known.container])
    is_static = known.static & (known.name != world.keys["__new__"])
    functions = functions[~is_static[functions]]
    first = world.parameters.at(functions, np.zeros_like(functions))
    empty = (first > 0) & ~world.points.has_any(first)
    functions, first = functions[empty], first[empty]
    classes = world.definition(known.container[functions])
    on_class = known.class_method[functions] | (known.name[functions] == world.keys["__new__"])
    world.put(first[on_class], classes[on_class])
    world.put(first[~on_class], world.heap.object(Kind.INSTANCE, classes[~on_class]))
