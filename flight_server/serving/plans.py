"""The pipeline's plans made ready to run: optimized once for all parts and snapshots, each with its schema and digest.

What the optimizer does depends on the plan and on its tables' schemas alone, and these are their contracts'.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

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
from flight_server.serving.forms import Form
from flight_server.storage.validation import encoded_schema

Pipeline = Mapping[str, Output]
Parameters = tuple[tuple[str, str], ...]
KEPT = 1024
SPELLED = 16 * 1024  # characters of a filter that is worth remembering


@dataclass(frozen=True)
class Ready:
    """All rows of an output in one scope: the optimized plan, the form of its rows in an artifact, and a digest."""

    plan: Plan
    form: Form
    digest: str

    @property
    def schema(self) -> pa.Schema:
        """The schema of the rows in an artifact."""
        return self.form.schema

    @cached_property
    def sources(self) -> tuple[Scan | Ref, ...]:
        """The tables and other outputs that the rows are computed from, with the columns that are read."""
        return tuple(dict.fromkeys(node for node in walk(self.plan) if isinstance(node, Scan | Ref)))

    @property
    def is_scan(self) -> bool:
        """Whether the rows are a stored table's own."""
        return isinstance(self.plan, Scan)


class OutputPlans:
    """The plans of a pipeline; also the catalog of their schemas, in which every table is empty."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.schemas = Schemas()
        self._ready = lru_cache(maxsize=KEPT)(self._make_ready)
        self._filled = lru_cache(maxsize=KEPT)(self._make_filled)
        self._narrowed = lru_cache(maxsize=KEPT)(self._make_narrowed)
        self._free = lru_cache(maxsize=KEPT)(self._free_parameters)

    def ready(self, output: str, scope: Scope, parameters: Mapping[str, str]) -> Ready:
        """An output's plan in one scope, with these values for its parameters."""
        used = self._used(output, scope, parameters)
        return self._filled(output, scope, used) if used else self._ready(output, scope)

    def narrowed(
        self, output: str, scope: Scope, columns: tuple[str, ...], where: Expr | None, parameters: Mapping[str, str]
    ) -> Plan:
        """The plan with a filter and a choice of columns pushed down."""
        narrowing = _Filter(where, repr(where))
        used = self._used(output, scope, parameters)
        make = self._narrowed if len(narrowing.spelled) <= SPELLED else self._make_narrowed
        return make(output, scope, columns, narrowing, used)

    def source(self, table: str) -> pa.Table:
        """A raw table without rows."""
        return empty_table(RAW_TABLES[table].plain_schema)

    def resolve(self, ref: Ref) -> Iterable[PlanSource]:
        """An output's plan, over no rows."""
        plan = bound(self.pipeline[ref.output].plans[ref.scope], {"part": "", "repo": ""})
        return (PlanSource(plan if ref.columns is None else plan.select(*ref.columns), self),)

    def schema(self, ref: Ref) -> pa.Schema:
        """The schema of an output's rows inside plans."""
        whole = plain(self.ready(ref.output, ref.scope, {"part": "", "repo": ""}).schema)
        return whole if ref.columns is None else columns_of(whole, ref.columns)

    def _make_ready(self, output: str, scope: Scope) -> Ready:
        """The plan with a constant of its own in place of each parameter: it is optimized once, not for each part."""
        made = self.pipeline[output]
        places: dict[Expr, Expr] = {Parameter(name): _place_of(name) for name in self._free(output, scope)}
        plan = optimize(bind_parameters(made.plans[scope], places), self)
        form = form_of(schema_of(plan, self), made.spec)
        return Ready(plan, form, digest(plan, made.spec, form.schema))

    def _make_filled(self, output: str, scope: Scope, used: Parameters) -> Ready:
        ready = self._ready(output, scope)
        values: dict[Expr, Expr] = {_place_of(name): Literal(value) for name, value in used}
        return Ready(bind_parameters(ready.plan, values), ready.form, digest(ready.digest, used))

    def _make_narrowed(
        self, output: str, scope: Scope, columns: tuple[str, ...], where: "_Filter", parameters: Parameters
    ) -> Plan:
        plan = narrowed(self.pipeline[output].plans[scope], columns, where.predicate)
        return optimize(bound(plan, dict(parameters)), self)

    def _used(self, output: str, scope: Scope, parameters: Mapping[str, str]) -> Parameters:
        """The parameters that the plan has, which may well be none: then it is the same in all parts."""
        free = self._free(output, scope)
        return tuple((name, value) for name, value in parameters.items() if name in free)

    def _free_parameters(self, output: str, scope: Scope) -> frozenset[str]:
        plan = self.pipeline[output].plans[scope]
        return frozenset(name for name in ("part", "repo") if bound(plan, {name: ""}) != plan)


@dataclass(frozen=True)
class _Filter:
    """A filter that is known by its spelling: 1, 1.0 and true are equal in Python, and no filter else."""

    predicate: Expr | None = field(compare=False)
    spelled: str


def _place_of(parameter: str) -> Literal:
    """What stands for a parameter while its plan is optimized; no plan compares it with anything."""
    return Literal(f"\0{parameter}")


def narrowed(plan: Plan, columns: tuple[str, ...], where: Expr | None) -> Plan:
    """The plan with a filter and a choice of columns on top."""
    return (plan if where is None else plan.where(where)).select(*columns)


def bound(plan: Plan, parameters: Mapping[str, str]) -> Plan:
    """The plan with its parameters replaced by their values."""
    values: dict[Expr, Expr] = {Parameter(name): Literal(value) for name, value in parameters.items()}
    return bind_parameters(plan, values)


def form_of(schema: pa.Schema, spec: TableSpec | None) -> Form:
    """The form of a plan's rows: aligned to the contract and encoded, columns of its own last."""
    if spec is None:
        return Form(schema, EncodingPolicy())
    aligned = SchemaTransform(spec.plain_schema, keep_extra_columns=True).output_schema(schema)
    return Form(encoded_schema(aligned, spec.encoding), spec.encoding)
