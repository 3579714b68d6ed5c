"""What the names in a plan mean in one part of one snapshot."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from arrowdsl.plan.nodes import Ref, Scope
from arrowdsl.plan.optimize import optimize
from arrowdsl.plan.source import DatasetSource, PlanSource, Source
from arrowdsl.schema.schema import empty_table
from flight_server.contracts.raw import RAW_TABLES
from flight_server.pipeline.driver import Output
from flight_server.storage.paths import Part
from flight_server.storage.snapshots import Snapshot


@dataclass(frozen=True)
class PartCatalog:
    """The tables of one part; other outputs evaluated over all parts, or over the repo as a whole."""

    snapshot: Snapshot
    pipeline: Mapping[str, Output]
    part: Part

    def source(self, table: str) -> Source:
        """A raw table's rows in this part; a table that was never put has none."""
        spec = RAW_TABLES[table]
        dataset = self.snapshot.dataset(spec, self.part)
        return empty_table(spec.plain_schema) if dataset is None else DatasetSource(dataset=dataset, spec=spec)

    def resolve(self, ref: Ref) -> Iterator[PlanSource]:
        """An output's plan over each part of its scope."""
        output = self.pipeline[ref.output]
        plan = optimize(output.plans[ref.scope], self)  # schemas are the same in every part
        for part in parts_with_rows(output, ref.scope, self.snapshot):
            yield PlanSource(plan, PartCatalog(self.snapshot, self.pipeline, part))


def parts_with_rows(output: Output, scope: Scope, snapshot: Snapshot) -> tuple[Part, ...]:
    """The parts in which an output may have rows of a scope, in order; at least one, so that there is a schema."""
    if scope is Scope.REPO:
        return ("global",)
    found = {part for table in output.lineage for part in snapshot.part_names(table) if part != "global"}
    return tuple(sorted(found)) or (0,)
