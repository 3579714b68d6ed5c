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
from flight_server.serving.usage import ResultCounts
from flight_server.storage.artifact_file import Artifact, Span
from flight_server.storage.artifacts import ArtifactStore
from flight_server.storage.partitioning import partitioning_of
from flight_server.storage.paths import GLOBAL, Part
from flight_server.storage.recent import Recent
from flight_server.storage.snapshots import Snapshot
from flight_server.storage.store_errors import StoreCorruptError

LOG = logging.getLogger("flight_server")
TABLE_BYTES = 64 * 1024 * 1024
ATTEMPTS = 3  # to read a result whose file turns out to be damaged
FORMAT = 5  # the version of the cached results' encoding: raise it with every change of how rows are written


@dataclass(frozen=True)
class ResultStore:
    """The results of all snapshots: the cached ones, the running computations, and the cached fingerprints."""

    artifacts: ArtifactStore
    budget: MemoryBudget
    fingerprints: KnownFingerprints
    computing: SingleFlight = field(default_factory=SingleFlight)
    counts: ResultCounts = field(default_factory=ResultCounts)
    tables: Recent[pa.Table] = field(default_factory=lambda: Recent(TABLE_BYTES))


@dataclass(frozen=True)
class Piece:
    """The rows of an output in one scope and part. Of a fixpoint's result, which is repo-wide, they are a slice."""

    output: Output
    scope: Scope
    part: Part

    @property
    def plan_part(self) -> Part:
        """The part over which the plan runs that computes the result."""
        return self.part if self.scope is Scope.PART else GLOBAL

    @property
    def slice(self) -> Part | None:
        """The part whose rows are selected from a repo-wide result; None for all rows of a result."""
        return None if self.part == self.plan_part else self.part


@dataclass(frozen=True)
class SnapshotResults:
    """The results of one snapshot, cached or computed on demand."""

    snapshot: Snapshot
    plans: OutputPlans
    store: ResultStore

    def get(self, piece: Piece) -> Artifact:
        """The result with the rows of the piece, open; a missing one is computed. The caller closes it."""
        fingerprint = self.fingerprint(piece)
        find = self.store.artifacts.find
        found = self.store.counts.found(find(fingerprint))
        if found is None:
            # A computation that waits here lends its room: else the one that it waits for might find none, for ever.
            # The second look finds a result whose computation, another reader's, ended since the first look.
            with self.store.budget.lent():
                found = self.store.computing.result(
                    fingerprint, lambda: find(fingerprint) or self._computed(fingerprint, piece)
                )
        return found

    def cached(self, piece: Piece, *, prepare: bool = False) -> Span | None:
        """The batches of the piece in its cached result; None if it is not cached or its fingerprint is not known.

        Cheap, since list_flights asks for every output: one stat, and the file is opened once. With ``prepare``, plans
        are prepared to find out the fingerprint; no output is computed.
        """
        fingerprint = self.known_fingerprint(piece) if prepare else self.store.fingerprints.get(*self._key(piece))
        if fingerprint is None or not self.store.artifacts.has(fingerprint):
            return None
        index = self.store.artifacts.index(fingerprint)
        return None if index is None else index.span(piece.slice)

    def batches(self, piece: Piece, columns: tuple[str, ...] | None = None) -> Batches:
        """The rows of a piece. After a damaged batch, the result is computed again, and reading continues."""
        done = 0
        for attempt in range(ATTEMPTS):
            read = 0
            with self.get(piece) as result:
                try:
                    for batch in result.batches(columns, piece.slice):
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

    def table(self, piece: Piece, columns: tuple[str, ...] | None) -> pa.Table:
        """The columns of a piece that a plan refers to; rows that all parts share are cached in memory."""
        shared = piece.scope is not Scope.PART and piece.slice is None
        key = (self.fingerprint(piece), columns)
        known = self.store.tables.get(key) if shared else None
        if known is None:
            schema = self.prepared(piece).schema
            wanted = schema if columns is None else columns_of(schema, columns)
            stored = pa.schema([column for column in schema if column.name in wanted.names])
            known = pa.Table.from_batches(self.batches(piece, columns), stored).select(wanted.names)
            if shared:
                self.store.tables.put(key, known, known.nbytes)
        return known

    def parameters(self, part: Part) -> dict[str, str]:
        """The values of parameters in plans over a part."""
        return {"part": str(part), "repo": self.snapshot.repo}

    def prepared(self, piece: Piece) -> PreparedPlan:
        """The plan that computes the piece's result."""
        return self.plans.prepared(piece.output.name, piece.scope, self.parameters(piece.plan_part))

    def referred(self, ref: Ref, part: Part) -> Iterator[Piece]:
        """The pieces of an output to which a plan over ``part`` refers, in order."""
        output = self.plans.pipeline[ref.output]
        parts = parts_with_rows(output, ref.scope, self.snapshot)
        parts = (part,) if ref.scope is Scope.FIXPOINT and parts != (GLOBAL,) else parts
        return (Piece(output, ref.scope, each) for each in parts)

    def fingerprint(self, piece: Piece) -> str:
        """The fingerprint of a piece's result; outputs to which its plan refers are computed if they are not cached."""
        key = self._key(piece)
        known = self.store.fingerprints.get(*key)
        if known is None:
            prepared = self.prepared(piece)
            inputs = [self._content(node, piece.plan_part) for node in prepared.sources]
            cut = (self.snapshot.repo, self.snapshot.parts) if piece.scope is Scope.FIXPOINT else ()
            is_referred = piece.output.name in self.plans.referred
            content = digest(FORMAT, pa.__version__, prepared.digest, is_referred, cut, inputs)
            known = f"{self.snapshot.repo}/{content}"
            self.store.fingerprints.put(known, *key)
        return known

    def known_fingerprint(self, piece: Piece) -> str | None:
        """The fingerprint of a piece's result; None if outputs would have to be computed to find it out."""
        known = self.store.fingerprints.get(*self._key(piece))
        if known is None and all(map(self._is_indexed, self._inputs(piece))):
            return self.fingerprint(piece)
        return known

    def _inputs(self, piece: Piece) -> Iterator[Piece]:
        """The pieces that must be computed before the piece's fingerprint is known."""
        refs = (node for node in self.prepared(piece).sources if isinstance(node, Ref))
        inputs = (each for ref in refs for each in self.referred(ref, piece.plan_part))
        return (each for each in inputs if not self.prepared(each).is_scan)

    def _is_indexed(self, piece: Piece) -> bool:
        fingerprint = self.known_fingerprint(piece)
        return fingerprint is not None and self.store.artifacts.index(fingerprint) is not None

    def _key(self, piece: Piece) -> tuple[object, ...]:
        """The key of a result's fingerprint. ``created`` tells a new repo from a dropped one of the same name."""
        of = self.snapshot
        return (of.repo, of.number, of.created.isoformat(), piece.output.name, piece.scope.value, piece.plan_part)

    def _content(self, node: Scan | Ref, part: Part) -> object:
        """The hash or hashes of the rows that a scan or reference reads."""
        match node:
            case Scan(table, columns) if part == GLOBAL:
                return self.snapshot.columns_hash(table, part, columns or RAW_TABLES[table].schema.names)
            case Scan(table):
                return self.snapshot.content_hash(table, part)
            case Ref():
                return [self._rows_hash(each, node.columns) for each in self.referred(node, part)]

    def _rows_hash(self, piece: Piece, columns: tuple[str, ...] | None) -> str | None:
        """A hash of these columns of a piece. A missing result is computed."""
        prepared = self.prepared(piece)
        match prepared.plan:
            case Scan(table):
                return self.snapshot.columns_hash(table, piece.plan_part, columns or prepared.schema.names)
        index = self.store.artifacts.index(self.fingerprint(piece))
        if index is None:
            with self.get(piece) as result:
                index = result.index
        return index.content_hash(columns, piece.slice)

    def _computed(self, fingerprint: str, piece: Piece) -> Artifact:
        """A result, written to the cache."""
        prepared = self.prepared(piece)
        needed = computation_bytes(piece.output, piece.scope, prepared.plan, self.snapshot, piece.plan_part)
        artifacts = self.store.artifacts
        with self.store.budget.computation(needed, check_stopped), self.store.counts.computing(piece.scope):
            is_referred = piece.output.name in self.plans.referred
            draft = artifacts.draft(prepared.schema, compressed=piece.scope is Scope.FIXPOINT, hashed=is_referred)
            try:
                stream = open_coded(prepared.plan, PartCatalog(self, piece.plan_part))
                with closing(stream.batches):
                    for part, batch in self._encoded_by_part(prepared, piece.scope, stream):
                        check_stopped()
                        draft.write(batch, part)
                return artifacts.keep(fingerprint, draft)
            finally:
                draft.discard()  # deletes the file if it got no name: it was broken off, or is over the limit

    def _encoded_by_part(
        self, prepared: PreparedPlan, scope: Scope, rows: Stream
    ) -> Iterator[tuple[Part | None, pa.RecordBatch]]:
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
        for piece in self.results.referred(ref, self.part):
            prepared = self.results.prepared(piece)
            if prepared.is_scan:
                plan = prepared.plan if ref.columns is None else prepared.plan.select(*ref.columns)
                yield PlanSource(optimize(plan, self.results.plans), PartCatalog(self.results, piece.plan_part))
            else:
                rows = self.results.table(piece, ref.columns)
                yield PlanSource(Scan(ref.output, tuple(rows.schema.names)), PlanCatalog({ref.output: rows}))


def parts_with_rows(output: Output, scope: Scope, snapshot: Snapshot) -> tuple[Part, ...]:
    """The parts in which an output may have rows of a scope, in order; never empty."""
    has_parts = output.spec is not None and partition_column(output.spec.schema) is not None
    if scope is Scope.REPO or (scope is Scope.FIXPOINT and not has_parts):
        return (GLOBAL,)
    found = {part for table in output.lineage for part in snapshot.part_names(table) if part != GLOBAL}
    return tuple(sorted(found)) or (0,)
