"""What the points-to solution promises besides being right: it depends on the facts alone, and never fails."""

import json
import re
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from call_programs import facts_of

from arrowdsl.schema.schema import plain
from flight_server.points_to.solution import INPUTS, solution

DEMO = Path(__file__).parents[2] / "flight_server" / "demo_repo"
CROWD = 90
CHAIN = 1500
ROUNDS = 2100
_MADE = """
from functools import partial
def make(*args): return dict(zip(args, args)).items()
class Store:
    held = partial(make, 1)
    def find(self, key):
        for number, (one, two) in enumerate(zip(key, key[1:])):
            self.last = one, number
        return list(map(partial(make, 2), {**dict(self.last)}.items()))
for each in Store().find([make, [make]]): each()
first = [pair for pair in zip([make], [Store])][0]
"""


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    _write(tmp_path, **_crowded())
    tables = facts_of(tmp_path)
    rows = _rows(solution(tables))
    assert any(row["saturated"] for row in rows)
    for seed in range(3):
        assert _rows(solution(_by_files(tables, seed))) == rows


def test_definitions_have_the_names_that_extraction_gives_them(tmp_path: Path) -> None:
    lambdas = "first = [lambda: lambda: 0 for _ in ''], lambda: 1"
    nested = "class C[T]: x = lambda: 0" if sys.version_info >= (3, 12) else "class C: x = lambda: 0"
    _write(tmp_path, made=_MADE, lambdas=f"{lambdas}\ndef f():\n    global g\n    def g(): {lambdas}\n    {nested}\n")
    tables = facts_of(tmp_path)
    rows = _rows(solution(tables))
    named = {row["src"]: row["name"] for row in rows if row["relation"] == "definition"}
    assert named == dict(zip(*(tables["cst_defs"][name].to_pylist() for name in ("def_id", "qname")), strict=True))


def test_a_comment_changes_nothing(tmp_path: Path) -> None:
    source = (DEMO / "report.py").read_text(encoding="utf-8")
    _write(tmp_path, report=source)
    before = _rows(solution(facts_of(tmp_path)))
    _write(tmp_path, report=f"# a comment\n{source}")
    assert _rows(solution(facts_of(tmp_path))) == before
    assert before


def test_a_place_that_holds_too_much_is_saturated_and_its_calls_are_doubtful(tmp_path: Path) -> None:
    _write(tmp_path, **_crowded())
    rows = _rows(solution(facts_of(tmp_path)))
    doubtful = [row for row in rows if row["relation"] == "call" and row["rule_name"] == "saturated"]
    assert 0 < len({row["name"] for row in doubtful}) < CROWD
    assert all(row["confidence"] <= 0.5 for row in doubtful)


def test_a_long_chain_of_classes_is_followed_to_its_end(tmp_path: Path) -> None:
    links = [f"class C{n}(C{n - 1}): pass" for n in range(1, CHAIN)]
    _write(tmp_path, chain="\n".join(["class C0:\n    def go(self): pass", *links, f"C{CHAIN - 1}().go()"]))
    called = {row["name"] for row in _rows(solution(facts_of(tmp_path))) if row["relation"] == "call"}
    assert "chain.C0.go" in called


def test_no_facts_give_no_rows() -> None:
    assert solution({}).num_rows == 0


def test_any_table_may_be_missing() -> None:
    tables = facts_of(DEMO)
    for missing in INPUTS:
        solution({name: table for name, table in tables.items() if name != missing})


def test_a_repo_that_would_not_run_is_read_all_the_same(tmp_path: Path) -> None:
    _write(
        tmp_path,
        broken="def (",
        one="from two import *\nfrom two import a\nclass A(B): pass\nclass B(A): pass\nclass C(A, B, A): pass\nC().x()",
        two="from one import *\nfrom . import nothing\nfrom .... import far\nfrom three import missing\na = b\nb = a",
        three="class A: pass\nclass B(A): pass\nclass D(A, B): pass\nclass A: pass\nclass E(E): pass\nD().run()\n"
        "def f(*a, **k): return f(*a, **k)\nf(f)\nx = lambda: x\nx()()()\n",
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "one.py").write_text("def work(): pass\nwork()\n", encoding="utf-8")
    rows = _rows(solution(facts_of(tmp_path)))
    assert ("one", "one.work") in {(row["owner_name"], row["name"]) for row in rows if row["relation"] == "call"}


def test_methods_resolve_as_python_orders_classes(tmp_path: Path) -> None:
    source = "\n".join(
        [
            "class O: pass",
            *(f"class {name}(O): pass" for name in "ABCDE"),
            "class K1(A, B, C): pass",
            "class K2(D, B, E): pass",
            "class K3(D, A): pass",
            "class Z(K1, K2, K3): pass",
        ]
    )
    _write(tmp_path, main=source)
    rows = [row for row in _rows(solution(facts_of(tmp_path))) if row["relation"] == "order"]
    known = runpy.run_path(str(tmp_path / "main.py"))  # the same classes, as Python orders them
    for name in ("K1", "K2", "K3", "Z"):
        order = sorted((row["position"], row["dst"]) for row in rows if f":{name}#1" in row["src"])
        expected = [each.__name__ for each in known[name].__mro__ if each is not object]
        assert [dst.rpartition(":")[2].partition("#")[0] for _, dst in order] == expected


def test_a_repo_has_the_same_solution_under_each_name(tmp_path: Path) -> None:
    """File ids are hashes of the repo's name too, and full places keep the objects that come first."""
    _write(tmp_path, **_crowded(), made=_MADE)
    first, second = (facts_of(tmp_path, repo) for repo in ("calls", "another"))
    rows = _of_paths(solution(first), first)
    assert any('"saturated": true' in row for row in rows)
    assert rows == _of_paths(solution(second), second)


def test_a_file_more_changes_no_row_of_another(tmp_path: Path) -> None:
    """``other`` has places, sites, folders and keys that are numbered before those of ``user`` and ``made``."""
    _write(tmp_path, **_crowded(), made=_MADE)
    before = _rows(solution(facts_of(tmp_path)))
    (tmp_path / "aaa").mkdir()
    (tmp_path / "aaa" / "other.py").write_text(_MADE.replace("make", "anew"), encoding="utf-8")
    tables = facts_of(tmp_path)
    rows = _rows(solution(tables))
    paths = dict(
        zip(tables["repo_files"]["file_id"].to_pylist(), tables["repo_files"]["path"].to_pylist(), strict=True)
    )
    assert any(paths[row["file_id"]] == "aaa/other.py" for row in rows)
    assert [row for row in rows if paths[row["file_id"]] != "aaa/other.py"] == before


def test_an_object_of_the_library_is_named_after_the_call_that_makes_it(tmp_path: Path) -> None:
    _write(tmp_path, made=_MADE)
    held = {str(row["dst"]) for row in _rows(solution(facts_of(tmp_path))) if row["relation"] == "points_to"}
    made = {each for each in held if each.startswith("obj:site:")}
    assert any(each.endswith(":tuple") for each in made)
    assert any("partial:def:" in each and "@site:def:" in each for each in held)
    assert not [each for each in held if each.split(":")[1].isdigit() or each.rpartition("@")[2].isdigit()]


def test_a_class_has_all_of_nine_bases(tmp_path: Path) -> None:
    _write(tmp_path, main=f"{_with_bases(9)}\nMany().go8()\n")
    assert "main.Base8.go8" in {row["name"] for row in _rows(solution(facts_of(tmp_path))) if row["relation"] == "call"}


def test_a_class_with_more_bases_than_are_followed_is_marked(tmp_path: Path) -> None:
    """Its own methods are sure; a method that none of the followed bases has may be one of the others."""
    calls = "def choose(one):\n    x = one or Lone()\n    x.go99()\n    Many().go0()\nchoose(Many())\n"
    lone = "class Lone:\n    def go99(self): pass\n"
    _write(tmp_path, main=f"{_with_bases(100)}\nclass Heir(Many): pass\n{lone}{calls}")
    rows = _rows(solution(facts_of(tmp_path)))
    orders = {str(row["src"]).rpartition(":")[2]: row["saturated"] for row in rows if row["relation"] == "order"}
    assert orders["Many#1"] is True
    assert orders["Heir#1"] is True
    assert not orders["Lone#1"]
    rules = {row["name"]: row["rule_name"] for row in rows if row["relation"] == "call"}
    assert rules["main.Lone.go99"] == "saturated"
    assert rules["main.Base0.go0"] != "saturated"


def test_a_fixpoint_that_is_broken_off_is_marked(tmp_path: Path) -> None:
    """Each call finds what the next one calls: more rounds than there may be."""
    functions = "\n".join(f"def f{number}(): return f{number + 1}" for number in range(ROUNDS))
    calls = "\n".join(f"x{number + 1} = x{number}()" for number in range(ROUNDS))
    _write(tmp_path, main=f"{functions}\ndef f{ROUNDS}(): pass\nx0 = f0\n{calls}")
    rows = _rows(solution(facts_of(tmp_path)))
    called = [row for row in rows if row["relation"] == "call"]
    assert 0 < len(called) < ROUNDS
    assert {row["rule_name"] for row in called} == {"saturated"}
    assert all(row["saturated"] for row in rows if row["relation"] == "points_to")


def _with_bases(count: int) -> str:
    bases = "\n".join(f"class Base{number}:\n    def go{number}(self): pass" for number in range(count))
    return f"{bases}\nclass Many({', '.join(f'Base{number}' for number in range(count))}): pass"


def _of_paths(relations: pa.Table, tables: Mapping[str, pa.Table]) -> list[str]:
    """The rows with paths in place of file ids."""
    files = tables["repo_files"]
    paths = dict(zip(files["file_id"].to_pylist(), files["path"].to_pylist(), strict=True))
    found = [json.dumps(row) for row in _rows(relations)]
    return sorted(re.sub(r"\b[a-z2-7]{13}\b", lambda file: paths.get(file[0], file[0]), row) for row in found)


def _crowded() -> dict[str, str]:
    """Files of which each hands functions to one that calls them all."""
    users = {
        f"user{number}": f"from hub import run\ndef act{number}(): pass\nrun(act{number})\n" for number in range(CROWD)
    }
    return {"hub": "def run(action):\n    action()\n", **users}


def _write(folder: Path, **sources: str) -> None:
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")


def _by_files(tables: Mapping[str, pa.Table], seed: int) -> dict[str, pa.Table]:
    """The same rows with the files in another order."""
    files = tables["repo_files"]["file_id"].combine_chunks()
    order = files.take(pa.array(np.random.default_rng(seed).permutation(len(files))))
    return {
        name: table.take(pa.array(np.argsort(pc.index_in(table["file_id"], value_set=order).to_numpy(), kind="stable")))
        for name, table in tables.items()
    }


def _rows(relations: pa.Table) -> list[dict[str, object]]:
    keys = [(name, "ascending") for name in ("relation", "file_id", "src", "dst", "name", "position", "label", "kind")]
    return relations.cast(plain(relations.schema)).sort_by(keys).to_pylist()


def test_every_call_has_callees_or_a_reason(tmp_path: Path) -> None:
    source = """
class Plain: pass
class Own:
    def __init__(self): pass
def known(): pass
def use(given, name, items):
    given.run()
    Own().missing()
    getattr(Own(), name)()
    items[0]()
    nothing = None
    nothing()
    known()
    Plain()
    Own()
"""
    _write(tmp_path, main=source)
    tables = facts_of(tmp_path)
    rows = _rows(solution(tables))
    reasons = {row["src"]: row["kind"] for row in rows if row["relation"] == "unresolved"}
    called = {row["src"] for row in rows if row["relation"] == "call"}
    sites = tables["flow_calls"].filter(pc.equal(tables["flow_calls"]["site_kind"], "call"))["site_id"].to_pylist()
    assert not reasons.keys() & called
    assert reasons.keys() | called >= set(sites)
    expected = ["computed_name", "not_callable", "unknown_attribute", "unknown_callee", "unknown_receiver"]
    assert sorted(map(str, reasons.values())) == expected
    kinds = {row["name"]: row["kind"] for row in rows if row["relation"] == "call"}
    assert kinds["main.Plain"] == "plain_class"
    assert kinds["main.Own"] == "class"


def test_functions_passed_on_by_name_are_all_called_and_chosen_ones_are_not(tmp_path: Path) -> None:
    _write(
        tmp_path,
        main="def a(): pass\ndef b(): pass\n"
        "def every():\n    for step in (a, b): step()\n"
        "def one(which):\n    chosen = a\n    if which: chosen = b\n    chosen()\n"
        "every()\none(1)\n",
    )
    assert _rules(tmp_path, "main.every") == {"main.a": "given", "main.b": "given"}
    assert _rules(tmp_path, "main.one") == {"main.a": "one_of_few", "main.b": "one_of_few"}


def test_the_class_of_an_annotation_is_surer_than_its_subclasses(tmp_path: Path) -> None:
    _write(
        tmp_path,
        main="class Base:\n    def run(self): self.step()\n    def step(self): pass\n"
        "class Other(Base):\n    def step(self): pass\n"
        "class Third(Base):\n    def step(self): pass\n"
        "def go(base: Base): base.step()\n",
    )
    assert _rules(tmp_path, "main.go") == {
        "main.Base.step": "declared",
        "main.Other.step": "override",
        "main.Third.step": "override",
    }
    assert _rules(tmp_path, "main.Base.run") == {
        "main.Base.step": "declared",
        "main.Other.step": "own_override",
        "main.Third.step": "own_override",
    }


def test_a_method_of_a_builtin_type_is_a_rival(tmp_path: Path) -> None:
    _write(
        tmp_path,
        main="class Table:\n    def update(self, other): pass\n"
        "def fill(table): table.update(1)\nfill(Table())\nfill({})\n"
        "def sure(table): table.update(1)\nsure(Table())\n",
    )
    assert _rules(tmp_path, "main.fill")["main.Table.update"] == "one_of_few"
    assert _rules(tmp_path, "main.sure") == {"main.Table.update": "only_callee"}


def test_a_decorators_result_is_not_what_another_use_of_it_was_given(tmp_path: Path) -> None:
    uses = "".join(f"@Marked\ndef f{n}(): pass\n" for n in range(3))
    marked = "class Marked:\n    held = {}\n    def __new__(cls, f):\n        cls.held[f.__name__] = f\n"
    _write(tmp_path, main=f"{marked}        return cls.held[f.__name__]\n{uses}def go(): f0()\n")
    assert set(_rules(tmp_path, "main.go")) == {"main.f0"}


def _rules(folder: Path, caller: str) -> dict[object, object]:
    rows = _rows(solution(facts_of(folder)))
    return {row["name"]: row["rule_name"] for row in rows if row["relation"] == "call" and row["owner_name"] == caller}
