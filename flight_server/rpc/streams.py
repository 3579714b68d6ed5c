"""do_get: a read's batches as a Flight stream, registered while it runs so that it can be cancelled."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

import pyarrow as pa
from pyarrow import flight

from arrowdsl.plan.stopping import Check
from flight_server.rpc.codec import json_bytes
from flight_server.rpc.guard import answer, guarded_iterator
from flight_server.serving.computations import POLL_SECONDS
from flight_server.serving.estimates import estimated_bytes
from flight_server.serving.limits import Admission, deadline_check
from flight_server.serving.read import Read, open_read
from flight_server.serving.request import Request, request_to_json

LOG = logging.getLogger("flight_server")


@dataclass(eq=False)
class Running:
    """A call under way; ``cancelled`` is set to stop it."""

    request: Request | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)


class RunningCalls:
    """The calls that hold the server open: streams, puts and actions."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: set[Running] = set()
        self._refusing = False

    @contextmanager
    def enter(self, request: Request | None = None) -> Iterator[Running]:
        """Register a call while it runs; refused once the server is stopping."""
        call = Running(request)
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

    def cancel(self, matches: Callable[[Request | None], bool]) -> int:
        """Stop the calls whose request matches at their next batch; returns how many there are."""
        with self._changed:
            found = [call for call in self._calls if matches(call.request)]
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


def stream_of(
    read: Read, context: flight.ServerCallContext, calls: RunningCalls, admission: Admission
) -> flight.GeneratorStream:
    """The stream of a read: tables of one batch each, which carry dictionaries and keep an error's class."""
    written = pa.ipc.IpcWriteOptions(compression=read.request.compression)
    return flight.GeneratorStream(
        read.schema, guarded_iterator(_tables(read, context, calls, admission)), options=written
    )


def stop_check(context: flight.ServerCallContext, call: Running) -> Check:
    """Raises when the client has gone, its deadline has passed, or the call was cancelled by another."""

    def check() -> None:
        if call.cancelled.is_set() or context.is_cancelled():
            raise answer(flight.FlightCancelledError, "cancelled", "the call was cancelled")

    return check


def _now_and_then(check: Check) -> Check:
    """The check, asked 20 times a second at most: gRPC takes 0.1 ms to answer, to send a batch takes 1 ms."""
    due = 0.0

    def throttled() -> None:
        nonlocal due
        if time.monotonic() >= due:
            check()
            due = time.monotonic() + POLL_SECONDS

    return throttled


def _tables(
    read: Read, context: flight.ServerCallContext, calls: RunningCalls, admission: Admission
) -> Iterator[pa.Table]:
    started, rows, ended = time.monotonic(), 0, "broken off"
    with calls.enter(read.request) as call:
        try:
            check = _now_and_then(deadline_check(stop_check(context, call), admission.limits.query_seconds))
            with (
                admission.admitted(estimated_bytes(read), check),
                closing(open_read(read, check).batches) as batches,
            ):
                for batch in batches:
                    yield pa.Table.from_batches([batch])
                    rows += batch.num_rows
            ended = "complete"
        finally:
            asked = json_bytes(request_to_json(read.request)).decode()
            LOG.info("do_get %s: %d rows in %.3f s, %s", asked, rows, time.monotonic() - started, ended)
