"""Extracts chunks in several worker processes; the batches come in the order of the chunks.

A worker reads chunks as lines of JSON and answers each with an Arrow IPC stream per table. It is a new interpreter, not
a fork, since the parent may run gRPC's threads. Unlike a process of ``multiprocessing``, it does not run the parent's
main module again. It ends when its input ends, so it can't outlive its parent.

At most a few chunks per worker are running, or finished but not yet read, so memory does not grow with the repo. If a
worker dies, the files of its chunk are extracted one by one in new workers. A file that kills its worker again gets an
error row; the other files are extracted normally.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, replace
from pathlib import Path
from typing import IO

import pyarrow as pa

from arrowdsl.errors import DataError
from flight_client.extract.chunk import Chunk, extract_chunk, lost_chunk
from flight_client.extract.module_names import Module
from flight_client.extract.source_files import SourceFile

AHEAD_PER_WORKER = 2
PIPE_BYTES = 1 << 20  # if the system allows it: a larger pipe needs fewer reads

# Loading modules that a worker does not need would take most of its start-up time. So flight_client becomes a bare
# package without its __init__ (which imports the client and pyarrow.dataset), and importing pandas, which pyarrow tries
# when it creates its first array, fails.
_PACKAGE = str(Path(__file__).parents[1])
_START = """
import sys, types
package = types.ModuleType("flight_client")
package.__path__ = [sys.argv[1]]
sys.modules["flight_client"] = package
class NoPandas:
    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoPandas())
from flight_client.extract.workers import main
main()
"""

Batches = list[pa.RecordBatch]


class WorkerDiedError(Exception):
    """The process ended before it answered."""


class WorkersFailedError(DataError):
    """No worker process answers, not even for an empty chunk."""

    code = "workers_failed"


class Worker:
    """The parent's end of a worker process. ``run`` may be called from one thread at a time, ``kill`` from any."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, _PACKAGE],  # -P: no code from the working folder
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=PIPE_BYTES,
            env=environment,
            start_new_session=True,  # Ctrl-C at a terminal reaches only the parent, which then ends its workers
        )

    def run(self, chunk: Chunk) -> list[pa.RecordBatch]:
        """A batch for each of the chunk's tables; raises WorkerDiedError."""
        request, answer = self._process.stdin, self._process.stdout
        if request is None or answer is None:
            raise WorkerDiedError
        try:
            request.write(_encoded(chunk))
            request.flush()
            return [_read_batch(answer) for _ in chunk.tables]
        except (OSError, pa.ArrowInvalid) as error:
            raise WorkerDiedError from error

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process at once; a ``run`` in another thread then raises WorkerDiedError."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process and close its pipes; no ``run`` may be active."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _encoded(chunk: Chunk) -> bytes:
    return json.dumps([chunk.repo, list(map(astuple, chunk.files)), chunk.layers, chunk.python]).encode() + b"\n"


def _decoded(line: bytes) -> Chunk:
    repo, files, layers, python = json.loads(line)
    found = [SourceFile(path, abs_path, size, Module(*module)) for path, abs_path, size, module in files]
    return Chunk(repo, tuple(found), tuple(layers), python)


def _read_batch(answer: IO[bytes]) -> pa.RecordBatch:
    with pa.ipc.open_stream(answer) as reader:
        batch = reader.read_next_batch()
        for _ in reader:  # read to the end of this stream, so that the next one can be read
            raise WorkerDiedError
        return batch


class _Workers:
    """One worker for each thread that calls ``run``, started on the first call; a dead worker is replaced."""

    def __init__(self) -> None:
        self._own = threading.local()
        self._alive: set[Worker] = set()
        self._lock = threading.Lock()
        self._stopped = False
        self._answered = False

    def run(self, chunk: Chunk) -> list[Batches]:
        """Extract a chunk; raises WorkersFailedError, and after ``stop`` WorkerDiedError."""
        try:
            return [self._run_once(chunk)]
        except WorkerDiedError:
            return [self._run_alone(replace(chunk, files=(file,))) for file in chunk.files]

    def stop(self) -> None:
        """Kill all workers and start no more; threads that wait for an answer return."""
        with self._lock:
            self._stopped = True
            for worker in self._alive:
                worker.kill()

    def close(self) -> None:
        """Close the workers' pipes.

        After an interrupt during ``submit``, the pool may have a thread that its shutdown does not wait for, and that
        still removes dead workers from the set. So the set is copied under the lock.
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
            return lost_chunk(file, "the interpreter died on this file; the other files were extracted without it")

    def _run_once(self, chunk: Chunk) -> Batches:
        worker = self._worker()
        try:
            batches = worker.run(chunk)
        except WorkerDiedError:
            self._end(worker)
            if not self._answered:  # either the files kill workers, or no worker can run at all
                self._check_that_one_runs(chunk)
            raise
        self._answered = True
        return batches

    def _check_that_one_runs(self, chunk: Chunk) -> None:
        worker = self._worker()
        try:
            worker.run(replace(chunk, files=()))
        except WorkerDiedError:
            self._end(worker)
            message = f"no worker process of {sys.executable} can run; --jobs 1 extracts without workers"
            raise WorkersFailedError(message) from None

    def _worker(self) -> Worker:
        """The worker of the calling thread; raises WorkerDiedError after ``stop``."""
        worker: Worker | None = getattr(self._own, "worker", None)
        with self._lock:
            if self._stopped:
                raise WorkerDiedError
            if worker is None:
                worker = self._own.worker = Worker()
                self._alive.add(worker)
        return worker

    def _end(self, worker: Worker) -> None:
        worker.close()
        self._own.worker = None
        with self._lock:
            self._alive.discard(worker)


def run_chunks(chunks: Iterable[Chunk], jobs: int) -> Generator[tuple[Chunk, list[Batches]], None, None]:
    """Each chunk with its batches (one list of them, or one per file after a worker died).

    Closing the iterator ends the workers.
    """
    workers = _Workers()
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


def main() -> None:
    """Run as a worker: answer chunks until the input ends."""
    for line in sys.stdin.buffer:
        for batch in extract_chunk(_decoded(line)):
            with pa.ipc.new_stream(sys.stdout.buffer, batch.schema) as writer:
                writer.write_batch(batch)
        sys.stdout.buffer.flush()
