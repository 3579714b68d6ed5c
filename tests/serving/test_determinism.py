"""The same source gives the same rows in the same order, whoever extracts it and however it got there."""

import shutil

import pytest
from serving_store import DEMO, PIPELINE, ingested, rows_of, service_over

DATASETS = [name for name, output in PIPELINE.items() if output.spec is not None]
COPIES = 6  # of the demo repo: two parts


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("source") / "code"
    for number in range(COPIES):
        shutil.copytree(DEMO, root / f"copy{number}", ignore=shutil.ignore_patterns("__pycache__"))
    return root


@pytest.fixture(scope="module")
def services(source, tmp_path_factory):
    both = [service_over(tmp_path_factory.mktemp("store")) for _ in range(2)]
    for service, jobs in zip(both, (1, 3), strict=True):
        ingested(service, source, jobs=jobs)
    return both


@pytest.mark.parametrize("order", [None, "canonical"])
@pytest.mark.parametrize("dataset", DATASETS)
def test_two_fresh_stores_with_different_jobs_give_equal_rows(services, dataset, order):
    first, second = (rows_of(service, dataset, order=order) for service in services)
    assert first.equals(second, check_metadata=True)


@pytest.mark.parametrize("dataset", ["callsite_qname_candidates", "dim_qualified_names", "cst_name_refs"])
def test_reading_again_gives_equal_rows(services, dataset):
    first = rows_of(services[0], dataset)
    assert services[0].store.snapshot("demo").parts > 1
    assert first.num_rows > 0
    assert all(rows_of(services[0], dataset).equals(first) for _ in range(5))


def test_what_was_ingested_bit_by_bit_equals_a_fresh_index(source, tmp_path):
    root = tmp_path / "code"
    shutil.copytree(source, root)
    service = service_over(tmp_path / "store")
    ingested(service, root)
    (root / "copy0" / "report.py").write_text("def added():\n    return added()\n")
    (root / "copy1" / "new.py").write_text("print(len([]))\n")
    (root / "copy2" / "report.py").unlink()
    shutil.rmtree(root / "copy3")
    changed = ingested(service, root)
    assert (changed.extracted, changed.removed) == (2, 1 + sum(1 for _ in DEMO.rglob("*.py*")))
    assert ingested(service, root).snapshot is None
    fresh = service_over(tmp_path / "fresh")
    ingested(fresh, root)
    for dataset in DATASETS:
        assert rows_of(service, dataset).equals(rows_of(fresh, dataset)), dataset
