"""How much the server takes on at once: a number of streams, and one budget of memory for streams and computations.

Both wait in line, first come, first served: a large one is not starved by small ones that would fit. Streams wait for a
limited time, and computations for as long as a stream waits for them.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import inf
from threading import Condition
from time import monotonic

from arrowdsl.errors import DataError
from arrowdsl.plan.stopping import Check
from flight_server.serving.single_flight import POLL_SECONDS

GIB = 1024**3
STREAMS_SHARE = 4  # one part in so many of the budget is the streams' own


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
    """No room for another stream; after ``retry_after`` seconds it is worth another try."""

    code = "busy"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TimeLimitError(DataError):
    """A call that ran for longer than the server allows."""

    code = "timed_out"


@dataclass(eq=False)
class _Line:
    """Streams or computations: how many run, the memory that they take, and those that wait."""

    running: int = 0
    memory: int = 0
    queue: deque[object] = field(default_factory=deque)


class MemoryBudget:
    """The memory of all streams and all computations together.

    A stream takes the little that it holds itself. The memory that a result takes while it is computed is taken once,
    by its computation, however many streams wait for it. A share of the budget is the streams' own, so that a large
    computation does not keep out the readers that wait for it. ``held`` gives the bytes of results in memory.
    """

    def __init__(self, limits: Limits, held: Callable[[], int] = int) -> None:
        self.limits = limits
        self._held = held
        self._changed = Condition()
        self._streams = _Line()
        self._computations = _Line()
        self._taken = ContextVar[int | None]("taken", default=None)  # by the computation of this thread

    @contextmanager
    def stream(self, memory: int, check: Check) -> Iterator[None]:
        """Run the block when there is room for a stream that takes about ``memory`` bytes.

        A stream that is larger than the budget runs if no other does. Raises BusyError when the line is full or the
        wait over, and the exception of ``check`` while it waits.
        """
        limits = self.limits
        with self._changed:
            if len(self._streams.queue) >= max(limits.waiting, 1):
                waiting = len(self._streams.queue)
                raise BusyError(f"{waiting} streams wait already, no more are let in line", limits.wait_seconds)
        self._wait(self._streams, memory, check, limits.wait_seconds)
        try:
            yield
        finally:
            self._release(self._streams, memory)

    @contextmanager
    def computation(self, memory: int, check: Check) -> Iterator[None]:
        """Run the block when there is room for a computation. Raises the exception of ``check`` while it waits.

        One computation may always run, whatever streams hold, since they wait for computations.
        """
        self._wait(self._computations, memory, check)
        token = self._taken.set(memory)
        try:
            yield
        finally:
            self._taken.reset(token)
            self._release(self._computations, memory)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """While the block runs, the room of this thread's computation is free: it waits for another computation."""
        memory = self._taken.get()
        if memory is None:
            yield
            return
        self._release(self._computations, memory)
        try:
            yield
        finally:
            self._take(self._computations, memory)

    def _take(self, line: _Line, memory: int) -> None:
        with self._changed:
            line.running += 1
            line.memory += memory

    def _release(self, line: _Line, memory: int) -> None:
        with self._changed:
            line.running -= 1
            line.memory -= memory
            self._changed.notify_all()

    def _wait(self, line: _Line, memory: int, check: Check, seconds: float = inf) -> None:
        turn, deadline = object(), monotonic() + seconds
        with self._changed:
            line.queue.append(turn)
            try:
                while line.queue[0] is not turn or not self._has_room(line, memory):
                    check()
                    if monotonic() > deadline:
                        raise BusyError(f"no room after {seconds:g} s: {self._in_use()}", seconds)
                    self._changed.wait(POLL_SECONDS)
                self._take(line, memory)
            finally:
                line.queue.remove(turn)
                self._changed.notify_all()

    def _has_room(self, line: _Line, memory: int) -> bool:
        if line is self._streams and line.running >= self.limits.streams:
            return False
        is_own = line is self._streams and line.memory + memory <= self.limits.memory // STREAMS_SHARE
        return is_own or not line.running or self._memory + memory <= self.limits.memory

    @property
    def _memory(self) -> int:
        return self._streams.memory + self._computations.memory + self._held()

    def _in_use(self) -> str:
        limits = self.limits
        return (
            f"{self._streams.running} of {limits.streams} streams run, {self._computations.running} results are"
            f" computed, with {self._memory} of {limits.memory} bytes"
        )


def deadline_check(check: Check, seconds: float | None) -> Check:
    """A check that also raises TimeLimitError once so many seconds have passed."""
    if seconds is None:
        return check
    deadline = monotonic() + seconds

    def both() -> None:
        check()
        if monotonic() > deadline:
            raise TimeLimitError(f"the call ran for more than {seconds:g} s, the limit of this server")

    return both
