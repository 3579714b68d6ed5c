"""Open streams, which are closed before the process ends.

An open stream holds a call at the server, and a thread that still reads after the interpreter has ended crashes the
process. So every stream is tracked, by its client and in one set for all clients.
"""

import atexit
import math
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from flight_client.client_errors import FlightClientError, closed

_QUIET, _LONGEST_WAIT = 0.25, 5.0  # seconds


class Closable(Protocol):
    """A stream, over one or several endpoints."""

    def close(self) -> None:
        """End the stream; callable from any thread, a second call does nothing."""


class LiveStreams:
    """A set of open streams: those of one client, closed with the client, or ``ALL``, closed with the interpreter.

    ``process`` is the process that opened the client's connections; ALL belongs to none, since a fork has it too.
    """

    def __init__(self, process: int | None = None) -> None:
        self._lock = threading.Lock()
        self._streams: weakref.WeakSet[Closable] = weakref.WeakSet()
        self._closed = False
        self._process = process

    def check(self) -> None:
        """Raise StreamClosedError when the client is closed, and FlightClientError in a forked process."""
        if self._process is not None:
            check_process(self._process)
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
    """The threads other than the main thread that read streams, usually those of a query engine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reading = 0
        self._last = -math.inf

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A block in which a thread reads."""
        if threading.current_thread() is threading.main_thread():
            yield
            return
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def wait(self) -> None:
        """Wait until no thread has read for a while, so that each has released its stream."""
        end = time.monotonic() + _LONGEST_WAIT
        while time.monotonic() < end and (self._reading or time.monotonic() < self._last + _QUIET):
            time.sleep(0.005)

    def _count(self, change: int) -> None:
        with self._lock:
            self._reading += change
            self._last = time.monotonic()


class FetchThreads:
    """The threads that fetch endpoints in parallel; they are joined at the end of the interpreter.

    They are daemons, since Python waits for non-daemon threads before it calls ``atexit`` functions.
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
        """Wait until all threads have ended; their streams must be closed already."""
        end = time.monotonic() + _LONGEST_WAIT
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))


def check_process(opened_by: int) -> None:
    """Raise FlightClientError if the process that opened a connection is not this one."""
    if opened_by != os.getpid():
        raise FlightClientError(
            "forked",
            f"this process was forked from process {opened_by}, which had opened a client; its connections do not"
            " work here: start processes with multiprocessing.get_context('spawn')",
        )


ALL = LiveStreams()
ENGINE_THREADS = EngineThreads()
FETCH_THREADS = FetchThreads()


def _end_all() -> None:
    # An engine that stopped at a LIMIT may have a thread that still reads. If the thread calls into Python after the
    # interpreter has ended, the process crashes ("FATAL: exception not rethrown"). So cancel the streams, and give the
    # threads the time to release them.
    ALL.close()
    FETCH_THREADS.join()
    ENGINE_THREADS.wait()


atexit.register(_end_all)
