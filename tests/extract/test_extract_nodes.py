"""The syntax tree as rows: one for each node that counts, joined to calls and definitions by ``ast_idx``."""

import ast
from pathlib import Path
from unicodedata import normalize

import pytest
from extract_rows import DEMO, STANDARD_LIBRARY, cut, rows_of, rows_of_source

from flight_client.extract import scan

LIBRARY = ("argparse.py", "typing.py", "asyncio/tasks.py", "turtle.py")
FILES = [file.abs_path for file in scan(DEMO)] + [str(STANDARD_LIBRARY / name) for name in LIBRARY]
UNCOUNTED = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop)
OPERATORS = """
x = -a + b * c or d < e <= f is not g
x -= 1
"""


@pytest.fixture(params=FILES, ids=lambda path: path.rpartition("/")[2], name="rows", scope="module")
def rows_of_file(request):
    rows = rows_of(Path(request.param))
    if rows["ast_errors"]:
        pytest.skip("this interpreter can't parse it")
    return rows


def named(rows, kind):
    return [row["name"] for row in rows["ast_nodes"] if row["kind"] == kind]


def values(rows):
    return [row["value_repr"] for row in rows["ast_nodes"] if row["kind"] == "Constant"]


def test_a_row_for_each_node_in_preorder(rows):
    tree = ast.parse(rows["repo_files"][0]["text"])
    kinds = [type(node).__name__ for node in preorder(tree)]
    assert [row["kind"] for row in rows["ast_nodes"]] == kinds
    assert [row["ast_idx"] for row in rows["ast_nodes"]] == list(range(len(kinds)))


def preorder(node):
    yield node
    for child in ast.iter_child_nodes(node):
        is_empty = isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant) and child.value == ""
        if not isinstance(child, UNCOUNTED) and not is_empty:
            yield from preorder(child)


def test_parents_come_first_and_each_place_is_taken_once(rows):
    places = [(row["parent_ast_idx"], row["field_name"], row["field_pos"]) for row in rows["ast_nodes"]]
    assert places[0] == (None, None, None)
    assert all(parent < index for index, (parent, _, _) in enumerate(places[1:], 1))
    assert len(places) == len(set(places))


def test_spans_are_nested(rows):
    nodes = rows["ast_nodes"]
    for row in nodes[1:]:
        parent = nodes[row["parent_ast_idx"]]
        is_before = row["field_name"] == "decorator_list"  # a definition starts at its first keyword
        if row["bstart"] is not None and parent["bstart"] is not None and not is_before:
            assert parent["bstart"] <= row["bstart"] <= row["bend"] <= parent["bend"]


def test_names_and_attributes_are_cut_out_by_their_spans(rows):
    for row in rows["ast_nodes"]:
        if row["kind"] in {"Name", "Attribute"}:
            assert normalize("NFKC", cut(rows, row)).endswith(row["name"])


def test_calls_and_definitions_point_at_their_nodes(rows):
    spans = {row["ast_idx"]: (row["kind"], row["bstart"], row["bend"]) for row in rows["ast_nodes"]}
    for row in rows["cst_callsites"]:
        assert spans[row["ast_idx"]] == ("Call", row["call_bstart"], row["call_bend"])
    for row in rows["cst_defs"]:
        if row["kind"] != "module":
            assert spans[row["ast_idx"]][1:] == (row["def_bstart"], row["def_bend"])


def test_the_operator_stands_in_the_name(tmp_path):
    rows = rows_of_source(tmp_path, OPERATORS)
    assert named(rows, "BinOp") == ["Add", "Mult"]
    assert named(rows, "UnaryOp") == ["USub"]
    assert named(rows, "BoolOp") == ["Or"]
    assert named(rows, "Compare") == ["Lt, LtE, IsNot"]
    assert named(rows, "AugAssign") == ["Sub"]


def test_names_of_statements(tmp_path):
    rows = rows_of_source(tmp_path, "from ..a.b import c as d\nfrom . import e\ndef f():\n  global g, h\n")
    assert named(rows, "ImportFrom") == ["..a.b", "."]
    assert named(rows, "alias") == ["c", "e"]
    assert named(rows, "Global") == ["g, h"]


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("'a'", "'a'"),
        ('"it\'s"', '"it\'s"'),
        ("'é\\n\\u200b'", "'é\\n\\u200b'"),
        ("'é\\'\"'", "'é\\'\"'"),
        ("'\\ud800'", "'\\ud800'"),
        ("b'\\0'", "b'\\x00'"),
        ("1_0", "10"),
        ("2.50", "2.5"),
        ("3j", "3j"),
        ("None", "None"),
        ("...", "Ellipsis"),
        ("'" + "x" * 1000 + "'", "'" + "x" * 199),
        ("0x" + "f" * 5000, "0x" + "f" * 198),
    ],
)
def test_values(tmp_path, source, value):
    assert values(rows_of_source(tmp_path, source)) == [value]


@pytest.mark.parametrize(
    ("source", "texts", "specifications"),
    [
        ("f'''é{a!r:>{w}}\n{b}'''", ["é", ">", "\n"], [":>{w}"]),
        ("f'a{x=}b{ y = !r:>10}'", ["a{x=", "b{ y = ", ">10"], [":>10"]),
        ("f'{x=:a{y}b}'", ["x=", "a", "b"], [":a{y}b"]),
        ("'p' f'a{x}b' 'q'", ["'p' f'a", "b' 'q'"], []),
        ("f'{x}a' f'b' '' f'' f'{y}'", ["a' f'b' ''"], []),
        ("f'{x}' '' f'b{y:}'", ["'' f'b"], [":"]),
        ("f'a{{b}}{x}\\n' rf'\\n{y}'", ["a{{b}}", "\\n' rf'\\n"], []),
        ("f'' f'{x}' ''", [], []),
    ],
)
def test_texts_and_specifications_in_fstrings(tmp_path, source, texts, specifications):
    rows = rows_of_source(tmp_path, source)
    nodes = rows["ast_nodes"]
    assert [cut(rows, row) for row in nodes if row["kind"] == "Constant"] == texts
    assert [cut(rows, row) for row in nodes if row["field_name"] == "format_spec"] == specifications


def test_patterns_have_positions(tmp_path):
    rows = rows_of_source(tmp_path, "match x:\n case [1, *rest] | {'k': C(a=2), **more} as whole: pass\n")
    found = {(row["kind"], cut(rows, row)) for row in rows["ast_nodes"] if row["kind"].startswith("Match")}
    assert found >= {("MatchStar", "*rest"), ("MatchClass", "C(a=2)"), ("MatchMapping", "{'k': C(a=2), **more}")}
    assert ("MatchAs", "[1, *rest] | {'k': C(a=2), **more} as whole") in found


@pytest.mark.skipif(not hasattr(ast, "TypeVar"), reason="type parameters came with 3.12")
def test_type_parameters_have_positions(tmp_path):
    rows = rows_of_source(tmp_path, "def f[T: int, *Ts, **P](): pass\n")
    found = [cut(rows, row) for row in rows["ast_nodes"] if row["field_name"] == "type_params"]
    assert found == ["T: int", "*Ts", "**P"]


def test_only_nodes_that_ast_gives_no_position_have_none(rows):
    unplaced = {row["kind"] for row in rows["ast_nodes"] if row["bstart"] is None}
    assert unplaced <= {"Module", "arguments", "comprehension", "withitem", "match_case"}


def test_a_file_that_does_not_parse_has_an_error_and_no_nodes(tmp_path):
    rows = rows_of_source(tmp_path, "x = 1\ny = = 2\n")
    (error,) = rows["ast_errors"]
    assert (error["error_type"], error["lineno"], error["offset"]) == ("SyntaxError", 2, 5)
    assert rows["ast_nodes"] == []
