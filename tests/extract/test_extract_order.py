"""The same rows in the same order and batches, whatever the number of processes; parts, progress, module names."""

import gc
import importlib
import re
from base64 import b32decode
from hashlib import blake2b

import pytest
from extract_rows import DEMO, STANDARD_LIBRARY, tables_of

from flight_client.contracts.ids import file_id, part_of, part_of_path
from flight_client.extract import EXTRACTED, LAYERS, extract, scan

STREAM = importlib.import_module("flight_client.extract.extract")  # the package has a function of that name
ASYNCIO = STANDARD_LIBRARY / "asyncio"


def batches_of(root, jobs, parts=4):
    return list(extract(scan(root), repo="demo", parts=parts, jobs=jobs, layers=LAYERS))


@pytest.mark.parametrize("root", [DEMO, ASYNCIO], ids=["demo", "asyncio"])
def test_two_processes_give_what_one_gives(root, monkeypatch):
    here = batches_of(root, jobs=1)
    monkeypatch.setattr(STREAM, "SMALL_BYTES", 0)
    there = batches_of(root, jobs=2)
    assert [name for name, _ in here] == [name for name, _ in there]
    assert all(a.equals(b, check_metadata=True) for (_, a), (_, b) in zip(here, there, strict=True))


def test_files_come_in_the_order_of_part_and_path():
    files = [batch for name, batch in batches_of(DEMO, 1) if name == "repo_files"]
    order = [(part_of_path("demo", path, 4), path) for batch in files for path in batch.column("path").to_pylist()]
    assert order == sorted(order)
    assert len(order) == len(scan(DEMO))


def test_a_batch_holds_rows_of_one_part():
    for _, batch in batches_of(DEMO, 1):
        assert len({part_of(file, 4) for file in batch.column("file_id").to_pylist()}) == 1


def test_batches_are_cut_by_rows_and_chunks_by_bytes(monkeypatch):
    monkeypatch.setattr(STREAM, "BATCH_ROWS", 10)
    monkeypatch.setattr(STREAM, "CHUNK_BYTES", 1)
    cut = batches_of(DEMO, 1)
    assert max(batch.num_rows for _, batch in cut) == 10
    assert all(len(set(batch.column("file_id").to_pylist())) == 1 for _, batch in cut)


def test_file_ids_are_those_of_the_contract():
    for row in tables_of(DEMO)["repo_files"]:
        assert row["file_id"] == file_id("demo", row["path"])


def test_other_ids_contain_the_id_of_the_file_once():
    rows = tables_of(DEMO)
    for row in (*rows["cst_defs"], *rows["cst_callsites"]):
        assert re.fullmatch("[a-z2-7]{13}", row["file_id"])
        assert row.get("def_id", row.get("call_id")).split(":")[1] == row["file_id"]


def test_a_file_id_of_an_older_snapshot_is_in_the_same_part():
    paths = [f"m{number}.py" for number in range(64)]
    digits = [blake2b(f"demo\0{path}".encode(), digest_size=8).hexdigest() for path in paths]
    assert [b32decode(f"{file_id('demo', path)}===", casefold=True).hex() for path in paths] == digits
    for ids in (digits, [f"file:{found}" for found in digits]):
        assert [part_of(found, 16) for found in ids] == [part_of_path("demo", path, 16) for path in paths]


def test_extraction_leaves_no_cycles_to_the_garbage_collector():
    batches_of(ASYNCIO, 1)
    gc.collect()
    gc.disable()
    try:
        batches_of(ASYNCIO, 1)
        left = gc.collect()
    finally:
        gc.enable()
    assert left < 1000  # a tree alone has more nodes


def test_progress_counts_all_files():
    done = []
    list(extract(scan(DEMO), repo="demo", parts=4, jobs=1, progress=done.append))
    assert sum(done) == len(scan(DEMO))


def test_a_file_extracted_alone_has_the_rows_that_it_has_among_all():
    every = tables_of(DEMO)
    (file,) = (file for file in scan(DEMO) if file.path == "shop/storage/files.py")
    alone = tables_of(DEMO, [file])
    for table in EXTRACTED:
        assert alone[table] == [row for row in every[table] if row["file_id"] == file_id("demo", file.path)]


def test_no_files_no_batches():
    assert list(extract([], repo="demo", parts=1, jobs=2)) == []
