"""About how many bytes of memory a read will take: from what is stored of the tables that it is made from.

It is a guess that is meant to be rather too high: what is decoded takes several times the room of its compressed file.
"""

from arrowdsl.plan.nodes import Scope
from flight_server.serving.ahead import WAITING_BYTES
from flight_server.serving.read import SIDE_BY_SIDE, Read
from flight_server.serving.sorting import RUN_BYTES
from flight_server.storage.paths import Part

DECODED = 8  # bytes in memory for a stored one
STREAM_BYTES = 4 * 1024 * 1024


def estimated_bytes(read: Read) -> int:
    """The memory of parts side by side and of what waits of them, of a result over the whole repo, and of a sort."""
    parts = [_stored(read, part) * DECODED for part in read.parts]
    side_by_side = sum(part + min(part, WAITING_BYTES) for part in sorted(parts)[-SIDE_BY_SIDE:])
    if all(unit.known is not None for unit in read.units()):  # all is kept: nothing is decoded or joined
        side_by_side = min(side_by_side, SIDE_BY_SIDE * (WAITING_BYTES + STREAM_BYTES))
    whole = sum(parts) if any(scope is not Scope.PART for scope in read.output.plans) and not _is_kept(read) else 0
    sorting = min(3 * RUN_BYTES, sum(parts)) if read.request.order == "canonical" else 0
    return STREAM_BYTES + max(side_by_side, whole) + sorting


def _stored(read: Read, part: Part) -> int:
    return sum(read.snapshot.part_bytes(table, part) for table in read.output.lineage)


def _is_kept(read: Read) -> bool:
    return all(unit.found() is not None for unit in read.units() if unit.scope is not Scope.PART)
