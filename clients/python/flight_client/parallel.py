"""Endpoints fetched in parallel, as one stream.

Each of a few threads fetches one endpoint after another. Fetched batches are queued, in bounded memory, and yielded in
the endpoints' order or as they arrive. The thread whose endpoint the reader waits for may always queue a batch, so the
bound never blocks the reader. The error of an endpoint is raised in place of its rows.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import pyarrow as pa

from flight_client.client_errors import FlightClientError, closed
from flight_client.live import ALL, FETCH_THREADS
from flight_client.peers import Endpoint
from flight_client.streams import FlightStream

STREAMS = 2
HELD_BYTES = 32 * 1024 * 1024
_Item: TypeAlias = pa.RecordBatch | FlightClientError | None  # None: the endpoint's end


class ParallelStream(Iterator[pa.RecordBatch]):
    """The batches of some endpoints, at most ``streams`` of them fetched at a time.

    One thread reads; any thread may close. Nothing is fetched before the first batch is asked for. Raises
    FlightClientError, and StreamClosedError for a read after ``close``.
    """

    def __init__(
        self,
        fetch: Callable[[Endpoint], FlightStream],
        endpoints: Sequence[Endpoint],
        schema: pa.Schema,
        *,
        streams: int = STREAMS,
        ordered: bool = True,
    ) -> None:
        self.schema = schema
        self._fetch = fetch
        self._endpoints = endpoints
        self._workers = min(streams, len(endpoints))
        self._ordered = ordered
        self._changed = threading.Condition()
        self._items: dict[int, deque[_Item]] = {}  # by the endpoint's number; without an order, all under 0
        self._held = 0  # bytes
        self._started_endpoints = 0
        self._ended = 0  # endpoints that are completely read; in order, also the number of the endpoint to read next
        self._open: set[FlightStream] = set()
        self._started = False
        self._closed = False
        ALL.add(self)

    def __next__(self) -> pa.RecordBatch:
        self._start()
        while self._ended < len(self._endpoints):
            match self._take():
                case None:
                    with self._changed:
                        self._ended += 1
                        self._changed.notify_all()
                case FlightClientError() as error:
                    self.close()
                    raise error
                case batch:
                    return batch
        raise StopIteration

    def close(self) -> None:
        """Cancel the running calls, and end the threads; a waiting read raises StreamClosedError."""
        with self._changed:
            self._closed = True
            fetching = list(self._open)
            self._items.clear()
            self._changed.notify_all()
        for stream in fetching:
            stream.close()

    def _start(self) -> None:
        if self._closed:
            raise closed("stream")
        if not self._started:
            self._started = True
            for _ in range(self._workers):
                FETCH_THREADS.start(threading.Thread(target=self._work, name="flight_client fetch", daemon=True))

    def _take(self) -> _Item:
        """The next item of the reader's queue."""
        with self._changed:
            queue = self._ended if self._ordered else 0
            self._changed.wait_for(lambda: self._closed or self._items.get(queue))
            if self._closed:
                raise closed("stream")
            item = self._items[queue].popleft()
            if isinstance(item, pa.RecordBatch):
                self._held -= item.nbytes
                self._changed.notify_all()
            return item

    def _work(self) -> None:
        """The loop of a thread: fetch endpoints until none is left, one fails, or the stream is closed."""
        while (number := self._next_endpoint()) is not None:
            queue = number if self._ordered else 0
            last: _Item = FlightClientError("internal", "a thread that fetched an endpoint failed")
            try:
                for batch in self._batches(self._endpoints[number]):
                    self._put(queue, batch)
                last = None
            except FlightClientError as error:
                last = error
            finally:
                self._put(queue, last)  # always, so that the reader does not wait for more
            if last is not None:
                return

    def _next_endpoint(self) -> int | None:
        with self._changed:
            if self._closed or self._started_endpoints == len(self._endpoints):
                return None
            self._started_endpoints += 1
            return self._started_endpoints - 1

    def _batches(self, endpoint: Endpoint) -> Iterator[pa.RecordBatch]:
        stream = self._fetch(endpoint)
        with self._changed:
            self._open.add(stream)
        try:
            if self._closed:  # by another thread, before this stream was in ``_open``
                raise closed("stream")
            yield from stream
        finally:
            stream.close()
            with self._changed:
                self._open.discard(stream)

    def _put(self, queue: int, item: _Item) -> None:
        """Queue an item for the reader, once there is room for a batch. No effect after ``close``."""
        size = item.nbytes if isinstance(item, pa.RecordBatch) else 0
        with self._changed:
            items = self._items.setdefault(queue, deque())
            self._changed.wait_for(lambda: self._closed or self._held + size <= HELD_BYTES or self._is_awaited(queue))
            if not self._closed:
                items.append(item)
                self._held += size
                self._changed.notify_all()

    def _is_awaited(self, queue: int) -> bool:
        """Whether the reader waits for the next item of this queue; the item then must not wait for room."""
        return (not self._ordered or queue == self._ended) and not self._items.get(queue)
