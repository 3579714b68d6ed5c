"""The calls that are under way: each can be cancelled, and the server waits for them when it stops."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pyarrow import flight

from arrowdsl.plan.stopping import Check
from flight_server.rpc.guard import answer
from flight_server.serving.request import Request
from flight_server.serving.service import Service
from flight_server.serving.single_flight import POLL_SECONDS


@dataclass(eq=False)
class RunningCall:
    """A call under way, from the connection ``peer``; ``cancelled`` is set to stop it."""

    peer: str = ""
    request: Request | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)


class RunningCalls:
    """The calls that hold the server open: streams, puts and actions."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: set[RunningCall] = set()
        self._refusing = False

    @contextmanager
    def enter(self, peer: str = "", request: Request | None = None) -> Iterator[RunningCall]:
        """Register a call while it runs; refused once the server is stopping."""
        call = RunningCall(peer, request)
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
        """Stop the calls that match at their next batch; returns how many there are."""
        with self._changed:
            found = [call for call in self._calls if matches(call)]
        for call in found:
            call.cancelled.set()
        return len(found)

    def drain(self, seconds: float) -> bool:
        """Refuse new calls and wait for the running ones; whether they ended in time."""
        with self._changed:
            self._refusing = True
            return self._changed.wait_for(lambda: not self._calls, timeout=seconds)

    def __len__(self) -> int:
        with self._changed:
            return len(self._calls)


@dataclass(frozen=True)
class Caller:
    """The client of an action: the service that it talks to, the calls under way, and its connection."""

    service: Service
    calls: RunningCalls
    peer: str


def stop_check(context: flight.ServerCallContext, call: RunningCall) -> Check:
    """Raises when the client has gone, its deadline has passed, or the call was cancelled by an action."""

    def check() -> None:
        if call.cancelled.is_set() or context.is_cancelled():
            raise answer(flight.FlightCancelledError, "cancelled", "the call was cancelled")

    return check


def now_and_then(check: Check) -> Check:
    """The check, asked 20 times a second at most: gRPC takes 0.1 ms to answer, to send a batch takes 1 ms."""
    due = 0.0

    def throttled() -> None:
        nonlocal due
        if time.monotonic() >= due:
            check()
            due = time.monotonic() + POLL_SECONDS

    return throttled
