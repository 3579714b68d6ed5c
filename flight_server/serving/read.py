"""The stages of a read: request → snapshot and output → plan for each part → one stream of batches.

Parts are run one after another, each opened when the one before it is done, so memory is bounded by a part. What is
computed over the whole repo, and a canonical order, hold their rows.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

import pyarrow as pa

from arrowdsl.compute.expr import (
    Call,
    Column,
    Expr,
    Literal,
    Parameter,
    Values,
    check_predicate,
    conjunction,
    conjuncts,
    to_arrow,
)
from arrowdsl.errors import UnknownColumnError, one_of
from arrowdsl.plan.nodes import Plan, Ref, Scope, Union, bind_parameters
from arrowdsl.plan.optimize import optimize
from arrowdsl.plan.runner import BATCH_ROWS, Batches, Stream, limited, open_stream, rebatch
from arrowdsl.schema.schema import SchemaMetadataSpec, SchemaTransform, TableSpec, columns_of, plain
from flight_server.contracts.ids import part_of_path
from flight_server.contracts.tables import BY_CONTRACT, canonical_order
from flight_server.pipeline.driver import Output
from flight_server.serving.catalog import PartCatalog, parts_with_rows
from flight_server.serving.errors import BadRequestError, UnknownDatasetError
from flight_server.serving.fixpoints import Fixpoints
from flight_server.serving.request import Request
from flight_server.storage.errors import reading
from flight_server.storage.paths import Part
from flight_server.storage.snapshots import Snapshot

Pipeline = Mapping[str, Output]
KIND_COLUMNS = ("node_kind", "edge_kind")


@dataclass(frozen=True)
class Read:
    """A request that was found good: what is read, of which snapshot, in which parts, and the schema that comes out."""

    request: Request
    snapshot: Snapshot
    pipeline: Pipeline
    output: Output
    spec: TableSpec
    schema: pa.Schema
    parts: tuple[Part, ...]
    fixpoints: Fixpoints

    def plan(self, part: Part) -> Plan:
        """The plan over one part as it is asked for, before the optimizer."""
        columns = dict.fromkeys(self.schema.names)
        if self.request.order == "canonical":
            columns |= dict.fromkeys(name for name, _ in canonical_order(self.spec))
        plan = _plan_over(self.output, part, self.snapshot)
        if self.request.where is not None:
            plan = plan.where(self.request.where)
        if list(columns) != self.spec.schema.names:
            plan = plan.select(*columns)
        return bind_parameters(plan, {Parameter("part"): Literal(str(part))})

    def catalog(self, part: Part) -> PartCatalog:
        """What the plan's names mean in one part."""
        return PartCatalog(self.snapshot, self.pipeline, part, self.fixpoints)

    def optimized(self) -> Iterator[tuple[Part, Plan]]:
        """The parts in order, each with its plan as it is run.

        What the optimizer does depends on the plan and its tables' schemas, so equal plans go through it once.
        """
        done: dict[Plan, Plan] = {}
        for part in self.parts:
            asked = self.plan(part)
            if asked not in done:
                done[asked] = optimize(asked, self.catalog(part))
            yield part, done[asked]


def resolve(request: Request, snapshot: Snapshot, pipeline: Pipeline, fixpoints: Fixpoints) -> Read:
    """Check a request against a snapshot and the contracts; every error about it is raised here, before any row."""
    output, spec = find_output(request.dataset, pipeline)
    where = _predicate(request, spec)
    if where is not None:
        check_predicate(where, spec.plain_schema)
        to_arrow(where, spec.plain_schema)
    request = replace(request, dataset=output.name, snapshot=snapshot.number, where=where, kinds=None)
    return Read(
        request=request,
        snapshot=snapshot,
        pipeline=pipeline,
        output=output,
        spec=spec,
        schema=_schema(request, spec, snapshot),
        parts=_parts(request, output, spec, snapshot),
        fixpoints=fixpoints,
    )


def open_read(read: Read, check: Callable[[], None]) -> Stream:
    """The rows as they go out: aligned, cut to batch size, encoded.

    ``check`` is called for each batch that the plan gives and for each that goes out; what it raises ends the stream.
    """
    batches = _by_part(read, check)
    if read.request.order == "canonical" and canonical_order(read.spec):
        batches = _sorted(read, batches)
    if read.request.limit is not None:
        batches = limited(batches, read.request.limit)
    return Stream(read.schema, _outgoing(read, batches, check))


def find_output(dataset: str, pipeline: Pipeline) -> tuple[Output, TableSpec]:
    """The output of a flight or contract name, and its contract; raises UnknownDatasetError."""
    output = pipeline.get(BY_CONTRACT.get(dataset, dataset))
    if output is None or output.spec is None:
        known = (name for name, each in pipeline.items() if each.spec is not None)
        raise UnknownDatasetError(f"unknown dataset {dataset!r}; datasets: {one_of(known)}")
    return output, output.spec


def _predicate(request: Request, spec: TableSpec) -> Expr | None:
    """The request's filter with its kinds as one more term."""
    terms = () if request.where is None else (request.where,)
    if request.kinds is not None:
        column = next((name for name in KIND_COLUMNS if name in spec.schema.names), None)
        if column is None:
            raise BadRequestError(f"{spec.name} has no kinds; leave the key kinds out")
        terms = (*terms, Call("in", (Column(column), Values(request.kinds))))
    return conjunction(terms) if terms else None


def _schema(request: Request, spec: TableSpec, snapshot: Snapshot) -> pa.Schema:
    """The contract's schema, narrowed, with the extractor that made the rows of a raw table."""
    unknown = [name for name in request.columns or () if name not in spec.schema.names]
    if unknown:
        raise UnknownColumnError(f"unknown columns: {one_of(unknown)}; {spec.name} has: {one_of(spec.schema.names)}")
    version = snapshot.extractor(spec.name).version
    made_by = SchemaMetadataSpec({} if version is None else {"extractor_version": version})
    schema = made_by.apply(spec.schema)
    return columns_of(schema, request.columns or schema.names)


def _parts(request: Request, output: Output, spec: TableSpec, snapshot: Snapshot) -> tuple[Part, ...]:
    """The parts to be read, in order: those that have rows, as far as the request or a filter on path leaves them."""
    found = list(dict.fromkeys(part for scope in output.plans for part in parts_with_rows(output, scope, snapshot)))
    if request.parts is not None:
        allowed = {*range(snapshot.parts), "global"}
        unknown = [str(part) for part in request.parts if part not in allowed]
        if unknown:
            raise BadRequestError(f"no such parts: {one_of(unknown)}; parts: 0 to {snapshot.parts - 1}, global")
        found = [part for part in found if part in request.parts]
    if request.where is not None and "path" in spec.schema.names:
        for term in conjuncts(request.where):
            paths = _paths(term)
            if paths is not None:
                holding = {part_of_path(snapshot.repo, path, snapshot.parts) for path in paths}
                found = [part for part in found if part == "global" or part in holding]
    return tuple(found)


def _paths(term: Expr) -> frozenset[str] | None:
    """The paths that a filter's term leaves, or null when it is not about path alone."""
    match term:
        case Call("=", (Column("path"), Literal(str(path)))):
            return frozenset({path})
        case Call("in", (Column("path"), Values(paths))):
            return frozenset(str(path) for path in paths)
        case _:
            return None


def _plan_over(output: Output, part: Part, snapshot: Snapshot) -> Plan:
    """The output's plan over a part: those of all its scopes that have rows there."""
    plans = tuple(
        Ref(output.name, scope) if scope is Scope.FIXPOINT else plan
        for scope, plan in output.plans.items()
        if part in parts_with_rows(output, scope, snapshot)
    )
    return plans[0] if len(plans) == 1 else Union(plans)


def _by_part(read: Read, check: Callable[[], None]) -> Batches:
    with reading(f"{read.request.repo}/{read.output.name}"):
        for part, plan in read.optimized():
            with closing(open_stream(plan, read.catalog(part)).batches) as batches:
                yield from _checked(batches, check)


def _sorted(read: Read, batches: Batches) -> Batches:
    """All rows in the contract's canonical order; this holds them all at once."""
    with closing(batches):
        held = list(batches)
    if held:
        table = pa.Table.from_batches(held).sort_by(list(canonical_order(read.spec)))
        yield from table.to_batches(max_chunksize=BATCH_ROWS)


def _outgoing(read: Read, batches: Batches, check: Callable[[], None]) -> Batches:
    transform = SchemaTransform(schema=plain(read.schema))
    with closing(batches):
        for batch in _checked(rebatch(batches), check):
            aligned = transform.apply(pa.Table.from_batches([batch]))
            yield from read.spec.encoding.apply(aligned).to_batches()


def _checked(batches: Iterable[pa.RecordBatch], check: Callable[[], None]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        check()
        yield batch
