"""Notebooks: the cells' code is what is extracted, spans are bytes of the joined text, what is not Python is masked."""

import ast
import hashlib
import json

import pytest
from extract_rows import cut, tables_of

from flight_client.extract.notebooks import Notebook, masked
from flight_client.extract.source_text import MAX_FILE_BYTES, SourceText


def document(*cells, **more):
    made = [
        {"cell_type": kind, "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for kind, source in cells
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made, **more}


def rows_of_notebook(folder, notebook, name="n.ipynb"):
    data = notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode()
    (folder / name).write_bytes(data)
    return tables_of(folder), data


CELLS = (
    ("markdown", "# Ärger"),
    ("code", ["import os\n", "é = os.getcwd()\n"]),
    ("raw", "print('not me')"),
    ("code", ""),
    ("code", "%matplotlib inline\nprint(é)\n!ls {é}\n"),
)


def test_code_cells_are_the_files_text_and_the_map_says_where_each_is(tmp_path):
    rows, data = rows_of_notebook(tmp_path, document(*CELLS))
    (file,) = rows["repo_files"]
    assert file["text"] == "import os\né = os.getcwd()\n\n\n%matplotlib inline\nprint(é)\n!ls {é}\n"
    text = file["text"].encode()
    cells = {cell["cell"]: text[cell["bstart"] : cell["bend"]].decode() for cell in file["cell_map"]}
    assert cells == {number: "".join(source) for number, (kind, source) in enumerate(CELLS) if kind == "code"}
    assert (file["bytes"], file["file_sha256"]) == (data, hashlib.sha256(data).hexdigest())
    assert file["module"] is None
    (module,) = [row for row in rows["cst_defs"] if row["kind"] == "module"]
    assert module["qname"] == "n.ipynb"


def test_spans_are_bytes_of_the_text(tmp_path):
    rows, _ = rows_of_notebook(tmp_path, document(*CELLS))
    assert [cut(rows, call, "call_bstart", "call_bend") for call in rows["cst_callsites"]] == [
        "os.getcwd()",
        "print(é)",
    ]
    assert rows["cst_parse_errors"] == []
    assert [ref["name"] for ref in rows["cst_name_refs"] if ref["ref_kind"] == "name"] == ["é", "os", "print", "é"]


def test_other_files_have_no_cells(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    (file,) = tables_of(tmp_path)["repo_files"]
    assert file["cell_map"] is None


BROKEN = {
    "no json": (b"{", "JSONDecodeError"),
    "no utf-8": (b'{"cells": "\xff"}', "UnicodeDecodeError"),
    "no object": (b"[]", "NotebookError"),
    "no cells": (b"{}", "NotebookError"),
    "no lines": (document(("code", 5)), "NotebookError"),
    "deep": (b"[" * 200_000, "RecursionError"),
    "half a character": (document(("code", "x = '\ud800'")), "UnicodeEncodeError"),
    "another language": (
        document(("code", "x <- 1"), metadata={"kernelspec": {"language": "R", "name": "ir"}}),
        "NotebookError",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_python_notebook_is_a_row_of_errors(tmp_path, case):
    notebook, error_type = BROKEN[case]
    (tmp_path / "good.py").write_text("print()\n")
    rows, data = rows_of_notebook(tmp_path, notebook)
    (error,) = rows["cst_parse_errors"]
    assert (error["path"], error["error_type"], error["meta"]) == ("n.ipynb", error_type, [("stage", "decode")])
    kept = {file["path"]: file["bytes"] for file in rows["repo_files"]}
    assert kept["n.ipynb"] == data
    assert len(rows["cst_callsites"]) == 1


def test_a_cell_that_is_not_python_is_an_error_of_the_parser(tmp_path):
    rows, _ = rows_of_notebook(tmp_path, document(("code", "x = 1"), ("code", "def f(:")))
    (error,) = rows["cst_parse_errors"]
    assert (error["raw_line"], error["meta"]) == (2, [("stage", "parse"), ("cell", "1")])


def test_a_bad_cell_costs_that_cell_only(tmp_path):
    cells = (
        ("code", "def f():\n  return 1"),
        ("code", "é = 1\nx = = 2"),
        ("markdown", "#"),
        ("code", "f(\n"),
        ("code", "f()"),
    )
    rows, _ = rows_of_notebook(tmp_path, document(*cells))
    assert [(error["raw_line"], dict(error["meta"])["cell"]) for error in rows["cst_parse_errors"]] == [
        (4, "1"),
        (5, "3"),
    ]
    assert [error["lineno"] for error in rows["ast_errors"]] == [4, 5]
    assert [cut(rows, call, "call_bstart", "call_bend") for call in rows["cst_callsites"]] == ["f()"]
    assert [ref["name"] for ref in rows["cst_name_refs"]] == ["f", "f"]


@pytest.mark.parametrize(
    "cell",
    ["pip install requests", "ls -la", "cd ..", "run script.py", "time f()", "matplotlib inline", " conda list é"],
)
def test_a_magic_without_its_sign(tmp_path, cell):
    rows, _ = rows_of_notebook(tmp_path, document(("code", cell), ("code", "print()")))
    assert rows["cst_parse_errors"] == []
    assert cut(rows, rows["cst_callsites"][-1], "call_bstart", "call_bend") == "print()"
    assert len(rows["cst_callsites"]) == 1 + cell.startswith("time")


@pytest.mark.parametrize("cell", ["pip install requests\nx = 1", "select 1 from x", "time = = 1"])
def test_what_is_no_magic_without_its_sign(tmp_path, cell):
    rows, _ = rows_of_notebook(tmp_path, document(("code", cell)))
    assert len(rows["cst_parse_errors"]) == 1


@pytest.mark.parametrize("language", ["", "python", "Python 3", "ipython3", "pyspark", "PySpark3", None])
def test_languages_that_are_read(tmp_path, language):
    metadata = {"kernelspec": {"name": "k", **({} if language is None else {"language": language})}}
    rows, _ = rows_of_notebook(tmp_path, document(("code", "f()"), metadata=metadata))
    assert (len(rows["cst_callsites"]), rows["cst_parse_errors"]) == (1, [])


def test_the_limit_counts_code_and_not_pictures(tmp_path):
    picture = {"output_type": "display_data", "data": {"image/png": "A" * MAX_FILE_BYTES}, "metadata": {}}
    notebook = document(("code", "f()"))
    notebook["cells"][0]["outputs"] = [picture]
    rows, data = rows_of_notebook(tmp_path, notebook)
    (file,) = rows["repo_files"]
    assert (file["size_bytes"], file["bytes"], file["text"]) == (len(data), None, "f()")
    assert len(rows["cst_callsites"]) == 1
    rows, _ = rows_of_notebook(tmp_path, document(("code", "#" * (MAX_FILE_BYTES + 1))))
    assert [error["error_type"] for error in rows["cst_parse_errors"]] == ["FileTooLargeError"]
    assert len(rows["repo_files"]) == 1


def test_the_older_format_with_worksheets(tmp_path):
    cell = {"cell_type": "code", "language": "python", "input": ["print(1)"], "outputs": []}
    rows, _ = rows_of_notebook(tmp_path, {"nbformat": 3, "metadata": {}, "worksheets": [{"cells": [cell]}]})
    assert len(rows["cst_callsites"]) == 1


MASKED = {
    "line magic": ("%cd x\ny = 1", "#cd x\ny = 1"),
    "shell": ("!ls -l\ny", "#ls -l\ny"),
    "question": ("len?\nstr.join??\n?x", "#en?\n#tr.join??\n#x"),
    "in a block": ("if x:\n    !ls\n    %cd y\n    é?", "if x:\n    _#s\n    _#d y\n    _##"),
    "assigned": ("files = !ls\nt, u = %time 1", "files = _#s\nt, u = _#ime 1"),
    "timed": (
        "%time x = f()\n%timeit -n 3 f()\nif x:\n  %timeit g()",
        "_;    x = f()\n#timeit -n 3 f()\nif x:\n  _;      g()",
    ),
    "foreign cell": ("%%bash\né x\n\n  ls", "#%bash\n## x\n\n# ls"),
    "timed cell": ("\n%%time\nx = f()\n!ls", "\n#%time\nx = f()\n#ls"),
    "over two lines": ("!ls \\\n  -l\nx", "#ls \\\n# -l\nx"),
    "with a quote": ("!echo it's\nx = 'a'", "#echo it's\nx = 'a'"),
    "carriage returns": ("%cd x\r\n!ls\r\ny", "#cd x\r\n#ls\r\ny"),
    "nothing behind": ("!", "#"),
}
PYTHON = {
    "operator": "x = ('a'\n%s)",
    "string": "x = '''\n%cd x\n!ls\n'''",
    "docstring": 'def f():\n    """\n    !ls\n    """\n',
    "continued": "x = 5 \\\n% 3",
    "comment": "# (\ny = [1,\n%  2]".replace("%  2", "2"),
    "comparison": "x != y\nx %= 2\nz = x % 2\n",
    "escapes": "x = 'it\\'s ('\ny = \"\\\"\"\nz = 1 % 2",
    "format": "print('%d'\n      % x)",
}


@pytest.mark.parametrize("case", MASKED)
def test_what_ipython_understands_is_masked_byte_for_byte(case):
    cell, expected = MASKED[case]
    assert masked(cell) == expected
    assert [len(line.encode()) for line in cell.split("\n")] == [len(line.encode()) for line in expected.split("\n")]
    ast.parse(expected)


@pytest.mark.parametrize("case", PYTHON)
def test_what_is_python_stays(case):
    assert masked(PYTHON[case]) == PYTHON[case]


def test_a_hostile_cell_is_masked_in_linear_time():
    for piece in ("!\n", "x ", "'", "x = [", "a.\\", '"', "x?"):
        assert len(masked(piece * 100_000 + "!")) == len(piece) * 100_000 + 1


def test_lines_of_code_and_text_agree():
    notebook = Notebook.of(json.dumps(document(*CELLS)).encode())
    text = SourceText("utf-8", notebook.text, notebook.text.encode(), notebook.code)
    code = SourceText("utf-8", notebook.code, notebook.code.encode(), notebook.code)
    assert text.line_starts == code.line_starts
