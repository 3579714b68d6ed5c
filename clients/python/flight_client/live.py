"""What is open must end before the process does.

A stream that is left open holds a call at the server, and a thread that still reads one when the interpreter is gone
takes the process down. So every stream is tracked by its client and, for all clients, until the interpreter's end.
"""

import atexit
import math
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from flight_client.client_errors import closed

_QUIET, _LONGEST_WAIT = 0.25, 5.0  # seconds


class Closable(Protocol):
    """A stream, or what fetches several."""

    def close(self) -> None:
        """End it, from any thread; ending it twice does nothing more."""


class LiveStreams:
    """Streams that are open: a client's own, which end with it, and ``ALL``, which end with the interpreter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: weakref.WeakSet[Closable] = weakref.WeakSet()
        self._closed = False

    def check(self) -> None:
        """Raise StreamClosedError when the client is closed."""
        if self._closed:
            raise closed("client")

    def add(self, stream: Closable) -> None:
        """Track a stream; raises StreamClosedError when the client is closed."""
        with self._lock:
            self.check()
            self._streams.add(stream)

    def close(self) -> None:
        """Cancel every stream, and refuse new ones."""
        with self._lock:
            self._closed = True
        for stream in self._open():
            stream.close()

    def _open(self) -> list[Closable]:
        with self._lock:
            return list(self._streams)


class EngineThreads:
    """The threads other than the main one that read streams: those of a query engine, as a rule."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reading = 0
        self._last = -math.inf

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around a read by any thread."""
        if threading.current_thread() is threading.main_thread():
            yield
            return
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def wait(self) -> None:
        """Wait until no thread reads, and none has for long enough to have dropped what it read."""
        end = time.monotonic() + _LONGEST_WAIT
        while time.monotonic() < end and (self._reading or time.monotonic() < self._last + _QUIET):
            time.sleep(0.005)

    def _count(self, change: int) -> None:
        with self._lock:
            self._reading += change
            self._last = time.monotonic()


class FetchThreads:
    """The threads that fetch endpoints side by side. They are daemons, since Python waits for others before ``atexit``.

    A stream that is dropped can't join them; the end of the interpreter does.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()

    def start(self, thread: threading.Thread) -> None:
        """Start a thread, which ends when its stream is closed."""
        with self._lock:
            self._threads.add(thread)
        thread.start()

    def join(self) -> None:
        """Wait for all, which were told to end."""
        end = time.monotonic() + _LONGEST_WAIT
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))


ALL = LiveStreams()
ENGINE_THREADS = EngineThreads()
FETCH_THREADS = FetchThreads()


def _end_all() -> None:
    # An engine that stopped at a LIMIT may still have a thread that reads on. One that calls into Python after the
    # interpreter is gone takes the process down ("FATAL: exception not rethrown"): cancel what it waits for, and give
    # it the time to see that and let go.
    ALL.close()
    FETCH_THREADS.join()
    ENGINE_THREADS.wait()


atexit.register(_end_all)
