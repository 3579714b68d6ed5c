"""What expressions say of places: names, attributes, calls, operators, choices."""

import pytest
from extract_flow_facts import Facts

SUPER = """
class A(B):
    def m(self, x):
        return super().m(x)
"""
ASSIGNED = {
    "y": "y",
    "y.z": "y.z",
    "f(y)": "f(y)",
    "f(1, *y, k=z, **w)": "f(1, *y, k=z, **w)",
    "y.z(1)(2)": "y.z(1)(2)",
    "y if c else z": "y | z",
    "y and z or w": "y | z | w",
    "y + z": "y.__add__(z)",
    "y @ 2": "y.__matmul__(2)",
    "1 + y": "y.__radd__(1)",
    "'a' + y": "<str> | y.__radd__('a')",
    "'%s' % y": "<str>",
    "60 * 60": "<int>",
    "-y": "y.__neg__()",
    "-1": "-1",
    "not y": "<bool>",
    "y < z": "<bool>",
    "f'{y}'": "<str>",
    "f'on_{y}'": "'on_'*",
    "f'on it {y}'": "<str>",
    "'on_%s' % y": "'on_'*",
    "'on_' + y": "<str> | 'on_'* | y.__radd__('on_')",
    "'on_' + y + 'z'": "'on_'* | (<str> | 'on_'* | y.__radd__('on_').__add__)('z')",
    "'on_{}'.format(y)": "'on_'* | 'on_{}'.format(y)",
    "'text'": "'text'",
    "b'text'": "<bytes>",
    "None": "<none>",
    "...": "<ellipsis>",
    "1.5": "<float>",
    "2j": "<complex>",
    "True": "<bool>",
    "lambda: y": "<function <lambda>>",
    "(z := y)": "y",
}
IMPLIED = {
    "y < z": "binop y.__lt__(z)",
    "1 < y": "binop y.__gt__(1)",
    "y != 1": "binop y.__ne__(1)",
    "y in z": "binop z.__contains__(y)",
    "y not in z": "binop z.__contains__(y)",
    "f'{y.z()}'": "call y.z()",
    "f'{y:{z()}}'": "call z()",
    "~y": "binop y.__invert__()",
}


@pytest.mark.parametrize("source", ASSIGNED)
def test_the_value_of_an_expression(tmp_path, source):
    assert f"x <- {ASSIGNED[source]}" in Facts(tmp_path, f"x = {source}\n").lines


@pytest.mark.parametrize("source", IMPLIED)
def test_what_an_expression_calls(tmp_path, source):
    assert IMPLIED[source] in Facts(tmp_path, source + "\n").lines


@pytest.mark.parametrize(
    "source", ["y is None", "not y", "y and z", "1 + 2", "y in (1, 2)", "'a' < 'b'", "'docstring'"]
)
def test_what_calls_nothing(tmp_path, source):
    assert Facts(tmp_path, source + "\n").lines == []


def test_a_walrus_gives_its_value_to_the_name_and_on(tmp_path):
    lines = Facts(tmp_path, "x = [(y := f(i)) for i in z]\n").lines
    assert {"y <- f(<listcomp>:i)", "<list>[?] <- f(<listcomp>:i)"} <= set(lines)


def test_awaiting_gives_what_is_awaited(tmp_path):
    assert "f:x <- g()" in Facts(tmp_path, "async def f():\n    x = await g()\n").lines


def test_super_is_given_the_class_and_the_first_argument(tmp_path):
    lines = Facts(tmp_path, SUPER).lines
    assert "ret A.m <- super(__class__=A:class, __self__=A.m:self).m(A.m:x)" in lines
    assert "A:class <- <class A>" in lines


def test_super_of_ones_own_is_an_ordinary_name(tmp_path):
    assert "call super()" in Facts(tmp_path, "from m import super" + SUPER).lines


def test_private_names_are_mangled(tmp_path):
    lines = Facts(tmp_path, "class _A:\n    def m(self, __x):\n        self.__y = __x.__z\n").lines
    assert "_A.m:self._A__y <- _A.m:_A__x._A__z" in lines


def test_a_name_that_nothing_binds_is_the_modules(tmp_path):
    assert "call print(len)" in Facts(tmp_path, "def f():\n    print(len)\n").lines


def test_equal_constants_and_attributes_of_a_definition_share_a_place(tmp_path):
    rows = Facts(tmp_path, "f(a.b, 'x')\ng(a.b, 'x')\n").rows
    first, second, third, fourth = (row["place"] for row in rows["flow_args"])
    assert (first, second) == (third, fourth)
    assert [row["const_repr"] for row in rows["flow_allocs"]] == ["'x'"]


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("'a'", "'a'"),
        ("'" + "a" * 62 + "'", "'" + "a" * 62 + "'"),
        ("'" + "a" * 63 + "'", None),
        ("'\\ud800'", "'\\ud800'"),
        ("b'a'", None),
        ("0x10", "16"),
        ("-7", "-7"),
        ("1" + "0" * 70, None),
        ("10 ** 2", None),
        ("True", None),
    ],
)
def test_short_texts_and_integers_are_shown(tmp_path, source, shown):
    *_, row = Facts(tmp_path, f"x = {source}\n").rows["flow_allocs"]
    assert row["const_repr"] == shown
