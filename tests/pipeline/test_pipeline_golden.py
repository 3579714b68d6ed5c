"""The outputs over the demo repo (``pipeline_golden.py`` writes the files)."""

import functools

import pytest
from pipeline_golden import GOLDEN, OUTPUTS, golden_lines

found = functools.cache(golden_lines)


@pytest.mark.parametrize("output", OUTPUTS)
def test_rows_of_the_demo_repo(output):
    expected = (GOLDEN / f"{output}.jsonl").read_text(encoding="utf-8").splitlines()
    assert found()[output] == expected
