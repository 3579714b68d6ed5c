"""Where rows come from: a catalog gives each name in a plan its table, dataset, or other plan."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias

import pyarrow as pa
import pyarrow.dataset as ds

from arrowdsl.errors import UnknownSourceError, one_of
from arrowdsl.plan.nodes import (
    Aggregate,
    Empty,
    Explode,
    Filter,
    Join,
    Kernel,
    Plan,
    Project,
    Ref,
    Scan,
    Shared,
    Sort,
    Union,
)
from arrowdsl.schema.schema import TableSpec, plain

KNOWN_SCHEMAS = 8192


@dataclass(frozen=True)
class DatasetSource:
    """A dataset on disk, scanned lazily; it goes wherever a table goes. ``spec`` is its contract, if it has one."""

    dataset: ds.Dataset
    spec: TableSpec | None = None

    @property
    def schema(self) -> pa.Schema:
        """The schema that scans give: values where the files have dictionaries."""
        return plain(self.dataset.schema) if self.spec is None else self.spec.plain_schema


@dataclass(frozen=True)
class PlanSource:
    """A plan, and the catalog that it is to be run with."""

    plan: Plan
    catalog: "Catalog"


Source: TypeAlias = pa.Table | DatasetSource


class Schemas:
    """The schemas of plans, once found out: to find one out takes as long as running a plan over a small part."""

    def __init__(self, size: int = KNOWN_SCHEMAS) -> None:
        self._size = size
        self._known: dict[Plan, pa.Schema] = {}

    def of(self, plan: Plan, find: Callable[[], pa.Schema]) -> pa.Schema:
        """The schema of a plan, which ``find`` gives."""
        known = self._known.get(plan)
        if known is None:
            if len(self._known) >= self._size:
                self._known.clear()  # whoever has it will soon know again what he needs
            known = self._known[plan] = find()
        return known


class Catalog(Protocol):
    """What the compiler asks for the meaning of names; the first two methods raise UnknownSourceError."""

    @property
    def schemas(self) -> Schemas:
        """The schemas of plans over this catalog: catalogs may share them if their tables' schemas are the same."""
        ...

    def source(self, table: str) -> Source:
        """The rows of a table."""
        ...

    def resolve(self, ref: Ref) -> Iterable[PlanSource]:
        """The plans whose rows, one after another, are those of an output, narrowed to the columns of ``ref``."""
        ...

    def schema(self, ref: Ref) -> pa.Schema | None:
        """The schema of an output, if it is known without resolving it, which may compute it."""
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
        """Not known: the plans that ``resolve`` gives have it."""


def present(branches: Sequence[Plan], catalog: Catalog) -> Sequence[Plan]:
    """The branches of a union that may have rows; at least one."""
    return [branch for branch in branches if not is_absent(branch, catalog)] or branches[:1]


def is_absent(plan: Plan, catalog: Catalog) -> bool:
    """Whether the plan has no rows because a table that they would come from has none: nothing is read to find out."""
    match plan:
        case Scan(table):
            source = catalog.source(table)
            return isinstance(source, pa.Table) and not source.num_rows
        case Empty():
            return True
        case Filter(child) | Project(child) | Sort(child) | Explode(child) | Shared(child) | Aggregate(child, (_, *_)):
            return is_absent(child, catalog)
        case Kernel(child, function):
            return function.of_nothing_nothing and is_absent(child, catalog)
        case Join(left, right, kind):
            return is_absent(left, catalog) or (kind in {"inner", "left semi"} and is_absent(right, catalog))
        case Union(branches):
            return all(is_absent(branch, catalog) for branch in branches)
        case _:
            return False
