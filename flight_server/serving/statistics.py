"""The rows and bytes of a read, found before it runs, for stored and cached parts; and the cached parts."""

from dataclasses import dataclass

from flight_server.serving.read import Read
from flight_server.serving.snapshot_results import Piece
from flight_server.storage.paths import Part


@dataclass(frozen=True)
class Statistics:
    """The rows and bytes of a read, None if unknown, and the parts that are cached."""

    rows: int | None
    bytes: int | None
    cached: tuple[Part, ...]


def statistics_of(read: Read) -> Statistics:
    """The statistics, without preparing or running a plan."""
    spans = [(piece, None if read.is_raw else read.results.cached(piece)) for piece in read.pieces()]
    missing = {piece.part for piece, span in spans if span is None}
    rows = [_stored_rows(read, piece) if span is None else span.rows for piece, span in spans]
    has_all_rows = read.request.where is None and read.keys is None and read.request.limit is None
    total = sum(each for each in rows if each is not None) if has_all_rows and None not in rows else None
    size = sum(span.bytes for _, span in spans if span is not None) if read.is_complete and not missing else None
    return Statistics(total, size, tuple(part for part in read.parts if part not in missing))


def _stored_rows(read: Read, piece: Piece) -> int | None:
    """The rows of a raw table; None for an output that must be computed."""
    return read.snapshot.part_rows(read.output.name, piece.part) if read.is_raw else None
