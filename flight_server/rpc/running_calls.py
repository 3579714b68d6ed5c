"""The running calls: each can be cancelled, and the server waits for them when it stops."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf

from pyarrow import flight

from arrowdsl.plan.stopping import Check
from flight_server.rpc.guard import answer
from flight_server.serving.limits import TimeLimitError
from flight_server.serving.service import Asked, Service
from flight_server.serving.single_flight import POLL_SECONDS


@dataclass(eq=False)
class RunningCall:
    """A running call from the connection ``peer``; set ``cancelled`` to stop the call.

    ``waiting_since`` is the time since when the call has waited for its client to read or write; None while it works.
    """

    peer: str = ""
    asked: Asked | None = None
    waiting_since: float | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A block in which the call waits for its client."""
        self.waiting_since = time.monotonic()
        try:
            yield
        finally:
            self.waiting_since = None


class RunningCalls:
    """The running streams, puts and actions, for which the server waits before it stops."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: set[RunningCall] = set()
        self._refusing = False

    @contextmanager
    def enter(self, peer: str = "", asked: Asked | None = None) -> Iterator[RunningCall]:
        """Register a call while the block runs; raises FlightUnavailableError once the server is stopping."""
        call = RunningCall(peer, asked)
        with self._changed:
            if self._refusing:
                raise answer(flight.FlightUnavailableError, "stopping", "the server is stopping")
            self._calls.add(call)
        try:
            yield call
        finally:
            with self._changed:
                self._calls.discard(call)
                self._changed.notify_all()

    def cancel(self, matches: Callable[[RunningCall], bool]) -> int:
        """Stop the matching calls at their next batch; returns their number."""
        with self._changed:
            found = [call for call in self._calls if matches(call)]
        for call in found:
            call.cancelled.set()
        return len(found)

    def idle_peers(self, seconds: float) -> set[str]:
        """The connections all of whose calls have waited for their client for at least this time."""
        latest = time.monotonic() - seconds
        with self._changed:
            busy = {call.peer for call in self._calls if call.waiting_since is None or call.waiting_since > latest}
            return {call.peer for call in self._calls} - busy

    def drain(self, seconds: float) -> bool:
        """Refuse new calls and wait for the running ones; returns whether they ended in time."""
        with self._changed:
            self._refusing = True
            return self._changed.wait_for(lambda: not self._calls, timeout=seconds)

    def __len__(self) -> int:
        with self._changed:
            return len(self._calls)


@dataclass(frozen=True)
class Caller:
    """The context of an action: the service, the running calls, and the client's connection."""

    service: Service
    calls: RunningCalls
    peer: str


def stop_check(context: flight.ServerCallContext, call: RunningCall, seconds: float | None = None) -> Check:
    """A check that raises if the client has disconnected, its deadline has passed, or an action cancelled the call.

    It raises TimeLimitError after ``seconds`` from now; None means no limit.
    """
    end = inf if seconds is None else time.monotonic() + seconds

    def check() -> None:
        if call.cancelled.is_set() or context.is_cancelled():
            raise answer(flight.FlightCancelledError, "cancelled", "the call was cancelled")
        if time.monotonic() > end:
            raise TimeLimitError(f"the call ran for more than {seconds:g} s, the limit of this server")

    return check


def throttled_check(check: Check) -> Check:
    """The check, called at most 20 times a second: gRPC's answer takes 0.1 ms, while sending a batch takes 1 ms."""
    due = 0.0

    def throttled() -> None:
        nonlocal due
        if time.monotonic() >= due:
            check()
            due = time.monotonic() + POLL_SECONDS

    return throttled
