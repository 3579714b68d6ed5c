"""Single-flight: if several readers need the same missing result, one computation runs and all of them wait for it.

A computation has its own thread. So a reader whose client disconnects stops waiting at once, without effect on the
other readers. When the last reader has left, the check of the computation (``arrowdsl.plan.stopping``) raises.
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
    """A computation that no reader waits for any more."""

    code = "cancelled"


@dataclass(eq=False)
class WorkerThread(Generic[Item]):
    """Work that runs in its own thread; after ``abandoned`` is set, the thread's check raises AbandonedError."""

    future: Future[Item]
    abandoned: Event
    readers: int = 0

    @classmethod
    def start(cls, work: Callable[[], Item]) -> "WorkerThread[Item]":
        """Start the work."""
        abandoned = Event()

        def check() -> None:
            if abandoned.is_set():
                raise AbandonedError("no reader waits for this result any more")

        def run() -> Item:
            with stopped_by(check):
                return work()

        threads = ThreadPoolExecutor(max_workers=1)
        future = threads.submit(run)
        threads.shutdown(wait=False)
        return cls(future, abandoned)


@dataclass(frozen=True)
class SingleFlight:
    """The running computations, by the names of their results."""

    _workers: dict[str, WorkerThread[Artifact]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def result(self, name: str, compute: Callable[[], Artifact]) -> Artifact:
        """The result of ``compute``, which is started unless a computation of this name is running.

        The caller closes the result. Raises the exceptions of ``compute`` and of the waiting thread's own check.
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
        """Stop the work if this was the last reader; a later reader starts a new computation."""
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
