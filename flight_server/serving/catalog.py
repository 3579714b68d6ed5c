"""What the names in a plan mean in one part of one snapshot; and the artifacts of outputs that plans refer to.

An output's rows in one scope and part have a fingerprint: of its plan, of the engine, and of the contents that they are
computed from. A part's plan counts a table by the hash of its file. What is computed from a whole repo counts the
columns that it reads, and other outputs by the rows that they came to: so an edit that changes no value among these
leaves the result as valid as it was, and with it all that depends on it.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

import pyarrow as pa

from arrowdsl.plan.batches import Stream, decoded
from arrowdsl.plan.fingerprint import digest
from arrowdsl.plan.nodes import Ref, Scan, Scope
from arrowdsl.plan.optimize import optimize
from arrowdsl.plan.runner import open_coded
from arrowdsl.plan.source import DatasetSource, PlanCatalog, PlanSource, Schemas, Source
from arrowdsl.plan.stopping import check_stopped
from arrowdsl.schema.schema import empty_table
from flight_client.contracts.raw import RAW_TABLES
from flight_client.contracts.tables import partition_column
from flight_server.pipeline.driver import Output
from flight_server.serving.memory import check_memory, machine_bytes
from flight_server.serving.plans import OutputPlans, Ready
from flight_server.serving.results import Results
from flight_server.storage.artifact_file import Artifact, Span
from flight_server.storage.partitioning import partitioning_of
from flight_server.storage.paths import Part
from flight_server.storage.snapshots import Snapshot

FORMAT = 3  # of artifacts: what changes how rows are written changes this


@dataclass(frozen=True)
class PartCatalog:
    """The tables of one part; other outputs as artifacts, which are computed when they are needed and missing."""

    snapshot: Snapshot
    plans: OutputPlans
    results: Results
    part: Part
    _sources: dict[str, Source] = field(init=False, compare=False, repr=False, default_factory=dict)

    @property
    def parameters(self) -> dict[str, str]:
        """The values of parameters in plans."""
        return {"part": str(self.part), "repo": self.snapshot.repo}

    @property
    def schemas(self) -> Schemas:
        """Those of all parts: they are the contracts'."""
        return self.plans.schemas

    def source(self, table: str) -> Source:
        """A raw table's rows in this part; a table that was never put has none."""
        known = self._sources.get(table)
        if known is None:
            spec = RAW_TABLES[table]
            dataset = self.snapshot.dataset(spec, self.part)
            known = empty_table(spec.plain_schema) if dataset is None else DatasetSource(dataset=dataset, spec=spec)
            self._sources[table] = known
        return known

    def schema(self, ref: Ref) -> pa.Schema:
        """The schema of an output."""
        return self.plans.schema(ref)

    def resolve(self, ref: Ref) -> Iterator[PlanSource]:
        """An output's rows, part by part: from stored tables as they are, else from its artifacts."""
        for catalog, ready in self._referred(ref):
            if ready.is_scan:
                plan = ready.plan if ref.columns is None else ready.plan.select(*ref.columns)
                yield PlanSource(optimize(plan, self.plans), catalog)
            else:
                rows = self._rows(catalog, ref)
                yield PlanSource(Scan(ref.output, tuple(rows.schema.names)), PlanCatalog({ref.output: rows}))

    def _rows(self, catalog: "PartCatalog", ref: Ref) -> pa.Table:
        """The columns of an output out of its artifact; what all parts see alike is remembered for the next part."""
        part = self.slice_of(ref)
        read = partial(
            self.results.use,
            partial(catalog.artifact, ref.output, ref.scope),
            partial(Artifact.table, columns=ref.columns, part=part),
        )
        if ref.scope is Scope.PART or part is not None:
            return read()
        return self.results.repo_rows.of((catalog.fingerprint(ref.output, ref.scope), ref.columns), read)

    def slice_of(self, ref: Ref) -> Part | None:
        """The part of an output's artifact that a plan over this part sees; none for all of it."""
        by_part = ref.scope is Scope.FIXPOINT and self.part != "global" and is_cut(self.plans.pipeline[ref.output])
        return self.part if by_part else None

    def ready(self, output: str, scope: Scope) -> Ready:
        """An output's plan in one scope."""
        return self.plans.ready(output, scope, self.parameters)

    def artifact(self, output: str, scope: Scope) -> Artifact:
        """The rows of an output in a scope: in this part, or of the whole repo. Computed once if it is missing."""
        here = self if scope is Scope.PART else replace(self, part="global")
        fingerprint = here.fingerprint(output, scope)
        schema = here.ready(output, scope).schema
        return self.results.artifact(fingerprint, schema, partial(here.computed, output, scope, fingerprint))

    def kept(self, output: str, scope: Scope) -> Artifact:
        """The artifact; raises LookupError if it is not there, since nothing is computed to find that out."""
        here = self if scope is Scope.PART else replace(self, part="global")
        fingerprint = here.fingerprint(output, scope, computing=False)
        found = self.results.artifacts.find(fingerprint, here.ready(output, scope).schema)
        if found is None:
            raise LookupError(output)
        return found

    def known(self, output: str, scope: Scope) -> Span | None:
        """What this part's rows are in an artifact that is there and was read or written by this process.

        Nothing more is asked, since a listing asks for every output: not its plan, nor what the plan reads.
        """
        here = self if scope is Scope.PART else replace(self, part="global")
        fingerprint = self.results.fingerprints.get(here.key(output, scope))
        if fingerprint is None:
            return None
        return self.results.span(fingerprint, here.ready(output, scope).schema, self.slice_of(Ref(output, scope)))

    def key(self, output: str, scope: Scope) -> Hashable:
        """What the rows of an output are, in this process: a snapshot never changes."""
        return (self.snapshot.repo, self.snapshot.number, output, scope, self.part)

    def fingerprint(self, output: str, scope: Scope, *, computing: bool = True) -> str:
        """The name of an output's artifact in this part. With ``computing`` off, LookupError if an input is missing."""
        snapshot, key = self.snapshot, self.key(output, scope)
        known = self.results.fingerprints.get(key)
        if known is None:
            ready = self.ready(output, scope)
            inputs = [self._content(node, computing=computing) for node in ready.sources]
            cut = (snapshot.repo, snapshot.parts) if scope is Scope.FIXPOINT else ()
            known = digest(FORMAT, pa.__version__, ready.digest, cut, inputs)
            self.results.fingerprints.put(key, known)
        return known

    def computed(self, output: str, scope: Scope, fingerprint: str) -> Artifact:
        """The rows of an output in an artifact; those of a fixpoint sorted by part."""
        ready = self.ready(output, scope)
        if scope is not Scope.PART:
            check_memory(output, ready.plan, self.snapshot, machine_bytes())
        artifacts = self.results.artifacts
        draft = artifacts.draft(ready.schema, compressed=scope is Scope.FIXPOINT)
        try:
            stream = open_coded(ready.plan, self)
            with closing(stream.batches):
                for part, batch in self._cut(ready, scope, stream):
                    check_stopped()
                    draft.write(batch, part)
            return artifacts.keep(fingerprint, draft)
        except BaseException:
            artifacts.discard(draft)
            raise

    def _cut(self, ready: Ready, scope: Scope, rows: Stream) -> Iterator[tuple[Part | None, pa.RecordBatch]]:
        if scope is not Scope.FIXPOINT or partition_column(ready.schema) is None:
            yield from ((None, batch) for batch in ready.form.batches(decoded(rows.batches)))
            return
        cutter = partitioning_of(ready.schema, self.snapshot.parts, self.snapshot.repo)
        pieces = defaultdict[Part, list[pa.Table]](list)
        for batch in rows.batches:
            check_stopped()
            for piece in cutter.split(pa.Table.from_batches([batch])):
                pieces[piece.part].append(piece.rows)
        for part in sorted(pieces):
            whole = (batch for piece in pieces.pop(part) for batch in piece.to_batches())
            yield from ((part, batch) for batch in ready.form.batches(decoded(whole)))

    def _content(self, node: Scan | Ref, *, computing: bool) -> object:
        """What stands for the rows that a node of a plan brings in from outside."""
        match node:
            case Scan(table, columns) if self.part == "global":
                return self.snapshot.columns_hash(table, self.part, columns or RAW_TABLES[table].schema.names)
            case Scan(table):
                return self.snapshot.content_hash(table, self.part)
            case Ref():
                part = self.slice_of(node)
                return [each.rows_hash(ready, node, part, computing=computing) for each, ready in self._referred(node)]

    def rows_hash(self, ready: Ready, ref: Ref, part: Part | None, *, computing: bool) -> str | None:
        """A hash of the columns that ``ref`` takes of an output in this part."""
        match ready.plan:
            case Scan(table):
                return self.snapshot.columns_hash(table, self.part, ref.columns or ready.schema.names)
        fingerprint = self.fingerprint(ref.output, ref.scope, computing=computing)
        key = (fingerprint, ref.columns, part)
        known = self.results.contents.get(key)
        if known is None:
            known = self.results.use(
                partial(self.artifact if computing else self.kept, ref.output, ref.scope),
                partial(Artifact.content_hash, columns=ref.columns, part=part),
            )
            self.results.contents.put(key, known)
        return known

    def _referred(self, ref: Ref) -> Iterator[tuple["PartCatalog", Ready]]:
        """The parts in which an output that a plan refers to is evaluated, in order."""
        for part in parts_with_rows(self.plans.pipeline[ref.output], ref.scope, self.snapshot):
            catalog = replace(self, part=part if ref.scope is Scope.PART else "global")
            yield catalog, catalog.ready(ref.output, ref.scope)
            if ref.scope is not Scope.PART:
                return


def is_cut(output: Output) -> bool:
    """Whether the rows of an output belong to files, so that each is in a part."""
    return output.spec is not None and partition_column(output.spec.schema) is not None


def parts_with_rows(output: Output, scope: Scope, snapshot: Snapshot) -> tuple[Part, ...]:
    """The parts in which an output may have rows of a scope, in order; at least one, so that there is a schema."""
    if scope is Scope.REPO or (scope is Scope.FIXPOINT and not is_cut(output)):
        return ("global",)
    found = {part for table in output.lineage for part in snapshot.part_names(table) if part != "global"}
    return tuple(sorted(found)) or (0,)
