"""The graph as it is loaded: every node's documentation, tags, lineage and schema."""

import pytest

from arrowdsl.compute.expr import Literal, Parameter
from arrowdsl.plan.nodes import Ref, Scope, bind_parameters, walk
from arrowdsl.plan.runner import run_plan
from arrowdsl.plan.schemas import schema_of
from arrowdsl.plan.source import PlanSource, Schemas
from arrowdsl.schema.schema import SchemaTransform, empty_table
from flight_client.contracts.outputs import OUTPUTS
from flight_client.contracts.raw import RAW_TABLES
from flight_client.contracts.tables import TABLES
from flight_server.pipeline.driver import load_pipeline

PIPELINE = load_pipeline()
HERE = {Parameter("part"): Literal("0"), Parameter("repo"): Literal("demo")}
KINDS = {"raw", "intermediate", "output"}
UNCHECKED = {"resolution"}  # has a contract so that its rows are cut by file; what is read off it is checked


class EmptyCatalog:
    """A repo in which nothing was put."""

    def __init__(self):
        self.schemas = Schemas()

    def source(self, table):
        return empty_table(RAW_TABLES[table].plain_schema)

    def resolve(self, ref):
        plan = bind_parameters(PIPELINE[ref.output].plans[ref.scope], HERE)
        yield PlanSource(plan if ref.columns is None else plan.select(*ref.columns), self)

    def schema(self, _ref):
        return None


def test_every_contract_is_a_node_and_every_node_with_a_contract_has_its_kind():
    assert {name for name, output in PIPELINE.items() if output.spec is not None} == set(TABLES)
    assert {name for name, output in PIPELINE.items() if output.tags["kind"] == "raw"} == set(RAW_TABLES)
    outputs = {name for name, output in PIPELINE.items() if output.tags["kind"] == "output"}
    assert outputs == set(OUTPUTS) - UNCHECKED
    assert {PIPELINE[name].tags["kind"] for name in UNCHECKED} == {"intermediate"}


@pytest.mark.parametrize("name", PIPELINE)
def test_every_node_says_what_it_is(name):
    output = PIPELINE[name]
    assert output.summary.endswith(".")
    assert "{" not in output.summary
    assert output.tags["kind"] in KINDS
    assert output.tags["layer"]
    assert output.tags["scope"] == ", ".join(output.plans)
    assert output.spec is None or output.tags["layer"] == output.spec.layer


def test_lineage_is_the_raw_tables_above_a_node():
    assert PIPELINE["dim_qualified_names"].lineage == ("cst_callsites", "cst_defs")
    assert PIPELINE["callsite_qname_candidates"].lineage == ("cst_callsites",)
    assert {"cst_callsites", "cst_defs", "flow_calls"} <= set(PIPELINE["violations"].lineage)
    assert all(PIPELINE[table].lineage == (table,) for table in RAW_TABLES)


def test_a_plan_of_another_scope_is_handed_over_as_a_reference():
    [plan] = PIPELINE["dim_qualified_names"].plans.values()
    nodes = list(walk(plan))
    assert [node for node in nodes if isinstance(node, Ref)] == [Ref("part_qualified_names", Scope.PART)]


def test_a_plan_of_the_same_scope_is_not():
    for name in ("part_qualified_names", "callsite_qname_candidates"):
        assert not any(isinstance(node, Ref) for plan in PIPELINE[name].plans.values() for node in walk(plan))


@pytest.mark.parametrize("name", TABLES)
def test_over_empty_tables_every_output_has_its_contracts_schema(name):
    spec = TABLES[name]
    for each in PIPELINE[name].plans.values():
        plan = bind_parameters(each.select(*spec.schema.names), HERE)
        made = schema_of(plan, EmptyCatalog())
        assert made.names == spec.plain_schema.names
        assert made.types == spec.plain_schema.types
        rows = run_plan(plan, EmptyCatalog())
        assert SchemaTransform(schema=spec.plain_schema).apply(rows).num_rows == 0
