"""Kernels that several branches of a union have alike: the first branch runs them, the others take the rows it got.

Kernels are alike if their functions have one name, version and needs, and their inputs are equal plans. Rows are kept
until the union is done, and only up to KEPT_BYTES of a kernel: of a larger one each branch runs its own. A branch that
is not read to its end leaves nothing behind.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import pyarrow as pa

from arrowdsl.plan.nodes import Kernel, Plan, Ref, walk
from arrowdsl.plan.source import Catalog, PlanSource, Source

KEPT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Kept:
    """The rows of a kernel."""

    schema: pa.Schema
    batches: tuple[pa.RecordBatch, ...]


@dataclass(frozen=True)
class SharingCatalog:
    """A catalog for the branches of one union, and the rows of the kernels that are ``shared`` between them."""

    catalog: Catalog
    shared: frozenset[Kernel]
    _kept: dict[Kernel, Kept] = field(default_factory=dict)

    def source(self, table: str) -> Source:
        """As the catalog has it."""
        return self.catalog.source(table)

    def resolve(self, ref: Ref) -> Iterable[PlanSource]:
        """As the catalog has it."""
        return self.catalog.resolve(ref)

    def schema(self, ref: Ref) -> pa.Schema | None:
        """As the catalog has it."""
        return self.catalog.schema(ref)

    def kept(self, kernel: Kernel) -> Kept | None:
        """The rows of a kernel that another branch has run."""
        return self._kept.get(kernel)

    def keeping(
        self, kernel: Kernel, schema: pa.Schema, batches: Generator[pa.RecordBatch, None, None]
    ) -> Generator[pa.RecordBatch, None, None]:
        """The batches of a shared kernel as they come; once all have come they are kept, unless they are too large."""
        held: list[pa.RecordBatch] = []
        size = 0
        with closing(batches):
            for batch in batches:
                size += batch.nbytes
                held.append(batch)
                if size > KEPT_BYTES:
                    held.clear()
                yield batch
        if size <= KEPT_BYTES:
            self._kept[kernel] = Kept(schema, tuple(held))


def sharing(branches: Sequence[Plan], catalog: Catalog) -> Catalog:
    """A catalog for the branches of a union: the one given, if they have no kernel in common or it shares already."""
    if isinstance(catalog, SharingCatalog):
        return catalog
    found = Counter(node for branch in branches for node in walk(branch) if isinstance(node, Kernel))
    shared = frozenset(kernel for kernel, times in found.items() if times > 1)
    return SharingCatalog(catalog, shared) if shared else catalog
