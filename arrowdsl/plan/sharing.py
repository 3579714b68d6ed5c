"""What several branches of a union have alike is computed once: the first that needs it runs it, the others take it.

Alike are equal plans (kernels count by name, version and needs), which the optimizer has given equal columns, and the
tables that are scanned more than once: those are decoded once, with all columns that the branches read. Rows are kept
until their last use, and only up to KEPT_BYTES for a union: what does not fit in is computed by each branch for itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache

import pyarrow as pa

from arrowdsl.compute.expr import Expr, columns, conjunction, conjuncts
from arrowdsl.plan.batches import Batches, Stream
from arrowdsl.plan.nodes import Aggregate, Explode, Join, Kernel, Plan, Ref, Scan, Sort, Union, inputs
from arrowdsl.plan.source import Catalog, PlanSource, Schemas, Source

KEPT_BYTES = 64 * 1024 * 1024
KNOWN_UNIONS = 256

Reading = Callable[[Plan, Catalog], Stream]


@dataclass(frozen=True)
class Kept:
    """The rows of a plan, and their bytes in memory."""

    schema: pa.Schema
    batches: tuple[pa.RecordBatch, ...]
    bytes: int


@dataclass(frozen=True)
class Alike:
    """What branches have in common: ``plans`` with how often each is read, and ``scans`` that have the rows of all."""

    plans: dict[Plan, int]
    scans: dict[str, Scan]


@dataclass(frozen=True)
class SharingCatalog:
    """A catalog for the branches of one union, and the rows that are shared between them."""

    catalog: Catalog
    alike: Alike
    read: Reading
    _kept: dict[Plan, Kept] = field(default_factory=dict)
    _tables: dict[str, pa.Table | None] = field(default_factory=dict)
    _sizes: Counter[str] = field(default_factory=Counter)
    _large: set[Plan] = field(default_factory=set)
    _taken: Counter[Plan] = field(default_factory=Counter)

    @property
    def schemas(self) -> Schemas:
        """As the catalog has them: the tables that are shared are read into the same columns."""
        return self.catalog.schemas

    def source(self, table: str) -> Source:
        """The table's rows in memory if they are shared and fit in, else as the catalog has it."""
        if table in self.alike.scans and table not in self._tables:
            self._tables[table] = self._loaded(table)
        known = self._tables.get(table)
        return self.catalog.source(table) if known is None else known

    def resolve(self, ref: Ref) -> Iterable[PlanSource]:
        """As the catalog has it."""
        return self.catalog.resolve(ref)

    def schema(self, ref: Ref) -> pa.Schema | None:
        """As the catalog has it."""
        return self.catalog.schema(ref)

    def shares(self, plan: Plan) -> bool:
        """Whether the plan's rows may be kept."""
        return plan in self.alike.plans and plan not in self._large

    def take(self, plan: Plan) -> Kept | None:
        """The rows of a plan that another branch has run; forgotten when nobody else will ask for them."""
        kept = self._kept.get(plan)
        if kept is not None:
            self._taken[plan] += 1
            if self._taken[plan] >= self.alike.plans[plan] - 1:
                del self._kept[plan]
        return kept

    def keeping(self, plan: Plan, schema: pa.Schema, batches: Batches) -> Batches:
        """The batches of a shared plan as they come; once all have come they are kept, unless they are too large."""
        held: list[pa.RecordBatch] = []
        size, room = 0, self._room()
        with closing(batches):
            for batch in batches:
                size += batch.nbytes
                held.append(batch)
                if size > room:
                    held.clear()
                yield batch
        if size <= room:
            self._kept[plan] = Kept(schema, tuple(held), size)
        else:
            self._large.add(plan)

    def collected(self, plan: Plan, schema: pa.Schema, batches: Batches) -> pa.Table | None:
        """The rows of a shared plan; None, and nothing more is read, if they are too large to be kept."""
        found = _collected(schema, batches, self._room())
        if found is None:
            self._large.add(plan)
        return found

    def _loaded(self, table: str) -> pa.Table | None:
        source = self.catalog.source(table)
        if isinstance(source, pa.Table):
            return source
        stream = self.read(self.alike.scans[table], self.catalog)
        rows = _collected(stream.schema, stream.batches, self._room())
        if rows is not None:
            self._sizes[table] = rows.nbytes
        return rows

    def _room(self) -> int:
        return KEPT_BYTES - self._sizes.total() - sum(kept.bytes for kept in self._kept.values())


def sharing(branches: Sequence[Plan], catalog: Catalog, read: Reading) -> Catalog:
    """A catalog for the branches of a union: the one given, if they have nothing in common or it shares already."""
    if isinstance(catalog, SharingCatalog):
        return catalog
    alike = _alike(tuple(branches))
    return SharingCatalog(catalog, alike, read) if alike.plans or alike.scans else catalog


def repeated(plans: Iterable[Plan]) -> dict[Plan, int]:
    """The plans below that are worth keeping and read by several others, with by how many."""
    return {node: times for node, times in _times(plans).items() if times > 1 and _is_costly(node)}


def _times(plans: Iterable[Plan]) -> Counter[Plan]:
    """How many plans read each of those below; what equal plans read is read once."""
    times: Counter[Plan] = Counter()
    rest = list(plans)
    while rest:
        node = rest.pop()
        times[node] += 1
        if times[node] == 1:
            rest.extend(inputs(node))
    return times


def _is_costly(node: Plan) -> bool:
    return isinstance(node, Aggregate | Explode | Join | Kernel | Ref | Sort | Union)


@lru_cache(maxsize=KNOWN_UNIONS)
def _alike(branches: tuple[Plan, ...]) -> Alike:
    scans: dict[str, Counter[Scan]] = {}
    for node, times in _times(branches).items():
        if isinstance(node, Scan) and node.columns is not None:
            scans.setdefault(node.table, Counter())[node] = times
    wide = {table: _wide(table, found) for table, found in scans.items() if found.total() > 1}
    return Alike(repeated(branches), wide)


def _wide(table: str, scans: Iterable[Scan]) -> Scan:
    """A scan that has the columns of all, and the rows that all of their filters leave."""
    wanted: dict[str, None] = {}
    terms: list[dict[Expr, None]] = []
    for scan in scans:
        terms.append({} if scan.predicate is None else dict.fromkeys(conjuncts(scan.predicate)))
        read = () if scan.predicate is None else sorted(columns(scan.predicate))
        wanted |= dict.fromkeys((*(scan.columns or ()), *read))
    common = [term for term in terms[0] if all(term in others for others in terms)]
    return Scan(table, tuple(wanted), conjunction(common) if common else None)


def _collected(schema: pa.Schema, batches: Batches, room: int) -> pa.Table | None:
    held: list[pa.RecordBatch] = []
    size = 0
    with closing(batches):
        for batch in batches:
            size += batch.nbytes
            held.append(batch)
            if size > room:
                return None
    return pa.Table.from_batches(held, schema)
