"""How much the server takes on at once: so many streams and so much memory; others wait in line, and not for ever.

Whoever came first is let in first, also past a small one that would fit: a large read is not starved.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition
from time import monotonic

from arrowdsl.errors import DataError
from arrowdsl.plan.stopping import Check
from flight_server.serving.computations import POLL_SECONDS

GIB = 1024**3


@dataclass(frozen=True)
class Limits:
    """Streams at once, streams waiting, how long they wait, memory that all may take, and how long a call may run.

    Times are in seconds, memory in bytes; no ``query_seconds`` means no limit.
    """

    streams: int = 64
    waiting: int = 256
    wait_seconds: float = 30.0
    memory: int = 4 * GIB
    query_seconds: float | None = None


class BusyError(DataError):
    """No room for another stream; ``retry_after`` is in how many seconds it is worth another try."""

    code = "busy"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TimeLimitError(DataError):
    """A call that ran for longer than the server allows."""

    code = "timed_out"


class Admission:
    """The streams that run, and the line of those that wait."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._changed = Condition()
        self._line: deque[object] = deque()
        self._streams = 0
        self._memory = 0

    @contextmanager
    def admitted(self, memory: int, check: Check) -> Iterator[None]:
        """Run the block when there is room for it; ``memory`` is about how many bytes it will take.

        What alone is more than the budget runs alone. Raises BusyError when the line is full or the wait over, and
        what ``check`` raises while it waits.
        """
        self._enter(memory, check)
        try:
            yield
        finally:
            with self._changed:
                self._streams -= 1
                self._memory -= memory
                self._changed.notify_all()

    def _enter(self, memory: int, check: Check) -> None:
        limits, turn = self.limits, object()
        deadline = monotonic() + limits.wait_seconds
        with self._changed:
            if self._line and len(self._line) >= limits.waiting:
                raise BusyError(f"{len(self._line)} streams wait already, no more are let in line", limits.wait_seconds)
            self._line.append(turn)
            try:
                while self._line[0] is not turn or not self._has_room(memory):
                    check()
                    if monotonic() > deadline:
                        raise BusyError(
                            f"no room after {limits.wait_seconds:g} s: {self._taken()}", limits.wait_seconds
                        )
                    self._changed.wait(POLL_SECONDS)
                self._streams += 1
                self._memory += memory
            finally:
                self._line.remove(turn)
                self._changed.notify_all()

    def _has_room(self, memory: int) -> bool:
        fits = self._memory + memory <= self.limits.memory or not self._streams
        return self._streams < self.limits.streams and fits

    def _taken(self) -> str:
        limits = self.limits
        return f"{self._streams} of {limits.streams} streams run, with {self._memory} of {limits.memory} bytes"


def deadline_check(check: Check, seconds: float | None) -> Check:
    """A check that also raises TimeLimitError once so many seconds have passed."""
    if seconds is None:
        return check
    deadline = monotonic() + seconds

    def both() -> None:
        check()
        if monotonic() > deadline:
            raise TimeLimitError(f"the call ran for more than {seconds:g} s, which is what this server allows")

    return both
