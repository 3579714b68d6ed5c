"""Every table's rows over the demo repo, the same on all interpreters (``extract_golden.py`` writes the files)."""

import ast
import functools

import pytest
from extract_golden import GOLDEN, LAYERS, golden_lines, lines_that_all_parse

from flight_client.extract.layers import tables_of

HAS_TYPE_PARAMS = hasattr(ast, "TypeAlias")


@functools.cache
def extracted():
    return golden_lines()


@pytest.mark.parametrize("table", tables_of(LAYERS))
def test_rows_of_the_demo_repo(table):
    expected = (GOLDEN / f"{table}.jsonl").read_text(encoding="utf-8").splitlines()
    found = extracted()[table]
    if not HAS_TYPE_PARAMS:
        expected, found = lines_that_all_parse(expected), lines_that_all_parse(found)
    assert found == expected


@pytest.mark.skipif(HAS_TYPE_PARAMS, reason="this interpreter reads the syntax of 3.12")
def test_newer_syntax_is_a_parse_error_on_an_older_interpreter():
    assert any("generic.py" in line for line in extracted()["cst_parse_errors"])
