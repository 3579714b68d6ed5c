"""Which files of a folder are its source, and what their modules are called."""

import hashlib
import os

import pytest

from arrowdsl.errors import DataError
from flight_client.extract import BadGlobError, NoSourceFilesError, NotAFolderError, scan
from flight_client.extract.module_names import Module


def make(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x = 1\n")


def found(root, **selection):
    return [file.path for file in scan(root, **selection)]


def modules(root):
    return {file.path: file.module for file in scan(root)}


def test_python_stub_and_notebook_files_by_path(tmp_path):
    make(
        tmp_path, "b.py", "a/z.pyi", "a/b/c.py", "a.py", "data.txt", "a/x.pyc", "n.ipynb", ".ipynb_checkpoints/n.ipynb"
    )
    assert found(tmp_path) == ["a.py", "a/b/c.py", "a/z.pyi", "b.py", "n.ipynb"]


def test_size_and_hash_are_of_the_bytes(tmp_path):
    make(tmp_path, "a.py")
    (file,) = scan(tmp_path)
    assert (file.size, file.sha256) == (6, hashlib.sha256(b"x = 1\n").hexdigest())
    assert file.abs_path == str(tmp_path / "a.py")


def test_a_file_is_hashed_when_its_hash_is_asked_for(tmp_path, caplog):
    make(tmp_path, "a.py", "b.py")
    first, second = scan(tmp_path)
    (tmp_path / "a.py").write_bytes(b"x = 2\n")
    (tmp_path / "b.py").unlink()
    assert first.sha256 == hashlib.sha256(b"x = 2\n").hexdigest()
    assert (second.sha256, [record.args[0] for record in caplog.records]) == ("", ["b.py"])


def test_what_is_installed_hidden_or_built_is_left_out(tmp_path):
    make(tmp_path, "a.py", ".git/a.py", ".hidden.py", "__pycache__/a.py", "env/lib/a.py", "node_modules/a.py")
    make(tmp_path, "env/pyvenv.cfg", "build/lib/a.py", "dist/a.py", "x.egg-info/a.py", "lib/site-packages/a.py")
    make(tmp_path, "x.egg/a.py", "anaconda/conda-meta/history", "anaconda/a.py", ".tox/a.py", ".nox/a.py", ".eggs/a.py")
    make(tmp_path, "pkg/build/__init__.py", "pkg/build/b.py")
    assert found(tmp_path) == ["a.py", "pkg/build/__init__.py", "pkg/build/b.py"]


def test_links_are_not_followed(tmp_path):
    root = tmp_path / "root"
    make(tmp_path, "root/a/a.py", "outside/secret.py")
    (root / "a" / "loop").symlink_to(root)
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "secret.py").symlink_to(tmp_path / "outside" / "secret.py")
    (root / "dangling.py").symlink_to(root / "nowhere.py")
    assert found(root) == ["a/a.py"]


def test_pipes_and_folders_named_like_source_are_no_source(tmp_path):
    make(tmp_path, "a.py", "folder.py/b.py")
    os.mkfifo(tmp_path / "pipe.py")
    assert found(tmp_path) == ["a.py", "folder.py/b.py"]


def test_a_name_that_is_not_utf_8_is_escaped(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.py"
    try:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert found(tmp_path) == ["caf\\xe9.py"]


@pytest.mark.parametrize("name", ["gone", "file.py"])
def test_what_is_no_folder(tmp_path, name):
    make(tmp_path, "file.py")
    with pytest.raises(NotAFolderError, match="is not a folder") as raised:
        scan(tmp_path / name)
    assert raised.value.code == "not_a_folder"


def test_a_folder_without_source(tmp_path):
    with pytest.raises(NoSourceFilesError, match="no Python source under") as raised:
        scan(tmp_path)
    assert raised.value.code == "no_source_files"
    assert isinstance(raised.value, DataError)


NAMES = {
    "script.py": ("script", False, ""),
    "tools/script.py": ("script", False, ""),
    "src/pkg/__init__.py": ("pkg", True, "pkg"),
    "src/pkg/mod.py": ("pkg.mod", False, "pkg"),
    "src/pkg/sub/__init__.pyi": ("pkg.sub", True, "pkg.sub"),
    "src/pkg/sub/deep.pyi": ("pkg.sub.deep", False, "pkg.sub"),
    "src/pkg/space/mod.py": ("pkg.space.mod", False, "pkg.space"),
}


@pytest.mark.parametrize("path", NAMES)
def test_module_names(tmp_path, path):
    make(tmp_path, *NAMES)
    module = modules(tmp_path)[path]
    assert (module.name, module.is_package, module.package) == NAMES[path]


def test_a_root_that_is_a_package_gives_its_name(tmp_path):
    make(tmp_path, "outer/__init__.py", "outer/inner/__init__.py", "outer/inner/mod.py")
    assert modules(tmp_path / "outer" / "inner")["mod.py"].name == "outer.inner.mod"
    assert modules(tmp_path / "outer")["inner/mod.py"].name == "outer.inner.mod"
    assert modules(tmp_path)["outer/inner/mod.py"].name == "outer.inner.mod"


SELECTED = {
    "a folder": ({"include": ["src/"]}, ["src/a.py", "src/b/c.py"]),
    "by name": ({"include": ["c.py", "top.py"]}, ["src/b/c.py", "top.py"]),
    "by path": ({"include": ["src/**/c.py"]}, ["src/b/c.py"]),
    "left out": ({"exclude": ["src/b", "t*.py"]}, ["src/a.py"]),
    "the latter wins": ({"exclude": ["src/*", "!src/b"]}, ["src/b/c.py", "top.py"]),
    "both": ({"include": ["src"], "exclude": ["a.py"]}, ["src/b/c.py"]),
    "taken back": (
        {"exclude": ["!build/", "!.hidden/", "!ignored.py"]},
        [".hidden/a.py", "build/a.py", "ignored.py", "src/a.py", "src/b/c.py", "top.py"],
    ),
}


@pytest.mark.parametrize("case", SELECTED)
def test_what_the_caller_includes_and_excludes(tmp_path, case):
    make(tmp_path, "src/a.py", "src/b/c.py", "top.py", "build/a.py", ".hidden/a.py", "ignored.py", ".git/hooks/a.py")
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    selection, paths = SELECTED[case]
    assert found(tmp_path, **selection) == paths


def test_files_not_included_still_name_the_packages_of_those_that_are(tmp_path):
    make(tmp_path, "pkg/__init__.py", "pkg/sub/mod.py")
    (file,) = scan(tmp_path, include=["mod.py"])
    assert file.module.name == "pkg.sub.mod"


def test_ignore_files_do_not_bring_back_what_is_installed(tmp_path):
    make(tmp_path, "a.py", "env/pyvenv.cfg", "env/a.py", ".cache/a.py")
    (tmp_path / ".gitignore").write_text("*\n!*/\n!*.py\n")
    assert found(tmp_path) == ["a.py"]


@pytest.mark.parametrize("glob", ["", "[a", "#", "a//b"])
def test_a_glob_that_can_match_nothing_is_refused(tmp_path, glob):
    make(tmp_path, "a.py")
    with pytest.raises(BadGlobError, match="can match nothing") as raised:
        scan(tmp_path, include=[glob])
    assert raised.value.code == "bad_glob"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list any folder")
def test_a_folder_that_cannot_be_listed_is_reported_and_stops_nothing(tmp_path, caplog):
    make(tmp_path, "a.py", "closed/b.py")
    (tmp_path / "closed").chmod(0)
    assert found(tmp_path) == ["a.py"]
    assert "can't list closed/: Permission denied" in caplog.text
    (tmp_path / "closed").chmod(0o700)


def test_relative_imports():
    assert Module("a.b.c", is_package=False).absolute(1, "x") == "a.b.x"
    assert Module("a.b.c", is_package=False).absolute(2, "") == "a"
    assert Module("a.b", is_package=True).absolute(1, "") == "a.b"
    assert Module("script", is_package=False).absolute(1, "x") == ".x"
