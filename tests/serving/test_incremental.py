"""After any edits, what was ingested bit by bit equals what a fresh index of the same folder has, in every dataset."""

import shutil
from contextlib import contextmanager
from itertools import islice

import pytest
from serving_store import DEMO, service_over
from source_edits import EDITS, edited

from flight_client import connect
from flight_client.contracts.ids import part_of_path
from flight_client.extract import DEFAULT_LAYERS, EXTRACTED
from flight_client.extract import raw_rows as extracted_tables
from flight_client.extract.layers import tables_of
from flight_client.ingest import ingest
from flight_server.rpc.server import FlightServer

COPIES = 5  # of the demo repo: two parts
SEQUENCES = 2
EDITS_EACH = 24
SOME = ("repo_files", "cst_parse_errors", "cst_name_refs", "sym_scopes", "var_events", "callsite_qname_candidates")


@contextmanager
def client_over(folder):
    server = FlightServer(service_over(folder))
    try:
        with connect(server.uri) as client:
            yield client
    finally:
        server.stop()


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "code"
    for number in range(COPIES):
        shutil.copytree(DEMO, root / f"copy{number}", ignore=shutil.ignore_patterns("__pycache__"))
    return root


def rows_of(client, datasets):
    """All rows of these datasets, as they come over Flight."""
    return {name: client.read("r", name, order="canonical").read_all() for name in datasets}


def assert_equals_a_fresh_index(client, root, folder, datasets=SOME, **selection):
    with client_over(folder) as fresh:
        ingest(fresh, root, repo="r", jobs=1, **selection)
        expected = rows_of(fresh, datasets)
    found = rows_of(client, datasets)
    different = {name for name in expected if not found[name].equals(expected[name])}
    assert different == set()
    assert expected["repo_files"].num_rows > 0


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_incremental_equals_full(root, tmp_path, seed):
    with client_over(tmp_path / "store") as client:
        ingest(client, root, repo="r", jobs=1)
        edits = edited(root, seed, EDITS_EACH)
        while list(islice(edits, 4 + seed)):  # an ingest after a few edits
            ingest(client, root, repo="r", jobs=1)
        every = set(client.datasets("r")) - {"violations"}  # which counts what the others leave out
        assert_equals_a_fresh_index(client, root, tmp_path / "fresh", every if seed == 0 else EXTRACTED)


def test_the_sequences_have_every_edit(root):
    made = {name for seed in range(SEQUENCES) for name in edited(root, seed, EDITS_EACH)}
    assert made == {edit.__name__ for edit in EDITS}


def test_one_changed_file_rewrites_its_part_only(root, tmp_path):
    def stored():
        return {path.relative_to(tmp_path / "store" / "repos" / "r" / "raw") for path in tmp_path.rglob("*.parquet")}

    changed = root / "copy0" / "report.py"
    with client_over(tmp_path / "store") as client:
        ingest(client, root, repo="r", jobs=1)
        parts = client.begin("r")["parts"]
        before = stored()
        changed.write_text("def f():\n    return f()\n")
        done = ingest(client, root, repo="r", jobs=1)
        new = stored() - before
    assert parts > 1
    assert (done.extracted, done.changed) == (1, ("copy0/report.py",))
    assert {path.parts[1] for path in new} == {str(part_of_path("r", "copy0/report.py", parts))}
    assert {path.parts[0] for path in new} >= {"repo_files", "cst_defs", "ast_nodes"}


def test_files_no_longer_selected_go_and_come_back(root, tmp_path):
    with client_over(tmp_path / "store") as client:
        ingest(client, root, repo="r", jobs=1)
        selection = {"include": ["copy0/", "copy1/"], "exclude": ["*.pyi", "report.py"]}
        assert ingest(client, root, repo="r", jobs=1, **selection).removed > 0
        assert_equals_a_fresh_index(client, root, tmp_path / "few", **selection)
        assert ingest(client, root, repo="r", jobs=1).removed == 0
        assert_equals_a_fresh_index(client, root, tmp_path / "all")


def test_a_layer_chosen_later_is_extracted_alone(root, tmp_path):
    with client_over(tmp_path / "store") as client:
        ingest(client, root, repo="r", jobs=1, layers=("cst",))
        (root / "copy0" / "report.py").write_text("x = 1\n")
        done = ingest(client, root, repo="r", jobs=1, layers=("cst", "sym"))
        files = client.read("r", "repo_files").read_all().num_rows
        assert done.extracted == files
        assert set(done.rows) == set(tables_of(["cst", "sym"]))
        assert (done.rows["repo_files"], done.rows["cst_parse_manifest"]) == (1, 1)
        assert done.rows["sym_scopes"] > files
        ingest(client, root, repo="r", jobs=1)
        assert_equals_a_fresh_index(client, root, tmp_path / "fresh")


def test_another_version_of_the_extractor_extracts_all_anew(root, tmp_path, monkeypatch):
    with client_over(tmp_path / "store") as client:
        ingest(client, root, repo="r", jobs=1)
        monkeypatch.setattr("flight_client.ingest.EXTRACTOR_VERSION", extracted_tables.EXTRACTOR_VERSION + "-next")
        done = ingest(client, root, repo="r", jobs=1)
        assert done.extracted == done.files
        assert set(done.rows) == set(tables_of(DEFAULT_LAYERS))
