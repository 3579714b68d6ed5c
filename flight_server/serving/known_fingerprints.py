"""The fingerprints of results, cached in memory and in a file beside the results.

Computing fingerprints prepares plans and reads the hashes of their inputs, which takes a second for a large graph. A
restarted server reads them from the file instead. Each build of the server has its own file, since other code may give
a result another fingerprint. Snapshots never change, so fingerprints stay valid.
"""

import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from threading import Lock

import pyarrow as pa

import arrowdsl
import flight_client.contracts
from flight_server.storage.recent import Recent

REMEMBERED = 64 * 1024
FILE_BYTES = 8 * 1024 * 1024  # a larger file is deleted and a new one started
OLD_SECONDS = 30 * 24 * 3600.0  # after which the file of another build is deleted
_FOLDERS = (Path(arrowdsl.__file__).parent, Path(flight_client.contracts.__file__).parent, Path(__file__).parents[1])


class KnownFingerprints:
    """Fingerprints by key; a key is strings and numbers that name a result of a snapshot."""

    def __init__(self, folder: Path, build: str | None) -> None:
        """Without a ``build`` nothing is read from the folder or written to it."""
        self._path = None if build is None else folder / f".fingerprints-{build}"
        for old in () if build is None else folder.glob(".fingerprints-*"):
            with suppress(OSError):
                if old != self._path and time.time() - old.stat().st_mtime > OLD_SECONDS:
                    old.unlink()
        self._known = Recent[str](REMEMBERED)
        self._lock = Lock()

    def get(self, *key: object) -> str | None:
        """The fingerprint, if it is cached."""
        name = _name(key)
        return self._known.get(name) or self._stored.get(name)

    def put(self, fingerprint: str, *key: object) -> None:
        """Cache a fingerprint."""
        name = _name(key)
        self._known.put(name, fingerprint)
        if self._path is not None:
            line = f"{name} {fingerprint}"
            with self._lock, suppress(OSError), self._path.open("a", encoding="ascii") as file:
                file.write(f"{line} {zlib.crc32(line.encode())}\n")

    @cached_property
    def _stored(self) -> dict[str, str]:
        """The file's fingerprints at the time of the first access; damaged lines are left out."""
        try:
            if self._path is None:
                return {}
            if self._path.stat().st_size > FILE_BYTES:
                self._path.unlink()
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return {}
        fields = [line.rpartition(b" ") for line in lines]
        whole = (line.decode() for line, _, crc in fields if crc == b"%d" % zlib.crc32(line))
        return dict(line.split(" ", 1) for line in whole)


def installed_build() -> str:
    """A hash of the code on which fingerprints depend: this server, its contracts, and arrowdsl."""
    state = blake2b(pa.__version__.encode(), digest_size=16)
    for folder in _FOLDERS:
        for path in sorted(folder.rglob("*.py")):
            state.update(f"{path.relative_to(folder)}\0".encode())
            state.update(path.read_bytes())
    return state.hexdigest()


def _name(key: Sequence[object]) -> str:
    return blake2b(repr(key).encode(errors="surrogatepass"), digest_size=16).hexdigest()
