import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arrowdsl.compute.expr import Call, Column, Literal
from arrowdsl.compute.kernels import GROUP_ROWS
from arrowdsl.plan.batches import BATCH_ROWS, limited, rebatch
from arrowdsl.plan.nodes import Join, Kernel, KernelFunction, Ref, Scan, Scope, Union
from arrowdsl.plan.optimize import optimize
from arrowdsl.plan.runner import open_stream, run_plan, run_plan_streamable
from arrowdsl.plan.source import DatasetSource, PlanCatalog, PlanSource

ROWS, GROUP = 200_000, 2_000
IDENTITY = KernelFunction("identity", 1, lambda table: table, ("id",))
GROUPED = KernelFunction("grouped", 1, lambda table: table, ("run",), group_by="run")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two files of a hundred row groups each."""
    folder = tmp_path_factory.mktemp("rows")
    for part, start in enumerate(range(0, ROWS, ROWS // 2)):
        numbers = range(start, start + ROWS // 2)
        columns = {
            "id": numbers,
            "run": [number // 700 for number in numbers],
            "name": [f"n{number % 97}" for number in numbers],
            "tags": [[number, -number] if number % 3 else [] for number in numbers],
        }
        pq.write_table(pa.table(columns), folder / f"part-{part}.parquet", row_group_size=GROUP)
    return folder


@pytest.fixture
def catalog(folder):
    names = pa.table({"name": [f"n{number}" for number in range(50)], "rank": range(50)})
    tables = PlanCatalog({"rows": DatasetSource(dataset=ds.dataset(folder)), "names": names})
    return PlanCatalog(tables.sources, {"rows": PlanSource(Scan("rows"), tables)})


rows, some = Scan("rows"), Call("<", (Column("id"), Literal(30_000)))
PLANS = {
    "scan": rows.select("id", "name"),
    "filter": rows.select("id", "name").where(Call("=", (Column("name"), Literal("n5")))),
    "explode": rows.select("id", "tags").explode("tags", tag=None),
    "union": Union((rows.select("id"), rows.where(some).select("id"), Ref("rows", Scope.REPO).select("id"))),
    "join": Join(rows.select("id", "name"), Scan("names"), "inner", ("name",), ("name",), ("id",), ("rank",)),
    "kernel": Kernel(rows.where(some), IDENTITY).select("id"),
    "groups": Kernel(rows.select("id", "run"), GROUPED).where(some),
    "sort": rows.where(some).select("id", "name").order_by("name"),
    "distinct": Union((rows.select("name"), rows.select("name"))).distinct("name"),
    "join of kernel": Join(
        Kernel(rows.where(some), IDENTITY).select("id", "name"),
        Union((Scan("names"), Scan("names"))),
        "left semi",
        ("name",),
        ("name",),
        ("id",),
    ).order_by("id"),
}
IN_ORDER = [name for name in PLANS if name not in {"join", "distinct"}]


@pytest.mark.parametrize("name", IN_ORDER)
def test_rows_come_in_the_same_order_on_every_run(name, catalog):
    first = run_plan(PLANS[name], catalog)
    assert all(run_plan(optimize(PLANS[name], catalog), catalog).equals(first) for _ in range(3))


def test_a_scan_of_several_files_gives_their_rows_in_order(catalog):
    assert run_plan(rows.select("id"), catalog)["id"].to_pylist() == list(range(ROWS))


def test_a_reader_has_the_rows_of_the_plan(catalog):
    with run_plan_streamable(PLANS["filter"], catalog) as reader:
        assert reader.read_all().equals(run_plan(PLANS["filter"], catalog))


def noting(seen):
    """A kernel that notes how many rows it is given."""
    return KernelFunction("noting", 1, lambda table: (seen.append(table.num_rows), table)[1], ("id",), group_by="run")


def test_a_kernel_is_given_its_sides_whole_with_the_columns_that_it_needs(catalog):
    given: list[pa.Table] = []

    def named(table, names):
        given.append(names)
        return table.append_column("known", pa.array([names.num_rows] * table.num_rows, pa.int64()))

    function = KernelFunction("named", 1, named, ("id", "run"), group_by="run", side_needs=(("name",),))
    plan = Kernel(rows.where(some), function, (Scan("names"),)).select("id", "known")
    made = run_plan(optimize(plan, catalog), catalog)
    assert made["id"].to_pylist() == list(range(30_000))
    assert set(made["known"].to_pylist()) == {50}
    assert {tuple(names.column_names) for names in given if names.num_rows} == {("name",)}


def test_no_row_is_read_before_the_first_batch_is_asked_for(catalog):
    seen: list[int] = []
    plan = Union((Kernel(rows, noting(seen)).select("id"), rows.select("id")))
    stream = open_stream(plan, catalog)
    assert sum(seen) == 0
    next(stream.batches)
    assert 0 < sum(seen) <= GROUP_ROWS + 2 * GROUP
    stream.batches.close()


def test_after_a_limit_only_about_what_is_needed_is_read(catalog):
    seen: list[int] = []
    batches = limited(open_stream(Kernel(rows, noting(seen)).select("id"), catalog).batches, 3 * GROUP)
    assert sum(batch.num_rows for batch in batches) == 3 * GROUP
    assert sum(seen) <= 5 * GROUP


def test_a_limited_scan_does_not_come_to_the_row_groups_far_behind(tmp_path):
    path = tmp_path / "t.parquet"
    table = pa.table({"id": np.arange(40 * BATCH_ROWS)})
    pq.write_table(table, path, row_group_size=BATCH_ROWS, compression="none", use_dictionary=False)
    far_behind = pq.ParquetFile(path).metadata.row_group(30).column(0).data_page_offset
    with path.open("r+b") as file:
        file.seek(far_behind)
        file.write(b"\xff" * 20)
    catalog = PlanCatalog({"rows": DatasetSource(dataset=ds.dataset(path))})
    few = list(limited(open_stream(rows, catalog).batches, BATCH_ROWS + 1))
    assert pa.Table.from_batches(few)["id"].to_pylist() == list(range(BATCH_ROWS + 1))
    with pytest.raises(OSError, match=r"."):
        run_plan(rows, catalog)


def test_branches_of_a_union_open_one_after_another(catalog):
    seen: list[int] = []
    late = Kernel(rows.where(some), noting(seen)).select("id")
    batches = open_stream(Union((rows.select("id"), late)), catalog).batches
    next(batches)
    assert sum(seen) == 0
    batches.close()


def test_a_limit_of_nothing_gives_nothing(catalog):
    assert list(limited(open_stream(rows, catalog).batches, 0)) == []


def failing(table):
    """A kernel that fails on the first rows it is given."""
    if table.num_rows:
        raise OSError("the disk is gone")
    return table


def exhausted(stream):
    assert sum(batch.num_rows for batch in stream.batches)


def closed_early(stream):
    assert next(stream.batches).num_rows
    stream.batches.close()


def dropped(stream):
    assert next(stream.batches).num_rows


def never_read(stream):
    assert stream.schema.names


def failed(stream):
    with pytest.raises(OSError, match="the disk is gone"):
        next(stream.batches)


def settled():
    gc.collect()
    return pa.total_allocated_bytes()


@pytest.mark.parametrize("end", [exhausted, closed_early, dropped, never_read])
def test_streams_leave_no_thread_and_no_memory_behind(end, catalog):
    plans = [optimize(plan, catalog) for plan in PLANS.values()]
    for plan in plans:
        end(open_stream(plan, catalog))
    memory, threads = settled(), threading.active_count()
    for plan in plans * 5:
        end(open_stream(plan, catalog))
    assert settled() <= memory + 4_000_000
    assert threading.active_count() == threads


def test_a_thousand_abandoned_streams_leave_nothing_behind(tmp_path):
    pq.write_table(pa.table({"id": range(1000), "run": [1] * 1000}), tmp_path / "t.parquet", row_group_size=10)
    catalog = PlanCatalog({"rows": DatasetSource(dataset=ds.dataset(tmp_path / "t.parquet"))})
    plan = Union((Kernel(rows, IDENTITY).where(some), rows))
    ends = [closed_early, dropped, never_read]
    for end in ends * 10:
        end(open_stream(plan, catalog))
    memory = settled()
    for end in ends * 333:
        end(open_stream(plan, catalog))
    assert settled() <= memory + 4_000_000


def test_an_error_closes_what_stands_below(catalog):
    broken = KernelFunction("failing", 1, failing, ("id",), group_by="run")
    memory = settled()
    for plan in (Kernel(rows, broken), Kernel(rows, broken).select("id"), Kernel(rows, broken).order_by("id")):
        for _ in range(5):
            failed(open_stream(plan, catalog))
    assert settled() <= memory + 4_000_000


def test_a_reader_that_is_dropped_stops_its_plan(catalog):
    seen: list[int] = []
    reader = run_plan_streamable(Kernel(rows, noting(seen)), catalog)
    reader.read_next_batch()
    read = sum(seen)
    del reader
    gc.collect()
    assert sum(seen) == read < ROWS


def within(seconds, work):
    """The result of the work, or a failure in place of waiting for ever."""
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "the streams wait for each other"
    return results[0]


def counted(stream):
    return sum(batch.num_rows for batch in stream.batches)


def many_streams(catalog):
    """At least four streams for each I/O thread, of all plans, and their numbers of rows."""
    plans = [optimize(plan, catalog) for plan in PLANS.values()]
    repeated = plans * (4 * pa.io_thread_count() // len(plans) + 1)
    return [open_stream(plan, catalog) for plan in repeated], [run_plan(plan, catalog).num_rows for plan in plans]


def test_many_streams_read_in_turns_by_one_thread_do_not_deadlock(catalog):
    streams, expected = many_streams(catalog)

    def read_in_turns():
        turns = zip_longest(*(stream.batches for stream in streams))
        rows_of_turns = ([0 if batch is None else batch.num_rows for batch in turn] for turn in turns)
        return [sum(numbers) for numbers in zip(*rows_of_turns, strict=True)]

    assert within(60, read_in_turns) == expected * (len(streams) // len(expected))


def test_many_streams_read_by_a_thread_each_do_not_deadlock(catalog):
    streams, expected = many_streams(catalog)

    def read_at_once():
        with ThreadPoolExecutor(len(streams)) as pool:
            return list(pool.map(counted, streams))

    assert within(60, read_at_once) == expected * (len(streams) // len(expected))


def test_a_stalled_stream_does_not_hold_up_others(catalog):
    streams, _ = many_streams(catalog)
    for stream in streams:
        next(stream.batches)
    assert within(60, lambda: run_plan(rows, catalog).num_rows) == ROWS
    for stream in streams:
        stream.batches.close()


@st.composite
def batches(draw):
    """Batches of two columns, with strings of up to 400 bytes."""
    sizes = draw(st.lists(st.integers(0, 12), max_size=8))
    strings = st.one_of(st.none(), st.integers(0, 400).map(lambda size: "x" * size))
    made = []
    for size in sizes:
        texts = draw(st.lists(strings, min_size=size, max_size=size))
        made.append(pa.record_batch({"text": pa.array(texts, pa.string()), "n": pa.array(range(size), pa.int64())}))
    return made


@given(batches(), st.integers(1, 10), st.integers(50, 500))
@settings(deadline=None)
def test_rebatching_keeps_rows_and_bounds(given_batches, most_rows, most_bytes):
    cut = list(rebatch(given_batches, most_rows, most_bytes))
    schema = pa.schema([("text", pa.string()), ("n", pa.int64())])
    assert pa.Table.from_batches(cut, schema).to_pylist() == pa.Table.from_batches(given_batches, schema).to_pylist()
    for batch in cut:
        assert 0 < batch.num_rows <= most_rows
        # a merged batch has a byte of validity where the pieces had none
        assert batch.nbytes <= most_bytes + 2 * batch.num_columns or batch.num_rows == 1


def test_batches_that_go_out_have_64_ki_rows_and_4_mib_at_most():
    table = pa.table({"n": range(300_000), "text": ["x" * 40] * 300_000})
    small = table.to_batches(max_chunksize=1000)
    for cut in (list(rebatch(table.to_batches())), list(rebatch(small))):
        assert sum(batch.num_rows for batch in cut) == 300_000
        assert all(batch.num_rows <= 65_536 and batch.nbytes <= 4 * 1024 * 1024 for batch in cut)
        assert len(cut) < 12


def test_a_row_too_large_for_a_batch_goes_alone():
    table = pa.table({"text": ["a", "x" * 5_000_000, "b"]})
    assert [batch.num_rows for batch in rebatch(table.to_batches())] == [1, 1, 1]


def test_the_first_batch_is_not_held_back():
    given_batches = iter(pa.table({"n": range(3)}).to_batches(max_chunksize=1))
    assert next(rebatch(given_batches)).num_rows == 1
    assert len(list(given_batches)) == 2


def test_rows_without_columns_are_counted_through_rebatching():
    alone = pa.table({"n": range(100)}).select([]).to_batches()
    assert sum(batch.num_rows for batch in rebatch(alone * 3, rows=60)) == 300
