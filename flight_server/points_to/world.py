"""What is known so far: which objects are where, what is copied to where, and what the rules of this round have found.

Rules only read what earlier rounds have found and write down what they find; it counts from the next step on. So what a
round gives does not depend on the order in which its rules run.
"""

from collections import defaultdict

import numpy as np
import pyarrow as pa

from flight_server.points_to.arguments import Arguments, Parameters, Passed
from flight_server.points_to.classes import Classes
from flight_server.points_to.columns import (
    HALF,
    LOWER,
    NONE,
    Codes,
    Growing,
    Ints,
    Mask,
    Pairs,
    constant,
    pack,
    table,
)
from flight_server.points_to.heap import Heap, Kind
from flight_server.points_to.keys import Keys
from flight_server.points_to.programs import Programs
from flight_server.points_to.relations import WIDTHS, Family, Relations, Together
from flight_server.points_to.source import Source


class World:
    """The state of a solution: ``points`` (place, object), ``copies`` (source, target), ``edges`` (site, callee)."""

    def __init__(self, source: Source) -> None:
        """Start with a repo's places and no knowledge."""
        self.source = source
        self.heap = Heap(len(source.places.values))
        self.relations = Relations(self.heap.places)
        self.points, self.copies, self.edges, self.dispatched = (Codes() for _ in range(4))
        self.included, self.bound_calls = Codes(), Codes()
        self.classes = Classes()
        self.arguments, self.parameters, self.passed = Arguments(), Parameters(), Passed()
        self.site_result = Growing(0)
        self.site_result.values = source.sites.result.copy()
        self.site_root = Growing(0)
        self.site_root.values = np.arange(len(source.sites.result))
        self.sites = len(source.sites.result)
        self.site_callee = Growing(0)
        self.site_callee.values = source.sites.callee.copy()
        self.receiver = np.zeros(self.heap.places, np.int64)
        self.shape_types = self.type_shapes = self.models = NONE
        self.object_methods = self.bare_types = self.value_attributes = self.assigned = NONE
        self.builtins = self.object_type = self.enum_module = self.enters = 0
        self.operators = NONE
        self.programs = Programs((), NONE, NONE, NONE, np.zeros(0, bool))
        self.containers = 0
        self.container_ids = source.definitions.ids
        self.stored = NONE
        self.namespace = 0
        self.folders = pa.array([], pa.string())
        self.displays = self.annotated_items = NONE
        self.allocated = self.tuple_types = self.annotation_roots = self.protocol_types = NONE
        self.typed = np.zeros(1, bool)
        self.bases = self.metaclass_bases = (NONE, NONE, NONE)
        self.module_names = self.module_keys = (NONE, NONE)
        self.meant_externals = self.meant_variables = (NONE, NONE)
        self.accesses = Pairs()
        self.resolves_names_only = True
        self.is_unfinished = False
        self._saturated = Growing(1024)
        self._points: list[Ints] = []
        self._copies: list[Ints] = []
        self._edges: list[Ints] = []
        self._rows: dict[Family, list[Ints]] = defaultdict(list)
        self._inclusions: list[Ints] = []
        self._inclusion_numbers = Pairs()
        self._inclusion_codes = Growing(1)
        self._inclusion_count = 1

    @property
    def keys(self) -> Keys:
        """The repo's keys."""
        return self.source.keys

    @property
    def size(self) -> tuple[int, int]:
        """How much is known: when this stays the same, nothing is new."""
        return len(self.points), len(self.copies)

    def definition(self, definitions: Ints) -> Ints:
        """The objects of functions, classes and modules, by definition; 0 for others."""
        known = self.source.definitions
        found = np.zeros(len(definitions), np.int64)
        for kind, mask in (
            (Kind.FUNCTION, known.is_function),
            (Kind.CLASS, known.is_class),
            (Kind.MODULE, known.is_module),
        ):
            chosen = mask[definitions]
            found[chosen] = self.heap.object(kind, definitions[chosen])
        return found

    def saturate(self, places: Ints) -> None:
        """Mark places that may hold more than they show, because a limit was reached."""
        self._saturated.reach(self.heap.places)
        self._saturated.values[places] = 1

    def is_saturated(self, places: Ints) -> Mask:
        """Which places may hold more than they show; all of them if the work was broken off."""
        self._saturated.reach(int(places.max(initial=0)) + 1)
        mask: Mask = (self._saturated.values[places] > 0) | self.is_unfinished
        return mask

    def put(self, places: Ints, objects: Ints) -> None:
        """Objects come to be at places; place 0 takes nothing."""
        if len(places):
            kept = (places > 0) & (objects > 0)
            self._points.append(pack(places[kept], objects[kept]))

    def copy(self, targets: Ints, sources: Ints) -> None:
        """Whatever is at the sources comes to the targets; place 0 takes and gives nothing."""
        if len(targets):
            kept = (targets > 0) & (sources > 0) & (targets != sources)
            self._copies.append(pack(sources[kept], targets[kept]))

    def add(self, family: Family, *columns: Ints) -> None:
        """Further facts of a family."""
        if len(columns[0]):
            self._rows[family].append(table(*columns))

    def together(self, what: Together, base: Ints, other: Ints, targets: Ints) -> None:
        """Objects of two places are to be combined: a fact at both."""
        kept = (base > 0) & (other > 0)
        base, other, targets = base[kept], other[kept], targets[kept]
        self.add(Family.PAIR, base, other, targets, constant(what, base))
        self.add(Family.PAIR_BACK, other, base, targets, constant(what, base))

    def edge(self, sites: Ints, callees: Ints) -> None:
        """Sites call callees."""
        if len(sites):
            self._edges.append(pack(self.site_root.values[sites], callees))

    def new_sites(self, roots: Ints, results: Ints, callees: Ints) -> Ints:
        """Call sites inside a model, which stand for the sites ``roots`` of the source."""
        made = np.arange(self.sites, self.sites + len(roots))
        self.sites += len(roots)
        real = self.site_root.values[roots]
        for column, values in ((self.site_result, results), (self.site_root, real), (self.site_callee, callees)):
            column.reach(self.sites)
            column.values[made] = values
        return made

    def access_sites(self, places: Ints, kind: int) -> Ints:
        """The sites of reads (0) or writes (1) of attributes that run code, by the place read to or written from."""
        sites, new = self.accesses.number(pack(constant(kind, places), places), self.sites)
        self.sites += len(new)
        self.site_result.reach(self.sites)
        self.site_root.reach(self.sites)
        self.site_root.values[sites] = sites
        return sites

    def access_of(self, sites: Ints) -> tuple[Ints, Ints]:
        """Of the sites of attribute reads and writes, which of the two and the place; place 0 for others."""
        codes, numbers = self.accesses.all()
        coded = np.zeros(self.sites, np.int64)
        coded[numbers] = codes
        return coded[sites] >> HALF, coded[sites] & LOWER

    def include(self, sources: Ints, targets: Ints, modes: Ints) -> None:
        """The items of containers become items of other containers (modes as in ``items.Include``)."""
        if len(sources):
            numbers, new = self._inclusion_numbers.number(pack(targets, modes), self._inclusion_count)
            self._inclusion_codes.reach(self._inclusion_count + len(new))
            self._inclusion_codes.values[self._inclusion_count : self._inclusion_count + len(new)] = new
            self._inclusion_count += len(new)
            self._inclusions.append(pack(sources, numbers))

    def inclusion(self, numbers: Ints) -> tuple[Ints, Ints]:
        """Target and mode of numbered inclusions."""
        codes = self._inclusion_codes.values[numbers]
        return codes >> HALF, codes & LOWER

    def take_inclusions(self) -> Ints:
        """The packed (source, number) of inclusions that are new since the last time."""
        found, self._inclusions = self._inclusions, []
        return self.included.add(np.concatenate(found)) if found else NONE

    def take_points(self) -> Ints:
        """What was put since the last time, packed."""
        found, self._points = self._points, []
        return np.concatenate(found) if found else NONE

    def take_copies(self) -> Ints:
        """The copies found since the last time, packed."""
        found, self._copies = self._copies, []
        return np.concatenate(found) if found else NONE

    def has_news(self) -> bool:
        """Whether the rules have found anything since the last time."""
        return bool(self._points or self._copies or self._rows)

    def take_rows(self) -> dict[Family, Ints]:
        """The facts found since the last time."""
        found, self._rows = self._rows, defaultdict(list)
        return {family: np.concatenate(found[family]) for family in WIDTHS if family in found}

    def take_edges(self) -> Ints:
        """The call edges that are new since the last time."""
        found, self._edges = self._edges, []
        return self.edges.add(np.concatenate(found)) if found else NONE

    def forget_calls(self, objects: Mask) -> None:
        """Let calls of these objects (by number) be made again, but not those of which each adds facts of its own."""
        codes = self.dispatched.all()
        callees = codes & LOWER
        kept = self.heap.is_of(callees, Kind.EXTERNAL, Kind.PARTIAL) | (callees >= len(objects))
        kept |= ~objects[np.minimum(callees, len(objects) - 1)]
        self.dispatched = Codes()
        self.dispatched.add(codes[kept])

    def explicit(self, sites: Ints) -> Mask:
        """Which sites are calls that the source spells, rather than those that syntax implies."""
        return self._of_source(self.source.sites.explicit, sites)

    def decorates(self, sites: Ints) -> Mask:
        """Which sites call a decorator."""
        return self._of_source(self.source.sites.decorates, sites)

    def is_builtin(self, externals: Ints) -> Mask:
        """Which externals are reached from the module ``builtins``."""
        mask: Mask = self.heap.root.values[externals] == self.builtins
        return mask

    def shape_of_type(self, externals: Ints) -> Ints:
        """The shape of the values of builtin types, 0 for others."""
        return np.where(
            externals < len(self.type_shapes), self.type_shapes[np.minimum(externals, len(self.type_shapes) - 1)], 0
        )

    def models_of(self, externals: Ints) -> Ints:
        """The numbers of externals' models, 0 for none; every ``__new__`` has one."""
        known = np.where(externals < len(self.models), self.models[np.minimum(externals, len(self.models) - 1)], 0)
        is_new = (known == 0) & (self.heap.second.values[externals] == self.keys["__new__"])
        return np.where(is_new, len(self.programs.low) - 1, known)

    def _of_source(self, column: Mask, sites: Ints) -> Mask:
        roots = self.site_root.values[sites]
        mask: Mask = column[np.where(roots < len(column), roots, 0)]
        return mask
