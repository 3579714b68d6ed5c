"""Health: whether the server can take calls."""

import os
import tempfile
from pathlib import Path

from flight_server.serving.service import Service

LEAST_FREE_BYTES = 256 * 1024 * 1024


def readiness(service: Service) -> list[str]:
    """What keeps the server from taking calls: it stops, its store can't be written, or the disk is nearly full."""
    folder = service.store.root
    found = ("the server is stopping" if service.calls.is_draining else None, _unwritable(folder), _full(folder))
    return [reason for reason in found if reason is not None]


def _unwritable(folder: Path) -> str | None:
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"ready")
            probe.flush()
    except OSError as error:
        return f"the store can't be written: {os.strerror(error.errno or 0)}"
    return None


def _full(folder: Path) -> str | None:
    try:
        disk = os.statvfs(folder)
    except OSError as error:
        return f"the store can't be read: {os.strerror(error.errno or 0)}"
    free = disk.f_bavail * disk.f_frsize
    return f"the store's disk has {free} bytes left" if free < LEAST_FREE_BYTES else None
