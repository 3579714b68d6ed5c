"""A read: a request after it has been checked against a snapshot and the contracts.

A read has the output, the parts that may have rows, and for each part the columns and the filter.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import pyarrow as pa

from arrowdsl.compute.evaluate import check_predicate, to_arrow
from arrowdsl.compute.expr import Call, Column, Expr, Keys, Literal, Values, conjunction, conjuncts
from arrowdsl.errors import UnknownColumnError, one_of
from arrowdsl.plan.nodes import Plan, Scope, Union
from arrowdsl.schema.schema import SchemaMetadataSpec, TableSpec, columns_of
from flight_client.contracts.raw import RAW_TABLES
from flight_client.contracts.tables import BY_CONTRACT, canonical_order, partition_column
from flight_server.pipeline.driver import Output
from flight_server.serving.plans import Pipeline, bound, narrowed
from flight_server.serving.request import Request
from flight_server.serving.request_errors import BadRequestError, OutdatedTablesError, UnknownDatasetError
from flight_server.serving.snapshot_results import Piece, SnapshotResults, parts_with_rows
from flight_server.serving.wire_encoding import WireEncoding
from flight_server.storage.partitioning import partitioning_of
from flight_server.storage.paths import GLOBAL, Part
from flight_server.storage.snapshots import Snapshot
from flight_server.storage.store_errors import reading

KIND_COLUMNS = ("node_kind", "edge_kind")
ALL_PROPS = "all_props"  # the output that replaces cpg_props for ``props="all"``: every column of every table


@dataclass(frozen=True)
class Read:
    """The output, snapshot, parts and schema of a checked request."""

    request: Request
    results: SnapshotResults
    output: Output
    spec: TableSpec
    schema: pa.Schema
    parts: tuple[Part, ...]
    keys: Expr | None = None
    keys_by_part: Mapping[Part, Expr] = field(default_factory=dict)

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot that is read."""
        return self.results.snapshot

    @property
    def is_raw(self) -> bool:
        """Whether the rows are stored, not computed."""
        return self.output.tags["kind"] == "raw"

    @property
    def is_complete(self) -> bool:
        """Whether the read takes all columns and rows of its parts."""
        narrowed_rows = self.request.where is not None or self.keys is not None or self.request.limit is not None
        return not narrowed_rows and {*self.spec.schema.names} == {*self.schema.names}

    @cached_property
    def read_encoding(self) -> WireEncoding:
        """The encoding of rows before sorting: ``schema``, then the columns that only the sort needs."""
        if self.request.order != "canonical":
            return WireEncoding.of(self.schema, self.spec)
        keys = [name for name, _ in canonical_order(self.spec) if name not in self.schema.names]
        extra = [self.spec.schema.field(name) for name in keys]
        return WireEncoding.of(pa.schema([*self.schema, *extra], metadata=self.schema.metadata), self.spec)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, in order: the requested ones, then those to sort by."""
        return tuple(self.read_encoding.schema.names)

    def check_inputs(self) -> None:
        """Raises OutdatedTablesError if the output is computed from a table that has another version's contract.

        Ids of two versions do not meet in a join, so rows would silently be missing. Raw tables are read as stored.
        """
        stored = {} if self.is_raw else self.snapshot.manifest.tables
        entries = {table: stored[table] for table in self.output.lineage if table in stored}
        old = [table for table, each in entries.items() if each.files and each.contract != RAW_TABLES[table].contract]
        if old:
            raise OutdatedTablesError(
                f"{self.spec.name} of {self.snapshot.repo} can't be computed: another version of the extractor put"
                f" {one_of(old, limit=3)}; ingest the folder again, or the index or modules that they come from"
            )

    def pieces(self) -> Iterator[Piece]:
        """The pieces, part by part: one for each scope in which the output may have rows in the part."""
        return (Piece(self.output, scope, part) for part in self.parts for scope in self._scopes(part))

    def where(self, part: Part) -> Expr | None:
        """The filter over one part. A lookup by path or file id keeps only the keys of this part."""
        terms = [] if self.request.where is None else [self.request.where]
        if self.keys is not None:
            terms.append(self.keys_by_part.get(part, self.keys))
        return conjunction(terms) if terms else None

    def among(self, keys: Call) -> "Read":
        """The read narrowed by ``keys``, an ``in`` over ``Keys``, to its rows and to the parts that may have them."""
        by_part = _terms_by_part(keys, self.spec, self.snapshot)
        return replace(self, keys=keys, keys_by_part=by_part or {}, parts=_parts_left(self.parts, by_part))

    def asked_plan(self, part: Part) -> Plan:
        """The plan over one part before the optimizer."""
        whole = (self.output.plans[scope] for scope in self._scopes(part))
        plans = tuple(narrowed(plan, self.columns, self.where(part)) for plan in whole)
        return bound(plans[0] if len(plans) == 1 else Union(plans), self.results.parameters(part))

    def plan(self, piece: Piece) -> Plan:
        """The plan over one piece, with filter and columns pushed down."""
        parameters = self.results.parameters(piece.part)
        plans = self.results.plans
        return plans.narrowed(self.output.name, piece.scope, self.columns, self.where(piece.part), parameters)

    def _scopes(self, part: Part) -> Iterator[Scope]:
        return (scope for scope, parts in self._parts_by_scope.items() if part in parts)

    @cached_property
    def _parts_by_scope(self) -> dict[Scope, frozenset[Part]]:
        plans = self.output.plans
        return {scope: frozenset(parts_with_rows(self.output, scope, self.snapshot)) for scope in plans}


def read_of(request: Request, results: SnapshotResults) -> Read:
    """Check a request against a snapshot and the contracts; raises DataError."""
    snapshot, pipeline = results.snapshot, results.plans.pipeline
    output, spec = find_output(request.dataset, pipeline)
    if request.props is not None:
        if spec.name != "cpg_props":
            raise BadRequestError(f"{spec.name} has no properties to choose from; leave the key props out")
        output = pipeline[ALL_PROPS]
    where = _predicate(request, spec)
    if where is not None:
        check_predicate(where, spec.plain_schema)
        to_arrow(where, spec.plain_schema)
    request = replace(request, dataset=spec.name, snapshot=snapshot.number, where=where, kinds=None)
    schema, parts = _schema(request, spec, snapshot), _parts(request, output, spec, snapshot)
    return Read(request, results, output, spec, schema, parts)


def find_output(dataset: str, pipeline: Pipeline) -> tuple[Output, TableSpec]:
    """The output with this flight or contract name, and its contract; raises UnknownDatasetError."""
    output = pipeline.get(BY_CONTRACT.get(dataset, dataset))
    if output is None or output.spec is None:
        known = (name for name, each in pipeline.items() if each.spec is not None)
        raise UnknownDatasetError(f"unknown dataset {dataset!r}; datasets: {one_of(known)}")
    return output, output.spec


def _predicate(request: Request, spec: TableSpec) -> Expr | None:
    """The request's filter, with its kinds as a further term."""
    terms = () if request.where is None else (request.where,)
    if request.kinds is not None:
        column = next((name for name in KIND_COLUMNS if name in spec.schema.names), None)
        if column is None:
            raise BadRequestError(f"{spec.name} has no kinds; leave the key kinds out")
        known = spec.vocabularies.get(column)
        unknown = [] if known is None else sorted({*request.kinds}.difference(known))
        if unknown:
            raise BadRequestError(f"unknown kinds: {one_of(unknown)}; {spec.name} has: {one_of(sorted(known or ()))}")
        terms = (*terms, Column(column).is_in(request.kinds))
    return conjunction(terms) if terms else None


def _schema(request: Request, spec: TableSpec, snapshot: Snapshot) -> pa.Schema:
    """The contract's schema, narrowed; a raw table's metadata has the version of its extractor."""
    unknown = [name for name in request.columns or () if name not in spec.schema.names]
    if unknown:
        raise UnknownColumnError(f"unknown columns: {one_of(unknown)}; {spec.name} has: {one_of(spec.schema.names)}")
    version = snapshot.extractor(spec.name).version
    made_by = SchemaMetadataSpec({} if version is None else {"extractor_version": version})
    schema = made_by.apply(spec.schema)
    return columns_of(schema, request.columns or schema.names)


def _parts(request: Request, output: Output, spec: TableSpec, snapshot: Snapshot) -> tuple[Part, ...]:
    """The parts to be read, in order: those that have rows and that neither the request nor its filter excludes."""
    found = tuple(dict.fromkeys(part for scope in output.plans for part in parts_with_rows(output, scope, snapshot)))
    if request.parts is not None:
        allowed = {*range(snapshot.parts), GLOBAL}
        unknown = [str(part) for part in request.parts if part not in allowed]
        if unknown:
            raise BadRequestError(f"no such parts: {one_of(unknown)}; parts: 0 to {snapshot.parts - 1}, global")
        found = tuple(part for part in found if part in request.parts)
    for term in () if request.where is None else conjuncts(request.where):
        found = _parts_left(found, _terms_by_part(term, spec, snapshot))
    return found


def _parts_left(parts: tuple[Part, ...], by_part: Mapping[Part, Expr] | None) -> tuple[Part, ...]:
    """The parts that may have rows for which a term of a filter is true."""
    return parts if by_part is None else tuple(part for part in parts if part == GLOBAL or part in by_part)


def _terms_by_part(term: Expr, spec: TableSpec, snapshot: Snapshot) -> Mapping[Part, Expr] | None:
    """For ``path`` or ``file_id`` equal to values: the values by part. None for any other term."""
    match term:
        case Call("=", (Column("path" | "file_id" as column), Literal(str(value)))):
            keys = pa.array([value], pa.string())
        case Call("in", (Column("path" | "file_id" as column), Values(values))) if all(
            isinstance(value, str) for value in values
        ):
            keys = pa.array(values, pa.string())
        case Call("in", (Column("path" | "file_id" as column), Keys(keys))):
            pass
        case _:
            return None
    decides = partition_column(spec.schema)
    if column not in spec.schema.names or (column != decides and not _are_known_files(keys, snapshot)):
        return None
    schema = pa.schema([(column, pa.string())])
    pieces = partitioning_of(schema, snapshot.parts, snapshot.repo).split(pa.table([keys], schema))
    return {piece.part: Column(column).is_in(Keys(piece.rows[column].combine_chunks())) for piece in pieces}


def _are_known_files(file_ids: pa.Array, snapshot: Snapshot) -> bool:
    """Whether the files have rows in the parts that their ids determine.

    A table with paths is partitioned by path. A file's id determines the same part, unless it is another repo's id.
    """
    spec = RAW_TABLES["repo_files"]
    cutter = partitioning_of(pa.schema([("file_id", pa.string())]), snapshot.parts, snapshot.repo)
    for piece in cutter.split(pa.table({"file_id": file_ids})):
        with reading(f"{snapshot.repo}/{spec.name}"):
            stored = snapshot.dataset(spec, piece.part)
            known = () if stored is None else stored.to_table(columns=["file_id"], use_threads=False)["file_id"]
        if not {*piece.rows["file_id"].to_pylist()} <= {*map(str, known)}:
            return False
    return True
