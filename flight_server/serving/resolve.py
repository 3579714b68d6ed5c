"""A request becomes a read, checked against a snapshot and the contracts: what is wrong is said before any row."""

from dataclasses import replace

import pyarrow as pa

from arrowdsl.compute.evaluate import check_predicate, to_arrow
from arrowdsl.compute.expr import (
    Call,
    Column,
    Expr,
    Literal,
    Values,
    conjunction,
    conjuncts,
)
from arrowdsl.errors import UnknownColumnError, one_of
from arrowdsl.schema.schema import SchemaMetadataSpec, TableSpec, columns_of
from flight_client.contracts.ids import part_of_path
from flight_client.contracts.tables import BY_CONTRACT
from flight_server.pipeline.driver import Output
from flight_server.serving.catalog import parts_with_rows
from flight_server.serving.errors import BadRequestError, UnknownDatasetError
from flight_server.serving.plans import OutputPlans, Pipeline
from flight_server.serving.read import Read
from flight_server.serving.request import Request
from flight_server.serving.results import Results
from flight_server.storage.paths import Part
from flight_server.storage.snapshots import Snapshot

KIND_COLUMNS = ("node_kind", "edge_kind")
ALL_PROPS = "all_props"  # the output behind cpg_props that has every column of every table


def resolve(request: Request, snapshot: Snapshot, plans: OutputPlans, results: Results) -> Read:
    """Check a request against a snapshot and the contracts; raises DataError."""
    output, spec = find_output(request.dataset, plans.pipeline)
    if request.props is not None:
        if spec.name != "cpg_props":
            raise BadRequestError(f"{spec.name} has no properties to choose from; leave the key props out")
        output = plans.pipeline[ALL_PROPS]
    where = _predicate(request, spec)
    if where is not None:
        check_predicate(where, spec.plain_schema)
        to_arrow(where, spec.plain_schema)
    request = replace(request, dataset=spec.name, snapshot=snapshot.number, where=where, kinds=None)
    return Read(
        request=request,
        snapshot=snapshot,
        plans=plans,
        results=results,
        output=output,
        spec=spec,
        schema=_schema(request, spec, snapshot),
        parts=_parts(request, output, spec, snapshot),
    )


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
        known = spec.vocabularies.get(column)
        unknown = [] if known is None else sorted({*request.kinds}.difference(known))
        if unknown:
            raise BadRequestError(f"unknown kinds: {one_of(unknown)}; {spec.name} has: {one_of(sorted(known or ()))}")
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
