"""Runs the Hamilton graph once, and gives each output's plans, lineage and tags to the requests."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from hamilton import base, driver, lifecycle

from arrowdsl.compute.expr import Column, Literal, Parameter
from arrowdsl.finalize import finalize, violations
from arrowdsl.plan.nodes import Plan, Ref, Scope, Union, in_scan_order, sorted_by
from arrowdsl.schema.schema import TableSpec
from flight_client.contracts.raw import RAW_TABLES
from flight_client.contracts.tables import TABLES
from flight_server.pipeline import checks, graph, raw_tables

MODULES = (raw_tables, *graph.CONCEPTS, graph, checks)
_TAGS = ("layer", "kind", "scope", "stage")


@dataclass(frozen=True)
class Output:
    """A raw table, an output, or a relation in between (which has no ``spec``).

    ``plans`` has a plan for each scope in which the output has rows: Hamilton nodes with the same tag ``dataset`` are
    one output. ``lineage`` names the raw tables below it, ``tags`` are layer, kind, scope and stage
    (``flight_server.pipeline.relational``).
    """

    name: str
    plans: Mapping[Scope, Plan]
    lineage: tuple[str, ...]
    tags: Mapping[str, str]
    summary: str
    spec: TableSpec | None = None


class _CrossScope(lifecycle.NodeExecutionMethod):
    """Passes a plan of another scope to a node as a ``Ref``. Inlined, that plan would see the rows of one part only."""

    def __init__(self) -> None:
        self.scopes: dict[str, str] = {}
        self.datasets: dict[str, str] = {}

    def run_to_execute_node(
        self,
        *,
        node_name: str,
        node_tags: dict[str, Any],
        node_callable: Callable[..., Plan],
        node_kwargs: dict[str, Any],
        **_: object,
    ) -> Plan:
        scope = self.scopes[node_name] = node_tags.get("scope", "")
        self.datasets[node_name] = node_tags.get("dataset", node_name)
        plans = {
            name: plan if self.scopes.get(name, scope) == scope else Ref(self.datasets[name], Scope(self.scopes[name]))
            for name, plan in node_kwargs.items()
        }
        return node_callable(**plans)


def load_pipeline() -> Mapping[str, Output]:
    """Every node of the pipeline by name."""
    built = driver.Builder().with_modules(*MODULES).with_adapters(base.DictResult(), _CrossScope()).build()
    nodes = {node.name: node for node in built.list_available_variables() if not node.is_external_input}
    plans = built.execute(list(nodes))
    outputs: dict[str, Output] = {}
    reports: dict[Scope, list[Plan]] = {scope: [] for scope in Scope}
    for name, node in nodes.items():
        scope = Scope(node.tags["scope"])
        dataset = node.tags.get("dataset", name)
        spec, plan = TABLES.get(dataset), plans[name]
        if dataset == "violations":
            reports[scope].append(_report(node.tags["checked"], plan))
            continue
        if spec is not None and node.tags["kind"] == "output":
            families = plan.branches if isinstance(plan, Union) else (plan,)
            reports[scope] += [_report(dataset, _checked(violations, family, spec)) for family in families]
            branches = tuple(_checked(finalize, family, spec) for family in families)
            plan = Union(branches) if len(branches) > 1 else branches[0]
        made = Output(
            name=dataset,
            plans={scope: plan},
            lineage=tuple(sorted(above.name for above in built.what_is_upstream_of(name) if above.name in RAW_TABLES)),
            tags=MappingProxyType({key: str(node.tags[key]) for key in _TAGS}),
            summary=(node.documentation or "").partition("\n\n")[0],
            spec=spec,
        )
        outputs[dataset] = _merged(outputs[dataset], made) if dataset in outputs else made
    outputs["violations"] = _violations(reports, outputs)
    return MappingProxyType(outputs)


def _checked(check: Callable[..., Plan], family: Plan, spec: TableSpec) -> Plan:
    """The check of one branch of an output. The branches of a union have no key in common, so each is checked alone."""
    return check(family, spec, group_by="path" if in_scan_order(family) else sorted_by(family))


def _merged(first: Output, second: Output) -> Output:
    """Two nodes of different scopes as one output."""
    plans = {scope: plan for scope in Scope for plan in (first.plans.get(scope), second.plans.get(scope)) if plan}
    return replace(
        first,
        plans=plans,
        lineage=tuple(sorted({*first.lineage, *second.lineage})),
        tags=MappingProxyType({**first.tags, "scope": ", ".join(plans)}),
    )


def _report(dataset: str, found: Plan) -> Plan:
    columns = ("row_key", "column", "check", "detail", "rows")
    return found.select(dataset=Literal(dataset), part=Parameter("part"), **{name: Column(name) for name in columns})


def _violations(reports: Mapping[Scope, list[Plan]], outputs: Mapping[str, Output]) -> Output:
    lineage = {table for output in outputs.values() if output.tags["kind"] == "output" for table in output.lineage}
    return Output(
        name="violations",
        plans={scope: Union(tuple(found)) for scope, found in reports.items() if found},
        lineage=tuple(sorted(lineage)),
        tags=MappingProxyType(
            {
                "layer": "checks",
                "kind": "output",
                "scope": ", ".join(scope for scope, found in reports.items() if found),
                "stage": "outputs",
            }
        ),
        summary="The rows that the outputs left out because they break their contracts.",
        spec=TABLES["violations"],
    )
