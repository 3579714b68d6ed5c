"""Chunks through several worker processes, their batches in the chunks' order.

At most a few chunks per worker are under way or wait to be taken, so memory does not grow with the repo. When a worker
dies, its chunk is done again file by file in new workers: a file that kills its worker again is reported, the others
lose nothing.
"""

import queue
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pyarrow as pa

from arrowdsl.errors import DataError
from flight_client.extract.chunk import Chunk, lost_chunk
from flight_client.extract.worker import Worker, WorkerDiedError

AHEAD_PER_WORKER = 2

Batches = list[pa.RecordBatch]


def run_chunks(chunks: Iterable[Chunk], jobs: int) -> Generator[tuple[Chunk, list[Batches]], None, None]:
    """Each chunk with its batches (one list of them, or one per file after a worker died).

    Closing the iterator ends the workers.
    """
    workers = _Workers(jobs)
    threads = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="extract")
    waiting: deque[tuple[Chunk, Future[list[Batches]]]] = deque()
    try:
        for chunk in chunks:
            waiting.append((chunk, threads.submit(workers.run, chunk)))
            if len(waiting) > jobs * AHEAD_PER_WORKER:
                yield _finished(waiting)
        while waiting:
            yield _finished(waiting)
    finally:
        workers.stop()
        threads.shutdown(cancel_futures=True)
        workers.close()


def _finished(waiting: deque[tuple[Chunk, Future[list[Batches]]]]) -> tuple[Chunk, list[Batches]]:
    chunk, future = waiting.popleft()
    return chunk, future.result()


class WorkersFailedError(DataError):
    """No worker process answers, whatever it is given."""

    code = "workers_failed"


class _Workers:
    """A set of workers that threads borrow; a dead one is replaced."""

    def __init__(self, jobs: int) -> None:
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self._alive: set[Worker] = set()
        self._lock = threading.Lock()
        self._stopped = False
        self._answered = False
        for _ in range(jobs):
            self._idle.put(self._start())

    def run(self, chunk: Chunk) -> list[Batches]:
        """Extract a chunk; raises WorkerDiedError only after ``stop``, and WorkersFailedError."""
        try:
            return [self._run_once(chunk)]
        except WorkerDiedError:
            alone = [replace(chunk, members=(member,)) for member in chunk.members]
            return [self._run_alone(file) for file in alone]

    def stop(self) -> None:
        """Kill all workers and start no more: threads that wait for an answer come back."""
        with self._lock:
            self._stopped = True
            for worker in self._alive:
                worker.kill()

    def close(self) -> None:
        """Release the workers' pipes.

        After an interrupt in the middle of ``submit`` the pool may have a thread that its shutdown does not know of and
        that still takes dead workers out of the set.
        """
        with self._lock:
            alive = list(self._alive)
        for worker in alive:
            worker.close()

    def _run_alone(self, file: Chunk) -> Batches:
        try:
            return self._run_once(file)
        except WorkerDiedError:
            if self._stopped:
                raise
            return lost_chunk(file, "the interpreter died over this file; the other files were extracted without it")

    def _run_once(self, chunk: Chunk) -> Batches:
        if self._stopped:
            raise WorkerDiedError
        # There are as many workers as threads, and only after ``stop`` is a dead one not replaced: one is idle.
        worker = self._idle.get()
        try:
            batches = worker.run(chunk)
        except WorkerDiedError:
            self._replace(worker, chunk)
            raise
        self._answered = True
        self._idle.put(worker)
        return batches

    def _replace(self, worker: Worker, chunk: Chunk) -> None:
        worker.close()
        with self._lock:
            self._alive.discard(worker)
        fresh = self._start()
        try:
            if not self._answered:  # is it the files, or can no worker run here?
                fresh.run(replace(chunk, members=()))
        except WorkerDiedError:
            message = f"no process of {sys.executable} that extracts can be run; --jobs 1 needs none"
            raise WorkersFailedError(message) from None
        finally:
            self._idle.put(fresh)  # whoever waits for a worker must not wait for ever

    def _start(self) -> Worker:
        with self._lock:
            if self._stopped:
                raise WorkerDiedError
            worker = Worker()
            self._alive.add(worker)
            return worker
