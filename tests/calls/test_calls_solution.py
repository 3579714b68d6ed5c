"""What the points-to solution promises besides being right: it depends on the facts alone, and never fails."""

import runpy
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from call_programs import facts_of

from arrowdsl.schema.schema import plain
from flight_server.points_to.inputs import INPUTS
from flight_server.points_to.solution import solution

DEMO = Path(__file__).parents[2] / "flight_server" / "demo_repo"
CROWD = 60
CHAIN = 1500


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    _write(tmp_path, **_crowded())
    tables = facts_of(tmp_path)
    rows = _rows(solution(tables))
    assert any(row["saturated"] for row in rows)
    for seed in range(3):
        assert _rows(solution(_by_files(tables, seed))) == rows


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
