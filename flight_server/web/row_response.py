"""The rows of a read or query as an HTTP response, streamed.

Each response has its own thread, which computes a batch, encodes it, and waits until the connection has taken it. If
the client goes away, the call's check raises in that thread and the read ends. An error before the first byte has a
status of its own; after that the connection is closed within the body, so that no client takes the rows for complete.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import anyio
import pyarrow as pa
from anyio import from_thread, to_thread
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from arrowdsl.errors import DataError
from arrowdsl.plan.batches import Batches
from flight_server.serving.failures import reported
from flight_server.serving.running_calls import RunningCall, throttled_check
from flight_server.serving.service import Service
from flight_server.serving.sql_request import Asked, SqlRequest
from flight_server.storage.row_formats import FORMATS, encoded
from flight_server.web.error_responses import error_response


class RowResponse(Response):
    """Answers one request with the rows of a read or query in one of FORMATS.

    ``asks`` makes the read or query, and may raise; ``threads`` limits the responses at a time.
    """

    def __init__(
        self,
        service: Service,
        call: RunningCall,
        asks: Callable[[], Asked],
        row_format: str,
        threads: anyio.CapacityLimiter,
    ) -> None:
        super().__init__(media_type=FORMATS[row_format].media_type)
        del self.headers["content-length"]  # of the empty body
        self.headers["x-request-id"] = call.request_id
        self._service = service
        self._call = call
        self._asks = asks
        self._row_format = row_format
        self._threads = threads
        self._gone = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request; a HEAD request gets the headers alone, and no row is computed."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, receive)
            failure = await to_thread.run_sync(self._run, scope["method"], send, limiter=self._threads)
            if failure is not None:
                await error_response(failure)(scope, receive, send)
            tasks.cancel_scope.cancel()

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone.set()

    def _run(self, method: str, send: Send) -> DataError | None:
        """Send the rows; returns an error that came before the first byte was sent."""
        has_begun = False
        try:
            with self._service.calls.enter(self._call), closing(self._chunks(method)) as chunks:
                for chunk in chunks:
                    with self._call.waiting():
                        if not has_begun:
                            from_thread.run(_sent, send, self._start())
                            has_begun = True
                        from_thread.run(_sent, send, {"type": "http.response.body", "body": chunk, "more_body": True})
        except Exception as error:
            failure = reported(error)
            return None if has_begun else failure
        from_thread.run(_sent, send, {"type": "http.response.body", "body": b""})
        return None

    def _start(self) -> Message:
        return {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}

    def _chunks(self, method: str) -> Generator[bytes, None, None]:
        call, budget = self._call, self._service.budget
        asked = self._asks()
        call.asks(asked)
        answer = self._service.answer(asked)
        call.asks(answer.asked)
        if answer.asked is not None and not isinstance(answer.asked, SqlRequest):
            self.headers["flight-snapshot"] = str(answer.asked.snapshot)
        if method == "HEAD":
            yield b""
            return
        check = throttled_check(call.check(self._gone.is_set, budget.limits.query_seconds))
        with closing(answer.rows(check)) as batches:
            yield from encoded(self._row_format, answer.schema, self._counted(batches))

    def _counted(self, batches: Batches) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            self._call.count(batch)
            yield batch


async def _sent(send: Send, message: Message) -> None:
    await send(message)
