"""The state of the solver: objects at places, copies between places, and the new facts of the current round.

Rules read only the facts of earlier rounds; the facts that they add take effect in the next round. So the result of a
round does not depend on the order in which its rules run.
"""

from collections import defaultdict

import numpy as np

from flight_server.points_to.bodies import Bodies
from flight_server.points_to.call_arguments import ParameterPlaces, ReturnedArguments, SiteArguments
from flight_server.points_to.called_places import called_places
from flight_server.points_to.class_orders import ClassOrders
from flight_server.points_to.contexts import Contexts
from flight_server.points_to.decorated_uses import DecoratedUses
from flight_server.points_to.fact_families import FactStore, Family, Operation
from flight_server.points_to.facts import Facts
from flight_server.points_to.heap import SHAPES, Heap, Kind
from flight_server.points_to.integer_columns import (
    HALF,
    LOWER,
    NONE,
    GrowingColumn,
    Ints,
    Mask,
    column,
    constant,
    pack,
    where,
)
from flight_server.points_to.library import Library
from flight_server.points_to.makers import Makers
from flight_server.points_to.module_index import ModuleIndex
from flight_server.points_to.sorted_runs import PairNumbers, PairSet

CREATION = 2  # the kind of the sites of class statements, see ``State.access_sites``


class State:
    """All facts so far: ``points`` (place, object), ``copies`` (source, target), ``edges`` (group, callee) and others.

    ``site_root`` has the site of the source to which a site inside a model belongs. The callees of one group of sites
    are rivals: a call runs one of them. What a model calls is a group of its own, because it runs beside the model.

    The attributes that are declared below are set before the first round; columns by place have 0 for none.
    ``parameters`` and ``returned`` describe functions, ``modules`` is the index of module names. By place,
    ``allocated`` is the container that is created there, ``receiver`` the place whose attribute is read into it,
    ``annotated_items`` the place of the annotation's container that it is an item of. ``displays`` are the containers
    whose positions are all known. ``assigned`` has the packed (class, key) of attributes that methods set, ``stored``
    the keys of all attributes that are set. ``typed`` marks places whose annotations mean only classes of the repo,
    ``is_called`` the places whose objects are called.
    """

    parameters: ParameterPlaces
    returned: ReturnedArguments
    makers: Makers
    contexts: Contexts
    modules: ModuleIndex
    allocated: Ints
    receiver: Ints
    annotated_items: Ints
    displays: Ints
    assigned: Ints
    stored: Ints

    def __init__(self, facts: Facts) -> None:
        """Start with a repo's places, without objects."""
        self.facts, self.keys = facts, facts.keys
        self.heap = Heap(facts.last_place)
        self.library = Library.of(facts.keys, self.heap)
        self.bodies = Bodies(facts)
        self.families = FactStore(self.heap.next_place)
        self.points, self.copies, self.edges, self.dispatched = (PairSet() for _ in range(4))
        self.included, self.bound_calls = PairSet(), PairSet()
        self.arguments, self.classes = SiteArguments(), ClassOrders.of()
        self.sites = len(facts.sites.result)
        self.site_result = GrowingColumn.of(facts.sites.result)
        self.site_callee = GrowingColumn.of(facts.sites.callee)
        self.site_root, self.site_group, self.site_source = (GrowingColumn.of(np.arange(self.sites)) for _ in range(3))
        self.site_context = GrowingColumn(self.sites)
        self.accesses, self.inclusions = PairNumbers(), PairNumbers()
        self._inclusion_codes, self._inclusion_count = GrowingColumn(1), 1
        self.typed = np.zeros(1, bool)
        self.is_called = called_places(facts)
        self.decorated = DecoratedUses.of(facts)
        self.follows_names_only = True
        self.is_unfinished = False
        self._saturated = GrowingColumn(1024)
        self._points, self._copies, self._edges, self._included = (list[Ints]() for _ in range(4))
        self._rows: dict[Family, list[Ints]] = defaultdict(list)

    @property
    def size(self) -> tuple[int, int]:
        """The numbers of points and of copies, which grow with every new fact."""
        return len(self.points), len(self.copies)

    def definition(self, definitions: Ints) -> Ints:
        """The objects of definitions: functions, classes and modules; 0 for others."""
        defs = self.facts.definitions
        found = np.zeros(len(definitions), np.int64)
        for kind, mask in (
            (Kind.FUNCTION, defs.is_function),
            (Kind.CLASS, defs.is_class),
            (Kind.MODULE, defs.is_module),
        ):
            chosen = mask[definitions]
            found[chosen] = self.heap.object(kind, definitions[chosen])
        return found

    def made_container(self, places: Ints, shapes: Ints) -> Ints:
        """The containers that the solver creates at places."""
        return self.heap.object(Kind.CONTAINER, len(self.facts.containers.values) + 1 + places, shapes)

    def placed(self, places: Ints, contexts: Ints) -> Ints:
        """The places of the source that code in contexts uses: its own, or those of the code around it."""
        if not contexts.any():
            return places
        return self.heap.placed(places, self.contexts.enclosing(self.bodies.owner[places], contexts))

    def made_in(self, objects: Ints, contexts: Ints) -> Ints:
        """The functions and containers that code creates in contexts; any other object is the same in each."""
        heap, found = self.heap, objects.copy()
        for kind, unit in ((Kind.FUNCTION, 1), (Kind.CONTAINER, SHAPES)):
            made = heap.is_of(objects, kind) & (contexts > 0)
            inside = heap.second[objects[made]] + unit * contexts[made]
            found[made] = heap.object(kind, heap.first[objects[made]], inside)
        return found

    def parameters_of(self, functions: Ints, positions: Ints | int) -> Ints:
        """The places of the parameters of functions as called, at positions; 0 if there is none."""
        return self.placed(self.parameters.at(self.heap.first[functions], positions), self.heap.second[functions])

    def receivers(self, places: Ints) -> Ints:
        """For places that an attribute is read into, the place of its receiver; 0 for other places."""
        return self.placed(self.receiver[self.heap.source[places]], self.heap.context[places])

    def saturate(self, places: Ints) -> None:
        """Mark places that may hold more objects than recorded, because a limit was reached."""
        self._saturated.reach(self.heap.next_place)
        self._saturated[places] = 1

    def is_saturated(self, places: Ints) -> Mask:
        """Which places may hold more objects than recorded; all places if the solver stopped before the fixpoint."""
        self._saturated.reach(int(places.max(initial=0)) + 1)
        mask: Mask = (self._saturated[places] > 0) | self.is_unfinished
        return mask

    def merge_saturated(self) -> None:
        """Mark the places of the source that are saturated in some context."""
        self._saturated.reach(self.heap.next_place)
        saturated = np.flatnonzero(self._saturated.values[: self.heap.next_place])
        self.saturate(self.heap.spelled(saturated))

    def put(self, places: Ints, objects: Ints) -> None:
        """Put objects at places; place 0 and object 0 are ignored."""
        if len(places):
            used = (places > 0) & (objects > 0)
            self._points.append(pack(places[used], objects[used]))

    def copy(self, targets: Ints, sources: Ints) -> None:
        """Copy all objects, also later ones, from sources to targets; place 0 is ignored."""
        if len(targets):
            used = (targets > 0) & (sources > 0) & (targets != sources)
            self._copies.append(pack(sources[used], targets[used]))

    def add(self, family: Family, *columns: Ints) -> None:
        """Add facts to a family."""
        if len(columns[0]):
            self._rows[family].append(np.stack(columns))

    def pair(self, base: Ints, other: Ints, targets: Ints, operation: Ints | Operation) -> None:
        """Combine the objects at two places: adds a fact at both places."""
        used = (base > 0) & (other > 0)
        base, other, targets, operation = where(used, base, other, targets, column(operation, len(base)))
        self.add(Family.PAIR, base, other, targets, operation)
        self.add(Family.PAIR_BACK, other, base, targets, operation)

    def edge(self, sites: Ints, callees: Ints) -> None:
        """Add call edges from sites to callees."""
        if len(sites):
            functions = self.heap.is_of(callees, Kind.FUNCTION)
            callees = np.where(functions, self.definition(self.heap.first[np.where(functions, callees, 0)]), callees)
            self._edges.append(pack(self.site_group[sites], callees))

    def new_sites(self, roots: Ints, results: Ints, callees: Ints, *, beside: bool) -> Ints:
        """Create call sites inside a model; ``beside``: their callees are no rivals of those of ``roots``."""
        made = np.arange(self.sites, self.sites + len(roots))
        self.sites += len(roots)
        real = self.site_root[roots]
        for held, values in (
            *((self.site_result, results), (self.site_root, real), (self.site_callee, callees)),
            *((self.site_source, np.zeros_like(roots)), (self.site_context, self.site_context[roots])),
            (self.site_group, made if beside else self.site_group[roots]),
        ):
            held.reach(self.sites)
            held[made] = values
        return made

    def access_sites(self, places: Ints, kind: int) -> Ints:
        """The sites of attribute reads (kind 0) or writes (1) that run code, by the place read into or written from.

        Those of class statements (CREATION) are numbered by definition.
        """
        sites = self._access_sites(kind, places)
        if kind != CREATION:
            spelled = self._access_sites(kind, self.heap.spelled(places))
            self.site_root[sites] = self.site_group[sites] = spelled
            self.site_context[sites] = self.heap.context[places]
        return sites

    def _access_sites(self, kind: int, places: Ints) -> Ints:
        sites, new = self.accesses.number(pack(constant(kind, places), places), self.sites)
        self.sites += len(new)
        columns = (self.site_result, self.site_root, self.site_group, self.site_callee)
        for held in (*columns, self.site_source, self.site_context):
            held.reach(self.sites)
        self.site_root[sites] = self.site_group[sites] = sites
        return sites

    def access_of(self, sites: Ints) -> tuple[Ints, Ints]:
        """The kind and place of sites that ``access_sites`` created; place 0 for other sites."""
        codes, numbers = self.accesses.all()
        coded = np.zeros(self.sites, np.int64)
        coded[numbers] = codes
        return coded[sites] >> HALF, coded[sites] & LOWER

    def include(self, sources: Ints, targets: Ints, modes: Ints) -> None:
        """Make the items of containers items of other containers; ``Include`` describes the modes."""
        if len(sources):
            numbers, new = self.inclusions.number(pack(targets, modes), self._inclusion_count)
            end = self._inclusion_count + len(new)
            self._inclusion_codes.reach(end)
            self._inclusion_codes[self._inclusion_count : end] = new
            self._inclusion_count = end
            self._included.append(pack(sources, numbers))

    def inclusion(self, numbers: Ints) -> tuple[Ints, Ints]:
        """The target and mode of inclusions, by number."""
        codes = self._inclusion_codes[numbers]
        return codes >> HALF, codes & LOWER

    def take_inclusions(self) -> Ints:
        """The packed (source, number) of inclusions that are new since the last call."""
        return self.included.add(_taken(self._included))

    def take_points(self) -> Ints:
        """The packed (place, object) added since the last call."""
        return _taken(self._points)

    def take_copies(self) -> Ints:
        """The packed (source, target) added since the last call."""
        return _taken(self._copies)

    def take_edges(self) -> Ints:
        """The call edges that are new since the last call."""
        return self.edges.add(_taken(self._edges))

    def take_rows(self) -> dict[Family, Ints]:
        """The facts added since the last call."""
        found, self._rows = self._rows, defaultdict(list)
        return {family: np.concatenate(found[family], axis=1) for family in Family if family in found}

    def has_news(self) -> bool:
        """Whether anything was added since the last calls of the ``take`` methods."""
        return bool(self._points or self._copies or self._rows)

    def forget_calls(self, objects: Mask) -> None:
        """Let these objects (a mask) be called again, except those whose calls add new facts every time."""
        codes = self.dispatched.all()
        callees = codes & LOWER
        stay = self.heap.is_of(callees, Kind.EXTERNAL, Kind.PARTIAL) | (callees >= len(objects))
        stay |= ~objects[np.minimum(callees, len(objects) - 1)]
        self.dispatched = PairSet()
        self.dispatched.add(codes[stay])

    def explicit(self, sites: Ints) -> Mask:
        """Which sites are calls that the source spells, rather than those that syntax implies."""
        return self._of_source(self.facts.sites.explicit, sites)

    def decorates(self, sites: Ints) -> Mask:
        """Which sites call a decorator."""
        return self._of_source(self.facts.sites.decorates, sites)

    def _of_source(self, column: Mask, sites: Ints) -> Mask:
        roots = self.site_root[sites]
        mask: Mask = column[np.where(roots < len(column), roots, 0)]
        return mask


def _taken(findings: list[Ints]) -> Ints:
    found = np.concatenate([NONE, *findings])
    findings.clear()
    return found
