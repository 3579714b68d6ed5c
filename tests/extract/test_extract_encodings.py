"""Files as they are found: encodings, newlines, odd layout. Offsets are into the decoded text's UTF-8."""

import pytest
from extract_rows import cut, rows_of_source

ENCODED = {
    "latin-1": ("iso-8859-1", "# coding: latin-1\nÄ = f('é')\n".encode("latin-1")),
    "utf-8-sig": ("utf-8-sig", "\ufeffÄ = f('é')\n".encode()),
    "shift_jis": ("shift_jis", "# -*- coding: shift_jis -*-\n名 = f('表')\n".encode("shift_jis")),
    "cookie on the second line": ("latin1", b"#!python\r\n# vim: set fileencoding=latin1 :\r\nx = f('\xe9')\r\n"),
    "cookie after a lone CR": ("iso-8859-1", b"# \r# coding: latin-1\rx = f('\xe9')\r"),
    "utf-7": ("utf-7", b"# coding: utf-7\nx = f('+AOk-')\n"),
}
UNREADABLE = {
    "bad UTF-8": b"x = '\xff'\n",
    "unknown encoding": b"# coding: klingon\nx = 1\n",
    "BOM against cookie": b"\xef\xbb\xbf# coding: latin-1\nx = 1\n",
    "no text encoding": b"# coding: rot13\nx = 1\n",
    "surrogates": b"# coding: raw_unicode_escape\nx = '\\ud800'\n",
}


@pytest.mark.parametrize("case", ENCODED)
def test_text_is_decoded_and_spans_are_into_it(tmp_path, case):
    encoding, data = ENCODED[case]
    rows = rows_of_source(tmp_path, data)
    (file,) = rows["repo_files"]
    assert (file["encoding"], file["bytes"], file["size_bytes"]) == (encoding, data, len(data))
    assert file["text"] == data.decode(encoding)
    assert [cut(rows, row) for row in rows["cst_name_refs"]] == [row["name"] for row in rows["cst_name_refs"]]
    (call,) = rows["cst_callsites"]
    assert cut(rows, call, "call_bstart", "call_bend") == file["text"].split(" = ")[1].strip()


def test_bytes_are_kept_only_where_the_text_does_not_give_them_back(tmp_path):
    rows = rows_of_source(tmp_path, "ä = 1\r\n")
    assert rows["repo_files"][0]["bytes"] is None
    assert rows["repo_files"][0]["text"] == "ä = 1\r\n"


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_file_that_can_not_be_decoded_keeps_its_bytes(tmp_path, case):
    rows = rows_of_source(tmp_path, UNREADABLE[case])
    (file,), (error,) = rows["repo_files"], rows["cst_parse_errors"]
    assert (file["text"], file["bytes"]) == (None, UNREADABLE[case])
    assert error["meta"] == [("stage", "decode")]


LAYOUT = (
    "def f():\r  return g('é', f'{h(1)}')\rx = (f(\n 1),\r k(2))\r\x0cclass C: pass\r",
    "\x0cx = f(1)\n\x0c\x0c  \ndef a():\n\x0c    return b . \\\n  c (d)",
    "async \\\n def \\\n f(a, \\\n  *, b): pass\nclass\\\nK: pass\nglobal q, \\\n r\n",
    "import a . b \\\n . c as \\\n d, e . f\nfrom . \\\n . import (x\\\n as y, # c as z\n z)\n",
    "try: pass\nexcept (A  # c as d\n ) as \\\n e: pass\nf(a = 1, *d, c = (2), ** b, e\\\n=1)\nx \\\n . y \\\n = 1\n",
    "match (x):\n  case C((1), # z=3\n   a=(2), b \\\n = (3 as k)): pass\n  case {1: (2 # **r\n ), ** # x\n r}: 1\n",
    "match x:\n  case { ** r }: pass\n  case C(a=C(b=2), c=3,): pass\n  case [*_, * a]: pass\n",
)


@pytest.mark.parametrize("source", LAYOUT)
def test_names_are_found_in_any_layout(tmp_path, source):
    rows = rows_of_source(tmp_path, source)
    assert not rows["cst_parse_errors"]
    assert rows["cst_name_refs"]
    for row in rows["cst_name_refs"]:
        assert cut(rows, row) == row["name"]


def test_an_identifier_is_normalised_and_its_span_is_as_spelled(tmp_path):
    rows = rows_of_source(tmp_path, "class ﬁ:\n  ﬂ = ﬁ.\N{FULLWIDTH LATIN SMALL LETTER W}(ﬁ=1)\n")
    assert [(row["name"], cut(rows, row)) for row in rows["cst_name_refs"]] == [
        ("fi", "ﬁ"),
        ("fl", "ﬂ"),
        ("fi", "ﬁ"),
        ("w", "\N{FULLWIDTH LATIN SMALL LETTER W}"),
        ("fi", "ﬁ"),
    ]


def test_lone_surrogates_in_literals_are_escaped(tmp_path):
    rows = rows_of_source(tmp_path, "'\\ud800 doc'\n")
    assert rows["cst_defs"][0]["docstring"] == "\\ud800 doc"
