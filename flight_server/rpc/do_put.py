"""do_put: stores a client's batches in a raw table, in a new transaction or in one opened by ``begin``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa
from pyarrow import flight

from arrowdsl.errors import one_of
from flight_client.contracts.raw import RAW_TABLES
from flight_client.contracts.tables import BY_CONTRACT
from flight_server.rpc.codec import Put, rows_at_end
from flight_server.serving.request_errors import BadRequestError, BadStreamError, UnknownDatasetError
from flight_server.serving.running_calls import CancelledCallError, RunningCall
from flight_server.serving.service import Service
from flight_server.storage.store_errors import RowCountError


class ReceivedBatches:
    """The batches of a call as they arrive.

    ``expected`` is the total number of rows, or None. A client may give it at the end, as metadata ``{"rows": 2}``.
    With ``counted``, it must be given: a client that stops half way can look like one that is done.
    """

    def __init__(
        self,
        reader: flight.MetadataRecordBatchReader,
        call: RunningCall,
        expected: int | None = None,
        *,
        counted: bool = False,
    ) -> None:
        self._reader = reader
        self._call = call
        self._expected = expected
        self._counted = counted
        with call.waiting(), _receiving():
            self.schema: pa.Schema = reader.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The batches; raises BadStreamError for a damaged stream, RowCountError for a wrong number of rows."""
        rows = 0
        while True:
            try:
                with self._call.waiting(), _receiving():
                    chunk = self._reader.read_chunk()
            except StopIteration:
                break
            if chunk.data is not None:
                yield chunk.data
                rows += chunk.data.num_rows
                self._call.count(chunk.data)  # only now: to size a batch that is not validated may end the process
            elif chunk.app_metadata is not None and self._expected is None:
                self._expected = rows_at_end(chunk.app_metadata.to_pybytes())
        if self._expected not in (None, rows):
            raise RowCountError(f"{rows} rows arrived, the put announced {self._expected}; nothing was stored")
        if self._counted and self._expected is None:
            raise RowCountError(
                f"{rows} rows arrived, and nothing says that these are all; nothing was stored. A put outside of a "
                'transaction names its rows: {"rows": 2} as a key of the command, or as metadata after the last batch'
            )


@contextmanager
def _receiving() -> Iterator[None]:
    """Report whatever pyarrow raises while it decodes a client's bytes as BadStreamError.

    An altered stream may announce a buffer of exabytes, which pyarrow reports as lack of memory.
    """
    try:
        yield
    except StopIteration:
        raise
    except flight.FlightError as error:
        raise CancelledCallError("the client broke off its stream") from error
    except (pa.ArrowException, MemoryError, OSError, ValueError, TypeError, LookupError) as error:
        raise BadStreamError(f"the stream of record batches is damaged: {error}") from error


def put(
    service: Service,
    target: Put,
    reader: flight.MetadataRecordBatchReader,
    call: RunningCall,
    check: Callable[[], None],
    *,
    counted: bool = True,
) -> dict[str, object]:
    """Store the batches; the reply has the number of rows and, after a commit, the snapshot.

    A client that died can look like a clean end, so ``check`` is called once more before the commit. ``counted``: a put
    outside of a transaction must name its rows.
    """
    name = BY_CONTRACT.get(target.table, target.table)
    call.repo, call.dataset = target.repo, name
    if name not in RAW_TABLES:
        raise UnknownDatasetError(f"unknown raw table {target.table!r}; raw tables: {one_of(RAW_TABLES)}")
    store = service.store
    transaction = store.begin(target.repo) if target.txn is None else store.transaction(target.txn)
    if transaction.repo != target.repo:
        raise BadRequestError(f"transaction {target.txn} is one of repo {transaction.repo}, not of {target.repo}")
    try:
        with service.budget.put(transaction.id, check):
            batches = ReceivedBatches(reader, call, target.rows, counted=counted and target.txn is None)
            rows = transaction.put(RAW_TABLES[name], batches, mode=target.mode, check=check, removed=target.removed)
        check()
        if target.txn is not None:
            return {"table": name, "rows": rows, "txn": target.txn}
        snapshot = transaction.commit({name: rows})
    finally:
        if target.txn is None:
            transaction.abort()
    call.has_committed = True
    return {"table": name, "rows": rows, "snapshot": snapshot.number}
