"""Calls of externals: the edge, and what the model of the callee, if it has one, adds to the facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

import numpy as np

from flight_server.points_to import programs
from flight_server.points_to.columns import Ints, Mask, constant, spread
from flight_server.points_to.heap import Kind
from flight_server.points_to.keys import SOME, TEMPORARIES
from flight_server.points_to.programs import Verb
from flight_server.points_to.relations import Family, Together
from flight_server.points_to.world import World


@dataclass(frozen=True)
class Step:
    """Rows of one verb: call site, callee, the operands' places (0: absent) and the constant."""

    sites: Ints
    externals: Ints
    target: Ints
    x: Ints
    y: Ints
    z: Ints
    constant: Ints

    def of(self, mask: Mask) -> "Step":
        """Some of the rows."""
        return Step(*(getattr(self, column.name)[mask] for column in fields(self)))


def call_external(world: World, sites: Ints, externals: Ints, results: Ints) -> None:
    """Calls that the source spells; what syntax implies calls nothing outside the repo that one could name.

    Nor is a call what a decorator of the language says of a method (``@property``, ``@staticmethod``).
    """
    models = world.models_of(externals)
    named = world.explicit(sites) & ~(world.decorates(sites) & world.programs.describes[models])
    named &= world.heap.second.values[externals] != world.keys["()"]
    world.edge(sites[named], externals[named])
    _call_unknown(world, sites[models == 0], externals[models == 0], results[models == 0])
    _run(world, sites[models > 0], externals[models > 0], models[models > 0])


def _call_unknown(world: World, sites: Ints, externals: Ints, results: Ints) -> None:
    """What an external gives goes by its name; a decorator is taken to give the function too."""
    named = ~world.is_builtin(externals) & world.explicit(sites)
    world.put(results[named], externals[named])
    decorates = world.decorates(sites)
    first = world.arguments.at(sites[decorates], np.zeros(decorates.sum(), np.int64))
    world.copy(results[decorates], first)


def _run(world: World, sites: Ints, externals: Ints, models: Ints) -> None:
    if not len(sites):
        return
    compiled = world.programs
    which, row = spread(compiled.low[models], compiled.high[models])
    rows = compiled.rows[row]
    operands = _Operands(world, sites)
    given = (rows[:, 6] == programs.ABSENT) | (operands.places(which, rows[:, 6]) > 0)
    which, rows = which[given], rows[given]
    for verb, action in _ACTIONS.items():
        chosen = np.flatnonzero(rows[:, 0] == verb)
        if len(chosen):
            at = which[chosen]
            target, x, y, z = (operands.places(at, rows[chosen, column]) for column in range(1, 5))
            action(world, Step(sites[at], externals[at], target, x, y, z, rows[chosen, 5]))


class _Operands:
    """The places that a model's operands mean at call sites."""

    def __init__(self, world: World, sites: Ints) -> None:
        heap = world.heap
        self.world, self.sites = world, sites
        self.holders = heap.object(Kind.SITE, sites)
        temporary = constant(world.keys[TEMPORARIES[-1]], sites)
        self.results = world.site_result.values[sites].copy()
        unused = self.results == 0
        self.results[unused] = heap.field(self.holders[unused], temporary[unused])
        callees = world.site_callee.values[sites]
        self.receivers = world.receiver[np.where(callees < len(world.receiver), callees, 0)]
        self.temporaries = np.array([world.keys[text] for text in TEMPORARIES])

    def places(self, at: Ints, codes: Ints) -> Ints:
        found = np.zeros(len(at), np.int64)
        found[codes == programs.RESULT] = self.results[at[codes == programs.RESULT]]
        found[codes == programs.SELF] = self.receivers[at[codes == programs.SELF]]
        positional = (codes >= 0) & (codes < programs.POSITIONAL_END)
        found[positional] = self.world.arguments.at(self.sites[at[positional]], codes[positional])
        named = codes >= programs.KEYWORDS
        found[named] = self.world.arguments.named(self.sites[at[named]], codes[named] - programs.KEYWORDS)
        held = (codes >= programs.TEMPORARY) & ~named
        keys = self.temporaries[codes[held] - programs.TEMPORARY]
        found[held] = self.world.heap.field(self.holders[at[held]], keys)
        return found


def _call(world: World, step: Step) -> None:
    """A call inside the model: a site of its own with arguments y and z."""
    sites = world.new_sites(step.sites, step.target, step.x)
    for position, places in enumerate((step.y, step.z)):
        given = places > 0
        rows = np.stack([sites[given], constant(position, sites[given]), places[given]], axis=1)
        world.arguments.positional.append(rows)
    world.add(Family.CALL, step.x, sites, step.target)


def _special(world: World, step: Step) -> None:
    """Look the method up on the type into a temporary, then call that."""
    heap = world.heap
    found = heap.field(heap.object(Kind.SITE, step.x, step.sites), step.constant)
    world.add(Family.ATTRIBUTE_LOAD, step.x, step.constant, found, np.ones_like(found))
    absent = np.zeros_like(found)
    _call(world, Step(step.sites, step.externals, step.target, found, step.y, absent, absent))


def _container(world: World, step: Step, shape: Ints) -> Ints:
    return world.heap.object(Kind.CONTAINER, world.containers + step.target, shape)


def _fill(world: World, step: Step) -> None:
    made = _container(world, step, step.constant // 256)
    world.add(Family.INCLUDE, step.x, made, step.constant % 256)


def _hold(world: World, step: Step) -> None:
    world.add(Family.ITEM_STORE, step.target, constant(world.keys[SOME], step.x), step.x)


def _wrap(world: World, step: Step) -> None:
    world.add(Family.WRAP, step.x, step.constant, step.target)


def _curried(world: World, step: Step) -> None:
    """Unless it decorates: then it was given the function."""
    step = step.of(~world.decorates(step.sites))
    world.put(step.target, world.heap.external(step.externals, constant(world.keys["()"], step.externals)))


def _kept(world: World, step: Step) -> None:
    later = world.heap.external(step.externals, constant(world.keys["()"], step.externals))
    world.put(step.target, world.heap.object(Kind.PARTIAL, later, step.sites))


def _module(world: World, step: Step) -> None:
    callers = world.source.sites.caller
    roots = world.site_root.values[step.sites]
    known = world.source.definitions
    modules = known.module_of(callers[np.where(roots < len(callers), roots, 0)])
    world.put(step.target, world.definition(modules))


def _attributes(world: World, step: Step) -> None:
    which, rows = world.arguments.keyword.under(step.sites)
    world.add(Family.ATTRIBUTE_STORE, step.target[which], rows[:, 1], rows[:, 2])


def _keywords(world: World, step: Step) -> None:
    which, rows = world.arguments.keyword.under(step.sites)
    world.add(Family.ITEM_STORE, step.target[which], world.keys.item_of[rows[:, 1]], rows[:, 2])


_ACTIONS: Mapping[Verb, Callable[[World, Step], None]] = MappingProxyType(
    {
        Verb.COPY: lambda world, step: world.copy(step.target, step.x),
        Verb.ELEMENTS: lambda world, step: world.add(Family.ELEMENT_LOAD, step.x, step.target),
        Verb.YIELDS: lambda world, step: world.add(Family.YIELD_LOAD, step.x, step.target),
        Verb.ITEM: lambda world, step: world.add(Family.ITEM_LOAD, step.x, step.constant, step.target),
        Verb.ITEM_AT: lambda world, step: world.together(Together.ITEM_LOAD, step.x, step.y, step.target),
        Verb.HOLD: _hold,
        Verb.HAVE: lambda world, step: world.add(Family.ITEM_STORE, step.target, step.constant, step.x),
        Verb.KEEP: lambda world, step: world.together(Together.ITEM_STORE, step.target, step.x, step.y),
        Verb.CALL: _call,
        Verb.SPECIAL: _special,
        Verb.NEW: lambda world, step: world.put(step.target, _container(world, step, step.constant)),
        Verb.FILL: _fill,
        Verb.VALUE: lambda world, step: world.put(
            step.target, world.heap.object(Kind.CONSTANT, step.constant, np.zeros_like(step.target))
        ),
        Verb.ATTRIBUTE: lambda world, step: world.together(Together.ATTRIBUTE_LOAD, step.x, step.y, step.target),
        Verb.SET_ATTRIBUTE: lambda world, step: world.together(Together.ATTRIBUTE_STORE, step.target, step.x, step.y),
        Verb.UPDATE: lambda world, step: world.together(Together.UPDATE, step.x, step.target, step.target),
        Verb.TYPE: lambda world, step: world.add(Family.TYPE, step.x, step.target),
        Verb.INSTANCE: lambda world, step: world.add(Family.MAKE, step.x, step.target),
        Verb.SUPER: lambda world, step: world.together(Together.SUPER, step.y, step.x, step.target),
        Verb.WRAP: _wrap,
        Verb.PARTIAL: lambda world, step: world.add(Family.PARTIAL, step.x, step.sites, step.target, step.constant),
        Verb.CURRIED: _curried,
        Verb.ITSELF: lambda world, step: world.put(step.target, step.externals),
        Verb.KEPT: _kept,
        Verb.BIND: lambda world, step: world.together(Together.BIND, step.x, step.y, step.target),
        Verb.CONSTRUCT: lambda world, step: world.add(Family.CONSTRUCT, step.x, step.sites, step.target),
        Verb.KEYWORDS: _keywords,
        Verb.ATTRIBUTES: _attributes,
        Verb.ARGUMENTS: lambda world, step: world.put(step.target, constant(world.namespace, step.target)),
        Verb.MODULE: _module,
        Verb.IMPORTED: lambda world, step: world.add(Family.IMPORTED, step.x, step.target),
        Verb.SEND: lambda world, step: world.add(Family.SEND, step.target, step.x),
        Verb.READ: lambda world, step: world.add(
            Family.ATTRIBUTE_LOAD, step.x, step.constant, step.target, np.zeros_like(step.x)
        ),
        Verb.CONTAINERS: lambda world, step: world.add(Family.CONTAINERS, step.x, step.target),
        Verb.MAYBE: lambda world, step: world.add(Family.ANNOTATION, step.x, step.target),
        Verb.CLASSES: lambda world, step: world.add(Family.CLASSES, step.x, step.target),
    }
)
