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
from pathlib import Path
from typing import IO

import pyarrow as pa

from flight_client.extract.chunk import Chunk, Member, extract_chunk

PIPE_BYTES = 1 << 20  # where the system lets a pipe be larger than it is, so that fewer turns empty it

# What a worker does not need would be most of its start: so flight_client is put in place bare, without running its
# __init__ (the client, with pyarrow.dataset), and pandas, which pyarrow looks for when it first makes an array, is said
# not to be there.
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
from flight_client.extract.worker import main
main()
"""


class WorkerDiedError(Exception):
    """The process ended before it answered."""


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
            start_new_session=True,  # Ctrl-C at a terminal is for the parent, which then ends its workers
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
        """End the process and release its pipes; no ``run`` may be going on."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _encoded(chunk: Chunk) -> bytes:
    members = [dataclasses.astuple(member) for member in chunk.members]
    return json.dumps([chunk.repo, members, chunk.layers]).encode() + b"\n"


def _decoded(line: bytes) -> Chunk:
    repo, members, layers = json.loads(line)
    return Chunk(repo=repo, members=tuple(Member(*member) for member in members), layers=tuple(layers))


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
