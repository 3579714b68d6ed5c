"""The graph of the fixture repo and of a real package: closed, each id once, every family there, the same counts."""

import json
import re
from collections import Counter
from pathlib import Path

import click
import pytest
from cpg_golden import GOLDEN, RUNTIME, graph_counts, put
from cpg_store import ALL_LAYERS, FIXTURE, package_slice, rows_of, served

from flight_client.contracts.kinds import (
    EDGE_KINDS,
    NODE_KINDS,
    ORIGINS,
    PROP_KEYS,
    RESOLUTION_METHODS,
    RULE_NAMES,
)
from flight_server.pipeline import graph
from flight_server.serving.service import Service

NODES = (*graph.PART_NODES, *graph.REPO_NODES)
EDGES = (*graph.PART_EDGES, *graph.REPO_EDGES)
FROM_INDEXER = {"scip"}  # another test puts those tables


@pytest.fixture(scope="module")
def fixture_repo(tmp_path_factory: pytest.TempPathFactory) -> Service:
    service = served(tmp_path_factory.mktemp("fixture"), FIXTURE, ALL_LAYERS)
    put(service, RUNTIME)
    return service


@pytest.fixture(scope="module")
def real_package(tmp_path_factory: pytest.TempPathFactory) -> Service:
    source = package_slice(tmp_path_factory.mktemp("source"), Path(click.__file__).parent)
    return served(tmp_path_factory.mktemp("package"), source)


@pytest.fixture(params=["fixture_repo", "real_package"])
def service(request: pytest.FixtureRequest) -> Service:
    return request.getfixturevalue(request.param)


def test_every_end_of_an_edge_is_a_node(service: Service) -> None:
    nodes = set(rows_of(service, "cpg_nodes", columns=("node_id",)).column("node_id").to_pylist())
    edges = rows_of(service, "cpg_edges", columns=("edge_id", "src_node_id", "dst_node_id")).to_pylist()
    assert edges
    assert [edge for edge in edges if not {edge["src_node_id"], edge["dst_node_id"]} <= nodes] == []


def test_nodes_and_edges_have_the_lines_of_their_syntax_trees(service: Service) -> None:
    trees = rows_of(service, "ast_nodes", columns=("path", "bstart", "bend", "lineno", "end_lineno")).to_pylist()
    lines = {tuple(row.values())[:3]: tuple(row.values())[3:] for row in trees}
    for dataset in ("cpg_nodes", "cpg_edges"):
        columns = ("path", "bstart", "bend", "line", "end_line")
        placed = {tuple(row.values()) for row in rows_of(service, dataset, columns=columns).to_pylist()}
        assert all((row[1] is None) == (row[3] is None) for row in placed)
        wrong = [
            row for row in placed if row[1] is not None and lines.get(row[:3], row[3:]) not in {row[3:], (None, None)}
        ]
        assert wrong == []


def test_nodes_have_the_names_that_people_use(fixture_repo: Service) -> None:
    nodes = rows_of(fixture_repo, "cpg_nodes", columns=("node_kind", "name", "qname")).to_pylist()
    named = {(row["node_kind"], row["name"], row["qname"]) for row in nodes}
    assert {("CST_DEF", "run", "pkg.base.Base.run"), ("PY_MODULE", "pkg.base", "pkg.base")} <= named


def test_no_edge_names_a_place_in_another_file_by_its_offset(service: Service) -> None:
    """Else an edit there, even of a comment, would change this file's rows."""
    files = rows_of(service, "repo_files", columns=("path", "file_id")).to_pylist()
    file_of = {row["path"]: row["file_id"] for row in files}
    edges = rows_of(service, "cpg_edges", columns=("path", "src_node_id", "dst_node_id")).to_pylist()
    placed = [
        (edge, named)
        for edge in edges
        for end in ("src_node_id", "dst_node_id")
        for named in re.findall(r"\b([a-z2-7]{13}):\d+-\d+", edge[end])
    ]
    assert placed
    assert [edge for edge, named in placed if named != file_of[edge["path"]]] == []


def test_ids_are_unique(service: Service) -> None:
    nodes = Counter(rows_of(service, "cpg_nodes", columns=("node_id",)).column("node_id").to_pylist())
    assert [node for node, times in nodes.items() if times > 1] == []
    edges = rows_of(service, "cpg_edges", columns=("edge_id",)).column("edge_id").to_pylist()
    assert len(set(edges)) == len(edges)
    assert [edge for edge in edges if not re.fullmatch("edge:[A-Za-z0-9_-]{22}", edge)] == []


def test_the_graph_breaks_no_contract(service: Service) -> None:
    broken = rows_of(service, "violations").to_pylist()
    assert [row for row in broken if row["dataset"].startswith("cpg_")] == []


def test_every_family_has_rows(fixture_repo: Service) -> None:
    nodes = set(rows_of(fixture_repo, "cpg_nodes", columns=("node_kind",)).column("node_kind").to_pylist())
    assert {family.kind for family in NODES} - nodes == {"SCIP_SYMBOL"}
    edges = rows_of(fixture_repo, "cpg_edges", columns=("edge_kind", "rule_name")).to_pylist()
    kinds = {edge["edge_kind"] for edge in edges}
    rules = {(edge["edge_kind"], edge["rule_name"]) for edge in edges}
    families = [family for family in EDGES if family.origin not in FROM_INDEXER]
    assert {family.kind for family in families} - kinds == set()
    alike = [family for family in families if "rule_name" not in family.values]
    assert {(family.kind, family.rule) for family in alike} - rules == set()


def test_golden_counts_of_the_fixture_repo(fixture_repo: Service) -> None:
    assert graph_counts(fixture_repo) == json.loads(GOLDEN.read_text())


def test_vocabularies_hold_what_families_say() -> None:
    assert {family.kind for family in NODES} == set(NODE_KINDS)
    assert {family.kind for family in EDGES} <= set(EDGE_KINDS)
    assert {family.rule for family in EDGES} <= set(RULE_NAMES)
    assert {family.origin for family in EDGES} <= set(ORIGINS)
    assert {family.method for family in EDGES} <= set(RESOLUTION_METHODS)
    unions = [families for (dataset, _), (_, families, _) in graph.UNIONS.items() if dataset.endswith("_props")]
    assert {key for families in unions for family in families for key in family.keys} == set(PROP_KEYS)
    assert len(set(PROP_KEYS)) == len(PROP_KEYS)


@pytest.mark.parametrize("dataset", ["cpg_nodes", "cpg_edges", "cpg_props"])
def test_canonical_order_has_the_same_rows(fixture_repo: Service, dataset: str) -> None:
    as_made, ordered = (
        rows_of(fixture_repo, dataset, **narrowed).to_pylist() for narrowed in ({}, {"order": "canonical"})
    )
    assert sorted(map(repr, as_made)) == sorted(map(repr, ordered))


def test_a_repo_without_rows_has_a_graph_without_nodes(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "empty.py").write_text("")
    service = served(tmp_path / "store", tmp_path / "source", ("cst",))
    kinds = set(rows_of(service, "cpg_nodes").column("node_kind").to_pylist())
    assert kinds == {"PY_REPO", "PY_FILE", "PY_MODULE", "CST_DEF", "PY_QUALIFIED_NAME"}


def test_an_end_that_is_no_node_is_reported(tmp_path: Path) -> None:
    service = served(tmp_path, FIXTURE)
    flow = rows_of(service, "cfg_flow", limit=1).to_pylist()[0]
    lost = [{**flow, "dst": "nowhere"}, {**flow, "dst": "nowhere", "kind": "true"}]
    put(service, {"cfg_flow": lost})
    broken = [row for row in rows_of(service, "violations").to_pylist() if row["dataset"] == "cpg_edges"]
    assert [(row["check"], row["column"], row["row_key"], row["rows"]) for row in broken] == [
        ("dangling_edge", "dst_node_id", "nowhere", 1),
        ("dangling_edge", "dst_node_id", "nowhere", 1),
    ]
    assert {row["detail"].split()[-4] for row in broken} == {"CFG_TRUE", f"CFG_{flow['kind'].upper()}"}


def test_a_value_outside_its_vocabulary_is_reported_and_left_out(tmp_path: Path) -> None:
    service = served(tmp_path, FIXTURE)
    call = rows_of(service, "cst_callsites", limit=1).to_pylist()[0]
    call |= {"call_id": "call:other", "callee_qnames": [{"name": "a.b", "source": "GUESS"}]}
    put(service, {"cst_callsites": [call]}, mode="append")
    broken = [row for row in rows_of(service, "violations").to_pylist() if row["dataset"] == "cpg_edges"]
    assert {(row["check"], row["column"]) for row in broken} == {("type", "qname_source")}
    assert (
        "call:other" not in rows_of(service, "cpg_edges", kinds=("PY_CALLS_QNAME",)).column("src_node_id").to_pylist()
    )
