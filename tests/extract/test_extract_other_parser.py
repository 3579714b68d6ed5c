"""Files that another interpreter parses have the rows that the running one would give them."""

import ast
import sys

import pytest
from extract_rows import STANDARD_LIBRARY, rows_of, rows_of_source, tables_of

from flight_client.extract import parsing
from flight_client.extract.other_parser import BadPythonError, OtherParser, version_of
from flight_client.extract.source_files import scan
from flight_client.extract.syntax_tree import NODE_CLASSES
from flight_client.parse_errors import newer_interpreters, readable

NEWER = """
def first[T: int, *Ts, **P](x: T) -> T:
    return f"{x:>{f"{x!r}"}}" + f'{x["a"]}'
class Box[T](dict):
    type Inner[K] = dict[K, T]
first(Box())
"""
LITERALS = "x = 1, -1.5, 1e999, 2j, b'\\xff', '\\ud800é', None, True, ..., 0x" + "f" * 500 + ", f'{a!r:>{b}}'\n"


@pytest.fixture(name="newer", scope="module")
def newer_interpreter():
    found = next(newer_interpreters(), None)
    if found is None:
        pytest.skip("no newer interpreter is installed")
    return found[1]


@pytest.mark.parametrize("name", ["argparse.py", "typing.py", "asyncio/tasks.py"])
def test_a_tree_of_another_process_is_that_of_this_one(name):
    text = (STANDARD_LIBRARY / name).read_text(encoding="utf-8")
    with OtherParser(sys.executable) as other:
        for each in (text, LITERALS):
            assert ast.dump(other.parse(each), include_attributes=True) == ast.dump(
                ast.parse(each), include_attributes=True
            )


@pytest.mark.parametrize("text", ["x = = 1\n", "  x\n", "x\n\ty\n", "x = '\0'", "(" * 300])
def test_errors_are_those_of_the_parser(text):
    with pytest.raises((SyntaxError, ValueError)) as here:
        ast.parse(text)
    with OtherParser(sys.executable) as other, pytest.raises((SyntaxError, ValueError)) as there:
        other.parse(text)
    assert str(there.value) == str(here.value)
    assert getattr(there.value, "end_offset", None) == getattr(here.value, "end_offset", None)


def test_rows_do_not_depend_on_the_parser(monkeypatch):
    expected = rows_of(STANDARD_LIBRARY / "enum.py")
    monkeypatch.setattr(parsing, "_parsed", ast.literal_eval)  # a parser that refuses every module
    files = scan(STANDARD_LIBRARY, include=("/enum.py",))
    found = tables_of(STANDARD_LIBRARY, files, python=sys.executable)
    for table in ("ast_nodes", "cst_callsites", "cfg_points", "flow_loads"):
        assert len(found[table]) == len(expected[table]) > 0
    assert found["cst_parse_errors"] == []


def test_newer_syntax(tmp_path, newer):
    (tmp_path / "new.py").write_text(NEWER)
    (tmp_path / "bad.py").write_text("x = = 1\n")
    rows = tables_of(tmp_path, python=newer)
    assert [error["path"] for error in rows["cst_parse_errors"]] == ["bad.py"]
    assert {row["name"] for row in rows["cst_defs"]} >= {"first", "Box"}
    kinds = {row["kind"] for row in rows["ast_nodes"]}
    assert kinds >= {"TypeVar", "TypeVarTuple", "ParamSpec", "TypeAlias"}
    text = next(file["text"] for file in rows["repo_files"] if file["path"] == "new.py")
    parts = [text[row["bstart"] : row["bend"]] for row in rows["ast_nodes"] if row["kind"] == "FormattedValue"]
    assert parts == ['{x:>{f"{x!r}"}}', '{f"{x!r}"}', "{x!r}", '{x["a"]}']
    assert readable(newer, scan(tmp_path)) == ("new.py",)


def test_every_newer_class_of_nodes_is_known(newer):
    with OtherParser(newer) as other:
        found = {type(node).__name__ for node in ast.walk(other.parse(NEWER))}
    assert found - {"Load", "Store", "Add"} <= NODE_CLASSES.keys()


@pytest.mark.parametrize("python", ["/nowhere/python", "/bin/ls"])
def test_what_is_no_interpreter(python):
    with pytest.raises(BadPythonError, match="does not run as a Python interpreter"):
        version_of(python)


@pytest.mark.skipif(hasattr(ast, "TypeAlias"), reason="this interpreter compiles the syntax of 3.12")
def test_bytecode_of_newer_syntax_is_an_error_of_its_layer(tmp_path, newer):
    (tmp_path / "new.py").write_text(NEWER)
    rows = tables_of(tmp_path, python=newer, layers=["cst", "bc"])
    assert len(rows["bc_errors"]) == 1
    assert rows["cst_defs"]
    assert rows_of_source(tmp_path, "x = 1", layers=["bc"])["bc_errors"] == []
