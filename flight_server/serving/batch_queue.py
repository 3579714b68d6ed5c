"""A queue of record batches between the thread that computes them and the thread that sends them."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Condition

import pyarrow as pa

from arrowdsl.plan.batches import Batches
from arrowdsl.plan.stopping import Check, check_stopped
from flight_server.serving.single_flight import POLL_SECONDS, WorkerThread

WAITING_BYTES = 8 * 1024 * 1024  # for each thread; with less, the threads of later parts would often pause


class BatchQueue:
    """A bounded queue of record batches, filled by its own thread."""

    _worker: WorkerThread[None]

    def __init__(self) -> None:
        self._waiting: deque[pa.RecordBatch] = deque()
        self._bytes = 0
        self._changed = Condition()

    @classmethod
    def start(cls, rows: Callable[[], Batches]) -> "BatchQueue":
        """Start the thread."""
        queue = cls()
        queue._worker = WorkerThread.start(lambda: queue._fill(rows))
        queue._worker.future.add_done_callback(queue._wake)
        return queue

    def batches(self, check: Check) -> Iterator[pa.RecordBatch]:
        """The batches as they arrive; raises the exception of the thread after its last batch."""
        while True:
            check()
            with self._changed:
                if not self._waiting:
                    if self._worker.future.done():
                        break
                    self._changed.wait(POLL_SECONDS)
                    continue
                batch = self._waiting.popleft()
                self._bytes -= batch.nbytes
                self._changed.notify_all()
            yield batch
        self._worker.future.result()

    def abandon(self) -> None:
        """Tell the thread to stop, since nobody reads any more."""
        self._worker.abandoned.set()

    @property
    def ended(self) -> bool:
        """Whether the thread has ended."""
        return self._worker.future.done()

    def _fill(self, rows: Callable[[], Batches]) -> None:
        with closing(rows()) as batches:
            for batch in batches:
                self._put(batch)

    def _put(self, batch: pa.RecordBatch) -> None:
        """Queue a batch once there is room; a batch over WAITING_BYTES is queued alone."""
        size = batch.nbytes
        with self._changed:
            while self._waiting and self._bytes + size > WAITING_BYTES:
                check_stopped()
                self._changed.wait(POLL_SECONDS)
            check_stopped()
            self._waiting.append(batch)
            self._bytes += size
            self._changed.notify_all()

    def _wake(self, _: object) -> None:
        with self._changed:
            self._changed.notify_all()
