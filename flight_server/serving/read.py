"""A read: one output of one snapshot, narrowed; its parts, their plans, and the stream of their rows.

A few parts run side by side, ahead of the reader, and are delivered in order; so memory is bounded by these parts, not
by the repo.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial

import pyarrow as pa

from arrowdsl.compute.expr import Expr, conjunction
from arrowdsl.plan.batches import Batches, Stream, limited, rebatch
from arrowdsl.plan.nodes import Plan, Scope, Union
from arrowdsl.plan.stopping import Check
from arrowdsl.schema.schema import TableSpec, rebuilt
from flight_client.contracts.tables import canonical_order
from flight_server.pipeline.driver import Output
from flight_server.serving.ahead import Opening, in_order
from flight_server.serving.catalog import PartCatalog, parts_with_rows
from flight_server.serving.forms import Form
from flight_server.serving.lookup import KeyFilter
from flight_server.serving.plans import OutputPlans, bound, narrowed
from flight_server.serving.request import Request
from flight_server.serving.results import Results
from flight_server.serving.sorting import in_canonical_order
from flight_server.serving.units import Unit, open_unit
from flight_server.storage.paths import Part
from flight_server.storage.snapshots import Snapshot
from flight_server.storage.store_errors import reading

SIDE_BY_SIDE = 2


@dataclass(frozen=True)
class Read:
    """A request that was found good: what is read, of which snapshot, in which parts, and the schema that comes out."""

    request: Request
    snapshot: Snapshot
    plans: OutputPlans
    results: Results
    output: Output
    spec: TableSpec
    schema: pa.Schema
    parts: tuple[Part, ...]
    looked_up: KeyFilter | None = None

    @cached_property
    def form(self) -> Form:
        """The form of rows before they are sorted: with the columns that they are sorted by."""
        if self.request.order != "canonical":
            return Form.of(self.schema, self.spec)
        keys = [name for name, _ in canonical_order(self.spec) if name not in self.schema.names]
        extra = [self.spec.schema.field(name) for name in keys]
        return Form.of(pa.schema([*self.schema, *extra], metadata=self.schema.metadata), self.spec)

    def where(self, part: Part) -> Expr | None:
        """What rows of a part must be."""
        terms = [] if self.request.where is None else [self.request.where]
        terms += [] if self.looked_up is None else [self.looked_up.term(part)]
        return conjunction(terms) if terms else None

    def among(self, looked_up: KeyFilter) -> "Read":
        """The read of the rows that have one of the keys, and of the parts that may hold such."""
        return replace(self, looked_up=looked_up, parts=tuple(filter(looked_up.leaves, self.parts)))

    def catalog(self, part: Part) -> PartCatalog:
        """What the plan's names mean in one part."""
        return PartCatalog(self.snapshot, self.plans, self.results, part)

    def plan(self, part: Part) -> Plan:
        """The plan over one part as it is asked for, before the optimizer: that of all scopes that have rows there."""
        plans = tuple(
            narrowed(self.output.plans[scope], self.columns, self.where(part)) for scope in self._scopes(part)
        )
        return bound(plans[0] if len(plans) == 1 else Union(plans), self.catalog(part).parameters)

    def units(self) -> Iterator[Unit]:
        """The parts in order, and in each the scopes: what is read of them and how."""
        return (self._unit(part, scope) for part in self.parts for scope in self._scopes(part))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, in order: those asked for, then those to sort by."""
        return tuple(self.form.schema.names)

    @property
    def has_all_columns(self) -> bool:
        """Whether every column of the contract is asked for."""
        return {*self.spec.schema.names} == {*self.schema.names}

    def _scopes(self, part: Part) -> Iterator[Scope]:
        return (scope for scope, parts in self._parts_of_scopes.items() if part in parts)

    @cached_property
    def _parts_of_scopes(self) -> dict[Scope, frozenset[Part]]:
        plans = self.output.plans
        return {scope: frozenset(parts_with_rows(self.output, scope, self.snapshot)) for scope in plans}

    def _unit(self, part: Part, scope: Scope) -> Unit:
        where = self.where(part)
        return Unit(
            catalog=self.catalog(part),
            output=self.output,
            scope=scope,
            where=where,
            form=self.form,
            whole=where is None and self.request.limit is None and self.has_all_columns,
        )


def open_read(read: Read, check: Check) -> Stream:
    """The rows as they go out: aligned, cut to batch size, encoded.

    ``check`` is called for each batch that goes out, and while there is none; what it raises ends the stream.
    """
    batches = _by_part(read, check)
    if read.request.order == "canonical" and canonical_order(read.spec):
        batches = in_canonical_order(batches, canonical_order(read.spec), read.results.artifacts, check)
    if read.request.limit is not None:
        batches = limited(batches, read.request.limit)
    return Stream(read.schema, _outgoing(read, batches, check))


def _by_part(read: Read, check: Check) -> Batches:
    openings = (Opening(partial(open_unit, unit), is_stored=unit.is_stored) for unit in read.units())
    with (
        reading(f"{read.request.repo}/{read.output.name}"),
        closing(in_order(openings, check, SIDE_BY_SIDE)) as batches,
    ):
        yield from batches


def _outgoing(read: Read, batches: Batches, check: Check) -> Batches:
    width = len(read.schema)
    with closing(batches):
        for batch in rebatch(batches):
            check()
            chosen = batch if batch.num_columns == width else batch.select(range(width))
            yield rebuilt(chosen, read.schema)
