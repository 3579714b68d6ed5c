"""Single-flight: if several readers need the same missing result, one computation runs and all of them wait for it.

A computation has a thread of its own. So a reader whose client goes away is free at once and takes nothing from the
others; when the last reader has gone, the check of the computation (``arrowdsl.plan.stopping``) raises.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Generic, TypeVar

from arrowdsl.errors import DataError
from arrowdsl.plan.stopping import check_stopped, stopped_by
from flight_server.storage.artifact_file import Artifact

POLL_SECONDS = 0.05
Item = TypeVar("Item")


class AbandonedError(DataError):
    """The work of a thread whose last reader has gone."""

    code = "cancelled"


@dataclass(eq=False)
class WorkerThread(Generic[Item]):
    """Work under way in a thread of its own; once ``abandoned`` is set, its check raises AbandonedError there."""

    future: Future[Item]
    abandoned: Event
    readers: int = 0

    @classmethod
    def start(cls, work: Callable[[], Item]) -> "WorkerThread[Item]":
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
class SingleFlight:
    """The results that are being computed, by name."""

    _workers: dict[str, WorkerThread[Artifact]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def result(self, name: str, compute: Callable[[], Artifact]) -> Artifact:
        """The result of ``compute``, which is run now unless it is running for this name already; to be closed.

        Raises the exception of ``compute``, and that of this thread's own check while it waits.
        """
        worker = self._joined(name, compute)
        try:
            while not wait((worker.future,), POLL_SECONDS).done:
                check_stopped()
            return worker.future.result().shared()
        finally:
            self._leave(name, worker)

    def _joined(self, name: str, compute: Callable[[], Artifact]) -> WorkerThread[Artifact]:
        with self._lock:
            worker = self._workers.get(name)
            if worker is None:
                worker = self._workers[name] = WorkerThread.start(compute)
            worker.readers += 1
            return worker

    def _leave(self, name: str, worker: WorkerThread[Artifact]) -> None:
        """The last reader to leave stops the work, and a reader who comes after it starts a new computation."""
        with self._lock:
            worker.readers -= 1
            if worker.readers:
                return
            del self._workers[name]
        worker.abandoned.set()
        worker.future.add_done_callback(_closed)


def _closed(future: Future[Artifact]) -> None:
    if future.exception() is None:
        future.result().close()
