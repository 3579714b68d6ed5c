"""The connection to a server: what it has, reads, puts, and the actions on repositories.

    with connect("grpc://127.0.0.1:8815") as client:
        client.read("django", "dim_qualified_names", limit=5).read_all()

Every method raises FlightClientError when the server refuses, and UnreachableError when none answers. A Client may be
used from several threads; closing it, and the end of the interpreter, cancel the streams that are still open.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, TypeAlias, Unpack

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import flight

from flight_client.dataset import FlightDataset, Source
from flight_client.errors import FlightClientError, translated
from flight_client.pushdown import Cql2, Json
from flight_client.puts import PutStream
from flight_client.scan import FlightScanner
from flight_client.streams import FlightReader, FlightStream, LiveStreams
from flight_client.tickets import Narrowing, Ticket, command, decode, encode, ticket

Where: TypeAlias = Cql2 | pc.Expression


class ArrowStream(Protocol):
    """A Table, RecordBatchReader, polars DataFrame, …: what has the Arrow C stream protocol."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule of the stream."""


@dataclass(frozen=True)
class DatasetInfo:
    """What the server says about a dataset; ``rows`` and ``bytes`` are null where it does not know them."""

    repo: str
    dataset: str
    schema: pa.Schema
    rows: int | None
    bytes: int | None
    endpoints: tuple[Ticket, ...]
    metadata: Mapping[str, Json]


def connect(uri: str, *, timeout: float | None = None, headers: Mapping[str, str] | None = None) -> "Client":
    """A client of the server at a URI such as ``grpc://127.0.0.1:8815``; the first call opens the connection.

    ``timeout`` is the deadline of each call in seconds, streams included; ``headers`` go with each call.
    """
    return Client(uri, timeout=timeout, headers=headers)


class Client:
    """A connection, as ``connect`` gives it; a context manager that closes it."""

    def __init__(self, uri: str, *, timeout: float | None = None, headers: Mapping[str, str] | None = None) -> None:
        self.uri = uri
        pairs = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        # Arrow's own compute warns on stderr about buffers as they come off the wire: have them aligned
        aligned = pa.ipc.IpcReadOptions(ensure_alignment=pa.ipc.Alignment.DataTypeSpecific)
        self._options = flight.FlightCallOptions(timeout=timeout, headers=pairs, read_options=aligned)
        with translated(uri):
            self._flight = flight.connect(uri)
        self._live = LiveStreams()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancel the open streams and close the connection; closing twice does nothing more."""
        self._live.close()
        self._flight.close()

    def repos(self) -> list[str]:
        """The names of the repositories, sorted."""
        listed = self.stats().get("repos")
        return sorted(map(str, listed)) if isinstance(listed, list) else []

    def datasets(self, repo: str) -> list[str]:
        """The names of a repository's datasets, sorted."""
        return sorted(info.dataset for info in self.infos(repo))

    def infos(self, repo: str) -> list[DatasetInfo]:
        """What ``info`` says of each dataset of a repository, in the server's order."""
        self._live.check()
        with translated(self.uri):
            found = list(self._flight.list_flights(encode({"repo": repo}), self._options))
        return [_dataset_info(info) for info in found]

    def info(self, repo: str, dataset: str, *, snapshot: int | None = None) -> DatasetInfo:
        """A dataset's schema, size, endpoints and metadata; the endpoints' tickets name the snapshot."""
        return _dataset_info(self._info(ticket(repo, dataset, snapshot=snapshot)))

    def schema(self, repo: str, dataset: str, *, snapshot: int | None = None) -> pa.Schema:
        """A dataset's columns and types."""
        return self._info(ticket(repo, dataset, snapshot=snapshot)).schema

    def read(
        self,
        repo: str,
        dataset: str,
        *,
        columns: Sequence[str] | None = None,
        where: Where | None = None,
        limit: int | None = None,
        order: str | None = None,
        snapshot: int | None = None,
        kinds: Sequence[str] | None = None,
        parts: Sequence[int | str] | None = None,
    ) -> FlightReader:
        """A stream of a dataset's rows, which starts at once and must be read to its end, closed or dropped.

        ``where`` is a filter as CQL2-JSON or as a pyarrow Expression, of which the server does what it can.
        """
        base = ticket(repo, dataset, order=order, snapshot=snapshot, kinds=kinds, parts=parts)
        if isinstance(where, pc.Expression):
            return FlightScanner(base, self._info(base).schema, self._open, columns, where).reader(limit)
        request = {**base, **ticket(repo, dataset, columns=columns, where=where, limit=limit)}
        stream = self._open(request)
        return FlightReader(stream.schema, stream, stream)

    def dataset(
        self,
        repo: str,
        name: str,
        *,
        where: Where | None = None,
        order: str | None = None,
        snapshot: int | None = None,
        kinds: Sequence[str] | None = None,
    ) -> FlightDataset:
        """A dataset for query engines; it stays with one snapshot, the newest now by default."""
        pushed = None if isinstance(where, pc.Expression) else where
        base = ticket(repo, name, where=pushed, order=order, snapshot=snapshot, kinds=kinds)
        info = self._info(base)
        pinned = _metadata(info).get("snapshot")
        return FlightDataset(
            Source(
                base if pinned is None else {**base, "snapshot": pinned},
                info.schema,
                self._open_endpoints,
                self._endpoints,
                rows=info.total_records if info.total_records >= 0 else None,
                where=where if isinstance(where, pc.Expression) else None,
            )
        )

    def put(
        self,
        repo: str,
        table: str,
        data: ArrowStream,
        *,
        mode: str = "replace",
        txn: str | None = None,
        removed: Sequence[str] = (),
    ) -> Mapping[str, Json]:
        """Stream rows into a table; gives the server's reply, ``{"rows": …}`` at least.

        ``mode`` is ``replace``, ``append`` or ``files`` (replace the rows of the files that the data has, and delete
        those of the paths in ``removed``). Without ``txn`` the put is a transaction of its own, and the reply has the
        new ``snapshot``; of rows that break off half way none are kept.
        """
        # a put that breaks off looks complete to the server: only a commit with the number of rows is proof
        own = str(self.begin(repo)["txn"]) if txn is None else txn
        try:
            reply, rows = self._put_all(repo, table, _batches(data), mode, own, removed)
            return {**reply, **self.commit(own, {str(reply.get("table", table)): rows})} if txn is None else reply
        except BaseException:
            if txn is None:
                with suppress(FlightClientError):  # the error that led here says more
                    self.abort(own)
            raise

    def open_put(
        self,
        repo: str,
        table: str,
        schema: pa.Schema,
        *,
        txn: str,
        mode: str = "replace",
        removed: Sequence[str] = (),
    ) -> PutStream:
        """A put within a transaction, to which batches are written one by one; ``put`` says what the rest means."""
        target: dict[str, Json] = {"repo": repo, "table": table, "mode": mode, "txn": txn}
        if removed:
            target["removed"] = list(removed)
        self._live.check()
        with translated(self.uri):
            writer, replies = self._flight.do_put(command(target), schema, self._options)
        return PutStream(writer, replies, self.uri)

    def begin(self, repo: str, files: int | None = None) -> Mapping[str, Json]:
        """Open a transaction: ``{"txn", "parts"}``. ``files``, the number of files expected, sets the parts."""
        return self._act("begin", {"repo": repo} if files is None else {"repo": repo, "files": files})

    def commit(self, txn: str, rows: Mapping[str, int], *, removed: Sequence[str] = ()) -> Mapping[str, Json]:
        """Make a transaction's rows visible, if every table got as many as ``rows`` says: ``{"snapshot"}``.

        The rows of the files whose paths are in ``removed`` go from every table.
        """
        body: dict[str, Json] = {"txn": txn, "rows": dict(rows)}
        if removed:
            body["removed"] = list(removed)
        return self._act("commit", body)

    def abort(self, txn: str) -> Mapping[str, Json]:
        """Forget a transaction and its rows."""
        return self._act("abort", {"txn": txn})

    def drop(self, repo: str) -> Mapping[str, Json]:
        """Delete a repository with all its snapshots."""
        return self._act("drop", {"repo": repo})

    def snapshots(self, repo: str) -> list[Json]:
        """A repository's snapshots, as the server describes them."""
        listed = self._act("snapshots", {"repo": repo}).get("snapshots")
        return listed if isinstance(listed, list) else []

    def explain(self, repo: str, dataset: str, **narrowing: Unpack[Narrowing]) -> Mapping[str, Json]:
        """How the server would run a read: ``{"text", …}``. Takes the keys that ``read`` takes."""
        return self._act("explain", ticket(repo, dataset, **narrowing))

    def stats(self, repo: str | None = None) -> Mapping[str, Json]:
        """Figures of a repository, or of the server."""
        return self._act("stats", {} if repo is None else {"repo": repo})

    def healthcheck(self) -> Mapping[str, Json]:
        """What the server says of its health; UnreachableError when it says nothing."""
        return self._act("healthcheck", {})

    def _act(self, action: str, body: Mapping[str, Json]) -> Mapping[str, Json]:
        self._live.check()
        with translated(self.uri):
            results = list(self._flight.do_action(flight.Action(action, encode(body)), self._options))
        if len(results) != 1:
            raise FlightClientError("protocol", f"the server answered {action} with {len(results)} results")
        return decode(results[0].body.to_pybytes(), f"answer to {action}")

    def _put_all(
        self, repo: str, table: str, batches: pa.RecordBatchReader, mode: str, txn: str, removed: Sequence[str]
    ) -> tuple[Mapping[str, Json], int]:
        """The server's reply and the number of rows sent."""
        stream = self.open_put(repo, table, batches.schema, txn=txn, mode=mode, removed=removed)
        try:
            for batch in batches:
                stream.write(batch)
        except BaseException:
            with suppress(FlightClientError):
                stream.abandon()
            raise
        return stream.finish(), stream.rows

    def _info(self, request: Ticket) -> flight.FlightInfo:
        self._live.check()
        with translated(self.uri):
            return self._flight.get_flight_info(command(request), self._options)

    def _endpoints(self, request: Ticket) -> list[Ticket]:
        return [decode(endpoint.ticket.ticket, "ticket") for endpoint in self._info(request).endpoints]

    def _open(self, request: Ticket, schema: pa.Schema | None = None) -> FlightStream:
        return self._stream([encode(request)], schema)

    def _open_endpoints(self, request: Ticket, schema: pa.Schema) -> FlightStream:
        return self._stream([endpoint.ticket.ticket for endpoint in self._info(request).endpoints], schema)

    def _stream(self, tickets: Sequence[bytes], schema: pa.Schema | None) -> FlightStream:
        stream = FlightStream(self._do_get, tickets, self.uri, schema)
        self._live.add(stream)
        return stream

    def _do_get(self, request: bytes) -> flight.FlightStreamReader:
        return self._flight.do_get(flight.Ticket(request), self._options)


def _dataset_info(info: flight.FlightInfo) -> DatasetInfo:
    repo, dataset = (step.decode() for step in info.descriptor.path)
    return DatasetInfo(
        repo,
        dataset,
        info.schema,
        info.total_records if info.total_records >= 0 else None,
        info.total_bytes if info.total_bytes >= 0 else None,
        tuple(decode(endpoint.ticket.ticket, "ticket") for endpoint in info.endpoints),
        _metadata(info),
    )


def _metadata(info: flight.FlightInfo) -> Mapping[str, Json]:
    return decode(info.app_metadata or b"{}", "app_metadata")


def _batches(data: ArrowStream) -> pa.RecordBatchReader:
    if isinstance(data, pa.RecordBatchReader):  # as it is: through a C stream its errors would lose their class
        return data
    return pa.RecordBatchReader.from_stream(data)
