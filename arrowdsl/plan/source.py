"""Sources of rows: a catalog maps each name in a plan to a table, a dataset, or another plan."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

import pyarrow as pa
import pyarrow.dataset as ds

from arrowdsl.errors import UnknownSourceError, one_of
from arrowdsl.plan.nodes import Aggregate, Empty, Join, Plan, Ref, Scan, Unary, Union
from arrowdsl.schema.schema import TableSpec, plain

KNOWN_SCHEMAS = 8192


@dataclass(frozen=True)
class DatasetSource:
    """A dataset on disk, scanned lazily, usable in place of a table. ``spec`` is its contract, if it has one."""

    dataset: ds.Dataset
    spec: TableSpec | None = None

    @property
    def schema(self) -> pa.Schema:
        """The schema of scans, with values in place of the files' dictionaries."""
        return plain(self.dataset.schema) if self.spec is None else self.spec.plain_schema


@dataclass(frozen=True)
class PlanSource:
    """A plan and the catalog to run it with."""

    plan: Plan
    catalog: "Catalog"


Source: TypeAlias = pa.Table | DatasetSource


class Schemas:
    """A cache of the schemas of plans: finding a schema takes as long as running the plan over a small part."""

    def __init__(self) -> None:
        self._known: dict[Plan, pa.Schema] = {}

    def of(self, plan: Plan, find: Callable[[], pa.Schema]) -> pa.Schema:
        """The cached schema of a plan; ``find`` computes a missing one."""
        known = self._known.get(plan)
        if known is None:
            if len(self._known) >= KNOWN_SCHEMAS:
                self._known.clear()  # the schemas in use are found again soon
            known = self._known[plan] = find()
        return known


class Catalog(Protocol):
    """The meaning of the names in a plan; ``source`` and ``resolve`` raise UnknownSourceError."""

    @property
    def schemas(self) -> Schemas:
        """The cached schemas of plans; catalogs may share them if the schemas of their tables are the same."""
        ...

    def source(self, table: str) -> Source:
        """The rows of a table."""
        ...

    def resolve(self, ref: Ref) -> Iterable[PlanSource]:
        """The plans whose concatenated rows are the rows of an output, narrowed to the columns of ``ref``."""
        ...

    def schema(self, ref: Ref) -> pa.Schema | None:
        """The schema of an output if it is known without ``resolve``, which may compute the output."""
        ...


@dataclass(frozen=True)
class PlanCatalog:
    """A catalog of named sources."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    outputs: Mapping[str, PlanSource] = field(default_factory=dict)
    schemas: Schemas = field(default_factory=Schemas, compare=False, repr=False)

    def source(self, table: str) -> Source:
        """The named source."""
        if table not in self.sources:
            raise UnknownSourceError(f"unknown table {table!r}; tables: {one_of(self.sources)}")
        return self.sources[table]

    def resolve(self, ref: Ref) -> Iterable[PlanSource]:
        """The named output."""
        if ref.output not in self.outputs:
            raise UnknownSourceError(f"unknown output {ref.output!r}; outputs: {one_of(self.outputs)}")
        found = self.outputs[ref.output]
        return (found if ref.columns is None else replace(found, plan=found.plan.select(*ref.columns)),)

    def schema(self, _ref: Ref) -> None:
        """Not known without the plans that ``resolve`` gives."""


def present(branches: Sequence[Plan], catalog: Catalog) -> Sequence[Plan]:
    """The branches of a union that may have rows; at least one."""
    return [branch for branch in branches if not is_absent(branch, catalog)] or branches[:1]


def is_absent(plan: Plan, catalog: Catalog) -> bool:
    """Whether the plan has no rows because a table that it reads is empty; decided without reading rows."""
    match plan:
        case Scan(table):
            source = catalog.source(table)
            return isinstance(source, pa.Table) and not source.num_rows
        case Empty():
            return True
        case Aggregate(keys=()):
            return False  # an aggregate without keys has a row even for an empty input
        case Unary(child):
            return is_absent(child, catalog)
        case Join(left, right, kind):
            return is_absent(left, catalog) or (kind in {"inner", "left semi"} and is_absent(right, catalog))
        case Union(branches):
            return all(is_absent(branch, catalog) for branch in branches)
        case _:
            return False
