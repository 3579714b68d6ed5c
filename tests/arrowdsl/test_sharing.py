"""What branches of a union have alike is computed once."""

from contextlib import closing

import numpy as np
import pyarrow as pa
import pytest

from arrowdsl.compute.expr import Call, Column, Literal
from arrowdsl.plan.batches import limited
from arrowdsl.plan.nodes import Join, Kernel, KernelFunction, Scan, Union
from arrowdsl.plan.optimize import optimize
from arrowdsl.plan.runner import open_stream, run_plan
from arrowdsl.plan.shared_rows import SHARED_BYTES
from arrowdsl.plan.source import PlanCatalog


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
    return plan.where(Call(">=", (Column("id"), Literal(number)))).select("id")


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
