"""Prepared plans: each of the pipeline's plans is optimized once for all parts and snapshots.

This works since the optimizer depends only on the plan and the schemas of its tables, which the contracts fix.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from threading import RLock

import pyarrow as pa

from arrowdsl.compute.expr import Expr, Literal, Parameter
from arrowdsl.plan.fingerprint import digest
from arrowdsl.plan.nodes import Plan, Ref, Scan, Scope, bind_parameters, walk
from arrowdsl.plan.optimize import optimize
from arrowdsl.plan.schemas import schema_of
from arrowdsl.plan.source import PlanSource, Schemas
from arrowdsl.schema.schema import EncodingPolicy, SchemaTransform, TableSpec, columns_of, empty_table, plain
from flight_client.contracts.raw import RAW_TABLES
from flight_server.pipeline.driver import Output
from flight_server.serving.wire_encoding import WireEncoding
from flight_server.storage.validation import encoded_schema

Pipeline = Mapping[str, Output]
Parameters = tuple[tuple[str, str], ...]
CACHED = 1024
CACHED_FILTER = 16 * 1024  # characters of a filter whose plan is worth caching


@dataclass(frozen=True)
class PreparedPlan:
    """All rows of an output in one scope: the optimized plan, the encoding of its rows, and a digest."""

    plan: Plan
    encoding: WireEncoding
    digest: str

    @property
    def schema(self) -> pa.Schema:
        """The schema of the rows in a cached result."""
        return self.encoding.schema

    @cached_property
    def sources(self) -> tuple[Scan | Ref, ...]:
        """The tables and outputs from which the rows are computed, with the columns that are read."""
        return tuple(dict.fromkeys(node for node in walk(self.plan) if isinstance(node, Scan | Ref)))

    @property
    def is_scan(self) -> bool:
        """Whether the rows are those of a stored table."""
        return isinstance(self.plan, Scan)


class OutputPlans:
    """The plans of a pipeline; also the catalog of their schemas, in which every table is empty."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.schemas = Schemas()
        self._preparing = RLock()  # without the lock, all threads that need a plan would prepare it
        self._prepared = lru_cache(maxsize=CACHED)(self._prepare)
        self._filled = lru_cache(maxsize=CACHED)(self._fill)
        self._narrowed = lru_cache(maxsize=CACHED)(self._narrow)
        self._free = lru_cache(maxsize=CACHED)(self._free_parameters)

    @cached_property
    def referred(self) -> frozenset[str]:
        """The outputs to which plans of other outputs refer."""
        plans = (plan for output in self.pipeline.values() for plan in output.plans.values())
        return frozenset(node.output for plan in plans for node in walk(plan) if isinstance(node, Ref))

    def prepared(self, output: str, scope: Scope, parameters: Mapping[str, str]) -> PreparedPlan:
        """An output's plan in one scope, with these values for its parameters."""
        with self._preparing:
            used = self._used(output, scope, parameters)
            return self._filled(output, scope, used) if used else self._prepared(output, scope)

    def narrowed(
        self, output: str, scope: Scope, columns: tuple[str, ...], where: Expr | None, parameters: Mapping[str, str]
    ) -> Plan:
        """The plan with a filter and a choice of columns pushed down."""
        spelled = _SpelledFilter(where, repr(where))
        is_cached = (
            len(spelled.text) <= CACHED_FILTER and "Keys(" not in spelled.text
        )  # Keys are equal to themselves only
        narrow = self._narrowed if is_cached else self._narrow
        with self._preparing:
            return narrow(output, scope, columns, spelled, self._used(output, scope, parameters))

    def source(self, table: str) -> pa.Table:
        """A raw table without rows."""
        return _without_rows(table)

    def resolve(self, ref: Ref) -> Iterable[PlanSource]:
        """An output's plan, over empty tables."""
        plan = bound(self.pipeline[ref.output].plans[ref.scope], {"part": "", "repo": ""})
        return (PlanSource(plan if ref.columns is None else plan.select(*ref.columns), self),)

    def schema(self, ref: Ref) -> pa.Schema:
        """The schema of an output's rows inside plans."""
        whole = plain(self.prepared(ref.output, ref.scope, {"part": "", "repo": ""}).schema)
        return whole if ref.columns is None else columns_of(whole, ref.columns)

    def _prepare(self, output: str, scope: Scope) -> PreparedPlan:
        """The plan with a placeholder for each parameter, so that it is optimized once and not for each part."""
        made = self.pipeline[output]
        places: dict[Expr, Expr] = {Parameter(name): _placeholder(name) for name in self._free(output, scope)}
        plan = optimize(bind_parameters(made.plans[scope], places), self)
        encoding = _encoding_of(schema_of(plan, self), made.spec)
        return PreparedPlan(plan, encoding, digest(plan, made.spec, encoding.schema))

    def _fill(self, output: str, scope: Scope, used: Parameters) -> PreparedPlan:
        prepared = self._prepared(output, scope)
        values: dict[Expr, Expr] = {_placeholder(name): Literal(value) for name, value in used}
        return PreparedPlan(bind_parameters(prepared.plan, values), prepared.encoding, digest(prepared.digest, used))

    def _narrow(
        self, output: str, scope: Scope, columns: tuple[str, ...], where: "_SpelledFilter", parameters: Parameters
    ) -> Plan:
        plan = narrowed(self.pipeline[output].plans[scope], columns, where.predicate)
        return optimize(bound(plan, dict(parameters)), self)

    def _used(self, output: str, scope: Scope, parameters: Mapping[str, str]) -> Parameters:
        """The parameters that the plan has; a plan without any is the same in all parts."""
        free = self._free(output, scope)
        return tuple((name, value) for name, value in parameters.items() if name in free)

    def _free_parameters(self, output: str, scope: Scope) -> frozenset[str]:
        plan = self.pipeline[output].plans[scope]
        return frozenset(name for name in ("part", "repo") if bound(plan, {name: ""}) != plan)


@dataclass(frozen=True)
class _SpelledFilter:
    """A filter as a cache key, compared by its text: 1, 1.0 and true are equal in Python, but not as filters."""

    predicate: Expr | None = field(compare=False)
    text: str


@lru_cache
def _without_rows(table: str) -> pa.Table:
    return empty_table(RAW_TABLES[table].plain_schema)


def _placeholder(parameter: str) -> Literal:
    """The placeholder for a parameter while its plan is optimized; no plan may compare it with another value."""
    return Literal(f"\0{parameter}")


def narrowed(plan: Plan, columns: tuple[str, ...], where: Expr | None) -> Plan:
    """The plan with a filter and a projection on top."""
    return (plan if where is None else plan.where(where)).select(*columns)


def bound(plan: Plan, parameters: Mapping[str, str]) -> Plan:
    """The plan with its parameters replaced by their values."""
    values: dict[Expr, Expr] = {Parameter(name): Literal(value) for name, value in parameters.items()}
    return bind_parameters(plan, values)


def _encoding_of(schema: pa.Schema, spec: TableSpec | None) -> WireEncoding:
    """The encoding of a plan's rows: aligned to the contract, with any further columns last."""
    if spec is None:
        return WireEncoding(schema, EncodingPolicy())
    aligned = SchemaTransform(spec.plain_schema, keep_extra_columns=True).output_schema(schema)
    return WireEncoding(encoded_schema(aligned, spec.encoding), spec.encoding)
