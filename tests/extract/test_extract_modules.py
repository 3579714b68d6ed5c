"""Names of modules: the source roots that build files, folders, imports and the caller tell."""

from pathlib import Path

import pytest

from flight_client.extract import scan
from flight_client.extract.source_files import BadSourceRootError

SETUPTOOLS = "[tool.setuptools]\npackage-dir = {'' = 'code', 'other' = 'elsewhere'}\n"
HATCH = "[tool.hatch.build.targets.wheel]\npackages = ['python/acme']\nsources = {'impl' = 'fast'}\n"
POETRY = "[tool.poetry]\npackages = [{include = 'acme', from = 'code'}]\n"
UV = "[tool.uv.build-backend]\nmodule-name = 'acme'\nmodule-root = ''\n"
SETUP_CFG = "[options]\npackage_dir =\n    = code\npackages = find:\n"
SETUP_PY = "import setuptools\nWHERE = 'code'\nsetuptools.setup(packages=setuptools.find_namespace_packages(WHERE))\n"

CASES = {
    "setuptools": ({"pyproject.toml": SETUPTOOLS}, {"code/acme/a.py": "acme.a", "elsewhere/b.py": "other.b"}),
    "hatch": ({"pyproject.toml": HATCH}, {"python/acme/x/a.py": "acme.x.a", "impl/b.py": "fast.b"}),
    "poetry": ({"pyproject.toml": POETRY}, {"code/acme/a.py": "acme.a", "tests/test_a.py": "test_a"}),
    "uv": ({"pyproject.toml": UV}, {"acme/x/a.py": "acme.x.a", "tests/test_a.py": "test_a"}),
    "setup.cfg": ({"setup.cfg": SETUP_CFG}, {"code/acme/x/a.py": "acme.x.a"}),
    "setup.py": ({"setup.py": SETUP_PY}, {"code/acme/x/a.py": "acme.x.a", "setup.py": "setup"}),
    "broken": ({"pyproject.toml": "[tool"}, {"src/acme/a.py": "acme.a"}),
    "src": ({}, {"one/src/acme/x/__init__.py": "acme.x", "two/src/acme/y.py": "acme.y"}),
    "packages": ({"a/b/__init__.py": "", "a/b/c/d.py": ""}, {"a/b/c/d.py": "b.c.d", "a/tool.py": "tool"}),
    "imports": ({"main.py": "from acme.x import y\n"}, {"acme/x/y.py": "acme.x.y", "bin/z.py": "z"}),
    "relative": ({"acme/x/__init__.py": "from .. import z\n"}, {"acme/x/y.py": "acme.x.y", "acme/z.py": "acme.z"}),
    "votes": (
        {"tests/odd.py": "from tests.a import b\n", "tests/c.py": "import a.b\n", "tests/d.py": "from a import b\n"},
        {"tests/a/__init__.py": "a", "tests/a/b.py": "a.b"},
    ),
    "no names": ({"conf.dev.py": "", "notes.ipynb": "{}"}, {"conf.dev.py": None, "notes.ipynb": None}),
    "no identifiers": ({}, {"src/acme-1.0/pkg/__init__.py": "pkg", "acme-stubs/__init__.pyi": "acme"}),
}


def names_in(root: Path, files: dict[str, str], **options: list[Path]) -> dict[str, str | None]:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return {file.path: file.module.dotted for file in scan(root, **options)}


@pytest.mark.parametrize("case", CASES)
def test_names_start_at_source_roots(tmp_path: Path, case: str) -> None:
    files, expected = CASES[case]
    found = names_in(tmp_path, {**dict.fromkeys(expected, ""), **files})
    assert {path: found[path] for path in expected} == expected


def test_the_caller_names_source_roots(tmp_path: Path) -> None:
    files = {"src/acme/a.py": "", "src/acme/__init__.py": ""}
    assert names_in(tmp_path, files, source_roots=[Path("src/acme")])["src/acme/a.py"] == "a"
    with pytest.raises(BadSourceRootError, match="is no folder in"):
        scan(tmp_path, source_roots=[Path("..")])


def test_a_root_has_a_reason(tmp_path: Path) -> None:
    names_in(tmp_path, {"pyproject.toml": POETRY, "code/acme/a.py": "", "tool.py": ""})
    found = {file.path: (file.module.root, file.module.reason) for file in scan(tmp_path)}
    assert found["code/acme/a.py"] == ("code", "pyproject.toml: poetry.packages")
    assert found["tool.py"] == (".", "the file's own folder")
