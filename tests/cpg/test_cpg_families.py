"""Families as data: a filter on kinds leaves nothing of the others' plans; what is absent costs nothing."""

import pyarrow as pa
import pytest
from cpg_store import FIXTURE, rows_of, served

from arrowdsl.compute.expr import Call, Column, Literal, col
from arrowdsl.errors import DataError
from arrowdsl.plan.nodes import Join, Scan, Union, walk
from arrowdsl.plan.optimize import optimize
from arrowdsl.plan.runner import run_plan
from arrowdsl.plan.schemas import schema_of
from arrowdsl.plan.source import PlanCatalog, is_absent
from arrowdsl.schema.schema import empty_table
from flight_client.contracts.outputs import OUTPUTS
from flight_client.contracts.raw import RAW_TABLES
from flight_server.pipeline.families import edges, nodes
from flight_server.pipeline.family_plans import edge_plan, node_plan
from flight_server.pipeline.files import line_starts
from flight_server.serving.explain import explain
from flight_server.serving.plans import bound
from flight_server.serving.request import Request

EMPTY = PlanCatalog({name: empty_table(spec.plain_schema) for name, spec in RAW_TABLES.items()})


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    return served(tmp_path_factory.mktemp("families"), FIXTURE)


@pytest.mark.parametrize(
    ("dataset", "kind", "tables"),
    [
        ("cpg_nodes", "CST_CALLSITE", {"cst_callsites"}),
        ("cpg_nodes", "PY_BINDING", {"sym_symbols"}),
        ("cpg_edges", "CFG_TRUE", {"cfg_flow"}),
        ("cpg_edges", "AST_PARENT_OF", {"ast_nodes"}),
        ("cpg_edges", "ARGUMENT_OF", {"ast_nodes", "cst_callsites"}),
        ("cpg_edges", "REACHES", {"var_events", "cfg_points", "cfg_flow"}),
    ],
)
@pytest.mark.parametrize("spelled", ["kinds", "where"])
def test_only_the_tables_of_the_kind_asked_for_are_scanned(service, dataset, kind, tables, spelled):
    column = "node_kind" if dataset == "cpg_nodes" else "edge_kind"
    where = Call("=", (Column(column), Literal(kind)))
    request = Request("repo", dataset, **({"kinds": (kind,)} if spelled == "kinds" else {"where": where}))
    parts = [part for part in explain(service.read(request))["parts"] if part["part"] != "global"]
    assert parts
    for part in parts:
        assert {scan["table"] for scan in part["scans"]} - {"repo_files"} == tables  # whose texts have the lines
        assert part["outputs"] == []


def test_kinds_narrow_to_the_same_rows(service):
    edges = rows_of(service, "cpg_edges").to_pylist()
    wanted = ("CFG_TRUE", "INHERITS", "POST_DOMINATES")
    narrowed = rows_of(service, "cpg_edges", kinds=wanted).to_pylist()
    assert sorted(map(repr, narrowed)) == sorted(repr(edge) for edge in edges if edge["edge_kind"] in wanted)


def test_a_new_family_is_a_line():
    [family] = nodes("CST_DEF defs[kind=class] class:{file_id}:{line?:d} span=a,b name=kind")
    defs = pa.table(
        {
            "file_id": ["f", "f", "f"],
            "path": ["p", "p", "p"],
            "kind": ["class", "class", "function"],
            "line": pa.array([3, None, 5], pa.int32()),
            "a": [0, 10, 20],
            "b": [9, 19, 29],
        }
    )
    files = pa.table({"path": ["p"], "text": ["one\ntwo\nthree"]})
    relations = {"defs": Scan("defs"), "line_starts": line_starts(Scan("files"))}
    [row] = run_plan(node_plan(family, relations), PlanCatalog({"defs": defs, "files": files})).to_pylist()
    assert [name for name in row if row[name] is None] == ["qname"]
    assert (row["line"], row["end_line"], row["node_id"], row["name"]) == (1, 3, "class:f:3", "class")


def test_an_edge_family_keeps_what_its_other_end_has():
    line = "HAS_SCOPE scope_of_definition scopes {def_id} > {scope_id} site={path} span=none within=defs:def_id"
    [family] = edges(line, origin="cst", confidence="0.5")
    scopes = pa.table({"path": ["p", "p"], "def_id": ["d", "lost"], "scope_id": ["s", "t"], "names": [["a"], ["b"]]})
    sources = PlanCatalog({"scopes": scopes, "defs": pa.table({"def_id": ["d", "d"]})})
    plan = edge_plan(family, {name: Scan(name) for name in ("scopes", "defs")})
    [edge] = run_plan(plan, sources).to_pylist()
    assert (edge["edge_id"], edge["path"], edge["confidence"]) == ("edge:gBq4mV03h8Ia8t9ji6mKAw", "p", 0.5)
    assert schema_of(plan, sources).names == OUTPUTS["cpg_edges"].schema.names


@pytest.mark.parametrize("dataset", ["cpg_nodes", "cpg_edges", "cpg_props"])
def test_each_family_by_itself_has_the_outputs_schema(service, dataset):
    expected = OUTPUTS[dataset].plain_schema
    plans = service.read(Request("repo", dataset)).results.plans
    for plan in service.pipeline[dataset].plans.values():
        branches = plan.branches if isinstance(plan, Union) else (plan,)
        assert len(branches) > 1
        for branch in branches:
            made = schema_of(optimize(bound(branch.select(*expected.names), {"part": "0", "repo": "r"}), plans), plans)
            assert made.types == expected.types


def test_what_is_absent_is_known_without_reading():
    rows = Scan("ts_nodes").where(col("is_error")).select("ts_node_id")
    assert is_absent(rows, EMPTY)
    assert is_absent(
        Join(Scan("ts_nodes"), Scan("ts_errors"), "left outer", ("ts_node_id",), ("ts_node_id",), ()), EMPTY
    )
    present = PlanCatalog({**EMPTY.sources, "ts_nodes": pa.table({"ts_node_id": ["t"]})})
    outer = Join(Scan("ts_nodes"), Scan("ts_errors"), "left outer", ("ts_node_id",), ("ts_node_id",), ("ts_node_id",))
    assert not is_absent(outer, present)
    assert not is_absent(Union((rows, Scan("ts_nodes"))), present)
    assert [node for node in walk(outer) if is_absent(node, present)] == [Scan("ts_errors")]


def test_all_props_are_those_by_default_and_more(service):
    default = {repr(row) for row in rows_of(service, "cpg_props").to_pylist()}
    whole = [repr(row) for row in rows_of(service, "cpg_props", props="all").to_pylist()]
    assert default < set(whole)
    assert len(set(whole)) == len(whole)


def test_props_of_a_function(service):
    props = [row for row in rows_of(service, "cpg_props").to_pylist() if row["entity_id"].endswith(":helper#1")]
    values = {
        row["prop_key"]: next(v for k, v in row.items() if k.startswith("value_") and v is not None) for row in props
    }
    assert values == {
        "name": "helper",
        "qname": "pkg.base.helper",
        "kind": "function",
        "is_generator": False,
        "loc": 6,
        "complexity": 3,
        "param_count": 3,
        "call_count": 1,
        "signature": "helper(value, *rest, flag)",
    }


def test_other_datasets_have_no_props(service):
    with pytest.raises(DataError, match="leave the key props out"):
        service.read(Request("repo", "cpg_nodes", props="all"))
