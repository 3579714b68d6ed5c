"""Inspection at run time: modules that are named are imported in processes of their own, and described as ``rt_*``."""

import json
import os
import subprocess
import sys
import time

import pytest

from flight_client.runtime import inspect_modules
from flight_client.runtime.inspection import SCHEMAS
from flight_client.runtime.inspector import TEXT_CHARACTERS

SHAPES = """
import functools, json as js
from dataclasses import dataclass

LIMIT = {3, 1, 2}
TEXT = "x" * 1000

class Shape:
    sides = 0
    @property
    def area(self) -> "float": return 0.0
    @staticmethod
    def unit(size=LIMIT, *, label: str = "a"): return size
    @classmethod
    def named(cls, name): return cls()
    class Point:
        __slots__ = ("x",)

@functools.lru_cache
def cached(n: int, /, *rest: "int", **options) -> list[int]: return []

async def waits(): ...
def yields(): yield
def made():
    def inner(): ...
    return inner
first, second = made(), made()
alias = cached
"""
HOSTILE = {
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt: no message"),
    "missing": ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
    "syntax": ("x = = 1", "SyntaxError: invalid syntax"),
    "leaves": ("import os; os._exit(7)", "the interpreter ended with exit code 7 before it answered"),
    "dies": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the interpreter died of signal 11"),
    "hangs": ("import time\nwhile True: time.sleep(1)", "no answer within 5 s"),
    "unprintable": (
        "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
        "E: no message",
    ),
}
BENIGN = {
    "prints": "import os, sys\nprint('x' * 100_000); sys.stderr.write('y'); os.write(1, b'z' * 100_000)",
    "reads": "import sys; line = sys.stdin.read()",
    "forks": "import os, time\nif os.fork() == 0: time.sleep(600)",
    "copies": "import os; child = os.fork() == 0",
    "threads": "import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()",
    "parses": "import argparse; parsed = argparse.ArgumentParser().parse_args()",
    "rebinds": "import builtins, json, sys\nbuiltins.repr = json.dumps = sys.stdout = None",
}


@pytest.fixture(name="root")
def folder_of_modules(tmp_path):
    package = tmp_path / "src" / "pkg"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "shapes.py").write_text(SHAPES)
    return tmp_path


def write(root, name, source):
    (root / "src" / "pkg" / f"{name}.py").write_text(source + "\n")
    return f"pkg.{name}"


def rows(inspected, table):
    return inspected.tables[table].to_pylist()


def shapes(root):
    found = inspect_modules(root, ["pkg.shapes"])
    assert (found.errors, found.notes) == ({}, {})
    return found


def test_objects_are_those_that_the_module_defines(root):
    objects = {row["rt_id"].removeprefix("rt:pkg.shapes"): row for row in rows(shapes(root), "rt_objects")}
    kinds = {key.removeprefix(":"): row["obj_type"] for key, row in objects.items()}
    assert kinds == {
        "": "module",
        "Shape#1": "class",
        "Shape.area#1": "function",
        "Shape.unit#1": "function",
        "Shape.named#1": "function",
        "Shape.Point#1": "class",
        "cached#1": "function",
        "waits#1": "coroutine_function",
        "yields#1": "generator_function",
        "made#1": "function",
        "made.<locals>.inner#1": "function",
        "made.<locals>.inner#2": "function",
    }
    lines = {row["qualname"]: row["source_line"] for row in objects.values()}
    assert {row["source_path"] for row in objects.values()} == {"src/pkg/shapes.py"}
    assert [SHAPES.split("\n")[lines[name] - 1].strip() for name in ("Shape", "Shape.Point", "cached")] == [
        "class Shape:",
        "class Point:",
        "@functools.lru_cache",
    ]
    assert dict(objects[":Shape#1"]["meta"]) == {"bases": "builtins.object"}
    assert dict(objects[""]["meta"])["python"].startswith("3.")


def test_signatures_with_their_parameters(root):
    found = shapes(root)
    signatures = {row["rt_id"].rpartition(":")[2]: row for row in rows(found, "rt_signatures")}
    assert signatures["cached#1"]["signature"] == "(n: int, /, *rest: int, **options) -> list[int]"
    assert signatures["Shape.unit#1"]["signature"] == "(size={1, 2, 3}, *, label: str = 'a')"
    assert signatures["Shape.area#1"]["return_annotation"] == "float"
    params = [row for row in rows(found, "rt_signature_params") if row["sig_id"] == signatures["cached#1"]["sig_id"]]
    assert [(row["position"], row["name"], row["kind"], row["annotation_repr"]) for row in params] == [
        (0, "n", "positional_only", "int"),
        (1, "rest", "var_positional", "int"),
        (2, "options", "var_keyword", None),
    ]


def test_members_say_what_a_name_is_bound_to(root):
    members = {row["member_id"]: row for row in rows(shapes(root), "rt_members")}
    module = {
        row["name"]: (row["member_kind"], row["value_module"], row["value_qualname"])
        for row in members.values()
        if row["rt_id"] == "rt:pkg.shapes"
    }
    assert module["js"] == ("module", "json", None)
    assert module["dataclass"] == ("function", "dataclasses", "dataclass")
    assert module["alias"] == ("function", "pkg.shapes", "cached")
    assert module["LIMIT"] == ("data", None, None)
    assert members["rt:pkg.shapes/member:LIMIT"]["value_repr"] == "{1, 2, 3}"
    assert len(members["rt:pkg.shapes/member:TEXT"]["value_repr"]) <= TEXT_CHARACTERS
    shape = {row["name"]: row["member_kind"] for row in members.values() if row["rt_id"] == "rt:pkg.shapes:Shape#1"}
    assert shape == {
        "sides": "data",
        "area": "property",
        "unit": "staticmethod",
        "named": "classmethod",
        "Point": "class",
    }


def test_the_rows_are_the_same_on_every_run_and_machine(root):
    first, second = shapes(root), shapes(root)
    assert first.tables == second.tables
    shown = json.dumps([table.to_pylist() for table in first.tables.values()], default=str, ensure_ascii=False)
    assert " at 0x" not in shown.replace("0x…", "")
    assert str(root) not in shown


def test_tables_hold_their_contracts_and_keys(root):
    found = shapes(root)
    assert {name: table.schema for name, table in found.tables.items()} == dict(SCHEMAS)
    for table in found.tables.values():
        table.validate(full=True)
        ids = table.column(0).to_pylist()
        assert len(ids) == len(set(ids))
    objects = {row["rt_id"] for row in rows(found, "rt_objects")}
    assert {row["rt_id"] for name in ("rt_signatures", "rt_members") for row in rows(found, name)} <= objects


def test_modules_that_fail_are_reported_and_stop_nothing(root):
    modules = [write(root, name, source) for name, (source, _) in HOSTILE.items()]
    found = inspect_modules(root, [*modules, "pkg.shapes", "pkg.nowhere.at_all", "os"], seconds=5.0)
    expected = {f"pkg.{name}": message for name, (_, message) in HOSTILE.items()}
    expected["pkg.nowhere.at_all"] = "ModuleNotFoundError: No module named 'pkg.nowhere'"
    expected["os"] = f"there is no module os in {root}"
    assert {name: text.partition(" (")[0] for name, text in found.errors.items()} == expected
    assert {row["module"] for row in rows(found, "rt_objects")} == {"pkg.shapes"}


@pytest.mark.parametrize("name", BENIGN)
def test_modules_that_misbehave_are_inspected_all_the_same(root, capfd, name):
    found = inspect_modules(root, [write(root, name, BENIGN[name])])
    assert found.errors == {}
    assert [row["rt_id"] for row in rows(found, "rt_objects")] == [f"rt:pkg.{name}"]
    assert capfd.readouterr() == ("", "")


def test_processes_that_a_module_leaves_behind_are_ended(root):
    record = root / "child"
    source = f"import os, time\nif (n := os.fork()) == 0: time.sleep(600)\nopen({str(record)!r}, 'w').write(str(n))"
    inspect_modules(root, [write(root, "leaves_a_child", source)])
    child = int(record.read_text())
    for _ in range(600):
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(child)], capture_output=True, text=True, check=False)
        if state.stdout.strip()[:1] in {"", "Z"}:
            return
        time.sleep(0.1)
    raise AssertionError(f"process {child} still runs")


def test_hostile_objects_are_described_without_their_consent(root):
    source = """
class Rude:
    def __repr__(self): raise SystemExit("no")
    def __getattribute__(self, name): raise BaseException(name)
    __class__ = property(lambda self: 1 / 0)
class Meta(type):
    def __getattribute__(cls, name): raise KeyboardInterrupt
    def __call__(cls): raise MemoryError
class Odd(metaclass=Meta):
    def method(self, x=Rude()): ...
class Big:
    def __repr__(self): return "z" * 10_000_000
rude, big, many = Rude(), Big(), list(range(1_000_000))
def f(a=rude, b: rude = big, *, c=many): ...
f.__signature__ = 3
def g(a=rude, b: "\\ud800" = big, *, c=many): ...
globals()["\\udfff"] = "\\udfff"
def __getattr__(name): raise SystemExit
"""
    found = inspect_modules(root, [write(root, "rude", source)])
    assert found.errors == {}
    members = {row["name"]: row for row in rows(found, "rt_members") if row["rt_id"] == "rt:pkg.rude"}
    assert (members["rude"]["member_kind"], members["rude"]["value_repr"]) == ("data", None)
    assert len(members["big"]["value_repr"]) <= TEXT_CHARACTERS
    assert set(members["big"]["value_repr"]) == {"z", "."}
    objects = {row["qualname"] for row in rows(found, "rt_objects")}
    assert {"Rude", "Odd", "Odd.method", "f", "g"} <= objects
    params = {row["param_id"].removeprefix("rt:pkg.rude:"): row for row in rows(found, "rt_signature_params")}
    assert params["g#1/sig/param:0"]["default_repr"] == "…"
    assert params["g#1/sig/param:2"]["default_repr"].startswith("[0, 1, 2")


def test_a_module_that_puts_something_else_in_its_place(root):
    source = (
        "import sys\nclass Lazy:\n    def __getattr__(self, name): raise SystemExit\nsys.modules[__name__] = Lazy()"
    )
    found = inspect_modules(root, [write(root, "replaced", source)])
    assert found.errors == {}
    assert [row["obj_type"] for row in rows(found, "rt_objects")] == ["data"]


def test_imports_write_nothing_into_the_folder(root):
    before = sorted(root.rglob("*"))
    shapes(root)
    assert sorted(root.rglob("*")) == before


def test_names_of_the_standard_library_in_the_folder_are_not_in_the_way(root):
    for name in ("json", "inspect", "ast"):
        (root / f"{name}.py").write_text("raise SystemExit('the wrong one')\n")
        (root / "src" / f"{name}.py").write_text("raise SystemExit('the wrong one')\n")
    assert shapes(root).tables["rt_objects"].num_rows == 12


def test_the_interpreter_may_be_another(root, tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nMARKED=yes exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    module = write(root, "marked", "import os; mark = os.environ.get('MARKED')")
    found = inspect_modules(root, [module], python=str(python))
    assert {row["name"]: row["value_repr"] for row in rows(found, "rt_members")}["mark"] == "'yes'"
    assert "MARKED" not in os.environ


def test_an_interpreter_that_is_not_there(root):
    with pytest.raises(FileNotFoundError):
        inspect_modules(root, ["pkg.shapes"], python="/nowhere/python")
