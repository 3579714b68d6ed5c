"""The cache of results on disk, each under its fingerprint. Any file may be deleted at any time.

<store>/artifacts/<repo>/<hash>.arrow    a complete result; the least recently used is deleted first
<store>/artifacts/.draft-<uuid>          a result that is being written; its process has locked it

A fingerprint is the repo's name, a slash and a hash. Several processes may share the folder. A file gets its name when
it is complete, and an open file can be read to its end even if it is deleted meanwhile.
"""

import fcntl
import logging
import shutil
from contextlib import suppress
from pathlib import Path
from threading import Lock
from uuid import uuid4

import pyarrow as pa

from flight_server.storage.artifact_file import Artifact, ArtifactIndex
from flight_server.storage.artifact_writer import HELD_BYTES, ArtifactWriter
from flight_server.storage.recent import Recent
from flight_server.storage.store_errors import StoreCorruptError

LOG = logging.getLogger("flight_server")

GIB = 1024**3
DEFAULT_BYTES = 8 * GIB
_DRAFT = ".draft-"
_SUFFIX = ".arrow"
_INDEX_CHECKSUMS = 1024 * 1024  # in all cached indexes together
_ROOM = 0.9  # of the limit: eviction stops below this share, so that not every write has to evict


class ArtifactStore:
    """A folder of results of at most ``limit`` bytes; the least recently used are deleted first."""

    def __init__(self, folder: Path, limit: int = DEFAULT_BYTES) -> None:
        self.folder = folder
        self.limit = limit
        self._lock = Lock()
        self._bytes = 0
        self._indexes = Recent[ArtifactIndex](_INDEX_CHECKSUMS)
        self._unnamed = Recent[Artifact](HELD_BYTES)
        with suppress(OSError):  # if the folder can't be written, results are held in memory
            folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        self._evict()

    @property
    def stored_bytes(self) -> int:
        """About how many bytes of results are on disk, as far as this process knows."""
        return self._bytes

    @property
    def held_bytes(self) -> int:
        """The bytes of the results that this process holds because the disk does not have them under a name."""
        return self._unnamed.size

    def find(self, fingerprint: str) -> Artifact | None:
        """The result, open, if it is there; a file that can't be read is deleted. The caller closes it."""
        path = self._path(fingerprint)
        try:
            source = pa.OSFile(str(path), "rb")
        except OSError:
            unnamed = self._unnamed.get(fingerprint)
            return None if unnamed is None else unnamed.shared()
        try:
            found = Artifact(source, fingerprint)
        except StoreCorruptError:
            self.drop(fingerprint)
            return None
        with suppress(OSError):  # a read-only folder can still be read
            found.touch()
        self._remember(found)
        return found

    def has(self, fingerprint: str) -> bool:
        """Whether the result is there; it may be damaged."""
        return self._path(fingerprint).exists() or self._unnamed.get(fingerprint) is not None

    def index(self, fingerprint: str) -> ArtifactIndex | None:
        """The index of a result; that of one which this process has read or written, even if the result is gone."""
        known = self._indexes.get(fingerprint)
        if known is None and (found := self.find(fingerprint)) is not None:
            with found:
                known = found.index
        return known

    def draft(self, schema: pa.Schema, *, compressed: bool = False, hashed: bool = False) -> ArtifactWriter:
        """A writer, to be passed to ``keep`` and then discarded. A dictionary must be the same in all batches."""
        path = self.folder / f"{_DRAFT}{uuid4().hex}"
        return ArtifactWriter(path, schema, compressed=compressed, hashed=hashed)

    def keep(self, fingerprint: str, draft: ArtifactWriter) -> Artifact:
        """Finish a draft and store it under its fingerprint. Returns the open result, which the caller closes.

        A result over the limit, or one that the disk refuses, gets no name on disk. This process holds the newest ones.
        """
        finished = draft.finish(fingerprint)
        self._remember(finished)
        is_named = finished.on_disk and finished.size <= self.limit
        if is_named:
            try:
                self._path(fingerprint).parent.mkdir(exist_ok=True)
                draft.path.replace(self._path(fingerprint))
                finished.trust()
            except OSError:
                is_named = False
        if not is_named:
            LOG.info("the result %s is held in memory: the disk refuses it, or it is over the limit", fingerprint)
            self._unnamed.put(fingerprint, finished.shared(), finished.size)
            return finished
        with self._lock:
            self._bytes += finished.size
            crowded = self._bytes > self.limit
        if crowded:
            self._evict()
        return finished

    def drop(self, fingerprint: str) -> None:
        """Delete a damaged result."""
        with suppress(OSError):
            self._path(fingerprint).unlink(missing_ok=True)

    def drop_repo(self, repo: str) -> None:
        """Delete all results of a repo; open ones can be read to their end."""
        shutil.rmtree(self.folder / repo, ignore_errors=True)
        with self._lock:
            self._bytes = sum(size for _, size, _ in _sizes(self.folder))

    def damaged(self, repo: str) -> list[tuple[str, int]]:
        """The fingerprint and size of each of a repo's results whose batches don't match their checksums."""
        found = []
        for _, size, path in _sizes(self.folder / repo):
            fingerprint = f"{repo}/{path.stem}"
            try:
                with suppress(FileNotFoundError), Artifact(pa.OSFile(str(path), "rb"), fingerprint) as result:
                    result.distrust()
                    for _ in result.batches():
                        pass
            except StoreCorruptError:
                found.append((fingerprint, size))
        return found

    def repo_bytes(self, repo: str) -> int:
        """The size of a repo's results on disk."""
        return sum(size for _, size, _ in _sizes(self.folder / repo))

    def _remember(self, result: Artifact) -> None:
        self._indexes.put(result.name, result.index, 1 + sum(map(len, result.index.checksums)))

    def _path(self, fingerprint: str) -> Path:
        return self.folder / f"{fingerprint}{_SUFFIX}"

    def _evict(self) -> None:
        """Sum up all files, also those of other processes; if over the limit, delete the least recently used."""
        with self._lock:
            found = sorted(_sizes(self.folder))
            self._bytes = sum(size for _, size, _ in found)
            if self._bytes <= self.limit:
                return
            for _, size, path in found:
                if self._bytes <= self.limit * _ROOM:
                    break
                if path.suffix == _SUFFIX:
                    with suppress(OSError):
                        path.unlink(missing_ok=True)
                        self._bytes -= size

    def _sweep(self) -> None:
        """Delete drafts whose process died: nobody holds their lock."""
        for path in self.folder.glob(f"{_DRAFT}*"):
            with suppress(OSError), path.open("rb") as draft:
                fcntl.flock(draft, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)


def _sizes(folder: Path) -> list[tuple[int, int, Path]]:
    """The time of last use, size in bytes and path of each result and draft."""
    found = []
    for path in (*folder.rglob(f"*{_SUFFIX}"), *folder.glob(f"{_DRAFT}*")):
        with suppress(OSError):
            status = path.stat()
            found.append((status.st_atime_ns, status.st_size, path))
    return found
