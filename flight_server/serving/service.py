"""The store and the pipeline together: what every front door (Flight, the command line) is given."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flight_server.serving.limits import Admission, Limits
from flight_server.serving.plans import OutputPlans, Pipeline
from flight_server.serving.read import Read
from flight_server.serving.request import Request
from flight_server.serving.resolve import resolve
from flight_server.serving.results import Results
from flight_server.storage.artifacts import DEFAULT_BYTES, ArtifactStore
from flight_server.storage.snapshots import Snapshot
from flight_server.storage.store import Store


@dataclass(frozen=True)
class Capacity:
    """How much a service takes on, and how many bytes of results it keeps on disk."""

    limits: Limits = field(default_factory=Limits)
    cache_bytes: int = DEFAULT_BYTES


CAPACITY = Capacity()


class Service:
    """Answers requests over one store; results are kept in its folder."""

    def __init__(self, store: Store, pipeline: Pipeline, capacity: Capacity = CAPACITY) -> None:
        self.store = store
        self.pipeline = pipeline
        self.admission = Admission(capacity.limits)
        self._plans = OutputPlans(pipeline)
        self._results = Results(ArtifactStore(store.root / "artifacts", capacity.cache_bytes))

    def read(self, request: Request) -> Read:
        """A request checked and resolved; raises DataError."""
        return self._resolve(request, self.store.snapshot(request.repo, request.snapshot))

    def catalog(self, repo: str, tags: Mapping[str, str]) -> Iterator[Read]:
        """Every dataset of a repo that has these tags, as a read of all of it."""
        snapshot = self.store.snapshot(repo)
        for output in self.pipeline.values():
            if output.spec is not None and tags.items() <= output.tags.items():
                yield self._resolve(Request(repo, output.name), snapshot)

    def stats(self, repo: str) -> dict[str, Any]:
        """The newest snapshot of a repo: number, parts, and rows and stored bytes of each table put so far."""
        snapshot = self.store.snapshot(repo)
        tables = {name: {"rows": rows, "bytes": snapshot.bytes(name)} for name, rows in snapshot.tables().items()}
        return {
            "repo": repo,
            "snapshot": snapshot.number,
            "created": snapshot.created.isoformat(),
            "parts": snapshot.parts,
            "tables": tables,
        }

    def _resolve(self, request: Request, snapshot: Snapshot) -> Read:
        return resolve(request, snapshot, self._plans, self._results)
