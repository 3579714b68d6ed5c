"""The rows of one output in one scope and part, as a read wants them: out of an artifact, or computed.

A complete part that has no artifact gets one while it streams; a narrowed read of it just streams. What is computed
from a whole repo becomes an artifact first.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import pyarrow as pa

from arrowdsl.compute import expr as expressions
from arrowdsl.compute.evaluate import matching
from arrowdsl.compute.expr import Expr
from arrowdsl.plan.batches import Batches
from arrowdsl.plan.nodes import Empty, Plan, Scope
from arrowdsl.plan.runner import open_stream
from arrowdsl.plan.stopping import check_stopped
from arrowdsl.schema.schema import rebuilt
from flight_server.pipeline.driver import Output
from flight_server.serving.catalog import PartCatalog, is_cut
from flight_server.serving.forms import Form
from flight_server.serving.plans import Ready
from flight_server.storage.artifact_file import Artifact, Span
from flight_server.storage.paths import Part
from flight_server.storage.store_errors import StorageError, StoreCorruptError

LOG = logging.getLogger("flight_server")
Written = TypeVar("Written")


@dataclass(frozen=True)
class Unit:
    """What is wanted of it; ``whole`` says that nothing is left out, and that it will be read to its end."""

    catalog: PartCatalog
    output: Output
    scope: Scope
    where: Expr | None
    form: Form
    whole: bool

    @property
    def ready(self) -> Ready:
        """The plan of all its rows."""
        return self.catalog.ready(self.output.name, self.scope)

    @property
    def plan(self) -> Plan:
        """The plan with the filter and the columns pushed down."""
        parameters = self.catalog.parameters
        columns = tuple(self.form.schema.names)
        return self.catalog.plans.narrowed(self.output.name, self.scope, columns, self.where, parameters)

    @property
    def part(self) -> Part | None:
        """Its part of an artifact that holds a repo's rows sorted by part; none for all of the artifact."""
        by_part = self.scope is Scope.FIXPOINT and is_cut(self.output)
        return self.catalog.part if by_part else None

    @property
    def known(self) -> Span | None:
        """What it is in an artifact, as far as is known without asking for more than an index."""
        return self.catalog.known(self.output.name, self.scope)

    @property
    def is_stored(self) -> bool:
        """Whether its rows are there to be read, as far as is known."""
        return self.ready.is_scan or self.known is not None

    def found(self) -> Artifact | None:
        """Its artifact, if there is one."""
        try:
            return None if self.ready.is_scan else self.catalog.kept(self.output.name, self.scope)
        except LookupError:
            return None


def open_unit(unit: Unit) -> Batches:
    """The rows of a unit in its form."""
    if unit.ready.is_scan:
        return _streamed(unit)
    if unit.whole and unit.scope is Scope.PART:
        return _written(unit)
    found = None if unit.whole else unit.found()
    if found is None and (unit.whole or unit.scope is Scope.FIXPOINT) and not _is_empty(unit):
        found = unit.catalog.artifact(unit.output.name, unit.scope)
    return _streamed(unit) if found is None else _kept(unit, found)


def _is_empty(unit: Unit) -> bool:
    """Whether the filter leaves nothing, as one for other kinds: then nothing needs to be computed for it."""
    return not unit.whole and isinstance(unit.plan, Empty)


def _streamed(unit: Unit) -> Batches:
    """The plan run as it was pushed down."""
    with closing(open_stream(unit.plan, unit.catalog).batches) as rows:
        yield from unit.form.batches(rows)


def _written(unit: Unit) -> Batches:
    """All rows of the part: out of its artifact, or else into one on their way, if nobody else is just doing that."""
    fingerprint = unit.catalog.fingerprint(unit.output.name, unit.scope)
    results = unit.catalog.results
    with results.tees.turn(fingerprint, lambda: results.artifacts.find(fingerprint, unit.ready.schema)) as turn:
        if turn.found is not None:
            yield from _kept(unit, turn.found)
            return
        rows = _computed(unit)
        if turn.mine:
            rows = _teed(unit, fingerprint, rows)
        for batch in rows:
            with turn.away():
                yield _narrowed(batch, unit)


def _computed(unit: Unit) -> Batches:
    """All rows, in the form of artifacts."""
    with closing(open_stream(unit.ready.plan, unit.catalog).batches) as rows:
        yield from unit.ready.form.batches(rows)


def _teed(unit: Unit, fingerprint: str, rows: Batches) -> Batches:
    """The rows, which are an artifact when all of them were taken; a disk that is full only costs the artifact."""
    artifacts = unit.catalog.results.artifacts
    draft = _unless_refused(unit, partial(artifacts.draft, unit.ready.schema))
    if draft is None:
        yield from rows
        return
    is_whole = True
    try:
        with closing(rows):
            for batch in rows:
                written = _unless_refused(unit, partial(draft.write, batch)) if is_whole else None
                is_whole = written is not None
                yield batch if written is None else written
        if is_whole:
            _unless_refused(unit, partial(artifacts.keep, fingerprint, draft))
    finally:
        artifacts.discard(draft)  # where it was kept it has another name


def _unless_refused(unit: Unit, write: Callable[[], Written]) -> Written | None:
    """What ``write`` gives; nothing where the disk refuses, which is noted in the log."""
    try:
        return write()
    except StorageError as error:
        LOG.warning("%s is not kept: %s", unit.output.name, error)
        return None


def _kept(unit: Unit, artifact: Artifact) -> Batches:
    """The rows out of an artifact; where it turns out to be damaged they are computed again."""
    wanted = set(unit.form.schema.names) | (set() if unit.where is None else expressions.columns(unit.where))
    names = [name for name in artifact.schema.names if name in wanted]
    done = 0
    try:
        for batch in artifact.batches(names, unit.part):
            check_stopped()
            yield from _chosen(batch, unit)
            done += batch.num_rows
    except StoreCorruptError:
        LOG.warning("an artifact of %s is damaged: it is computed again", unit.output.name)
        unit.catalog.results.artifacts.drop(artifact.path.stem)
    else:
        return
    for batch in _without(_again(unit), done):
        yield from _chosen(batch, unit)


def _again(unit: Unit) -> Iterable[pa.RecordBatch]:
    if unit.scope is Scope.PART:
        return _computed(unit)
    return unit.catalog.artifact(unit.output.name, unit.scope).batches(part=unit.part)


def _without(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The batches without their first rows: the order is the same on every run."""
    for batch in batches:
        left = batch.slice(min(rows, batch.num_rows))
        rows -= batch.num_rows - left.num_rows
        if left.num_rows:
            yield left


def _chosen(batch: pa.RecordBatch, unit: Unit) -> Iterator[pa.RecordBatch]:
    if unit.where is not None:
        batch = matching(batch, unit.where)
    if batch.num_rows:
        yield _narrowed(batch, unit)


def _narrowed(batch: pa.RecordBatch, unit: Unit) -> pa.RecordBatch:
    schema = unit.form.schema
    return rebuilt(batch.select(schema.names), schema)
