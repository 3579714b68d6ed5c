"""Scans of files give the rows that pyarrow.dataset gives."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from arrowdsl.compute.expr import col
from arrowdsl.plan.nodes import Scan
from arrowdsl.plan.runner import run_plan
from arrowdsl.plan.source import DatasetSource, PlanCatalog
from arrowdsl.plan.table_scan import dataset_batches

SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string()), ("late", pa.string())])
GROUP = 100


@pytest.fixture
def source(tmp_path):
    """A file as it is now, and an older one: without the last column, its numbers narrower, its strings encoded."""
    now = pa.table({"id": range(500), "name": [f"n{n % 7}" for n in range(500)], "late": ["x"] * 500}, SCHEMA)
    pq.write_table(now, tmp_path / "0.parquet", row_group_size=GROUP)
    ids = pa.array(range(500, 800), pa.int32())
    names = pa.array([f"n{n % 7}" for n in range(500, 800)]).dictionary_encode()
    pq.write_table(pa.table({"name": names, "id": ids}), tmp_path / "1.parquet", row_group_size=GROUP)
    return DatasetSource(ds.dataset(tmp_path, schema=SCHEMA))


def test_files_of_older_schemas_give_the_columns_of_the_newest(source):
    rows = run_plan(Scan("t"), PlanCatalog({"t": source}))
    assert rows.schema.equals(SCHEMA)
    assert rows.equals(source.dataset.to_table())
    assert rows["late"].null_count == 300


def test_columns_come_in_the_order_named(source):
    rows = run_plan(Scan("t", ("late", "id")), PlanCatalog({"t": source}))
    assert rows.equals(source.dataset.to_table(columns=["late", "id"]))


def test_a_filter_reads_only_the_row_groups_that_may_have_rows_for_it(source):
    batches = list(dataset_batches(source.dataset, SCHEMA, pc.field("id") >= 650))
    assert [batch.num_rows for batch in batches] == [GROUP, GROUP]
    plan = Scan("t", ("name",), col("id") >= 650)
    assert run_plan(plan, PlanCatalog({"t": source}))["name"].to_pylist() == [f"n{n % 7}" for n in range(650, 800)]


def test_a_filter_that_keeps_nothing_reads_nothing(source):
    assert not list(dataset_batches(source.dataset, SCHEMA, pc.field("id") < 0))
    rows = run_plan(Scan("t", ("id",), col("id") < 0), PlanCatalog({"t": source}))
    assert rows.schema.names == ["id"]
    assert rows.num_rows == 0


def test_a_required_column_is_read_as_any_other(tmp_path):
    required = pa.schema([pa.field("id", pa.int64(), nullable=False)])
    pq.write_table(pa.table({"id": [1, 2]}, required), tmp_path / "t.parquet")
    rows = run_plan(Scan("t"), PlanCatalog({"t": DatasetSource(ds.dataset(tmp_path))}))
    assert rows.schema.field("id").nullable
    assert rows["id"].to_pylist() == [1, 2]


def test_datasets_of_other_formats_are_scanned_too(tmp_path):
    csv = tmp_path / "t.csv"
    csv.write_text("id\n1\n")
    for dataset in (ds.dataset(csv, format="csv"), ds.dataset(pa.table({"id": [1]}))):
        assert run_plan(Scan("t"), PlanCatalog({"t": DatasetSource(dataset)}))["id"].to_pylist() == [1]
