"""Calls and names inside f-strings have their true spans on every interpreter."""

import ast

import pytest
from extract_rows import cut, rows_of_source
from hypothesis import given
from hypothesis import strategies as st

from flight_client.extract.module_names import Module
from flight_client.extract.source_text import decode
from flight_client.extract.walk_definitions import walk_file

SOURCES = (
    r"""f"{a}{{}}{b!r:>{w}.{x}}{ c }{d = !r}{d=}{a==b}{a!=b}{a<=b}{a>b:>3}" """,
    r"""f'\N{LATIN SMALL LETTER A}{f(a)}\x7b{b}' rf'\{b}\\{f(c)}' 'p{lain}'""",
    'f"""{\n  a\n}{b:{w}}\né{ f\'{g(x)!s:ü>{w}}\' }{ {1:2}[1] }{(lambda x: {x: 1})(2)!r}""" "}{"',
    """f'{a, b}' f"{a,}" f'{*[a], b}' f"{f(x) if y else '}'}" f'{o["}"]}{o["!r:"]:{o["x"]}}'""",
    """(f"{f(f(1), k=f(2))}"  # "quote" {x}\n f'{f(a)}' \\\n f\"\"\"{f(b)\n :{f(c)}}\"\"\")""",
    """f"{f'{f(1)}{f(2):{f(3)}}' + f'{f(4)}':{f(5)}}" """,
    r"""f"{a:%Y-%m-%d{b}\n{c}}" fR'{a:\n{b}}' F"" f'{a:}' f"{a!r:}" """,
    """f'{a:{f(b)!r:}}' f'{a["é"]}é{f("é")}' f"{[x for x in y if f(x)]}{ {f(x)} }{(x:=f(5))}{x:=5}" """,
    'class K: z: f"{a(1)}" = f"""\\\r\n{a}\\\r{f(b)}"""',
)


@pytest.mark.parametrize("source", SOURCES)
def test_spans_inside(tmp_path, source):
    rows = rows_of_source(tmp_path, source)
    assert not rows["cst_parse_errors"]
    for row in rows["cst_name_refs"]:
        assert cut(rows, row) == row["name"]
    names = sum(
        isinstance(node, ast.Name | ast.Attribute | ast.arg | ast.keyword) for node in ast.walk(ast.parse(source))
    )
    assert len(rows["cst_name_refs"]) >= names
    for row in rows["cst_callsites"]:
        call = ast.parse(cut(rows, row, "call_bstart", "call_bend"), mode="eval").body
        assert isinstance(call, ast.Call)
        assert len(call.args) + len(call.keywords) == row["arg_count"]


LITERALS = st.text("aé\n ()#':\\", max_size=4).map(lambda text: text.replace("\\", "\\\\").replace("'", "\\'"))
EXPRESSIONS = st.sampled_from(
    ("name", "call(1)", "a.b", 'd["é"]', "x == y", "(lambda: f(0))()", "x, y", 'f"{inner(z)}"', "{1: k(2)}[1]", "\n v")
)
SUFFIXES = st.sampled_from(("", "!r", ":>{width(3)}", "!s:é{p}.{q}", "=", " = !r:", ":"))


@given(st.lists(st.tuples(LITERALS, EXPRESSIONS, SUFFIXES), min_size=1, max_size=6), st.sampled_from(("f", "rf", "F")))
def test_any_mix_of_literals_and_fields(pieces, prefix):
    body = "".join(f"{literal}{{ {expression}{suffix}}}" for literal, expression, suffix in pieces)
    text = f"é = 1; ({prefix}'''{body}''' 'é' {prefix}'''{body}''')\n"
    source = decode(text.encode())
    walk = walk_file(ast.parse(source.text), source, Module(name="m", is_package=False), "0")
    for start, end, name, *_ in walk.refs:
        assert source.cut(start, end) == name
    for start, end, *_ in walk.calls:
        assert isinstance(ast.parse(source.cut(start, end), mode="eval").body, ast.Call)
