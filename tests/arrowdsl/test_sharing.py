"""A common subexpression is computed once."""

from collections import Counter
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from arrowdsl.compute.expr import col
from arrowdsl.plan.batches import limited
from arrowdsl.plan.nodes import Join, Kernel, KernelFunction, Scan, Union
from arrowdsl.plan.optimize import optimize
from arrowdsl.plan.runner import open_stream, run_plan
from arrowdsl.plan.shared_rows import SHARED_BYTES
from arrowdsl.plan.source import DatasetSource, PlanCatalog
from arrowdsl.plan.table_scan import scan_batches


class Counting:
    """A kernel that counts the rows it was given."""

    def __init__(self, name="counting", rows=1):
        self.rows = 0
        self.function = KernelFunction(name, 1, self.apply, ("id",))
        self.times = rows

    def apply(self, table):
        self.rows += table.num_rows
        return pa.concat_tables([table] * self.times)


@pytest.fixture
def catalog():
    return PlanCatalog({"numbers": pa.table({"id": range(100)}), "empty": pa.table({"id": pa.array([], pa.int64())})})


def run_shared(plan, catalog):
    return run_plan(optimize(plan, catalog), catalog)


def at_least(plan, number):
    return plan.where(col("id") >= number).select("id")


def test_branches_run_a_kernel_once(catalog):
    counting = Counting()
    kernel = Kernel(Scan("numbers"), counting.function)
    rows = run_shared(Union((at_least(kernel, 98), at_least(kernel, 99), kernel.select("id"))), catalog)
    assert rows.column("id").to_pylist() == [98, 99, 99, *range(100)]
    assert counting.rows == 100


def test_so_do_kernels_and_joins_above_it(catalog):
    below, above = Counting(), Counting("above")
    kernel = Kernel(Scan("numbers"), below.function)
    joined = Join(kernel, Scan("numbers"), "inner", ("id",), ("id",), ("id",))
    branches = (Kernel(kernel, above.function), Kernel(kernel, above.function), joined, kernel)
    assert run_shared(Union(branches), catalog).num_rows == 400
    assert (below.rows, above.rows) == (100, 100)


def test_equal_projections_over_a_kernel_run_it_once(catalog):
    counting = Counting()
    named = Kernel(Scan("numbers"), counting.function).select("id")
    assert run_shared(Union((named, named)), catalog).num_rows == 200
    assert counting.rows == 100


@pytest.fixture
def files(tmp_path):
    numbers = pa.table({"id": range(100), "kind": ["a", "b"] * 50, "unread": [None] * 100})
    pq.write_table(numbers, tmp_path / "numbers.parquet", row_group_size=10)
    return PlanCatalog({"numbers": DatasetSource(ds.dataset(tmp_path / "numbers.parquet"))})


@pytest.mark.parametrize("room", [SHARED_BYTES, 100])
def test_scans_of_one_table_share_a_scan_that_has_the_rows_and_columns_of_all(files, monkeypatch, room):
    monkeypatch.setattr("arrowdsl.plan.shared_rows.SHARED_BYTES", room)
    read = Counter()

    def counted(scan, source):
        read[scan] += 1
        return scan_batches(scan, source)

    monkeypatch.setattr("arrowdsl.plan.runner.scan_batches", counted)
    few = Scan("numbers").where(col("id") < 30)
    branches = (few.where(col("kind").eq("a")).select("id"), few.select("id"), few.where(col("id") > 27).select("id"))
    rows = run_shared(Union(branches), files)
    assert rows["id"].to_pylist() == [*range(0, 30, 2), *range(30), 28, 29]
    wide = Scan("numbers", ("id", "kind"), col("id") < 30)
    assert read.pop(wide) == 1
    assert len(read) == (0 if room == SHARED_BYTES else 2)  # a reader reads for itself what does not fit


def test_kernels_over_other_rows_are_others(catalog):
    counting = Counting()
    plans = tuple(Kernel(at_least(Scan("numbers"), number), counting.function) for number in (10, 20))
    assert run_shared(Union(plans), catalog).num_rows == 170
    assert counting.rows == 170


def test_a_kernel_that_gave_no_rows_gave_them_for_all(catalog):
    counting = Counting()
    kernel = Kernel(at_least(Scan("numbers"), 1000), counting.function)
    assert run_shared(Union((kernel, kernel)), catalog).num_rows == 0


def test_what_was_not_read_to_its_end_is_run_again(catalog):
    counting = Counting()
    union = Union((Kernel(Scan("numbers"), counting.function),) * 2)
    for _ in range(2):
        assert sum(batch.num_rows for batch in limited(open_stream(optimize(union, catalog), catalog).batches, 5)) == 5
    assert counting.rows == 200


def test_large_results_are_not_kept(catalog):
    counting = Counting(rows=SHARED_BYTES // 800 + 1)
    kernel = Kernel(Scan("numbers"), counting.function)
    with closing(open_stream(optimize(Union((kernel, kernel)), catalog), catalog).batches) as batches:
        found = sum(int(np.asarray(batch.column("id")).sum()) for batch in batches)
    assert found == 2 * counting.times * sum(range(100))
    assert counting.rows == 200
