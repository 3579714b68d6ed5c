"""The difference of a dataset between two snapshots: the rows that were added, removed or changed.

A row is changed if both snapshots have its key, with other values. Where the contract has no key, rows are only added
or removed, and equal rows count once. Parts whose files or cached results are the same are not read. Of the others,
digests of all rows are held in memory, 16 bytes for each row and snapshot; a second reading sends the rows that differ.
Rows count as equal if their digests, of 64 bits, are equal.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.plan.batches import Batches, limited
from arrowdsl.plan.stopping import Check, stopped_by
from flight_server.kernels.digests import Words, digests
from flight_server.serving.estimates import part_bytes
from flight_server.serving.read import Read
from flight_server.serving.request import Request
from flight_server.serving.request_errors import BadRequestError
from flight_server.serving.stream import open_read, stream_bytes
from flight_server.storage.paths import Part

CHANGE = pa.field(
    "change",
    pa.string(),
    nullable=False,
    metadata={"comment": "added, removed, or for a row whose key is in both snapshots: old, new"},
)
_NULL = "\0null"


@dataclass(frozen=True)
class DiffCounts:
    """How many rows were added, removed and changed."""

    added: int = 0
    removed: int = 0
    changed: int = 0


@dataclass(frozen=True)
class _Digests:
    """The sorted, distinct digests of rows and of their keys."""

    rows: Words
    keys: Words


@dataclass(frozen=True)
class Difference:
    """The rows that differ between two reads of a dataset, which have the requested columns, then the rest of its key.

    ``schema`` has the column ``change``, then the first ``columns`` columns of the reads. The rows of the older
    snapshot (removed, old) come before those of the newer one (added, new).
    """

    old: Read
    new: Read
    columns: int
    limit: int | None

    @property
    def schema(self) -> pa.Schema:
        """The schema of the rows that are sent."""
        columns = list(self.new.schema)[: self.columns]
        return pa.schema([CHANGE, *columns], metadata=self.new.schema.metadata)

    @property
    def bytes(self) -> int:
        """An estimate of the bytes that the difference holds: one stream, and digests."""
        reads = (self.old, self.new)
        rows = sum(part_bytes(read.output, read.snapshot, part) for read in reads for part in read.parts)
        return max(map(stream_bytes, reads)) + rows // 8

    def batches(self, check: Check) -> Batches:
        """The rows that differ."""
        rows = self._rows(check)
        return rows if self.limit is None else limited(rows, self.limit)

    def counts(self, check: Check) -> DiffCounts:
        """The numbers of rows that differ."""
        old, new = (_digests(read, check) for read in self._changed(check))
        removed, added = (len(_without(a.keys, b.keys)) for a, b in ((old, new), (new, old)))
        return DiffCounts(added, removed, len(_without(new.rows, old.rows)) - added)

    def _rows(self, check: Check) -> Batches:
        reads = self._changed(check)
        found = [_digests(read, check) for read in reads]
        pairs = ((reads[0], found[0], found[1], ("removed", "old")), (reads[1], found[1], found[0], ("added", "new")))
        for read, own, other, (alone, both) in pairs:
            differing = _without(own.rows, other.rows)
            with closing(open_read(read, check).batches) as batches:
                for batch in batches if len(differing) else ():
                    rows, keys = _digests_of(batch, read)
                    chosen = _in(rows, differing)
                    if chosen.any():
                        changes = np.where(_in(keys[chosen], other.keys), both, alone)
                        part = batch.filter(pa.array(chosen)).columns[: self.columns]
                        yield pa.RecordBatch.from_arrays([pa.array(changes, pa.string()), *part], schema=self.schema)

    def _changed(self, check: Check) -> tuple[Read, Read]:
        """The reads without the parts whose rows are the same in both."""
        if self.old.snapshot.parts != self.new.snapshot.parts:
            return self.old, self.new
        with stopped_by(check):
            contents = [{part: _content(read, part) for part in read.parts} for read in (self.old, self.new)]
        same = {part for part, content in contents[0].items() if contents[1].get(part) == content}
        old, new = (
            replace(read, parts=tuple(part for part in read.parts if part not in same)) for read in (self.old, self.new)
        )
        return old, new


def difference_of(request: Request, read: Callable[[Request], Read]) -> Difference:
    """The difference from the snapshot ``since`` to the request's; raises DataError."""
    if request.order is not None:
        raise BadRequestError("rows since a snapshot have no canonical order; leave the key order out")
    found = read(replace(request, since=None, limit=None))
    wide = replace(found.request, columns=tuple(dict.fromkeys((*found.schema.names, *found.spec.key))))
    return Difference(read(replace(wide, snapshot=request.since)), read(wide), len(found.schema), request.limit)


def _content(read: Read, part: Part) -> object:
    """A value that is equal for parts with equal rows."""
    if read.is_raw:
        return read.snapshot.content_hash(read.spec.name, part)
    return [read.results.fingerprint(piece) for piece in replace(read, parts=(part,)).pieces()]


def _digests(read: Read, check: Check) -> _Digests:
    with closing(open_read(read, check).batches) as batches:
        found = [_digests_of(batch, read) for batch in batches]
    empty = np.empty(0, np.uint64)
    return _Digests(*(np.unique(np.concatenate([empty, *(pair[place] for pair in found)])) for place in (0, 1)))


def _digests_of(batch: pa.RecordBatch, read: Read) -> tuple[Words, Words]:
    """A word for each row, and a word for each row's key: the row itself if the contract has no key."""
    texts = {name: _text(batch.column(name)) for name in batch.schema.names}
    rows = digests("", [*texts.values()])[0]
    key = [texts[name] for name in read.spec.key]
    return rows, digests("", key)[0] if key else rows


def _text(column: pa.Array) -> pa.Array:
    """The values as strings, equal for equal values."""
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        return pa.array(map(repr, column.to_pylist()), pa.string())
    return pc.fill_null(column.cast(pa.string()), _NULL)


def _without(words: Words, others: Words) -> Words:
    return np.setdiff1d(words, others, assume_unique=True)


def _in(values: Words, ordered: Words) -> npt.NDArray[np.bool_]:
    """Which of the values are among the sorted ones."""
    if not len(ordered):
        return np.zeros(len(values), bool)
    places = np.searchsorted(ordered, values)
    return np.equal(ordered[np.minimum(places, len(ordered) - 1)], values)
