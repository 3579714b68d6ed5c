"""The rows of common subexpressions while a plan runs: computed for the first reader, held until the last one starts.

The scans of one table read different columns and rows, so they share one wide scan: it has the columns of all of them,
and the common terms of their filters. A run holds at most SHARED_BYTES; a result that does not fit is computed again
for each reader.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import cached_property

import pyarrow as pa

from arrowdsl.compute.expr import conjunction, conjuncts
from arrowdsl.plan.batches import Batches
from arrowdsl.plan.nodes import Plan, Scan, Shared, Union, inputs
from arrowdsl.plan.source import Catalog, present
from arrowdsl.plan.table_scan import read_columns

SHARED_BYTES = 64 * 1024 * 1024


class SharedRows:
    """The shared rows of one run of a plan."""

    def __init__(self, plan: Plan, catalog: Catalog) -> None:
        self._plan = plan
        self._catalog = catalog
        self._held: dict[Plan, list[pa.RecordBatch]] = {}
        self._bytes: dict[Plan, int] = {}
        self._large: set[Plan] = set()

    def wide(self, table: str) -> Scan:
        """A scan with the columns of all scans of the table, and with the common terms of their filters."""
        return self._scans[table]

    def is_large(self, plan: Plan) -> bool:
        """Whether the plan's rows have turned out not to fit."""
        return plan in self._large

    def rows(self, plan: Plan, run: Callable[[], Batches]) -> Batches:
        """The rows of a shared plan, from memory if an earlier reader has read them all."""
        self._readers[plan] -= 1
        held = self._held.get(plan)
        if held is None:
            yield from self._holding(plan, run())
            return
        if not self._readers[plan]:
            del self._held[plan], self._bytes[plan]
        yield from held

    def _holding(self, plan: Plan, batches: Batches) -> Batches:
        held: list[pa.RecordBatch] = []
        size, room = 0, SHARED_BYTES - sum(self._bytes.values())
        with closing(batches):
            for batch in batches:
                size += batch.nbytes
                if size <= room and self._readers[plan] > 0:
                    held.append(batch)
                else:
                    held.clear()
                yield batch
        if size > room:
            self._large.add(plan)
        elif self._readers[plan] > 0:
            self._held[plan], self._bytes[plan] = held, size

    @cached_property
    def _found(self) -> tuple[Counter[Plan], dict[str, list[Scan]]]:
        """The number of readers of each shared plan, and the shared scans by table; empty branches are ignored."""
        readers: Counter[Plan] = Counter()
        scans: dict[str, list[Scan]] = {}
        rest = [self._plan]
        while rest:
            match rest.pop():
                case Shared(Scan() as scan):
                    scans.setdefault(scan.table, []).append(scan)
                case Shared(child):
                    readers[child] += 1
                    rest += [child] if readers[child] == 1 else []
                case Union(branches):
                    rest += present(branches, self._catalog)
                case node:
                    rest += inputs(node)
        return readers, scans

    @cached_property
    def _scans(self) -> dict[str, Scan]:
        return {table: self._wide(table, scans) for table, scans in self._found[1].items()}

    @cached_property
    def _readers(self) -> Counter[Plan]:
        readers, scans = self._found
        return readers + Counter({self._scans[table]: len(found) for table, found in scans.items()})

    def _wide(self, table: str, scans: Iterable[Scan]) -> Scan:
        available = self._catalog.source(table).schema.names
        read = dict.fromkeys(name for scan in scans for name in read_columns(scan, available))
        terms = [() if scan.predicate is None else conjuncts(scan.predicate) for scan in dict.fromkeys(scans)]
        common = [term for term in terms[0] if all(term in others for others in terms)]
        return Scan(table, tuple(read), conjunction(common) if common else None)
