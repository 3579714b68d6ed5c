"""Every span cuts out what its row names, and there are exactly as many rows as ``ast`` has nodes."""

import ast
import unicodedata
from pathlib import Path

import pytest
from extract_rows import DEMO, STANDARD_LIBRARY, cut, rows_of

from flight_client.extract import scan

LIBRARY = ("argparse.py", "dataclasses.py", "typing.py", "enum.py", "asyncio/tasks.py", "json/decoder.py", "turtle.py")
SPANS = (
    ("cst_defs", "def_bstart", "def_bend"),
    ("cst_callsites", "call_bstart", "call_bend"),
    ("cst_imports", "alias_bstart", "alias_bend"),
    *((name, "bstart", "bend") for name in ("cst_params", "cst_decorators", "cst_bases", "cst_exports")),
    *((name, "bstart", "bend") for name in ("cst_name_refs", "cst_type_exprs")),
)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
FILES = [file.abs_path for file in scan(DEMO)] + [str(STANDARD_LIBRARY / name) for name in LIBRARY]


def normalised(text):
    return unicodedata.normalize("NFKC", text)


def parsed(source):
    try:
        return ast.parse(source)
    except SyntaxError:
        pytest.skip("this interpreter can't parse it")


@pytest.fixture(params=FILES, ids=lambda path: path.rpartition("/")[2], name="rows", scope="module")
def rows_of_file(request):
    return rows_of(Path(request.param))


def tree_of(rows):
    return parsed(rows["repo_files"][0]["text"])


def test_name_refs_cut_out_their_names(rows):
    for row in rows["cst_name_refs"]:
        assert normalised(cut(rows, row)) == row["name"]


def test_a_span_begins_and_ends_on_its_lines(rows):
    lines = rows["repo_files"][0]["text"].encode().splitlines(keepends=True) or [b""]
    for table, start, end in SPANS:
        for row in rows[table]:
            before, upto = b"".join(lines[: row["line"] - 1]), b"".join(lines[: row["end_line"]])
            assert len(before) <= row[start] <= len(before) + len(lines[row["line"] - 1])
            assert len(upto) - len(lines[row["end_line"] - 1]) <= row[end] <= len(upto)


def test_params_cut_out_their_names(rows):
    for row in rows["cst_params"]:
        assert normalised(cut(rows, row)) == row["name"]


def test_definitions_cut_out_their_names(rows):
    for row in rows["cst_defs"]:
        if row["name_bstart"] is not None:
            assert normalised(cut(rows, row, "name_bstart", "name_bend")) == row["name"]
            assert cut(rows, row, "def_bstart", "def_bend").startswith(("def", "class", "async"))


def test_calls_cut_out_the_call_that_their_node_is(rows):
    nodes = numbered(tree_of(rows))
    for row in rows["cst_callsites"]:
        again = ast.parse(f"({cut(rows, row, 'call_bstart', 'call_bend')}\n)", mode="eval").body
        assert ast.dump(again) == ast.dump(nodes[row["ast_idx"]])
        assert cut(rows, row, "callee_bstart", "callee_bend")[:200] == row["callee_text"]
        assert row["arg_count"] == len(again.args) + len(again.keywords)


def test_type_expressions_cut_out_their_text(rows):
    for row in rows["cst_type_exprs"]:
        assert cut(rows, row) == row["expr_text"]


def test_imports_cut_out_their_alias_and_statement(rows):
    for row in rows["cst_imports"]:
        assert normalised(cut(rows, row, "alias_bstart", "alias_bend")).startswith(row["name"].partition(".")[0])
        assert cut(rows, row, "stmt_bstart", "stmt_bend").startswith(("import", "from"))


def test_a_call_site_for_each_call(rows):
    calls = [node for node in ast.walk(tree_of(rows)) if isinstance(node, ast.Call)]
    assert len(rows["cst_callsites"]) == len(calls)


def test_a_definition_for_each_function_and_class(rows):
    nodes = numbered(tree_of(rows))
    kinds = {"function": ast.FunctionDef, "async_function": ast.AsyncFunctionDef, "class": ast.ClassDef}
    found = [nodes[row["ast_idx"]] for row in rows["cst_defs"] if row["kind"] in kinds]
    assert set(found) == {node for node in nodes if isinstance(node, DEFINITIONS)}
    assert len(found) == len(set(found))


def test_ids_are_unique(rows):
    keys = {"cst_defs": "def_id", "cst_params": "param_id", "cst_imports": "import_id", "cst_name_refs": "name_ref_id"}
    keys |= {"cst_callsites": "call_id", "cst_type_exprs": "type_expr_id"}
    for table, key in keys.items():
        ids = [row[key] for row in rows[table]]
        assert len(ids) == len(set(ids))


def test_rows_are_in_source_order(rows):
    for table, key in (("cst_name_refs", "bstart"), ("cst_callsites", "call_bstart"), ("cst_defs", "def_bstart")):
        starts = [row[key] for row in rows[table]]
        assert starts == sorted(starts)


def numbered(tree):
    """The nodes in preorder over fields; neither contexts, nor operators, nor empty constants in f-strings count."""
    nodes = [tree]
    for name, value in ast.iter_fields(tree):
        if name not in {"ctx", "op", "ops"}:
            for child in value if isinstance(value, list) else [value]:
                is_empty = isinstance(tree, ast.JoinedStr) and isinstance(child, ast.Constant) and child.value == ""
                if isinstance(child, ast.AST) and not is_empty:
                    nodes += numbered(child)
    return nodes
