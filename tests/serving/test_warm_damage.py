"""Files damaged under a running server, with size and time of modification kept: right rows or a clear error."""

import os
import random
from contextlib import suppress
from pathlib import Path

import pytest
from serving_store import DEMO, ingested, rows_of, service_over

from flight_server.serving.service import Service
from flight_server.storage.store_errors import StoreCorruptError

DATASETS = ("cst_defs", "definitions", "cpg_edges", "call_graph")
FLIPS = 20


@pytest.fixture
def warm(tmp_path) -> Service:
    """A service that has read all datasets."""
    service = service_over(tmp_path)
    ingested(service, DEMO)
    for dataset in DATASETS:
        rows_of(service, dataset)
    return service


def flip(path: Path, place: int, bit: int) -> None:
    """Change one bit of a file in place; its size and time of modification stay."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(place)
        [byte] = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def kinds(service: Service) -> dict[str, list[Path]]:
    """The store's files by kind."""
    root = service.store.root
    repo = root / "repos" / "demo"
    return {
        "artifact": sorted((root / "artifacts" / "demo").glob("*.arrow")),
        "part": sorted((repo / "raw" / "cst_defs").rglob("*.parquet")),
        "manifest": sorted((repo / "snapshots").glob("*.json")),
        "hint": [repo / "snapshots" / "newest"],
    }


@pytest.mark.parametrize("kind", ["artifact", "part", "manifest", "hint"])
def test_a_warm_server_reads_right_rows_or_names_the_damage(warm, kind):
    chosen = random.Random(kind)
    expected = {dataset: rows_of(warm, dataset) for dataset in DATASETS}
    paths = kinds(warm)[kind]
    assert paths
    for _ in range(FLIPS):
        path = chosen.choice(paths)
        good = path.read_bytes()
        flip(path, chosen.randrange(len(good)), chosen.randrange(8))
        for dataset in DATASETS:
            with suppress(StoreCorruptError):
                assert rows_of(warm, dataset).equals(expected[dataset])
        if kind in {"part", "manifest"}:  # each of their bytes counts; a cached result is computed again by the read
            assert not warm.check("demo").is_clean
        path.write_bytes(good)
    for dataset in DATASETS:
        assert rows_of(warm, dataset).equals(expected[dataset])


def test_a_read_of_a_cached_result_does_not_verify_it_again(warm, monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("flight_server.storage.artifact_file.checksums_of", refuse)
    for _ in range(3):
        assert rows_of(warm, "cpg_edges").num_rows
