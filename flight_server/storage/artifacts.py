"""Artifacts: finished results of plans, kept under their fingerprints. A cache: any file may be deleted at any time.

<store>/artifacts/<fingerprint>.arrow    a whole result; who reads it last is deleted last
<store>/artifacts/.draft-<uuid>          being written

Several processes may share the folder. A file appears under its name when it is whole; whoever has opened one can read
it to its end even if it is deleted meanwhile.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock
from uuid import uuid4

import pyarrow as pa

from flight_server.storage.artifact_file import Artifact, ArtifactWriter
from flight_server.storage.store_errors import StoreCorruptError, writing

GIB = 1024**3
DEFAULT_BYTES = 8 * GIB
_DRAFT = ".draft-"
_SUFFIX = ".arrow"
_DRAFT_SECONDS = 24 * 3600.0
_ROOM = 0.9  # of the limit, to which eviction makes room, so that it is not needed at every write


class ArtifactStore:
    """A folder of artifacts of at most ``limit`` bytes; those that were not read for longest go first."""

    def __init__(self, folder: Path, limit: int = DEFAULT_BYTES) -> None:
        self.folder = folder
        self.limit = limit
        self._lock = Lock()
        self._bytes = 0
        with suppress(OSError):  # where nothing can be kept, much can be read all the same
            folder.mkdir(parents=True, exist_ok=True)
        self._sweep()
        self._evict()

    def find(self, fingerprint: str, schema: pa.Schema) -> Artifact | None:
        """The artifact, if it is there; one without an index, or of another schema, is damaged, and deleted."""
        path = self._path(fingerprint)
        try:
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))  # the time of its modification tells damage
            found = Artifact(path)
        except OSError:
            return None
        except StoreCorruptError:
            self.drop(fingerprint)
            return None
        if not found.schema.equals(schema, check_metadata=True):
            self.drop(fingerprint)
            return None
        return found

    def has(self, fingerprint: str) -> bool:
        """Whether there is such an artifact, damaged or not."""
        return self._path(fingerprint).exists()

    def draft(self, schema: pa.Schema, *, compressed: bool = False) -> ArtifactWriter:
        """A new file to be kept or discarded. Dictionaries must be the same in all its batches."""
        return ArtifactWriter(self.folder / f"{_DRAFT}{uuid4().hex}", schema, compressed=compressed)

    def keep(self, fingerprint: str, draft: ArtifactWriter) -> Artifact:
        """Finish a draft and give it its name. One over the limit can be read all the same, and is not kept.

        Raises StorageError, also where somebody deleted the draft.
        """
        draft.finish()
        with writing("an artifact"):
            finished = Artifact(draft.path)
            size = draft.path.stat().st_size
            if size > self.limit:
                self.discard(draft)
                return finished
            draft.path.replace(self._path(fingerprint))
        with self._lock:
            self._bytes += size
            crowded = self._bytes > self.limit
        if crowded:
            self._evict()
        return finished

    def discard(self, draft: ArtifactWriter) -> None:
        """Delete a draft."""
        with suppress(OSError):
            draft.path.unlink(missing_ok=True)

    def drop(self, fingerprint: str) -> None:
        """Delete an artifact that turned out to be damaged."""
        with suppress(OSError):
            self._path(fingerprint).unlink(missing_ok=True)

    def _path(self, fingerprint: str) -> Path:
        return self.folder / f"{fingerprint}{_SUFFIX}"

    def _evict(self) -> None:
        """Count what is there, other processes' files too, and delete the oldest until it is well below the limit."""
        with self._lock:
            found = sorted(_sizes(self.folder))
            self._bytes = sum(size for _, size, _ in found)
            if self._bytes <= self.limit:
                return
            for _, size, path in found:
                if self._bytes <= self.limit * _ROOM:
                    break
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                    self._bytes -= size

    def _sweep(self) -> None:
        """Delete drafts whose process died."""
        for draft in self.folder.glob(f"{_DRAFT}*"):
            with suppress(OSError):
                if time.time() - draft.stat().st_mtime > _DRAFT_SECONDS:
                    draft.unlink(missing_ok=True)


def _sizes(folder: Path) -> list[tuple[int, int, Path]]:
    """Time of last use, bytes and path of each artifact."""
    found = []
    for path in folder.glob(f"*{_SUFFIX}"):
        with suppress(OSError):
            status = path.stat()
            found.append((status.st_atime_ns, status.st_size, path))
    return found
