"""Filters as text: the same rows as SQL's WHERE, and errors that name the character."""

import duckdb
import pyarrow as pa
import pytest

from arrowdsl.compute.cql2 import from_cql2
from arrowdsl.compute.cql2_text import document_of_text
from arrowdsl.compute.evaluate import matching
from arrowdsl.errors import ExpressionError

ROWS = pa.table(
    {
        "n": pa.array([1, 2, None, -4, 5]),
        "x": pa.array([0.5, None, 2.0, 2000.0, -1.0]),
        "kind": ["class", "it's", None, "in", "a%b"],
        "ok": [True, False, None, True, False],
        "select": ["a", "b", "c", "d", "e"],
    }
)


@pytest.mark.parametrize(
    "text",
    [
        "kind = 'class'",
        "kind = 'it''s' or KIND is null".replace("KIND", "kind"),
        "n between -4 and 1 AND NOT ok",
        "not (n in (1, 2) or x > 1.5e3)",
        "n not between 0 and 3",
        "kind not in ('class', 'in')",
        "kind like 'c%' or kind not like '%b'",
        "ok and n is not null",
        "ok = false or 3 <= n",
        "n != 5 and \"select\" <> 'a'",
        "not not ok = true",
        "n = +5 or x = -1.0 or x = .5",
        "((n < x))",
    ],
)
def test_a_filter_keeps_the_rows_that_sql_keeps(text):
    rows = ROWS
    expected = duckdb.sql(f"select * from rows where {text}").to_arrow_table().to_pylist()
    [batch] = rows.combine_chunks().to_batches()
    assert matching(batch, from_cql2(document_of_text(text))).to_pylist() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the end at character 1; expected: a property"),
        ("kind = ", "the end at character 8"),
        ("kind 'x'", "\"'x'\" at character 6; expected: and, or, or the end"),
        ("n in ()", "')' at character 7"),
        ("n not = 3", "'=' at character 7; expected: like, in or between"),
        ("n = null", "'null' at character 5"),
        ("n = 'x", 'not understood from "\'x" on'),
        ("n ; drop", "not understood from '; drop' on"),
        ("(" * 99 + "n" + ")" * 99, "nested more than 32 deep"),
        ("not " * 99 + "ok", "nested more than 32 deep"),
    ],
)
def test_an_error_names_the_character(text, message):
    with pytest.raises(ExpressionError) as raised:
        from_cql2(document_of_text(text))
    assert message in str(raised.value)
