"""What was computed and may be used again: artifacts, and what is known of them in this process."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

import pyarrow as pa

from flight_server.serving.computations import Computations
from flight_server.serving.tees import Tees
from flight_server.storage.artifact_file import Artifact, Span
from flight_server.storage.artifacts import ArtifactStore
from flight_server.storage.paths import Part
from flight_server.storage.store_errors import StoreCorruptError

LOG = logging.getLogger("flight_server")
REMEMBERED = 64 * 1024
REPO_ROWS_BYTES = 64 * 1024 * 1024
Value = TypeVar("Value")


class Memory(Generic[Value]):
    """The newest of what was found out, by key."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Value | None:
        """What was put under the key, if it is still known."""
        return self._values.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        """Remember a value; the oldest is forgotten for it."""
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._size:
                self._values.popitem(last=False)


class RepoRows:
    """Rows of whole-repo results that every part's plan refers to: read and checked once, up to ``limit`` bytes."""

    def __init__(self, limit: int = REPO_ROWS_BYTES) -> None:
        self._limit = limit
        self._bytes = 0
        self._tables: OrderedDict[Hashable, pa.Table] = OrderedDict()
        self._lock = Lock()

    def of(self, key: Hashable, read: Callable[[], pa.Table]) -> pa.Table:
        """The rows under the key; those that were asked for longest ago go first."""
        with self._lock:
            if key in self._tables:
                self._tables.move_to_end(key)
                return self._tables[key]
        rows = read()  # two threads may both do this: harmless
        with self._lock:
            if key not in self._tables and rows.nbytes <= self._limit:
                self._tables[key] = rows
                self._bytes += rows.nbytes
                while self._bytes > self._limit:
                    self._bytes -= self._tables.popitem(last=False)[1].nbytes
        return rows


class Results:
    """The artifacts of a store, fingerprints by what they are of, and hashes of rows by fingerprint."""

    def __init__(self, artifacts: ArtifactStore) -> None:
        self.artifacts = artifacts
        self.fingerprints = Memory[str]()
        self.contents = Memory[str]()
        self.repo_rows = RepoRows()
        self.tees = Tees()
        self._spans = Memory[Span]()
        self._computations = Computations[Artifact]()

    def artifact(self, fingerprint: str, schema: pa.Schema, compute: Callable[[], Artifact]) -> Artifact:
        """The artifact, computed now if it is missing, by one of those who want it."""
        found = self.artifacts.find(fingerprint, schema)
        return self._computations.result(fingerprint, compute) if found is None else found

    def span(self, fingerprint: str, schema: pa.Schema, part: Part | None) -> Span | None:
        """What an artifact holds, or a part of it; None if it is not there."""
        if not self.artifacts.has(fingerprint):
            return None
        known = self._spans.get((fingerprint, part))
        if known is None and (found := self.artifacts.find(fingerprint, schema)) is not None:
            known = found.span(part)
            self._spans.put((fingerprint, part), known)
        return known

    def use(self, artifact: Callable[[], Artifact], use: Callable[[Artifact], Value]) -> Value:
        """What ``use`` makes of an artifact; a damaged one is deleted and asked for once more."""
        first = artifact()
        try:
            return use(first)
        except StoreCorruptError:
            LOG.warning("artifact %s is damaged: it is computed again", first.path.stem)
            self.artifacts.drop(first.path.stem)
            return use(artifact())
