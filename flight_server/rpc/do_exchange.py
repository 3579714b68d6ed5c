"""do_exchange: a lookup. The client streams all its keys, then the server streams the rows back.

The order is fixed: if both sides wrote at the same time and neither read, both would block forever.
"""

from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa
from pyarrow import flight

from arrowdsl.compute.expr import Column, Keys
from arrowdsl.plan.stopping import Check
from flight_server.rpc.do_put import ReceivedBatches
from flight_server.serving.lookup import distinct_keys, key_type
from flight_server.serving.read import Read
from flight_server.serving.request_errors import BadRequestError
from flight_server.serving.running_calls import RunningCall
from flight_server.serving.stream import open_read
from flight_server.storage.validation import validated


def lookup(
    read: Read,
    key: str,
    reader: flight.MetadataRecordBatchReader,
    writer: flight.MetadataRecordBatchWriter,
    call: RunningCall,
    check: Check,
) -> None:
    """Read the keys, and send the rows with these keys; ``check`` raises to stop the call."""
    keys = distinct_keys(_columns(reader, call, check), key_type(key, read.spec))
    found = read.among(Column(key).is_in(Keys(keys)))
    writer.begin(read.schema, options=pa.ipc.IpcWriteOptions(compression=read.request.compression))
    with closing(open_read(found, check).batches) as batches:
        for batch in batches:
            with call.waiting():
                writer.write_batch(batch)
            call.count(batch)


def _columns(reader: flight.MetadataRecordBatchReader, call: RunningCall, check: Check) -> Iterator[pa.Array]:
    """The keys as they arrive: the only column of the batches, of any name."""
    received = ReceivedBatches(reader, call)
    if len(received.schema) != 1:
        raise BadRequestError(f"a lookup takes one column of keys, given: {len(received.schema)}")
    for batch in received:
        check()
        yield validated(batch).column(0)
