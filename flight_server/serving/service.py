"""The service: answers requests over a store and a pipeline, independently of the protocol."""

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from arrowdsl.plan.batches import Batches
from arrowdsl.plan.stopping import Check
from flight_server.access.identities import Identity
from flight_server.access.visible_store import VisibleStore
from flight_server.serving.call_log import log_call
from flight_server.serving.difference import Difference, difference_of
from flight_server.serving.known_fingerprints import KnownFingerprints
from flight_server.serving.limits import Limits, MemoryBudget
from flight_server.serving.plans import OutputPlans, Pipeline
from flight_server.serving.read import Read, read_of
from flight_server.serving.request import Compression, Request
from flight_server.serving.request_errors import BadRequestError
from flight_server.serving.running_calls import RunningCalls
from flight_server.serving.snapshot_results import ResultStore, SnapshotResults
from flight_server.serving.sql_request import INSTALL, Asked, MissingSqlError, SqlRequest
from flight_server.serving.stream import open_read, stream_bytes
from flight_server.serving.usage import ResultCounts
from flight_server.serving.warming import Warming
from flight_server.storage.artifacts import DEFAULT_BYTES, ArtifactStore
from flight_server.storage.check import RepoCheck
from flight_server.storage.snapshots import Snapshot
from flight_server.storage.store import Store

if TYPE_CHECKING:
    from flight_server.serving.sql.sql_engine import SqlEngine


@dataclass(frozen=True)
class Capacity:
    """The limits of a service, and the bytes of results that it caches on disk."""

    limits: Limits = field(default_factory=Limits)
    cache_bytes: int = DEFAULT_BYTES


CAPACITY = Capacity()


@dataclass(frozen=True)
class Answer:
    """The answer to a request or a query: its columns, and its rows once the memory budget has room for them."""

    asked: Asked | None  # None for the catalog
    schema: pa.Schema
    rows: Callable[[Check], Batches]
    compression: Compression | None = None


class Service:
    """Answers requests over one store; results are cached in its folder."""

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        capacity: Capacity = CAPACITY,
        build: str | None = None,
        *,
        warms: bool = False,
    ) -> None:
        """``build`` identifies the installed code; if given, fingerprints of results are stored on disk under it.

        If it ``warms``, outputs that were read are computed in the background after a commit.
        """
        self.store = store
        self.whole: Service | None = None  # of which this one shows what an identity may see
        self.pipeline = pipeline
        self.calls = RunningCalls()
        self.calls.observers.append(partial(log_call, slow_seconds=capacity.limits.slow_seconds))
        folder = store.root / "artifacts"
        artifacts = ArtifactStore(folder, capacity.cache_bytes)
        self.budget = MemoryBudget(capacity.limits, lambda: artifacts.held_bytes)
        self._plans = OutputPlans(pipeline)
        self._results = ResultStore(artifacts, self.budget, KnownFingerprints(folder, build))
        self.warming = Warming(self._whole, enabled=warms)

    def read(self, request: Request) -> Read:
        """Check and resolve a request, before any row is read (by ``open_read``); raises DataError."""
        if request.since is not None:
            raise BadRequestError("since is allowed in the tickets of do_get and the commands of get_flight_info only")
        return read_of(request, self._results_of(self.store.snapshot(request.repo, request.snapshot)))

    def answer(self, asked: Asked) -> Answer:
        """The answer to a request or query, which is checked, and not yet run; raises DataError."""
        if isinstance(asked, SqlRequest):
            return Answer(asked, self.sql.schema(asked), partial(self.sql.batches, asked))
        if asked.since is not None:
            found = self.difference(asked)
            pinned = replace(asked, snapshot=found.new.snapshot.number)
            return Answer(pinned, found.schema, partial(self._differing, found), asked.compression)
        read = self.read(asked)
        if not read.is_raw:
            self.warming.note(read.request.repo, read.output.name)
        return Answer(read.request, read.schema, partial(self._rows, read), read.request.compression)

    def difference(self, request: Request) -> Difference:
        """The difference from the request's snapshot ``since``, checked, and not yet run; raises DataError."""
        return difference_of(request, self.read)

    @cached_property
    def sql(self) -> "SqlEngine":
        """Runs queries; DuckDB is loaded when it is used first. Raises MissingSqlError."""
        if self.whole is not None:
            return self.whole.sql.over(self.store.repos, self.results_of)
        if importlib.util.find_spec("duckdb") is None:
            raise MissingSqlError(f"no SQL here: this server lacks duckdb; to add it: {INSTALL}")
        module = importlib.import_module("flight_server.serving.sql.sql_engine")
        engine: SqlEngine = module.SqlEngine(self.store.repos, self.results_of, self.budget)
        return engine

    def seen_by(self, identity: Identity) -> "Service":
        """The same service over the repos that the identity may see, with what it may do to them."""
        if identity.owns_all:
            return self
        seen = copy(self)
        seen.store = VisibleStore(self.store, identity)
        seen.whole = self
        vars(seen).pop("sql", None)  # the engine of queries has the store's repos
        return seen

    def results_of(self, repo: str) -> SnapshotResults:
        """The results of a repo's newest snapshot."""
        return self._results_of(self.store.snapshot(repo))

    def catalog(self, repo: str, tags: Mapping[str, str]) -> Iterator[Read]:
        """The datasets of a repo with these tags, each as a complete read."""
        results = self.results_of(repo)
        for output in self.pipeline.values():
            if output.spec is not None and tags.items() <= output.tags.items():
                yield read_of(Request(repo, output.name), results)

    def stats(self, repo: str) -> dict[str, Any]:
        """The newest snapshot of a repo: number, creation time, parts, and the rows and stored bytes of each table."""
        snapshot = self.store.snapshot(repo)
        tables = {name: {"rows": rows, "bytes": snapshot.bytes(name)} for name, rows in snapshot.tables().items()}
        return {
            "repo": repo,
            "snapshot": snapshot.number,
            "created": snapshot.created.isoformat(),
            "parts": snapshot.parts,
            "tables": tables,
        }

    def _rows(self, read: Read, check: Check) -> Batches:
        with self.budget.stream(stream_bytes(read), check), closing(open_read(read, check).batches) as batches:
            yield from batches

    def _differing(self, found: Difference, check: Check) -> Batches:
        with self.budget.stream(found.bytes, check), closing(found.batches(check)) as batches:
            yield from batches

    def _whole(self, repo: str, dataset: str, check: Check) -> Batches:
        return self._rows(self.read(Request(repo, dataset)), check)

    def drop(self, repo: str) -> None:
        """Delete a repo and its cached results. Raises InvalidNameError, UnknownRepoError, StorageError."""
        self.store.drop(repo)
        self.artifacts.drop_repo(repo)

    def check(self, repo: str) -> RepoCheck:
        """Read every file of a repo, cached results included. Raises UnknownRepoError, StorageError."""
        return self.store.check(repo, self.artifacts)

    def repair(self, repo: str) -> tuple[str, ...]:
        """Repair a repo; returns a sentence for each step. Raises UnknownRepoError, StorageError."""
        return self.store.repair(repo, self.artifacts)

    def sizes(self, repo: str) -> dict[str, int]:
        """The bytes of a repo on disk, by use. Raises UnknownRepoError, StorageError."""
        return self.store.sizes(repo, self.artifacts)

    @property
    def result_counts(self) -> ResultCounts:
        """How often results were found in the cache or computed, since the start."""
        return self._results.counts

    @property
    def artifacts(self) -> ArtifactStore:
        """The cached results."""
        return self._results.artifacts

    def _results_of(self, snapshot: Snapshot) -> SnapshotResults:
        return SnapshotResults(snapshot, self._plans, self._results)
