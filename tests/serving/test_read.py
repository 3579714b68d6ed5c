"""Reads without a server: rows against the source, filters against Arrow's own."""

from dataclasses import replace

import pyarrow.compute as pc
import pytest
from serving_store import DEMO, ingested, rows_of, service_over

from arrowdsl.compute.cql2 import from_cql2
from arrowdsl.compute.expr import Column
from flight_client.contracts.raw import RAW_TABLES
from flight_server.serving import read
from flight_server.serving.explain import explain
from flight_server.serving.request import Request, request_from_json, request_to_json
from flight_server.serving.request_errors import BadRequestError, OutdatedTablesError
from flight_server.serving.stream import open_read


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    service = service_over(tmp_path_factory.mktemp("store"))
    ingested(service, DEMO)
    return service


def test_every_candidate_belongs_to_a_call_site(demo):
    calls = rows_of(demo, "cst_callsites")["call_id"]
    candidates = rows_of(demo, "callsite_qname_candidates")
    assert candidates.num_rows > 0
    assert pc.all(pc.is_in(candidates["call_id"], calls)).as_py()


def test_the_dimension_has_every_name_of_calls_and_definitions_once_sorted(demo):
    lists = [
        *rows_of(demo, "cst_callsites")["callee_qnames"].to_pylist(),
        *rows_of(demo, "cst_defs")["qnames"].to_pylist(),
    ]
    names = {name["name"] for each in lists for name in each or ()} - {None, ""}
    assert rows_of(demo, "dim_qualified_names")["qname"].to_pylist() == sorted(names)


def test_the_candidates_are_the_names_of_the_call_sites_in_their_order(demo):
    pairs = [
        (call["call_id"], name["name"])
        for call in rows_of(demo, "cst_callsites").to_pylist()
        for name in call["callee_qnames"] or ()
    ]
    found = rows_of(demo, "callsite_qname_candidates")
    assert list(zip(found["call_id"].to_pylist(), found["qname"].to_pylist(), strict=True)) == pairs


@pytest.mark.parametrize("dataset", ["cst_callsites", "callsite_qname_candidates"])
def test_a_filter_on_an_output_equals_filtering_its_rows(demo, dataset):
    where = {
        "op": "or",
        "args": [
            {"op": "like", "args": [{"property": "path"}, "shop/m%"]},
            {"op": "between", "args": [{"property": "call_bstart"}, 100, 500]},
        ],
    }
    rows = rows_of(demo, dataset)
    kept = pc.or_(
        pc.match_like(rows["path"], "shop/m%"),
        pc.and_(pc.greater_equal(rows["call_bstart"], 100), pc.less_equal(rows["call_bstart"], 500)),
    )
    wanted = rows.filter(kept)
    assert 0 < wanted.num_rows < rows.num_rows
    assert rows_of(demo, dataset, where=from_cql2(where)).equals(wanted)


@pytest.fixture(scope="module")
def parts_16(tmp_path_factory):
    service = service_over(tmp_path_factory.mktemp("store"))
    service.store.begin("demo", files=16 * 64).commit({})
    ingested(service, DEMO)
    return service


@pytest.mark.parametrize("dataset", ["cst_callsites", "flow_calls", "callsite_qname_candidates", "reaching_defs"])
@pytest.mark.parametrize("column", ["path", "file_id"])
def test_a_filter_on_a_file_opens_its_part_alone(parts_16, dataset, column):
    rows = rows_of(parts_16, dataset)
    if column not in rows.schema.names:
        pytest.skip("the table lacks the column")
    value = rows[column][0].as_py()
    wanted = rows.filter(pc.equal(rows[column], value))
    for where in (Column(column).eq(value), Column(column).is_in([value])):
        assert len(parts_16.read(Request("demo", dataset, where=where)).parts) == 1
        assert rows_of(parts_16, dataset, where=where).equals(wanted)


def test_rows_with_the_ids_of_another_repo_are_found_by_them(tmp_path):
    service = service_over(tmp_path)
    ingested(service, DEMO, repo="first")
    rows = rows_of(service, "cst_defs", repo="first")
    transaction = service.store.begin("second", files=16 * 64)
    transaction.put(RAW_TABLES["cst_defs"], rows.to_reader())
    transaction.commit()
    for file in rows["file_id"].unique().to_pylist():
        found = rows_of(service, "cst_defs", repo="second", where=Column("file_id").eq(file))
        assert found.num_rows == rows.filter(pc.equal(rows["file_id"], file)).num_rows > 0


def test_tables_of_another_version_are_read_but_nothing_is_computed_from_them(demo, monkeypatch):
    newer = replace(RAW_TABLES["flow_calls"], contract="py_flow_calls_v99")
    monkeypatch.setattr(read, "RAW_TABLES", {**RAW_TABLES, "flow_calls": newer})
    for dataset in ("call_graph", "cpg_edges"):
        with pytest.raises(OutdatedTablesError, match=f"{dataset} of demo .* flow_calls; ingest the folder again"):
            rows_of(demo, dataset)
    assert rows_of(demo, "flow_calls").num_rows > 0
    assert rows_of(demo, "ast_edges").num_rows > 0


def test_explain_names_the_columns_that_are_read(demo):
    account = explain(demo.read(Request("demo", "callsite_qname_candidates", columns=("qname",))))
    [scan] = [line for line in account["optimized"].splitlines() if line.strip().startswith("scan")]
    assert "callee_text" not in scan
    assert "callee_qnames" in scan
    assert account["request"] == {
        "repo": "demo",
        "dataset": "callsite_qname_candidates",
        "snapshot": 1,
        "columns": ["qname"],
    }


def test_check_is_asked_while_rows_are_gathered_to_be_sorted(demo):
    asked = []

    class StoppedError(Exception):
        pass

    def check():
        asked.append(1)
        raise StoppedError

    read = demo.read(Request("demo", "cst_name_refs", order="canonical"))
    with pytest.raises(StoppedError):
        next(open_read(read, check).batches)
    assert asked == [1]


def test_a_request_comes_back_from_its_json():
    document = {
        "repo": "r",
        "dataset": "d",
        "snapshot": 7,
        "columns": ["a", "b"],
        "where": {"op": ">=", "args": [{"property": "x"}, 0.9]},
        "limit": 0,
        "order": "canonical",
        "parts": [0, "global"],
    }
    assert request_to_json(request_from_json(document)) == document


def test_a_request_is_an_object():
    with pytest.raises(BadRequestError, match="a ticket is a JSON object"):
        request_from_json(["repo"])
