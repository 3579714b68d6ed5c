"""The layer ``ts``: tree-sitter's tree of every file that can be decoded, those with errors too."""

import json
import subprocess
import sys

import pytest
from extract_rows import DEMO, cut, rows_of, rows_of_source, tables_of

from flight_client.extract import MissingExtraError, extract, scan
from flight_client.extract.layers import known_layers


def nodes(folder, source):
    return rows_of_source(folder, source, layers=["ts"])


def test_a_node_cuts_its_text_out_of_the_file(tmp_path):
    rows = nodes(tmp_path, "naïve = '🐍' + f(größe)\r\nx = 1\n")
    names = [cut(rows, row, "start_byte", "end_byte") for row in rows["ts_nodes"] if row["ts_type"] == "identifier"]
    assert names == ["naïve", "f", "größe", "x"]


def test_offsets_are_of_the_text_in_utf8_whatever_the_encoding(tmp_path):
    rows = nodes(tmp_path, "# coding: latin-1\nx = 'é'; y = x\n".encode("latin-1"))
    (text,) = (row for row in rows["ts_nodes"] if row["ts_type"] == "string")
    assert cut(rows, text, "start_byte", "end_byte") == "'é'"


def test_children_stand_inside_their_parents_and_after_them():
    rows = tables_of(DEMO, layers=["ts"])["ts_nodes"]
    spans = {}
    for row in rows:
        assert row["ts_node_id"] not in spans
        if row["parent_ts_id"] is None:
            assert row["ts_type"] == "module"
        else:
            start, end = spans[row["parent_ts_id"]]
            assert start <= row["start_byte"] <= row["end_byte"] <= end
        spans[row["ts_node_id"]] = (row["start_byte"], row["end_byte"])


def test_every_file_has_one_root():
    roots = [row["path"] for row in tables_of(DEMO, layers=["ts"])["ts_nodes"] if row["parent_ts_id"] is None]
    assert roots == [file.path for file in scan(DEMO)]


@pytest.mark.parametrize("source", ["def f(:\n  pass\n", "x = = 1\n", "class\n", "print 'hello'\n\0", "(" * 500])
def test_a_file_that_does_not_parse_has_a_tree(tmp_path, source):
    rows = rows_of_source(tmp_path, source, layers=["ts", "cst"])
    assert len(rows["cst_parse_errors"]) == 1
    assert rows["ts_nodes"][0]["has_error"]
    assert rows["ts_errors"] + rows["ts_missing"]
    known = {row["ts_node_id"]: row for row in rows["ts_nodes"]}
    assert {row["ts_node_id"] for row in rows["ts_errors"]} == {key for key, row in known.items() if row["is_error"]}
    assert {row["ts_node_id"] for row in rows["ts_missing"]} == {key for key, row in known.items() if row["is_missing"]}


def test_a_missing_node_is_told(tmp_path):
    (missing,) = nodes(tmp_path, "def f(:\n  pass\n")["ts_missing"]
    assert (missing["ts_type"], missing["start_byte"], missing["end_byte"]) == (")", 6, 6)


def test_source_that_parses_has_no_errors(tmp_path):
    rows = nodes(tmp_path, "async def f(a, /, *, b: int = 1): return [x async for x in a if (y := x)]\n")
    assert (rows["ts_errors"], rows["ts_missing"]) == ([], [])


def test_a_file_that_cannot_be_decoded_has_no_tree(tmp_path):
    rows = nodes(tmp_path, b"# coding: utf-8\nx = '\xff'\n")
    assert (rows["ts_nodes"], len(rows["repo_files"])) == ([], 1)


@pytest.mark.parametrize("source", ["x = " + "(" * 10_000 + "1" + ")" * 10_000, "x = " + "-" * 100_000 + "1"])
def test_deep_source(tmp_path, source):
    assert len(nodes(tmp_path, source)["ts_nodes"]) > 10_000


def test_magics_in_notebooks_are_no_errors(tmp_path):
    cells = [{"cell_type": "code", "source": text} for text in ("%cd /tmp\nx = 1", "!ls\ny = x")]
    notebook = {"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    path = tmp_path / "book.ipynb"
    path.write_text(json.dumps(notebook))
    rows = rows_of(path, layers=["ts"])
    assert (rows["ts_errors"], rows["ts_missing"]) == ([], [])
    names = [cut(rows, row, "start_byte", "end_byte") for row in rows["ts_nodes"] if row["ts_type"] == "identifier"]
    assert names == ["x", "y", "x"]


@pytest.mark.parametrize("library", ["tree_sitter", "tree_sitter_python"])
def test_without_the_extra_the_error_names_it_and_the_layers_that_need_none(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)  # as if it were not installed
    message = r"layer ts needs .*: pip install 'flight-server\[ts\]'; layers without it: cst, ast, sym, cfg, flow, bc"
    with pytest.raises(MissingExtraError, match=message):
        next(extract(scan(DEMO), repo="r", parts=1, jobs=1, layers=["cst", "ts"]))
    assert known_layers(["cst", "bc"]) == ("cst", "bc")


def test_the_library_is_loaded_only_when_the_layer_is_chosen():
    code = (
        "import sys; from pathlib import Path; from flight_client.extract import extract, scan;"
        f"files = scan(Path({str(DEMO)!r}));"
        "run = lambda *layers: list(extract(files, repo='r', parts=1, jobs=1, layers=layers)) and None;"
        "run('cst', 'bc'); before = 'tree_sitter' in sys.modules; run('ts');"
        "print(before, 'tree_sitter' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]
