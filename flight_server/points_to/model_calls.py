"""Calls of externals: the call edge, and the facts that the callee's model adds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

import numpy as np

from flight_server.points_to import model_compiler as compiled
from flight_server.points_to.fact_families import Family, Operation
from flight_server.points_to.field_keys import SOME, TEMPORARIES
from flight_server.points_to.heap import Kind
from flight_server.points_to.integer_columns import Ints, Mask, constant, spread, where
from flight_server.points_to.state import State


@dataclass(frozen=True)
class ModelStep:
    """Rows of one verb of a model: call site, callee, the operands' places (0 if absent) and the constant."""

    sites: Ints
    externals: Ints
    target: Ints
    x: Ints
    y: Ints
    z: Ints
    constant: Ints

    def of(self, mask: Mask) -> "ModelStep":
        """Some of the rows."""
        return ModelStep(*(getattr(self, column.name)[mask] for column in fields(self)))


def call_external(state: State, sites: Ints, externals: Ints, results: Ints) -> None:
    """Call externals. Only calls that the source spells get an edge, not those that syntax implies.

    A decorator that says how a method is bound (``@property``, ``@staticmethod``) gets no edge either.
    """
    library, heap = state.library, state.heap
    models = library.models_of(externals, heap)
    named = state.explicit(sites) & ~(state.decorates(sites) & library.compiled.describes[models])
    named &= heap.second[externals] != state.keys["()"]
    state.edge(sites[named], externals[named])
    _call_unknown(state, *where(models == 0, sites, externals, results))
    _run(state, *where(models > 0, sites, externals, models))


def _call_unknown(state: State, sites: Ints, externals: Ints, results: Ints) -> None:
    """The result of an external without a model is the external; a decorator may also return its argument."""
    named = ~state.library.is_builtin(externals, state.heap) & state.explicit(sites)
    state.put(results[named], externals[named])
    decorates = state.decorates(sites)
    state.copy(results[decorates], state.arguments.at(sites[decorates], 0))


def _run(state: State, sites: Ints, externals: Ints, models: Ints) -> None:
    if not len(sites):
        return
    programs, operands = state.library.compiled, _Operands(state, sites)
    which, row = spread(programs.low[models], programs.high[models])
    rows = programs.rows[:, row]
    given = (rows[-1] == compiled.ABSENT) | (operands.places(which, rows[-1]) > 0)
    which, rows = which[given], rows[:, given]
    for verb, action in _ACTIONS.items():
        chosen = np.flatnonzero(rows[0] == compiled.VERBS.index(verb))
        if len(chosen):
            at = which[chosen]
            target, x, y, z = (operands.places(at, rows[column, chosen]) for column in range(1, 5))
            action(state, ModelStep(sites[at], externals[at], target, x, y, z, rows[5, chosen]))


class _Operands:
    """The places of a model's operands at call sites."""

    def __init__(self, state: State, sites: Ints) -> None:
        heap = state.heap
        self.state, self.sites = state, sites
        self.holders = heap.object(Kind.SITE, sites)
        self.results = state.site_result[sites].copy()
        unused = self.results == 0
        self.results[unused] = heap.field(self.holders[unused], state.keys[TEMPORARIES[-1]])
        self.receivers = state.receivers(state.site_callee[sites])
        self.temporaries = np.array([state.keys[text] for text in TEMPORARIES])

    def places(self, at: Ints, codes: Ints) -> Ints:
        found = np.zeros(len(at), np.int64)
        found[codes == compiled.RESULT] = self.results[at[codes == compiled.RESULT]]
        found[codes == compiled.SELF] = self.receivers[at[codes == compiled.SELF]]
        positional = (codes >= 0) & (codes < compiled.POSITIONAL_END)
        found[positional] = self.state.arguments.at(self.sites[at[positional]], codes[positional])
        named = codes >= compiled.KEYWORDS
        found[named] = self.state.arguments.named(self.sites[at[named]], codes[named] - compiled.KEYWORDS)
        held = (codes >= compiled.TEMPORARY) & ~named
        keys = self.temporaries[codes[held] - compiled.TEMPORARY]
        found[held] = self.state.heap.field(self.holders[at[held]], keys)
        return found


def _call(state: State, step: ModelStep) -> None:
    """Add a call inside the model: a new site with the arguments y and z."""
    sites = state.new_sites(step.sites, step.target, step.x, beside=True)
    for position, places in enumerate((step.y, step.z)):
        given = places > 0
        state.arguments.positional.append(sites[given], constant(position, sites[given]), places[given])
    state.add(Family.CALL, step.x, sites, step.target)


def _special(state: State, step: ModelStep) -> None:
    """Look up the special method on the type into a temporary, then call it."""
    heap = state.heap
    found = heap.field(heap.object(Kind.SITE, step.x, step.sites), step.constant)
    state.add(Family.ATTRIBUTE_LOAD, step.x, step.constant, found, np.ones_like(found))
    absent = np.zeros_like(found)
    _call(state, ModelStep(step.sites, step.externals, step.target, found, step.y, absent, absent))


def _fill(state: State, step: ModelStep) -> None:
    shapes, modes = np.divmod(step.constant, compiled.MODES)
    state.add(Family.INCLUDE, step.x, state.made_container(step.target, shapes), modes)


def _called_later(state: State, step: ModelStep) -> Ints:
    return state.heap.external(step.externals, constant(state.keys["()"], step.externals))


def _curried(state: State, step: ModelStep) -> None:
    """Put the curried callable at the target, except at decorators, which already got the function."""
    step = step.of(~state.decorates(step.sites))
    state.put(step.target, _called_later(state, step))


def _deferred(state: State, step: ModelStep) -> None:
    state.put(step.target, state.heap.object(Kind.PARTIAL, _called_later(state, step), step.sites))


def _module(state: State, step: ModelStep) -> None:
    callers = state.facts.sites.caller
    roots = state.site_root[step.sites]
    modules = state.facts.definitions.module_of(callers[np.where(roots < len(callers), roots, 0)])
    state.put(step.target, state.definition(modules))


def _attributes(state: State, step: ModelStep) -> None:
    which, keys, places = state.arguments.keyword.under(step.sites)
    state.add(Family.ATTRIBUTE_STORE, step.target[which], keys, places)


def _keywords(state: State, step: ModelStep) -> None:
    which, keys, places = state.arguments.keyword.under(step.sites)
    state.add(Family.ITEM_STORE, step.target[which], state.keys.item_of[keys], places)


def _value(state: State, step: ModelStep) -> None:
    state.put(step.target, state.heap.object(Kind.CONSTANT, step.constant))


def _read(state: State, step: ModelStep) -> None:
    state.add(Family.ATTRIBUTE_LOAD, step.x, step.constant, step.target, np.zeros_like(step.x))


_ACTIONS: Mapping[str, Callable[[State, ModelStep], None]] = MappingProxyType(
    {
        "copy": lambda state, step: state.copy(step.target, step.x),
        "elements": lambda state, step: state.add(Family.ELEMENT_LOAD, step.x, step.target),
        "yield": lambda state, step: state.add(Family.YIELD_LOAD, step.x, step.target),
        "key": lambda state, step: state.add(Family.ITEM_LOAD, step.x, step.constant, step.target),
        "item": lambda state, step: state.pair(step.x, step.y, step.target, Operation.ITEM_LOAD),
        "holds": lambda state, step: state.add(
            Family.ITEM_STORE, step.target, constant(state.keys[SOME], step.x), step.x
        ),
        "has": lambda state, step: state.add(Family.ITEM_STORE, step.target, step.constant, step.x),
        "set item": lambda state, step: state.pair(step.target, step.x, step.y, Operation.ITEM_STORE),
        "call": _call,
        "special": _special,
        "new": lambda state, step: state.put(step.target, state.made_container(step.target, step.constant)),
        "fill": _fill,
        "value": _value,
        "attribute": lambda state, step: state.pair(step.x, step.y, step.target, Operation.ATTRIBUTE_LOAD),
        "set attribute": lambda state, step: state.pair(step.target, step.x, step.y, Operation.ATTRIBUTE_STORE),
        "update": lambda state, step: state.pair(step.x, step.target, step.target, Operation.UPDATE),
        "type": lambda state, step: state.add(Family.TYPE, step.x, step.target),
        "instance": lambda state, step: state.add(Family.MAKE, step.x, step.target),
        "super": lambda state, step: state.pair(step.y, step.x, step.target, Operation.SUPER),
        "wrap": lambda state, step: state.add(Family.WRAP, step.x, step.constant, step.target),
        "partial": lambda state, step: state.add(Family.PARTIAL, step.x, step.sites, step.target, step.constant),
        "curried": _curried,
        "itself": lambda state, step: state.put(step.target, step.externals),
        "deferred": _deferred,
        "bind": lambda state, step: state.pair(step.x, step.y, step.target, Operation.BIND),
        "construct": lambda state, step: state.add(Family.CONSTRUCT, step.x, step.sites, step.target),
        "keywords": _keywords,
        "attributes": _attributes,
        "arguments": lambda state, step: state.put(step.target, constant(state.library.namespace, step.target)),
        "module": _module,
        "imported": lambda state, step: state.add(Family.IMPORTED, step.x, step.target),
        "sent": lambda state, step: state.add(Family.SEND, step.target, step.x),
        "read": _read,
        "containers": lambda state, step: state.add(Family.CONTAINERS, step.x, step.target),
        "maybe": lambda state, step: state.add(Family.ANNOTATION, step.x, step.target),
        "classes": lambda state, step: state.add(Family.CLASSES, step.x, step.target),
    }
)
