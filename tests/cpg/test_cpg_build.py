"""Edges from tables at hand are those that the server gives, whatever the tables come as."""

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from cpg_store import FIXTURE, rows_of, served

from arrowdsl.plan.nodes import Scan
from arrowdsl.plan.runner import run_plan_streamable
from arrowdsl.plan.source import DatasetSource
from flight_client.contracts.outputs import OUTPUTS
from flight_client.contracts.raw import RAW_TABLES
from flight_server.pipeline.build import EDGE_COLUMNS, EdgeBuildInputs, build_edges
from flight_server.serving.service import Service

RAW = ("cst_defs", "cst_params", "cst_callsites", "cst_decorators", "sym_scopes", "repo_files")
KINDS = {"CONTAINS", "HAS_SCOPE", "DECORATED_BY"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    return served(tmp_path_factory.mktemp("store"), FIXTURE)


@pytest.fixture(scope="module")
def tables(service: Service) -> dict[str, pa.Table]:
    return {name: rows_of(service, name) for name in RAW}


def built(inputs: EdgeBuildInputs) -> pa.Table:
    edges = build_edges(inputs)
    return run_plan_streamable(edges.plan, edges.catalog).read_all()


def ids(edges: pa.Table) -> list[str]:
    return sorted(edges["edge_id"].to_pylist())


def test_they_are_the_servers(service: Service, tables: dict[str, pa.Table]) -> None:
    found = built(EdgeBuildInputs(tables, repo="repo"))
    assert (found.schema.names, found.schema.types) == (EDGE_COLUMNS.names, EDGE_COLUMNS.types)
    assert set(found["edge_kind"].to_pylist()) >= KINDS
    served_edges = rows_of(service, "cpg_edges", columns=("edge_id",))
    assert set(ids(found)) <= set(ids(served_edges))


def test_a_dataset_or_a_plan_goes_wherever_a_table_goes(tables: dict[str, pa.Table], tmp_path: Path) -> None:
    wanted = ids(built(EdgeBuildInputs(tables)))
    ds.write_dataset(tables["cst_defs"], tmp_path, format="parquet")
    dataset = DatasetSource(dataset=ds.dataset(tmp_path), spec=RAW_TABLES["cst_defs"])
    assert ids(built(EdgeBuildInputs({**tables, "cst_defs": dataset}))) == wanted
    renamed = {**tables, "definitions": tables["cst_defs"], "cst_defs": Scan("definitions")}
    assert ids(built(EdgeBuildInputs(renamed))) == wanted


def test_without_relations_there_are_no_edges_but_their_columns() -> None:
    found = built(EdgeBuildInputs({}))
    assert (found.num_rows, found.schema) == (0, OUTPUTS["cpg_edges"].plain_schema)
