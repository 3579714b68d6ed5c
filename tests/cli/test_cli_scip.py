"""``ingest --scip``."""

from pathlib import Path

from cli_process import run, succeed

ZOO = Path(__file__).parents[1] / "scip"
INGEST = ("ingest", ZOO / "zoo", "--repo", "zoo", "--layers", "cst")


def test_an_index_goes_beside_what_was_extracted(tmp_path):
    store = ("--store", tmp_path / "store")
    first, second = succeed(*INGEST, *store, "--scip", ZOO / "zoo.scip", "--scip-prefix", "zoo=").splitlines()
    assert "3 files, 3 extracted" in first
    assert second.startswith("zoo: 3 documents of the SCIP index, ")
    assert second.endswith("; snapshot 2")
    symbols = succeed("get", "zoo", "rel_callsite_symbol", *store, "--columns", "symbol")
    assert "`zoo.animals`/Animal#speak()." in symbols


def test_documents_that_the_repo_does_not_have_are_told(tmp_path):
    shown = succeed(*INGEST, "--store", tmp_path / "store", "--scip", ZOO / "zoo.scip")
    assert "3 documents of the SCIP index" in shown
    assert ", 3 of files that the repo does not have" in shown


def test_what_is_no_index_is_refused(tmp_path):
    for index, message in ((ZOO / "README.md", "not a SCIP index"), (tmp_path / "none", "does not exist")):
        done = run(*INGEST, "--store", tmp_path / "store", "--scip", index)
        assert done.returncode == 2
        assert message in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_prefix_is_a_pair(tmp_path):
    done = run(*INGEST, "--store", tmp_path / "store", "--scip", ZOO / "zoo.scip", "--scip-prefix", "zoo")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'zoo' is not OLD=NEW" in done.stderr
