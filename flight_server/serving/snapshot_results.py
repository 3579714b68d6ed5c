"""The results of one snapshot: the rows of an output in one scope and part, from the cache or computed now.

A result is cached under its fingerprint, a hash of its plan, the engine and its inputs. A part's raw table is hashed as
a whole file; for a result of the whole repo, only the columns that are read; an output that the plan refers to, by its
result's hash. So an edit that changes none of these values leaves the result valid, and all results that depend on it.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import pyarrow as pa

from arrowdsl.plan.batches import Batches, Stream, decoded
from arrowdsl.plan.fingerprint import digest
from arrowdsl.plan.nodes import Ref, Scan, Scope
from arrowdsl.plan.optimize import optimize
from arrowdsl.plan.runner import open_coded
from arrowdsl.plan.source import DatasetSource, PlanCatalog, PlanSource, Schemas, Source
from arrowdsl.plan.stopping import check_stopped
from arrowdsl.schema.schema import columns_of, empty_table
from flight_client.contracts.raw import RAW_TABLES
from flight_client.contracts.tables import partition_column
from flight_server.pipeline.driver import Output
from flight_server.serving.estimates import computation_bytes
from flight_server.serving.known_fingerprints import KnownFingerprints
from flight_server.serving.limits import MemoryBudget
from flight_server.serving.plans import OutputPlans, PreparedPlan
from flight_server.serving.single_flight import SingleFlight
from flight_server.storage.artifact_file import Artifact, ArtifactIndex, Span
from flight_server.storage.artifacts import ArtifactStore
from flight_server.storage.partitioning import partitioning_of
from flight_server.storage.paths import GLOBAL, Part
from flight_server.storage.recent import Recent
from flight_server.storage.snapshots import Snapshot
from flight_server.storage.store_errors import StoreCorruptError

LOG = logging.getLogger("flight_server")
TABLE_BYTES = 64 * 1024 * 1024
ATTEMPTS = 3  # to read a result whose file turns out to be damaged
FORMAT = 4  # the version of the cached results' encoding: raise it with every change of how rows are written


@dataclass(frozen=True)
class ResultStore:
    """The results of all snapshots: the cached ones, the running computations, and the cached fingerprints."""

    artifacts: ArtifactStore
    budget: MemoryBudget
    fingerprints: KnownFingerprints
    computing: SingleFlight = field(default_factory=SingleFlight)
    tables: Recent[pa.Table] = field(default_factory=lambda: Recent(TABLE_BYTES))


@dataclass(frozen=True)
class SnapshotResults:
    """The results of one snapshot, cached or computed on demand.

    With a part's number, a result of the whole repo is narrowed to the rows of that part.
    """

    snapshot: Snapshot
    plans: OutputPlans
    store: ResultStore

    def get(self, output: str, scope: Scope, part: Part) -> Artifact:
        """The result with these rows, open; a missing one is computed. The caller closes it."""
        fingerprint = self.fingerprint(output, scope, part)
        find = self.store.artifacts.find
        found = find(fingerprint)
        if found is None:
            with self.store.budget.lent():
                found = self.store.computing.result(
                    fingerprint, lambda: find(fingerprint) or self._computed(fingerprint, output, scope, part)
                )
        return found

    def find(self, output: str, scope: Scope, part: Part) -> Artifact | None:
        """The result, open, if it is cached; never computes one. The caller closes it."""
        try:
            return self.store.artifacts.find(self.fingerprint(output, scope, part, computing=False))
        except LookupError:
            return None

    def known(self, output: str, scope: Scope, part: Part) -> Span | None:
        """The part's rows in a cached result with a cached fingerprint, found without preparing a plan.

        It is cheap enough for a listing of all outputs: a look at the folder, and once the opening of the file.
        """
        fingerprint = self.store.fingerprints.get(*self._key(output, scope, part))
        if fingerprint is None or not self.store.artifacts.has(fingerprint):
            return None
        index = self.store.artifacts.index(fingerprint)
        if index is None and (found := self.store.artifacts.find(fingerprint)) is not None:
            with found:
                index = found.index
        return None if index is None else index.span(self.slice_of(output, scope, part))

    def batches(self, output: str, scope: Scope, part: Part, columns: tuple[str, ...] | None = None) -> Batches:
        """The part's rows of a result. After a damaged batch, the result is computed again, and reading continues."""
        done = 0
        for attempt in range(ATTEMPTS):
            read = 0
            with self.get(output, scope, part) as result:
                try:
                    for batch in result.batches(columns, self.slice_of(output, scope, part)):
                        read += batch.num_rows
                        if read > done:
                            yield batch.slice(max(batch.num_rows - read + done, 0))
                            done = read
                except StoreCorruptError:
                    LOG.warning("the cached result %s is damaged: it is computed again", result.name)
                    self.store.artifacts.drop(result.name)
                    if attempt == ATTEMPTS - 1:
                        raise
                else:
                    return

    def table(self, ref: Ref, part: Part) -> pa.Table:
        """The columns of an output that a part's plan refers to; rows that all parts share are cached in memory."""
        shared = ref.scope is not Scope.PART and self.slice_of(ref.output, ref.scope, part) is None
        key = (self.fingerprint(ref.output, ref.scope, part), ref.columns)
        known = self.store.tables.get(key) if shared else None
        if known is None:
            schema = self.plans.prepared(ref.output, ref.scope, self.parameters(part)).schema
            wanted = schema if ref.columns is None else columns_of(schema, ref.columns)
            stored = pa.schema([column for column in schema if column.name in wanted.names])
            batches = self.batches(ref.output, ref.scope, part, ref.columns)
            known = pa.Table.from_batches(batches, stored).select(wanted.names)
            if shared:
                self.store.tables.put(key, known, known.nbytes)
        return known

    def slice_of(self, output: str, scope: Scope, part: Part) -> Part | None:
        """The part to which a result of the whole repo is narrowed; None for all rows of a result."""
        by_part = scope is Scope.FIXPOINT and part != GLOBAL and is_cut(self.plans.pipeline[output])
        return part if by_part else None

    def parameters(self, part: Part) -> dict[str, str]:
        """The values of parameters in plans over a part."""
        return {"part": str(part), "repo": self.snapshot.repo}

    def referred(self, ref: Ref, part: Part) -> Iterator[tuple[Part, PreparedPlan]]:
        """The parts, in order, of the output that a plan over ``part`` refers to, with the prepared plan of each."""
        parts = parts_with_rows(self.plans.pipeline[ref.output], ref.scope, self.snapshot)
        for each in parts if ref.scope is Scope.PART else (part,):
            home = _home(ref.scope, each)
            prepared = self.plans.prepared(ref.output, ref.scope, self.parameters(home))
            yield home if prepared.is_scan else each, prepared

    def fingerprint(self, output: str, scope: Scope, part: Part, *, computing: bool = True) -> str:
        """The fingerprint of a result. Unless ``computing``, raises LookupError if a result below it is missing."""
        part, key = _home(scope, part), self._key(output, scope, part)
        known = self.store.fingerprints.get(*key)
        if known is None:
            prepared = self.plans.prepared(output, scope, self.parameters(part))
            inputs = [self._content(node, part, computing=computing) for node in prepared.sources]
            cut = (self.snapshot.repo, self.snapshot.parts) if scope is Scope.FIXPOINT else ()
            known = digest(FORMAT, pa.__version__, prepared.digest, output in self.plans.referred, cut, inputs)
            self.store.fingerprints.put(known, *key)
        return known

    def _key(self, output: str, scope: Scope, part: Part) -> tuple[object, ...]:
        """The key of a result's fingerprint; the creation time distinguishes a dropped repo from a new one."""
        snapshot = self.snapshot
        return (snapshot.repo, snapshot.number, snapshot.created.isoformat(), output, scope.value, _home(scope, part))

    def _content(self, node: Scan | Ref, part: Part, *, computing: bool) -> object:
        """The hash or hashes of the rows that a scan or reference reads."""
        match node:
            case Scan(table, columns) if part == GLOBAL:
                return self.snapshot.columns_hash(table, part, columns or RAW_TABLES[table].schema.names)
            case Scan(table):
                return self.snapshot.content_hash(table, part)
            case Ref():
                return [
                    self._rows_hash(node, each, found, computing=computing) for each, found in self.referred(node, part)
                ]

    def _rows_hash(self, ref: Ref, part: Part, prepared: PreparedPlan, *, computing: bool) -> str | None:
        """A hash of the columns that ``ref`` reads from an output in a part."""
        match prepared.plan:
            case Scan(table):
                return self.snapshot.columns_hash(table, part, ref.columns or prepared.schema.names)
        fingerprint = self.fingerprint(ref.output, ref.scope, part, computing=computing)
        index = self.store.artifacts.index(fingerprint) or self._opened_index(ref, part, computing=computing)
        return index.content_hash(ref.columns, self.slice_of(ref.output, ref.scope, part))

    def _opened_index(self, ref: Ref, part: Part, *, computing: bool) -> ArtifactIndex:
        found = (self.get if computing else self.find)(ref.output, ref.scope, part)
        if found is None:
            raise LookupError(ref.output)
        with found:
            return found.index

    def _computed(self, fingerprint: str, output: str, scope: Scope, part: Part) -> Artifact:
        """A result, written to the cache."""
        part = _home(scope, part)
        prepared = self.plans.prepared(output, scope, self.parameters(part))
        needed = computation_bytes(self.plans.pipeline[output], scope, prepared.plan, self.snapshot, part)
        artifacts = self.store.artifacts
        with self.store.budget.computation(needed, check_stopped):
            is_referred = output in self.plans.referred
            draft = artifacts.draft(prepared.schema, compressed=scope is Scope.FIXPOINT, hashed=is_referred)
            try:
                stream = open_coded(prepared.plan, PartCatalog(self, part))
                with closing(stream.batches):
                    for slice_, batch in self._cut(prepared, scope, stream):
                        check_stopped()
                        draft.write(batch, slice_)
                return artifacts.keep(fingerprint, draft)
            finally:
                draft.discard()

    def _cut(self, prepared: PreparedPlan, scope: Scope, rows: Stream) -> Iterator[tuple[Part | None, pa.RecordBatch]]:
        """The encoded rows; the rows of a fixpoint by part, if they belong to files."""
        if scope is not Scope.FIXPOINT or partition_column(prepared.schema) is None:
            yield from ((None, batch) for batch in prepared.encoding.batches(decoded(rows.batches)))
            return
        cutter = partitioning_of(prepared.schema, self.snapshot.parts, self.snapshot.repo)
        pieces = defaultdict[Part, list[pa.Table]](list)
        for batch in rows.batches:
            check_stopped()
            for piece in cutter.split(pa.Table.from_batches([batch])):
                pieces[piece.part].append(piece.rows)
        for part in sorted(pieces):
            whole = (batch for piece in pieces.pop(part) for batch in piece.to_batches())
            yield from ((part, batch) for batch in prepared.encoding.batches(decoded(whole)))


@dataclass(frozen=True)
class PartCatalog:
    """The catalog of a plan over one part: the raw tables of the part, and the results of other outputs."""

    results: SnapshotResults
    part: Part
    _sources: dict[str, Source] = field(init=False, compare=False, repr=False, default_factory=dict)

    @property
    def schemas(self) -> Schemas:
        """The schemas of all parts, which the contracts fix."""
        return self.results.plans.schemas

    def source(self, table: str) -> Source:
        """A raw table's rows in this part; a table that was never put is empty."""
        known = self._sources.get(table)
        if known is None:
            spec = RAW_TABLES[table]
            dataset = self.results.snapshot.dataset(spec, self.part)
            known = empty_table(spec.plain_schema) if dataset is None else DatasetSource(dataset=dataset, spec=spec)
            self._sources[table] = known
        return known

    def schema(self, ref: Ref) -> pa.Schema:
        """The schema of an output."""
        return self.results.plans.schema(ref)

    def resolve(self, ref: Ref) -> Iterator[PlanSource]:
        """An output's rows, part by part: from stored tables if its plan is a scan, otherwise from its results."""
        for part, prepared in self.results.referred(ref, self.part):
            if prepared.is_scan:
                plan = prepared.plan if ref.columns is None else prepared.plan.select(*ref.columns)
                yield PlanSource(optimize(plan, self.results.plans), PartCatalog(self.results, part))
            else:
                rows = self.results.table(ref, part)
                yield PlanSource(Scan(ref.output, tuple(rows.schema.names)), PlanCatalog({ref.output: rows}))


def is_cut(output: Output) -> bool:
    """Whether the rows of an output belong to files, and so to parts."""
    return output.spec is not None and partition_column(output.spec.schema) is not None


def parts_with_rows(output: Output, scope: Scope, snapshot: Snapshot) -> tuple[Part, ...]:
    """The parts in which an output may have rows of a scope, in order; never empty."""
    if scope is Scope.REPO or (scope is Scope.FIXPOINT and not is_cut(output)):
        return (GLOBAL,)
    found = {part for table in output.lineage for part in snapshot.part_names(table) if part != GLOBAL}
    return tuple(sorted(found)) or (0,)


def _home(scope: Scope, part: Part) -> Part:
    """The part under which a result is cached: ``global`` for a result of the whole repo."""
    return part if scope is Scope.PART else GLOBAL
