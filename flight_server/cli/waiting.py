"""Reading while a terminal is watched: seconds are counted until the first rows arrive, and Ctrl-C stops at once."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pyarrow as pa

from flight_client import FlightReader

_QUIET_SECONDS, _STEP_SECONDS = 0.5, 0.2
_CLEAR = "\r\x1b[K"


def interruptible_rows(reader: FlightReader, what: str = "computing") -> FlightReader:
    """A reader of the same rows. If stderr is a terminal, it shows the seconds until the first batch.

    A thread reads: while the main thread is inside gRPC, Python does not handle signals.
    """
    return FlightReader(reader.schema, reader, _batches(reader, what))


def _batches(reader: FlightReader, what: str) -> Iterator[pa.RecordBatch]:
    shows = sys.stderr.isatty()
    with ThreadPoolExecutor(1) as thread:
        try:
            while (batch := _awaited(thread.submit(next, reader, None), what if shows else None)) is not None:
                shows = False
                yield batch
        finally:
            reader.close()  # a read that still waits ends


def _awaited(batch: "Future[pa.RecordBatch | None]", what: str | None) -> pa.RecordBatch | None:
    started, shown = time.monotonic(), False
    while not wait((batch,), _STEP_SECONDS).done:
        seconds = time.monotonic() - started
        if what is not None and seconds > _QUIET_SECONDS:
            _show(f"{_CLEAR}{what}: {seconds:.1f} s (Ctrl-C stops)")
            shown = True
    if shown:
        _show(_CLEAR)
    return batch.result()


def _show(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
