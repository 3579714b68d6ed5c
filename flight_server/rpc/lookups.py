"""do_exchange: a lookup. The client streams keys and says that it is done, then the server streams the rows back.

The order is a rule: a client that writes while the server writes, neither reading, would block both for good.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pyarrow as pa
from pyarrow import flight

from flight_server.rpc.codec import json_bytes
from flight_server.rpc.puts import Incoming
from flight_server.serving.errors import BadRequestError
from flight_server.serving.lookup import distinct_keys, key_filter, key_type
from flight_server.serving.read import Read, open_read
from flight_server.serving.request import request_to_json

LOG = logging.getLogger("flight_server")


def lookup(
    read: Read,
    key: str,
    reader: flight.MetadataRecordBatchReader,
    writer: flight.MetadataRecordBatchWriter,
    check: Callable[[], None],
) -> None:
    """Answer the keys with the rows that have them; ``check`` raises when the call is to stop."""
    started, rows = time.monotonic(), 0
    keys = distinct_keys(_columns(reader, check), key_type(key, read.spec))
    found = read.among(key_filter(key, keys, read.spec, read.snapshot))
    writer.begin(read.schema, options=pa.ipc.IpcWriteOptions(compression=read.request.compression))
    with closing(open_read(found, check).batches) as batches:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    asked = json_bytes(request_to_json(read.request)).decode()
    LOG.info("lookup %s by %s: %d keys, %d rows in %.3f s", asked, key, len(keys), rows, time.monotonic() - started)


def _columns(reader: flight.MetadataRecordBatchReader, check: Callable[[], None]) -> Iterator[pa.Array]:
    """The keys as they arrive: the one column of the batches, whatever its name."""
    try:
        incoming = Incoming(reader, None)
    except OSError as error:
        raise BadRequestError("the lookup ended before its keys' schema came") from error
    if len(incoming.schema) != 1:
        raise BadRequestError(f"a lookup takes one column of keys, given: {len(incoming.schema)}")
    for batch in incoming:
        check()
        yield batch.column(0)
