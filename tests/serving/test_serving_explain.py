"""A read is explained before it runs: rows, bytes, the places of filters, the cached parts."""

import json

import pytest
from serving_pipeline import NAMES, Counted, names_of, put_many, put_names, service_of

from arrowdsl.compute.expr import Call, Column, Literal
from flight_server.rpc.info import flight_info
from flight_server.serving.explain import explain
from flight_server.serving.request import Request

PATH = "m7.py"


@pytest.fixture
def counted():
    return Counted()


@pytest.fixture
def service(tmp_path, counted):
    service = service_of(tmp_path, counted)
    put_names(service, {f"m{number}.py": [("x", 1), ("y", 2)] for number in range(40)}, files=4 * 64)
    return service


def account_of(service, dataset, **narrowed):
    return explain(service.read(Request("r", dataset, **narrowed)))


def info_of(service, dataset, **narrowed):
    info = flight_info(service.read(Request("r", dataset, **narrowed)))
    return info.total_records, info.total_bytes, json.loads(info.app_metadata)["cached"]


def test_a_filter_on_path_opens_one_part(service):
    account = account_of(service, "by_rows", where=Call("=", (Column("path"), Literal(PATH))))
    [part] = account["parts"]
    assert part["rows"] == sum(scan["of_rows"] for scan in part["scans"]) < 80
    assert {"where": f"name <> '' and path = {PATH!r}", "at": "scan cst_name_refs"} in account["filters"]


def test_fewer_columns_are_fewer_bytes(service):
    all_columns, one = (
        account_of(service, "by_rows", **narrowed)["parts"][0] for narrowed in ({}, {"columns": ("name",)})
    )
    assert 0 < one["bytes"] < all_columns["bytes"]
    assert one["rows"] == all_columns["rows"]


def test_row_groups_that_a_filter_rules_out_are_not_counted(tmp_path, counted):
    service = service_of(tmp_path, counted)
    put_many(service, 4 * 64 * 1024)
    [part] = account_of(service, "by_rows", where=Call("<", (Column("bstart"), Literal(10))))["parts"]
    assert (part["rows"], part["scans"][0]["of_rows"]) == (64 * 1024, 4 * 64 * 1024)


def test_a_filter_that_a_kernel_does_not_pass_stays_above_it(service):
    account = account_of(service, "by_part", where=NAMES["is_x"])
    assert {"where": "name = 'x'", "at": "above kernel by_part v1"} in account["filters"]


def test_explaining_computes_nothing_and_names_the_cached_parts(service, counted):
    before = account_of(service, "by_part_and_repo")
    assert (counted.calls.total(), [part["cached"] for part in before["parts"]]) == (0, [False] * 4)
    rows = names_of(service, "by_part_and_repo")
    after = account_of(service, "by_part_and_repo")
    assert [part["cached"] for part in after["parts"]] == [True] * 4
    assert sum(part["rows"] for part in after["parts"]) == rows.num_rows
    assert "cached" in after["text"]


def test_info_knows_rows_bytes_and_cached_parts_after_a_read(service):
    assert info_of(service, "by_part") == (-1, -1, [])
    names_of(service, "by_part", parts=(0, 2))
    assert info_of(service, "by_part")[2] == [0, 2]
    rows = names_of(service, "by_part")
    total, size, cached = info_of(service, "by_part")
    assert (total, cached) == (rows.num_rows, [0, 1, 2, 3])
    assert size > 0
    assert info_of(service, "by_part", columns=("name",))[:2] == (rows.num_rows, -1)
    assert info_of(service, "by_part", where=NAMES["is_x"])[0] == -1
    assert info_of(service, "cst_name_refs")[0] == 80
