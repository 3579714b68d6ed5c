"""A server over a repo of a few files, and indexes put into it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flight_client import Client, connect
from flight_client.ingest import ingest
from flight_client.scip import IndexPut, PathPrefix, put_index
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.service import Service
from flight_server.storage.store import Store

HERE = Path(__file__).parent
ZOO_INDEX = HERE / "zoo.scip"
PIPELINE = load_pipeline()
AS_IT_IS = PathPrefix()

Row = dict[str, object]


@dataclass(frozen=True)
class Repo:
    """A repo on a server, and its folder."""

    client: Client
    name: str
    root: Path

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files and bring the repo up to date."""
        for path, content in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        ingest(self.client, self.root, repo=self.name, jobs=1)

    def put(self, index: bytes | Path, prefix: PathPrefix = AS_IT_IS) -> IndexPut:
        """Put an index."""
        file = self.root.parent / "index.scip"
        if isinstance(index, bytes):
            file.write_bytes(index)
        return put_index(self.client, file if isinstance(index, bytes) else index, repo=self.name, prefix=prefix)

    def rows(self, dataset: str, *columns: str, **narrowed: object) -> list[Row]:
        """The rows of a dataset."""
        return self.client.read(self.name, dataset, columns=columns or None, **narrowed).read_all().to_pylist()

    def values(self, dataset: str, *columns: str, **narrowed: object) -> list[tuple[object, ...]]:
        """The rows of a dataset as tuples, sorted."""
        rows = self.rows(dataset, *columns, **narrowed)
        return sorted((tuple(row[name] for name in columns) for row in rows), key=repr)


@contextmanager
def served(store: Path) -> Iterator[Client]:
    """A client of a server."""
    server = FlightServer(Service(Store(store), PIPELINE))
    try:
        with connect(server.uri) as client:
            yield client
    finally:
        server.stop()
