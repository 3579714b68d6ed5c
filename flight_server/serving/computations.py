"""Results that several readers may want at once: each computed once, for as long as somebody waits for it.

A result is computed in a thread of its own, so a reader who goes away is free at once and takes nothing from the
others; when the last has gone, the thread's check (``arrowdsl.plan.stopping``) raises.
"""

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Generic, TypeVar

from arrowdsl.errors import DataError
from arrowdsl.plan.stopping import check_stopped, stopped_by

POLL_SECONDS = 0.05
Result = TypeVar("Result")
Item = TypeVar("Item")


class AbandonedError(DataError):
    """Work that nobody waits for any more."""

    code = "cancelled"


@dataclass(eq=False)
class Running(Generic[Item]):
    """Work under way in a thread of its own; ``abandon`` makes its check raise AbandonedError there."""

    future: Future[Item]
    abandoned: Event
    waiting: int = 0

    @classmethod
    def start(cls, work: Callable[[], Item]) -> "Running[Item]":
        """Start the work."""
        abandoned = Event()

        def check() -> None:
            if abandoned.is_set():
                raise AbandonedError("nobody waits for this work any more")

        def run() -> Item:
            with stopped_by(check):
                return work()

        threads = ThreadPoolExecutor(max_workers=1)
        future = threads.submit(run)
        threads.shutdown(wait=False)
        return cls(future, abandoned)


@dataclass(frozen=True)
class Computations(Generic[Result]):
    """What is being computed, by key."""

    _running: dict[Hashable, Running[Result]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def result(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """The result of ``compute``, which is run now unless it is running for this key already.

        Raises what it raises, and what this thread's own check raises while it waits.
        """
        running = self._joined(key, compute)
        try:
            while not wait((running.future,), POLL_SECONDS).done:
                check_stopped()
        finally:
            self._leave(key, running)
        return running.future.result()

    def _joined(self, key: Hashable, compute: Callable[[], Result]) -> Running[Result]:
        with self._lock:
            running = self._running.get(key)
            if running is None or running.future.done():
                running = self._running[key] = Running.start(compute)
            running.waiting += 1
            return running

    def _leave(self, key: Hashable, running: Running[Result]) -> None:
        """The last to leave ends the work, and makes whoever comes now start anew."""
        with self._lock:
            running.waiting -= 1
            if not running.waiting:
                running.abandoned.set()
                if self._running.get(key) is running:
                    del self._running[key]
