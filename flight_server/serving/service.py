"""The store and the pipeline together: what every front door (Flight, the command line) is given."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flight_server.pipeline.driver import Output
from flight_server.serving.fixpoints import Fixpoints
from flight_server.serving.read import Read, resolve
from flight_server.serving.request import Request
from flight_server.storage.store import Store


@dataclass(frozen=True)
class Service:
    """Answers requests over one store."""

    store: Store
    pipeline: Mapping[str, Output]
    fixpoints: Fixpoints = field(default_factory=Fixpoints)

    def read(self, request: Request) -> Read:
        """A request checked and resolved; raises DataError."""
        return resolve(request, self.store.snapshot(request.repo, request.snapshot), self.pipeline, self.fixpoints)

    def catalog(self, repo: str, tags: Mapping[str, str]) -> Iterator[Read]:
        """Every dataset of a repo that has these tags, as a read of all of it."""
        snapshot = self.store.snapshot(repo)
        for output in self.pipeline.values():
            if output.spec is not None and tags.items() <= output.tags.items():
                yield resolve(Request(repo, output.name), snapshot, self.pipeline, self.fixpoints)

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
