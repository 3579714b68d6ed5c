"""Names of modules: the source roots that build files, folders, imports and the caller tell."""

from pathlib import Path

import pytest

from flight_client import connect
from flight_client.extract import scan
from flight_client.extract.source_files import BadSourceRootError
from flight_client.ingest import ingest
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.service import Service
from flight_server.storage.store import Store

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


SERVICES = {
    f"{name}/app/{file}.py": text
    for name in ("one", "two")
    for file, text in (
        ("__init__", ""),
        ("main", "from app.util import help\nfrom . import util\n\ndef run():\n    help()\n    util.help()\n"),
        ("util", "def help():\n    pass\n"),
    )
}
STEPS: tuple[dict[str, str | None], ...] = (
    {"one/pyproject.toml": "[tool.setuptools]\npackage-dir = {'app' = 'app'}\n", "code/ns/x.py": "import ns.y\n"},
    {"pyproject.toml": POETRY.replace("acme", "ns"), "code/ns/y.py": ""},
    {"pyproject.toml": None, "two/app/__init__.py": None},
    {"two/app/__init__.py": "", "use.py": "from two.app.main import run\nrun()\n"},
)


def test_an_incremental_ingest_names_modules_as_a_full_one(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    names_in(root, SERVICES)
    for number, step in enumerate(({}, *STEPS)):
        for path, text in step.items():
            if text is None:
                (root / path).unlink()
            else:
                names_in(root, {path: text})
        assert served(tmp_path / "store", root) == served(tmp_path / f"full{number}", root)


def served(store: Path, root: Path) -> list[list[dict[str, object]]]:
    """The rows that depend on names of modules, after an ingest into a store."""
    server = FlightServer(Service(Store(store), load_pipeline()))
    try:
        with connect(server.uri) as client:
            ingest(client, root, repo="r", jobs=1)
            found = []
            for table in ("modules", "cst_defs", "callsite_qname_candidates", "call_graph"):
                with client.read("r", table, order="canonical") as reader:
                    found.append(reader.read_all().to_pylist())
            return found
    finally:
        server.stop()
