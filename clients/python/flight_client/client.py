"""The connection to a server: its datasets, reads, puts, and the actions on repositories.

    with connect("grpc://127.0.0.1:8815") as client:
        client.read("django", "dim_qualified_names", limit=5).read_all()

Every method raises FlightClientError when the server refuses the request, and UnreachableError when no server answers.
A Client may be used from several threads. Streams that are still open are cancelled when the client is closed or the
interpreter ends.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Self, Unpack, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import flight

from flight_client.client_errors import FlightClientError, translated
from flight_client.dataset import FlightDataset, served_dataset
from flight_client.duckdb_views import DuckDBConnection, create_views
from flight_client.fetch import Fetcher, Fetching
from flight_client.live import LiveStreams
from flight_client.lookups import Keys, key_batches
from flight_client.maintenance import Maintenance
from flight_client.parallel import STREAMS
from flight_client.peers import SYSTEM_TLS, Peers, Tls
from flight_client.puts import ArrowStream, PutStream, batches_of, put_batches
from flight_client.scan import FlightScanner
from flight_client.streams import FlightReader
from flight_client.tickets import (
    DatasetInfo,
    Json,
    Narrowing,
    Reading,
    SqlValue,
    Where,
    command,
    dataset_info,
    decode,
    encode,
    ticket,
)


def connect(
    uri: str,
    *,
    token: str | None = None,
    tls: Tls = SYSTEM_TLS,
    timeout: float | None = None,
    headers: Mapping[str, str] | None = None,
) -> "Client":
    """A client of the server at a URI such as ``grpc://127.0.0.1:8815``; the first call opens the connection.

    ``token`` and ``headers`` go with each call; ``timeout`` is the deadline of each call in seconds, streams included.
    """
    sent = {**(headers or {}), **({} if token is None else {"authorization": f"Bearer {token}"})}
    return Client(Peers(uri, timeout, sent, tls))


class Client:
    """A connection to a server, made by ``connect``; also a context manager that closes the connection.

    A pickled client connects again where it is loaded, without the token and headers. A client does not survive a fork:
    its calls in the child process raise FlightClientError (``forked``).
    """

    def __init__(self, peers: Peers) -> None:
        self.uri = peers.uri
        self._peers = peers
        self._live = LiveStreams(os.getpid())
        self._fetcher = Fetcher(self._peers, self._live)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Callable[[str], "Client"], tuple[str]]:
        return partial(connect, timeout=self._peers.timeout), (self.uri,)

    def close(self) -> None:
        """Cancel the open streams and close the connections; a second call does nothing."""
        self._live.close()
        self._peers.close()

    def repos(self) -> list[str]:
        """The names of the repositories, sorted."""
        listed = self.stats().get("repos")
        return sorted(map(str, listed)) if isinstance(listed, list) else []

    def datasets(self, repo: str) -> list[str]:
        """The names of a repository's datasets, sorted."""
        return sorted(info.dataset for info in self.infos(repo))

    def infos(self, repo: str, *, kind: str | None = None) -> list[DatasetInfo]:
        """The ``info`` of each dataset of a repository, in the server's order; ``kind`` is raw or output."""
        self._live.check()
        with translated(self.uri):
            criteria = encode({"repo": repo, "kind": kind})
            found = list(self._peers.origin.list_flights(criteria, self._peers.options))
        return [dataset_info(info) for info in found]

    def info(self, repo: str, dataset: str, *, snapshot: int | None = None) -> DatasetInfo:
        """A dataset's schema, size, endpoints and metadata; the endpoints' tickets name the snapshot."""
        return dataset_info(self._fetcher.info(ticket(repo, dataset, snapshot=snapshot)))

    def schema(self, repo: str, dataset: str, *, snapshot: int | None = None) -> pa.Schema:
        """A dataset's columns and types."""
        return self._fetcher.info(ticket(repo, dataset, snapshot=snapshot)).schema

    def read(self, repo: str, dataset: str, **reading: Unpack[Reading]) -> FlightReader:
        """A stream of a dataset's rows, which starts at once and must be read to its end, closed or dropped.

        Takes the keys of a ticket. ``where`` is a filter: CQL2 as text (``"kind = 'class'"``) or as JSON, or a pyarrow
        Expression, of which the server applies the terms that CQL2 can express, the client the others. ``streams``
        endpoints are fetched at a time (default 1);
        with ``ordered=False``, rows are returned as they arrive.
        """
        how, where = Fetching(reading.pop("streams", 1), reading.pop("ordered", True)), reading.pop("where", None)
        narrowing = cast("Narrowing", reading)
        opener = self._fetcher.whole if how.streams == 1 else partial(self._fetcher.by_endpoint, how=how)
        applied = where if isinstance(where, pc.Expression) else None
        narrowing["where"] = None if isinstance(where, pc.Expression) else where
        if applied is not None or narrowing.get("columns") in ([], ()):  # a ticket names at least one column
            columns, limit = narrowing.pop("columns", None), narrowing.pop("limit", None)
            base = ticket(repo, dataset, **narrowing)
            return FlightScanner(base, self._fetcher.info(base).schema, opener, columns, applied, None, limit).reader()
        request = ticket(repo, dataset, **narrowing)
        stream = opener(request)
        return FlightReader(stream.schema, stream, stream)

    def sql(
        self,
        query: str,
        parameters: Sequence[SqlValue] | Mapping[str, SqlValue] = (),
        *,
        repo: str | None = None,
    ) -> FlightReader:
        """The rows of a SQL query, run by the server; its tables are the datasets.

        A repository is a schema, as in ``django.call_graph``; the datasets of ``repo`` need none. ``parameters`` are
        the values of ``?`` in order, or of ``$name`` by name. The server needs the extra ``sql``.
        """
        values: Json = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
        stream = self._fetcher.whole({"sql": query, "repo": repo, "parameters": values or None})
        return FlightReader(stream.schema, stream, stream)

    def lookup(
        self, repo: str, dataset: str, *, key: str, values: Keys, **narrowing: Unpack[Narrowing]
    ) -> FlightReader:
        """The rows of a dataset whose column ``key`` has one of ``values``, in the dataset's order. Null matches none.

        ``values`` are an Arrow array, a stream or table of one column, or plain values. Unlike a filter, a lookup takes
        millions of them; all are sent before the first row arrives. Takes the keys of a ticket too.
        """
        request = {**ticket(repo, dataset, **narrowing), "key": key}
        stream = self._fetcher.lookup(request, key_batches(values))
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
        compression: str | None = None,
        streams: int | None = None,
        ordered: bool = True,
    ) -> FlightDataset:
        """A dataset for query engines. It reads one snapshot: by default the newest at the time of this call.

        By default two ``streams`` are fetched at a time, one if there are few rows; ``ordered=False``: as they arrive.
        """
        pushed, applied = (None, where) if isinstance(where, pc.Expression) else (where, None)
        base = ticket(repo, name, where=pushed, order=order, snapshot=snapshot, kinds=kinds, compression=compression)
        info = dataset_info(self._fetcher.info(base))
        how = None if streams is None and ordered else Fetching(STREAMS if streams is None else streams, ordered)
        return served_dataset(base, info, self._fetcher, how, applied)

    def attach(self, connection: DuckDBConnection, repo: str) -> list[str]:
        """Make a repo's datasets views of a DuckDB connection, in a schema of the repo's name; returns their names.

        All read one snapshot: the newest at the time of this call. Other connections can't read these views.
        """
        infos = self.infos(repo)
        tables = {info.dataset: served_dataset(ticket(repo, info.dataset), info, self._fetcher) for info in infos}
        create_views(connection, repo, tables)
        return sorted(tables)

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
        """Stream rows into a table; returns the server's reply, which has at least the key ``rows``.

        ``mode`` is ``replace``, ``append`` or ``files`` (replace the rows of the files in the data, and delete the rows
        of the paths in ``removed``). Without ``txn`` the put is a transaction of its own, and the reply has the new
        ``snapshot``; if the data ends with an error, no row is stored.
        """
        if txn is not None:
            return self._put(repo, table, data, mode, txn, removed).reply
        # a put that breaks off looks complete to the server: only the number of rows in the commit proves it complete
        with self.transaction(repo) as begun:
            own = str(begun["txn"])
            done = self._put(repo, table, data, mode, own, removed)
            return {**done.reply, **self.commit(own, {str(done.reply.get("table", table)): done.rows})}

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
        """A put within a transaction, to which batches are written one by one; the arguments are those of ``put``."""
        target = command({"repo": repo, "table": table, "mode": mode, "txn": txn, "removed": list(removed) or None})
        self._live.check()
        with translated(self.uri):
            writer, replies = self._peers.origin.do_put(target, schema, self._peers.options)
        return PutStream(writer, replies, self.uri)

    def begin(self, repo: str, files: int | None = None) -> Mapping[str, Json]:
        """Open a transaction: ``{"txn", "parts"}``. ``files``, the number of files expected, sets the parts."""
        return self._act("begin", {"repo": repo, "files": files})

    @contextmanager
    def transaction(self, repo: str, files: int | None = None) -> Iterator[Mapping[str, Json]]:
        """A block with the reply of ``begin``. The block must call ``commit``; an exception in it calls ``abort``."""
        begun = self.begin(repo, files)
        try:
            yield begun
        except BaseException:
            with suppress(FlightClientError):  # the first error says more
                self.abort(str(begun["txn"]))
            raise

    def commit(
        self, txn: str, rows: Mapping[str, int], *, removed: Sequence[str] = (), note: Mapping[str, str] | None = None
    ) -> Mapping[str, Json]:
        """Publish a transaction; the reply has the new ``snapshot``.

        The server refuses unless each table got the number of rows in ``rows``. The rows of the files whose paths are
        in ``removed`` are deleted from every table. ``note`` describes the snapshot. A commit whose answer was lost, or
        that failed with ``outcome_unknown``, may be repeated: it gives the same snapshot.
        """
        body: dict[str, Json] = {"txn": txn, "rows": dict(rows), "removed": list(removed) or None}
        return self._act("commit", {**body, "note": None if note is None else dict(note)})

    def abort(self, txn: str) -> Mapping[str, Json]:
        """Drop a transaction and its rows."""
        return self._act("abort", {"txn": txn})

    def drop(self, repo: str) -> Mapping[str, Json]:
        """Delete a repository with all its snapshots."""
        return self._act("drop", {"repo": repo})

    def snapshots(self, repo: str) -> list[Json]:
        """A repository's snapshots, as the server describes them."""
        listed = self._act("snapshots", {"repo": repo}).get("snapshots")
        return listed if isinstance(listed, list) else []

    @property
    def maintenance(self) -> Maintenance:
        """The actions that keep a store in order: rollback, pins, pruning, sizes, check and repair."""
        return Maintenance(self._act)

    def explain(self, repo: str, dataset: str, **narrowing: Unpack[Narrowing]) -> Mapping[str, Json]:
        """How the server would run a read; the reply's key ``text`` is for people. Takes the keys of a ticket."""
        return self._act("explain", ticket(repo, dataset, **narrowing))

    def stats(self, repo: str | None = None) -> Mapping[str, Json]:
        """Statistics of a repository, or of the server."""
        return self._act("stats", {"repo": repo})

    def healthcheck(self) -> Mapping[str, Json]:
        """The server's answer about its health; UnreachableError if it does not answer."""
        return self._act("healthcheck", {})

    def _act(self, action: str, body: Mapping[str, Json]) -> Mapping[str, Json]:
        self._live.check()
        with translated(self.uri):
            results = list(self._peers.origin.do_action(flight.Action(action, encode(body)), self._peers.options))
        if len(results) != 1:
            raise FlightClientError("protocol", f"the server answered {action} with {len(results)} results")
        return decode(results[0].body.to_pybytes(), f"answer to {action}")

    def _put(self, repo: str, table: str, data: ArrowStream, mode: str, txn: str, removed: Sequence[str]) -> PutStream:
        batches = batches_of(data)
        stream = self.open_put(repo, table, batches.schema, txn=txn, mode=mode, removed=removed)
        put_batches([(table, stream)], ((table, batch) for batch in batches))
        return stream
