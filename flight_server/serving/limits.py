"""Admission control: a maximum of concurrent streams, and one memory budget for streams and computations.

Streams and computations wait in queues, first come, first served, so small ones do not starve a large one. Streams wait
for a limited time, and computations for as long as a stream waits for them.
"""

from collections import Counter, deque
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
from flight_server.serving.usage import Admitted
from flight_server.storage.artifacts import GIB

STREAMS_SHARE = 4  # a quarter of the budget is reserved for streams


@dataclass(frozen=True)
class Limits:
    """Running streams, waiting streams (1 or more), how long a stream waits, all memory, and how long a call may run.

    Times are in seconds, memory in bytes; no ``query_seconds`` means no limit. ``puts`` is the number of transactions
    that may put at a time. A connection is closed after its calls have waited for it for ``idle_seconds``. A server
    that stops waits ``drain_seconds`` for its calls. A call that takes ``slow_seconds`` is a warning in the log.
    """

    streams: int = 64
    waiting: int = 256
    wait_seconds: float = 30.0
    memory: int = 4 * GIB
    query_seconds: float | None = None
    idle_seconds: float = 600.0
    puts: int = 32
    drain_seconds: float = 5.0
    slow_seconds: float | None = None


class BusyError(DataError):
    """No room for another stream; the client may retry after ``retry_after`` seconds."""

    code = "busy"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TimeLimitError(DataError):
    """A call that ran for longer than the server allows."""

    code = "timed_out"


@dataclass(eq=False)
class _Admissions:
    """Streams or computations: the number that run, their memory, and those that wait."""

    running: int = 0
    memory: int = 0
    queue: deque[object] = field(default_factory=deque)


class MemoryBudget:
    """The memory of all streams and all computations together.

    A stream takes only the memory that it holds itself. The memory for computing a result is counted once, however many
    streams wait for the result. A share of the budget is reserved for streams, so that a large computation does not
    block the readers that wait for it. ``held`` returns the bytes of results in memory.
    """

    def __init__(self, limits: Limits, held: Callable[[], int] = int) -> None:
        self.limits = limits
        self._held = held
        self._changed = Condition()
        self._streams = _Admissions()
        self._computations = _Admissions()
        self._putting = Counter[str]()  # the running puts by transaction
        self._taken = ContextVar[int | None]("taken", default=None)  # by the computation of this thread

    @contextmanager
    def stream(self, memory: int, check: Check) -> Iterator[None]:
        """Run the block when there is room for a stream that takes about ``memory`` bytes.

        A stream that is larger than the budget runs if no other stream does. Raises BusyError if the queue is full or
        the wait takes too long, and the exception of ``check`` while it waits.
        """
        limits = self.limits
        with self._changed:
            if len(self._streams.queue) >= limits.waiting:
                waiting = len(self._streams.queue)
                raise BusyError(f"{waiting} streams wait already, and the queue is full", limits.wait_seconds)
        self._wait(self._streams, memory, check, limits.wait_seconds)
        try:
            yield
        finally:
            self._release(self._streams, memory)

    @contextmanager
    def put(self, transaction: str, check: Check) -> Iterator[None]:
        """Run the block when there is room for a put. A transaction's puts never wait for one another.

        Raises BusyError and the exception of ``check`` as ``stream``.
        """
        limits, deadline = self.limits, monotonic() + self.limits.wait_seconds
        with self._changed:
            while transaction not in self._putting and len(self._putting) >= limits.puts:
                check()
                if monotonic() > deadline:
                    raise BusyError(f"{limits.puts} transactions put already", limits.wait_seconds)
                self._changed.wait(POLL_SECONDS)
            self._putting[transaction] += 1
        try:
            yield
        finally:
            with self._changed:
                self._putting[transaction] -= 1
                self._putting += Counter()  # forgets transactions without a running put
                self._changed.notify_all()

    @contextmanager
    def computation(self, memory: int, check: Check) -> Iterator[None]:
        """Run the block when there is room for a computation. Raises the exception of ``check`` while it waits.

        One computation may always run, however much memory streams hold, since streams wait for computations.
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
        """Release the memory of this thread's computation during the block, in which it waits for another one."""
        memory = self._taken.get()
        if memory is None:
            yield
            return
        self._release(self._computations, memory)
        try:
            yield
        finally:
            self._take(self._computations, memory)

    def usage(self) -> Admitted:
        """What is admitted now."""
        streams = self._streams
        return Admitted(streams.running, len(streams.queue), self._computations.running, self._memory)

    def _take(self, admissions: _Admissions, memory: int) -> None:
        with self._changed:
            admissions.running += 1
            admissions.memory += memory

    def _release(self, admissions: _Admissions, memory: int) -> None:
        with self._changed:
            admissions.running -= 1
            admissions.memory -= memory
            self._changed.notify_all()

    def _wait(self, admissions: _Admissions, memory: int, check: Check, seconds: float = inf) -> None:
        entry, deadline = object(), monotonic() + seconds
        with self._changed:
            admissions.queue.append(entry)
            try:
                while admissions.queue[0] is not entry or not self._has_room(admissions, memory):
                    check()
                    if monotonic() > deadline:
                        raise BusyError(f"no room after {seconds:g} s: {self._in_use()}", seconds)
                    self._changed.wait(POLL_SECONDS)
                self._take(admissions, memory)
            finally:
                admissions.queue.remove(entry)
                self._changed.notify_all()

    def _has_room(self, admissions: _Admissions, memory: int) -> bool:
        if admissions is self._streams and admissions.running >= self.limits.streams:
            return False
        is_own = admissions is self._streams and admissions.memory + memory <= self.limits.memory // STREAMS_SHARE
        return is_own or not admissions.running or self._memory + memory <= self.limits.memory

    @property
    def _memory(self) -> int:
        return self._streams.memory + self._computations.memory + self._held()

    def _in_use(self) -> str:
        limits = self.limits
        return (
            f"{self._streams.running} of {limits.streams} streams and {self._computations.running} computations run,"
            f" with {self._memory} of {limits.memory} bytes"
        )
