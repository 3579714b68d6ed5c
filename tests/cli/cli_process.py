"""The command line in processes of its own, as a user starts it."""

import multiprocessing
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.reduction import DupFd
from pathlib import Path

from flight_server.cli.main import main

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["cli_process", "flight_server.cli.up", "flight_server.cli.datasets", "flight_server.cli.write"]
)

COMMAND = (sys.executable, "-m", "flight_server")
SECONDS = 60
UNPARSED = ("broken.py", "generic.py")  # of the demo: reported on stderr; Python 3.11 lacks the syntax of the second


def environment(home: Path | str) -> dict[str, str]:
    """Where no store of the user's is touched."""
    return {**os.environ, "XDG_DATA_HOME": str(home), "HOME": str(home), "COLUMNS": "100", "TERM": "dumb"}


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: object, home: Path | str = "/nonexistent") -> Done:
    """Run a command in a process of its own, forked from one that has imported the command line: a second less."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        pipes = [DupFd(file.fileno()) for file in (out, err)]
        process = _FORKS.Process(target=_command, args=([str(word) for word in arguments], environment(home), *pipes))
        process.start()
        process.join(SECONDS)
        assert process.exitcode is not None
        out.seek(0)
        err.seek(0)
        return Done(process.exitcode, out.read(), err.read())


def _command(words: list[str], env: dict[str, str], out: DupFd, err: DupFd) -> None:
    os.dup2(out.detach(), 1)
    os.dup2(err.detach(), 2)
    os.environ.update(env)
    sys.argv = ["flight-server", *words]
    main()


def succeed(*arguments: object, home: Path | str = "/nonexistent") -> str:
    done = run(*arguments, home=home)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


class Server:
    """A command that serves: its output so far, its address, its log."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        for line in process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("listening on "):
                break
        found = re.fullmatch(r"listening on (grpc://127\.0\.0\.1:[1-9][0-9]*)", "".join(self.lines[-1:]))
        assert found is not None, process.stderr.read()
        self.uri = found[1]
        self._log: list[str] = []
        self._drain = threading.Thread(target=self._read_log, daemon=True)
        self._drain.start()

    def read_lines(self, count: int) -> list[str]:
        return [self.process.stdout.readline().rstrip("\n") for _ in range(count)]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    def log_so_far(self) -> Sequence[str]:
        """The lines on stderr until now."""
        return tuple(self._log)

    def log(self) -> str:
        """Everything on stderr; call it when the process has ended."""
        self._drain.join(SECONDS)
        return "".join(self._log)

    def _read_log(self) -> None:
        for line in self.process.stderr:
            self._log.append(line)


@contextmanager
def serving(*arguments: object, home: Path | str = "/nonexistent", port: int = 0) -> Iterator[Server]:
    words = [*COMMAND, *map(str, arguments), "--port", str(port)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(home), start_new_session=True
    ) as process:
        try:
            server = Server(process)
            try:
                yield server
            finally:
                kill(process)
                server.log()  # its thread has read the log to the end before the pipe is closed
        finally:
            kill(process)


def kill(process: subprocess.Popen[str]) -> None:
    """End the process and its children, if it is still running."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def in_terminal(words: Sequence[object], env: Mapping[str, str], *, until: str | None = None) -> tuple[int, str]:
    """Run in a terminal; exit code and all that it showed. SIGTERM is sent once ``until`` was shown."""
    terminal, inner = pty.openpty()
    with subprocess.Popen(
        [str(word) for word in words], stdin=inner, stdout=inner, stderr=inner, env={**env, "TERM": "xterm"}
    ) as process:
        os.close(inner)
        shown = b""
        with suppress(OSError):  # that is how Linux says that the process has closed its end
            while select.select([terminal], [], [], SECONDS)[0] and (data := os.read(terminal, 65536)):
                shown += data
                if until is not None and until.encode() in shown:
                    process.send_signal(signal.SIGTERM)
                    until = None
        os.close(terminal)
        return process.wait(SECONDS), shown.decode(errors="replace")
