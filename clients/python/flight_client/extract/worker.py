"""A worker process: chunks come in as lines of JSON, each is answered by an Arrow IPC stream per table.

It is a fresh interpreter, never a fork, since the parent may run gRPC's threads; and unlike a process of
``multiprocessing`` it does not run the parent's main module again. It ends when its input does, so it can't outlive
its parent. Should the interpreter itself fall over a file, only this process dies.
"""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
from typing import IO

import pyarrow as pa

from flight_client.extract.chunk import Chunk, Member, extract_chunk
from flight_client.extract.tables import EXTRACTED


class WorkerDiedError(Exception):
    """The process ended before it answered."""


class Worker:
    """The parent's end of a worker process. ``run`` may be called from one thread at a time, ``kill`` from any."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"from {__name__} import main; main()"],  # -P: no code from the working folder
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C at a terminal is for the parent, which then ends its workers
        )

    def run(self, chunk: Chunk) -> list[pa.RecordBatch]:
        """A batch for each of EXTRACTED; raises WorkerDiedError."""
        request, answer = self._process.stdin, self._process.stdout
        if request is None or answer is None:
            raise WorkerDiedError
        try:
            request.write(_encoded(chunk))
            request.flush()
            return [_read_batch(answer) for _ in EXTRACTED]
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
        """End the process and release its pipes; no ``run`` may be going on."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _encoded(chunk: Chunk) -> bytes:
    return json.dumps([chunk.repo, [dataclasses.astuple(member) for member in chunk.members]]).encode() + b"\n"


def _decoded(line: bytes) -> Chunk:
    repo, members = json.loads(line)
    return Chunk(repo=repo, members=tuple(Member(*member) for member in members))


def _read_batch(answer: IO[bytes]) -> pa.RecordBatch:
    with pa.ipc.open_stream(answer) as reader:
        batch = reader.read_next_batch()
        for _ in reader:  # up to the end of this stream, so that the next one begins
            raise WorkerDiedError
        return batch


def main() -> None:
    """Answer chunks until the input ends."""
    for line in sys.stdin.buffer:
        for batch in extract_chunk(_decoded(line)):
            with pa.ipc.new_stream(sys.stdout.buffer, batch.schema) as writer:
                writer.write_batch(batch)
        sys.stdout.buffer.flush()
