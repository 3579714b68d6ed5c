"""What is known of a read before it runs: rows and bytes where they are stored or kept, and which parts are kept."""

from dataclasses import dataclass

from flight_server.serving.read import Read
from flight_server.serving.units import Unit
from flight_server.storage.paths import Part


@dataclass(frozen=True)
class Known:
    """Rows and bytes of all that is read, None where that is not known; and the parts that are kept as artifacts."""

    rows: int | None
    bytes: int | None
    cached: tuple[Part, ...]


def known_of(read: Read) -> Known:
    """What is known without running or reading anything but the indexes of artifacts."""
    units = list(read.units())
    spans = [(unit, unit.known) for unit in units]
    missing = {unit.catalog.part for unit, span in spans if span is None}
    cached = tuple(part for part in read.parts if part not in missing)
    rows = [_rows(unit) if span is None else span.rows for unit, span in spans]
    whole = read.request.where is None and read.looked_up is None and read.request.limit is None
    total = sum(each for each in rows if each is not None) if whole and None not in rows else None
    counted = all(unit.whole for unit in units) and not missing
    return Known(total, sum(span.bytes for _, span in spans if span is not None) if counted else None, cached)


def _rows(unit: Unit) -> int | None:
    """The rows of a stored table; not known of what is yet to be computed."""
    return (
        unit.catalog.snapshot.part_rows(unit.output.name, unit.catalog.part)
        if unit.output.tags["kind"] == "raw"
        else None
    )
