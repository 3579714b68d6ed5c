"""Types: a type's identity is the qualified names in it, for annotations and for the instances that points-to finds."""

import pytest
from cpg_store import rows_of, served

from flight_server.serving.service import Service

SOURCE = {
    "pkg/__init__.py": "from .base import Base, helper as assist\n",
    "pkg/base.py": """
import typing as t
from typing import Optional
import collections.abc
T = t.TypeVar("T")
class Base:
    class Inner: ...
    number: int = 3
    def run(self, inner: "Inner", many: dict[str,int|None], maybe: "Optional[ Base ]" = None) -> "Base":
        value: T = inner
        return self
class Foo: ...
def f(foo: Foo, mode: t.Literal['a,b', "int"], rest: collections.abc.Sequence["t.Any"]) -> None:
    class Local: ...
    def g(local: Local) -> int | str: return 3
    return g
""",
    "a.py": """
import pkg
from pkg import Base
class Foo: ...
def g(foo: Foo, base: Base, same: pkg.Base) -> 'Foo': return Foo()
def h(): return Base()
""",
    "my-script.py": "class Foo: ...\ndef f(foo: Foo): ...\n",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    source = tmp_path_factory.mktemp("source")
    for path, text in SOURCE.items():
        (source / path).parent.mkdir(exist_ok=True)
        (source / path).write_text(text)
    return served(tmp_path_factory.mktemp("store"), source)


def types_in(service: Service, path: str) -> dict[str, str]:
    rows = rows_of(service, "type_exprs_norm", columns=("path", "expr_text", "type_id")).to_pylist()
    return {row["expr_text"]: row["type_id"] for row in rows if row["path"] == path}


def test_names_in_annotations_are_qualified(service: Service) -> None:
    assert types_in(service, "a.py") == {
        "Foo": "type:a.Foo",
        "'Foo'": "type:a.Foo",
        "Base": "type:pkg.base.Base",
        "pkg.Base": "type:pkg.base.Base",
    }
    assert types_in(service, "pkg/base.py") == {
        "int": "type:builtins.int",
        '"Inner"': "type:pkg.base.Base.Inner",
        "dict[str,int|None]": "type:builtins.dict[builtins.str, builtins.int | None]",
        '"Optional[ Base ]"': "type:typing.Optional[pkg.base.Base]",
        '"Base"': "type:pkg.base.Base",
        "T": "type:pkg.base.T",
        "Foo": "type:pkg.base.Foo",
        "t.Literal['a,b', \"int\"]": "type:typing.Literal['a,b', \"int\"]",
        'collections.abc.Sequence["t.Any"]': "type:collections.abc.Sequence[typing.Any]",
        "None": "type:builtins.NoneType",
        "Local": "type:pkg.base.f.<locals>.Local",
        "int | str": "type:builtins.int | builtins.str",
    }


def test_a_file_without_a_module_name_has_types_of_its_own(service: Service) -> None:
    files = rows_of(service, "repo_files", columns=("path", "file_id", "module")).to_pylist()
    [script] = [row for row in files if row["path"] == "my-script.py"]
    assert types_in(service, "my-script.py") == {"Foo": f"type:{script['module'] or script['file_id']}.Foo"}


def test_annotations_and_instances_meet(service: Service) -> None:
    columns = ("src_node_id", "dst_node_id", "rule_name")
    edges = rows_of(service, "cpg_edges", kinds=("INFERRED_TYPE",), columns=columns).to_pylist()
    by_rule = {
        rule: {
            edge["dst_node_id"] for edge in edges if edge["rule_name"] == rule and "#1/param:" in edge["src_node_id"]
        }
        for rule in ("annotation", "instance")
    }
    both = by_rule["annotation"] & by_rule["instance"]
    assert both >= {"type:a.Foo", "type:pkg.base.Foo", "type:pkg.base.Base", "type:pkg.base.f.<locals>.Local"}
    nodes = set(rows_of(service, "cpg_nodes", kinds=("TYPE",), columns=("node_id",)).column("node_id").to_pylist())
    assert {edge["dst_node_id"] for edge in edges} <= nodes


def test_the_form_is_that_of_the_outermost_constructor(service: Service) -> None:
    forms = {row["type_id"]: row["type_form"] for row in rows_of(service, "types_norm").to_pylist()}
    assert forms["type:builtins.dict[builtins.str, builtins.int | None]"] == "subscript"
    assert forms["type:builtins.int | builtins.str"] == "union"
    assert forms["type:typing.Optional[pkg.base.Base]"] == "union"
    assert forms["type:builtins.NoneType"] == "none"
    assert forms["type:pkg.base.Base"] == forms["type:builtins.int"] == "name"
