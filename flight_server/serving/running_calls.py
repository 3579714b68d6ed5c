"""The running calls of all ports: each can be listed and cancelled, and is reported when it ends.

A server that stops waits for them. A call that is refused or fails is reported too; its outcome is the error's code.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from uuid import uuid4

import pyarrow as pa

from arrowdsl.errors import DataError
from arrowdsl.plan.stopping import Check
from flight_server.access.identities import OWNER, PUBLIC, Identity
from flight_server.serving.limits import TimeLimitError
from flight_server.serving.single_flight import POLL_SECONDS
from flight_server.serving.sql_request import Asked, SqlRequest

_REQUEST_ID = re.compile(r"[\w.:+/=-]{1,64}", re.ASCII)
COMPLETE, BROKEN_OFF, INTERNAL = "complete", "broken off", "internal"


class CancelledCallError(DataError):
    """A call whose client has gone, or that an action cancelled."""

    code = "cancelled"


class StoppingError(DataError):
    """A call that arrives while the server stops."""

    code = "stopping"


@dataclass(eq=False)
class RunningCall:
    """A running call of ``method`` from the connection ``peer``; set ``cancelled`` to stop it.

    ``repo`` and ``dataset`` are what it reads or writes, if that is known, and ``asked`` its read or query.
    ``rows`` and ``bytes`` count what was sent or received until now. ``waiting_since`` is the time since when the call
    has waited for its client to read or write; None while it works. ``traceparent`` is the caller's trace (W3C Trace
    Context). After the end, ``outcome`` is COMPLETE, BROKEN_OFF or the code of an error, and ``seconds`` the duration.
    """

    method: str = ""
    peer: str = ""
    identity: Identity = OWNER
    traceparent: str | None = None
    request_id: str = field(default_factory=lambda: uuid4().hex[:16])
    asked: Asked | None = None
    repo: str = ""
    dataset: str = ""
    rows: int = 0
    bytes: int = 0
    started: float = field(default_factory=time.time)  # since 1970
    seconds: float = 0.0
    outcome: str = ""
    has_committed: bool = False
    waiting_since: float | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    _clock: float = field(default_factory=time.monotonic)

    def named(self, request_id: str | None) -> "RunningCall":
        """The call with the caller's own request id, if that is a short word."""
        if request_id is not None and _REQUEST_ID.fullmatch(request_id):
            self.request_id = request_id
        return self

    @property
    def age(self) -> float:
        """The seconds since the call began."""
        return time.monotonic() - self._clock

    def owns(self, other: "RunningCall") -> bool:
        """Whether the caller of this call may see and stop the other call.

        That is a call of the same identity, which has the same name and grants; the public has no identity, so there it
        is a call of the same connection.
        """
        if self.identity.owns_all:
            return True
        return self.identity == other.identity and (self.identity != PUBLIC or self.peer == other.peer)

    def asks(self, asked: Asked | None) -> None:
        """Note the read or query that the call turned out to be."""
        self.asked = asked
        match asked:
            case SqlRequest(repo=repo):
                self.repo, self.dataset = repo or "", "sql"
            case None:
                self.dataset = "catalog"
            case _:
                self.repo, self.dataset = asked.repo, asked.dataset

    def count(self, batch: pa.RecordBatch) -> None:
        """Count a batch that was sent or received."""
        self.rows += batch.num_rows
        self.bytes += batch.nbytes

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A block in which the call waits for its client."""
        self.waiting_since = time.monotonic()
        try:
            yield
        finally:
            self.waiting_since = None

    def check(self, is_gone: Callable[[], bool], seconds: float | None = None) -> Check:
        """A check that raises CancelledCallError if ``is_gone`` says that the client has gone, or after a cancel.

        It raises TimeLimitError after ``seconds`` from now; None means no limit.
        """
        end = inf if seconds is None else time.monotonic() + seconds

        def check() -> None:
            if self.cancelled.is_set() or is_gone():
                raise CancelledCallError("the call was cancelled")
            if time.monotonic() > end:
                raise TimeLimitError(f"the call ran for more than {seconds:g} s, the limit of this server")

        return check


Observer = Callable[[RunningCall], None]


class RunningCalls:
    """The running calls; each of ``observers`` gets every call that ended."""

    def __init__(self) -> None:
        self.observers: list[Observer] = []
        self._changed = threading.Condition()
        self._calls: set[RunningCall] = set()
        self._refusing = False
        self._servers = 0

    @property
    def is_draining(self) -> bool:
        """Whether new calls are refused, since the server stops."""
        return self._refusing

    def accept(self) -> None:
        """Take the calls of one more server, also after a drain."""
        with self._changed:
            self._servers += 1
            self._refusing = False

    def leave(self) -> bool:
        """Note that a server ends; returns whether it was the last one over these calls."""
        with self._changed:
            self._servers -= 1
            return self._servers <= 0

    @contextmanager
    def enter(self, call: RunningCall, *, ends: bool = True) -> Iterator[RunningCall]:
        """Register a call while the block runs; raises StoppingError once the server is stopping.

        Without ``ends``, a block that succeeds is followed by another one of the same call.
        """
        outcome = INTERNAL
        try:
            with self._registered(call):
                yield call
            outcome = COMPLETE
        except GeneratorExit:
            outcome = BROKEN_OFF
            raise
        except DataError as error:
            outcome = error.code
            raise
        finally:
            if ends or outcome != COMPLETE:
                self._report(call, outcome)

    @contextmanager
    def _registered(self, call: RunningCall) -> Iterator[None]:
        with self._changed:
            if self._refusing:
                raise StoppingError("the server is stopping")
            self._calls.add(call)
        try:
            yield
        finally:
            with self._changed:
                self._calls.discard(call)
                self._changed.notify_all()

    def _report(self, call: RunningCall, outcome: str) -> None:
        call.outcome, call.seconds = outcome, call.age
        for observe in self.observers:
            observe(call)

    def running(self) -> list[RunningCall]:
        """The running calls, the oldest first."""
        with self._changed:
            return sorted(self._calls, key=lambda call: -call.age)

    def cancel(self, matches: Callable[[RunningCall], bool]) -> int:
        """Stop the matching calls at their next batch; returns their number."""
        found = [call for call in self.running() if matches(call)]
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


def throttled_check(check: Check) -> Check:
    """The check, called at most 20 times a second: gRPC's answer takes 0.1 ms, while sending a batch takes 1 ms."""
    due = 0.0

    def throttled() -> None:
        nonlocal due
        if time.monotonic() >= due:
            check()
            due = time.monotonic() + POLL_SECONDS

    return throttled
