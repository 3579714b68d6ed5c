"""What the names in a plan mean in one part of one snapshot."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from arrowdsl.plan.nodes import Ref, Scan, Scope
from arrowdsl.plan.optimize import optimize
from arrowdsl.plan.runner import run_plan
from arrowdsl.plan.source import DatasetSource, PlanCatalog, PlanSource, Source
from arrowdsl.schema.schema import empty_table
from flight_server.contracts.raw import RAW_TABLES
from flight_server.contracts.tables import partition_column
from flight_server.pipeline.driver import Output
from flight_server.serving.fixpoints import Fixpoints
from flight_server.storage.partitioning import partitioning_of
from flight_server.storage.paths import Part
from flight_server.storage.snapshots import Snapshot


@dataclass(frozen=True)
class PartCatalog:
    """The tables of one part; other outputs evaluated over all parts, or over the repo as a whole."""

    snapshot: Snapshot
    pipeline: Mapping[str, Output]
    part: Part
    fixpoints: Fixpoints

    def source(self, table: str) -> Source:
        """A raw table's rows in this part; a table that was never put has none."""
        spec = RAW_TABLES[table]
        dataset = self.snapshot.dataset(spec, self.part)
        return empty_table(spec.plain_schema) if dataset is None else DatasetSource(dataset=dataset, spec=spec)

    def resolve(self, ref: Ref) -> Iterator[PlanSource]:
        """An output's plan over each part of its scope."""
        output = self.pipeline[ref.output]
        if ref.scope is Scope.FIXPOINT:
            yield PlanSource(Scan(ref.output), PlanCatalog({ref.output: self._fixpoint(output)}))
            return
        plan = optimize(output.plans[ref.scope], self)  # schemas are the same in every part
        for part in parts_with_rows(output, ref.scope, self.snapshot):
            yield PlanSource(plan, replace(self, part=part))

    def _fixpoint(self, output: Output) -> pa.Table:
        """The rows of a fixpoint: in a part those of its files, elsewhere all of them."""
        hashes = (
            (table, part, self.snapshot.content_hash(table, part))
            for table in output.lineage
            for part in self.snapshot.part_names(table)
        )
        whole = replace(self, part="global")
        plan = optimize(output.plans[Scope.FIXPOINT], whole)
        rows = self.fixpoints.table((output.name, self.snapshot.repo, *hashes), lambda: run_plan(plan, whole))
        if self.part == "global" or partition_column(rows.schema) is None:
            return rows
        pieces = partitioning_of(rows.schema, self.snapshot.parts, self.snapshot.repo).split(rows)
        return next((piece.rows for piece in pieces if piece.part == self.part), rows.slice(0, 0))


def parts_with_rows(output: Output, scope: Scope, snapshot: Snapshot) -> tuple[Part, ...]:
    """The parts in which an output may have rows of a scope, in order; at least one, so that there is a schema."""
    spec = output.spec
    if scope is Scope.REPO or (scope is Scope.FIXPOINT and (spec is None or partition_column(spec.schema) is None)):
        return ("global",)
    found = {part for table in output.lineage for part in snapshot.part_names(table) if part != "global"}
    return tuple(sorted(found)) or (0,)
