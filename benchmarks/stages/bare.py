"""The limit: a Flight server that streams the batches of an IPC file from memory. ``python bare.py FILE``."""

import sys
import threading
from pathlib import Path

import pyarrow as pa
from pyarrow import flight


class Bare(flight.FlightServerBase):
    """Streams the same batches to everybody."""

    def __init__(self, path: Path) -> None:
        super().__init__("grpc://127.0.0.1:0")
        with pa.OSFile(str(path), "rb") as source:
            reader = pa.ipc.open_file(source)
            self.rows = reader.schema
            self.batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]

    def do_get(self, _context: flight.ServerCallContext, _ticket: flight.Ticket) -> flight.RecordBatchStream:
        """The batches, without a Python step between them."""
        return flight.RecordBatchStream(pa.Table.from_batches(self.batches, self.rows).to_reader())


if __name__ == "__main__":
    server = Bare(Path(sys.argv[1]))
    print(f"listening on grpc://127.0.0.1:{server.port}", flush=True)
    threading.Event().wait()
