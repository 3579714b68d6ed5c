"""The views over a small repo: each row is what a person would say of the source."""

import pytest
from cpg_store import rows_of, served

from arrowdsl.compute.expr import col
from flight_client.contracts.tables import TABLES
from flight_server.serving.service import Service

SOURCES = {
    "shop/__init__.py": "",
    "shop/base.py": '''__all__ = ["Base", "make"]
import functools, subprocess

class Base:
    """A base.

    More about it.
    """
    @functools.cache
    @staticmethod
    def make(size, /, *, color=None): return size
    def run(self): return self.step(1)
    def step(self, n): return n
    def _forgotten(self): return [x for x in ""]
    def on_event(self): return 1

def make(*args):
    subprocess.run(
        "ls", shell=True, check=False)
    return unknown.thing(args)

def hidden(): return 1
''',
    "shop/derived.py": """from shop.base import Base as B, make
import json as js
class Derived(B, dict):
    def step(self, n): return make(n)
def use():
    callback = make
    handler = getattr(Derived(), "on_event")
    return callback, handler, Derived().run()
""",
    "tests/test_shop.py": "from shop.derived import use\ndef test_use(): assert use()\n",
}


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Service:
    root = tmp_path_factory.mktemp("source")
    for path, text in SOURCES.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return served(tmp_path_factory.mktemp("store"), root, ("cst", "ast", "sym", "cfg", "flow"))


def by_qname(service: Service, view: str, **narrowed: object) -> dict[str, dict[str, object]]:
    return {row["qname"]: row for row in rows_of(service, view, **narrowed).to_pylist()}


def test_definitions(repo: Service) -> None:
    found = by_qname(repo, "definitions")
    assert "shop.base.Base" in found
    assert found["shop.base.Base"]["doc"] == "A base."
    made = found["shop.base.Base.make"]
    assert (made["line"], made["signature"]) == (11, "make(size, /, *, color)")
    assert made["decorators"] == ["functools.cache", "staticmethod"]
    assert {name for name, row in found.items() if row["is_test"]} == {"test_shop", "test_shop.test_use"}
    exported = {name for name, row in found.items() if row["is_exported"] and row["path"] == "shop/base.py"}
    methods = {f"shop.base.Base.{name}" for name in ("make", "run", "step", "on_event")}
    assert exported == {"shop.base", "shop.base.Base", "shop.base.make", *methods}


def test_a_filter_on_a_view_does_not_change_its_rows(repo: Service) -> None:
    for view in ("definitions", "dead_code", "calls"):
        kind = "kind" if view != "calls" else "site_kind"
        every = rows_of(repo, view).to_pylist()
        for value in {row[kind] for row in every}:
            chosen = rows_of(repo, view, where=col(kind).eq(value)).to_pylist()
            assert chosen == [row for row in every if row[kind] == value]


def test_classes(repo: Service) -> None:
    found = by_qname(repo, "classes")
    assert found["shop.base.Base"]["subclasses"] == ["shop.derived.Derived"]
    assert found["shop.derived.Derived"]["bases"] == ["shop.base.Base", "builtins.dict"]
    assert found["shop.derived.Derived"]["overrides"] == ["shop.base.Base.step"]


def test_module_imports(repo: Service) -> None:
    rows = rows_of(repo, "module_imports", columns=("importer", "imported", "name", "asname", "is_external", "line"))
    found = [tuple(row.values()) for row in rows.to_pylist()]
    assert ("shop.derived", "shop.base", "Base", "B", False, 1) in found
    assert ("shop.derived", "json", "json", "js", True, 2) in found


def test_calls(repo: Service) -> None:
    rows = rows_of(repo, "calls").to_pylist()
    [shell] = [row for row in rows if row["callee"] == "subprocess.run"]
    assert (shell["caller"], shell["line"], shell["end_line"]) == ("shop.base.make", 18, 19)
    assert (shell["source_line"], shell["keywords"]) == ("subprocess.run(", ["shell", "check"])
    assert shell["arguments"] == '"ls", shell=True, check=False'
    [lost] = [row for row in rows if row["callee_text"] == "unknown.thing"]
    assert (lost["callee"], lost["caller"], lost["arguments"]) == (None, "shop.base.make", "args")


def test_every_call_site_has_a_row_in_calls(repo: Service) -> None:
    sites = rows_of(repo, "cst_callsites", columns=("call_id",)).column("call_id").to_pylist()
    assert set(sites) <= set(rows_of(repo, "calls", columns=("call_id",)).column("call_id").to_pylist())


def test_references(repo: Service) -> None:
    rows = rows_of(repo, "references").to_pylist()
    made = {(row["path"], row["line"], row["referrer"]) for row in rows if row["qname"] == "shop.base.make"}
    assert made == {
        ("shop/derived.py", 1, "shop.derived"),
        ("shop/derived.py", 4, "shop.derived.Derived.step"),
        ("shop/derived.py", 6, "shop.derived.use"),
    }
    [run] = [row for row in rows if row["qname"] == "shop.base.Base.run"]
    assert (run["source_line"], run["ref_kind"]) == ("return callback, handler, Derived().run()", "attribute")


def test_dead_code(repo: Service) -> None:
    found = by_qname(repo, "dead_code")
    assert {name for name, row in found.items() if row["is_likely"]} == {
        "shop.base.Base._forgotten",
        "shop.base.hidden",
    }
    against = {name: {key for key, holds in row.items() if holds is True} for name, row in found.items()}
    assert against["shop.base.Base.on_event"] == {"is_in_text", "is_exported"}
    assert against["test_shop.test_use"] == {"is_test", "is_exported"}
    assert "shop.base.make" not in found


@pytest.mark.parametrize("view", [name for name, spec in TABLES.items() if spec.layer == "views"])
def test_views_hold_their_contracts(repo: Service, view: str) -> None:
    violations = rows_of(repo, "violations").to_pylist()
    assert [row for row in violations if row["dataset"] == view] == []
    assert rows_of(repo, view).num_rows
