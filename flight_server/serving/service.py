"""The service: answers requests over a store and a pipeline, independently of the protocol."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flight_server.serving.known_fingerprints import KnownFingerprints
from flight_server.serving.limits import Limits, MemoryBudget
from flight_server.serving.plans import OutputPlans, Pipeline
from flight_server.serving.read import Read, read_of
from flight_server.serving.request import Request
from flight_server.serving.snapshot_results import ResultStore, SnapshotResults
from flight_server.storage.artifacts import DEFAULT_BYTES, ArtifactStore
from flight_server.storage.snapshots import Snapshot
from flight_server.storage.store import Store


@dataclass(frozen=True)
class Capacity:
    """The limits of a service, and the bytes of results that it caches on disk."""

    limits: Limits = field(default_factory=Limits)
    cache_bytes: int = DEFAULT_BYTES


CAPACITY = Capacity()


class Service:
    """Answers requests over one store; results are cached in its folder."""

    def __init__(
        self, store: Store, pipeline: Pipeline, capacity: Capacity = CAPACITY, build: str | None = None
    ) -> None:
        """``build`` identifies the installed code; if given, fingerprints of results are stored on disk under it."""
        self.store = store
        self.pipeline = pipeline
        folder = store.root / "artifacts"
        artifacts = ArtifactStore(folder, capacity.cache_bytes)
        self.budget = MemoryBudget(capacity.limits, lambda: artifacts.held_bytes)
        self._plans = OutputPlans(pipeline)
        self._results = ResultStore(artifacts, self.budget, KnownFingerprints(folder, build))

    def read(self, request: Request) -> Read:
        """Check and resolve a request, before any row is read (by ``open_read``); raises DataError."""
        return read_of(request, self._results_of(self.store.snapshot(request.repo, request.snapshot)))

    def catalog(self, repo: str, tags: Mapping[str, str]) -> Iterator[Read]:
        """The datasets of a repo with these tags, each as a complete read."""
        results = self._results_of(self.store.snapshot(repo))
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

    def _results_of(self, snapshot: Snapshot) -> SnapshotResults:
        return SnapshotResults(snapshot, self._plans, self._results)
