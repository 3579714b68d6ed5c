"""``ingest --runtime``: the modules that are named are imported, and nothing else is."""

import pytest
from cli_process import run, succeed


@pytest.fixture(name="root")
def folder_with_modules(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (root / "fine.py").write_text("class Kept:\n    def method(self, x=1): ...\n")
    (root / "other.py").write_text("open('marker', 'w')\n")
    (root / "broken.py").write_text("raise RuntimeError('first\\x1b[31m\\nsecond')\n")
    return root


def test_named_modules_are_inspected_with_a_warning_and_others_are_not_imported(root, tmp_path):
    store = tmp_path / "store"
    done = run("ingest", root, "--store", store, "--layers", "cst", "--runtime", "fine,broken", home=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "warning: --runtime imports modules, and so runs their code: fine, broken",
        r"failed: broken: RuntimeError: first\x1b[31m second",
        "error: --runtime could not import broken; the others are stored",
    ]
    assert "project: 1 of 2 modules inspected" in done.stdout
    assert not list(root.rglob("marker"))
    shown = succeed("get", "project", "rt_objects", "--store", store, "--columns", "rt_id")
    assert shown.splitlines()[1:] == ['"rt:fine"', '"rt:fine:Kept#1"', '"rt:fine:Kept.method#1"']


def test_an_inspection_replaces_the_one_before_and_an_ingest_without_one_leaves_it(root, tmp_path):
    store = tmp_path / "store"
    for modules in ("fine", "other"):
        done = run("ingest", root, "--store", store, "--layers", "cst", "--runtime", modules, home=tmp_path)
        assert "1 of 1 modules inspected" in done.stdout
    assert "nothing changed" in succeed("ingest", root, "--store", store, "--layers", "cst")
    shown = succeed("get", "project", "rt_objects", "--store", store, "--columns", "rt_id")
    assert shown.splitlines()[1:] == ['"rt:other"']


@pytest.mark.parametrize("modules", ["", "a b", "fine,", "../fine", "fine;os"])
def test_what_is_no_modules_name_is_refused_before_anything_is_done(root, tmp_path, modules):
    done = run("ingest", root, "--store", tmp_path / "store", "--runtime", modules, home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not a module's name" in done.stderr


def test_an_interpreter_that_cannot_be_run(root, tmp_path):
    options = ("--runtime", "fine", "--runtime-python", "/nowhere/python")
    done = run("ingest", root, "--store", tmp_path / "store", "--layers", "cst", *options, home=tmp_path)
    assert done.returncode == 2
    assert "/nowhere/python" in done.stderr.splitlines()[-1]
