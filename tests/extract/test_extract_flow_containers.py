"""What containers hold: displays, comprehensions, subscripts, iteration, unpacking."""

import pytest
from extract_flow_facts import Facts

DISPLAYS = {
    "[y, z]": ["<list>[0] <- y", "<list>[1] <- z"],
    "(y, 1)": ["<tuple>[0] <- y", "<tuple>[1] <- 1"],
    "{y}": ["<set>[?] <- y"],
    "[y, *z, w]": ["<list>[0] <- y", "<list>[?] <- *z", "<list>[?] <- w"],
    "{'a': y, 1: z, w: v}": ["<dict>['a'] <- y", "<dict>[1] <- z", "<dict>[w] <- v"],
    "{('a', 1): y, ('b', z): z}": ["<dict>[('a', 1)] <- y", "<dict>[<tuple>] <- z"],
    "['a', 'b.c']": ["<list>[0] <- 'a'", "<list>[1] <- 'b.c'"],
    "{'a': 'b'}": ["<dict>['a'] <- 'b'"],
    "{None: y, True: z}": ["<dict>[<none>] <- y", "<dict>[<bool>] <- z"],
    "{**y}": ["<dict>[?] <- y[?]"],
    "[f(i) for i in y if i]": ["<list>[?] <- f(<listcomp>:i)", "<listcomp>:i <- *y", "iter y.__iter__()"],
    "{i for i in y}": ["<set>[?] <- <setcomp>:i"],
    "{k: v for k, v in y}": ["<dict>[<dictcomp>:k] <- <dictcomp>:v", "<dictcomp>:v <- *y[1]"],
    "g(i for i in y)": ["<generator>[?] <- <genexpr>:i", "call g(<generator>)"],
    "[i for j in y for i in j]": ["<listcomp>:j <- *y", "<listcomp>:i <- *<listcomp>:j"],
}
ITERATION = """
for x in y:
    pass
"""
TABLE = "T = [" + "('a', 1, {'k': [2.5, None]}),\n" * 1000 + "]\n"


@pytest.mark.parametrize("source", DISPLAYS)
def test_what_comes_into_a_container(tmp_path, source):
    lines = Facts(tmp_path, source + "\n").lines
    assert set(DISPLAYS[source]) <= set(lines)


def test_a_table_of_constants_is_one_object(tmp_path):
    facts = Facts(tmp_path, TABLE)
    assert facts.lines == ["T <- <list>"]
    assert len(facts.rows["flow_allocs"]) == 1


def test_so_are_texts_that_are_many_or_no_names(tmp_path):
    assert Facts(tmp_path, "x = ['a', 'b', 'c', 'd', 'e', 'f', 'g']\n").lines == ["x <- <list>"]
    assert Facts(tmp_path, "x = ['a b']\n").lines == ["x <- <list>"]


@pytest.mark.parametrize(
    ("source", "value", "site"),
    [
        ("y[0]", "y[0]", "getitem y.__getitem__(0)"),
        ("y['k']", "y['k']", "getitem y.__getitem__('k')"),
        ("y[-1]", "y[-1]", "getitem y.__getitem__(-1)"),
        ("y[i]", "y[i]", "getitem y.__getitem__(i)"),
        ("y[1:n()]", "y[:]", "getitem y.__getitem__(?)"),
    ],
)
def test_a_subscript_reads_an_item_and_calls(tmp_path, source, value, site):
    lines = Facts(tmp_path, f"x = {source}\n").lines
    assert {f"x <- {value}", site} <= set(lines)


def test_items_are_set_and_deleted(tmp_path):
    assert Facts(tmp_path, "x[i] = y\ndel x[0]\n").lines == [
        "x[i] <- y",
        "setitem x.__setitem__(i, y)",
        "setitem x.__delitem__(0)",
    ]


def test_iteration_gives_elements_and_asks_for_an_iterator(tmp_path):
    assert Facts(tmp_path, ITERATION).lines == [
        "x <- *y",
        "x <- *y.__iter__()",
        "iter y.__iter__()",
        "x <- next y.__iter__().__next__()",
    ]


def test_a_display_is_iterated_over_as_it_is(tmp_path):
    lines = Facts(tmp_path, "for x in (y, z): pass\n").lines
    assert lines == ["x <- *<tuple>", "<tuple>[0] <- y", "<tuple>[1] <- z"]


def test_asynchronous_iteration_has_methods_of_its_own(tmp_path):
    lines = Facts(tmp_path, "async def f():\n    async for x in y: pass\n").lines
    assert {"iter y.__aiter__()", "f:x <- next y.__aiter__().__anext__()"} <= set(lines)


def test_unpacking_gives_items_by_position_or_what_a_generator_yields(tmp_path):
    lines = Facts(tmp_path, "a, (b, c) = x\n").lines
    assert lines == ["a <- x[0]", "a <- yield x", "b <- x[1][0]", "b <- yield x[1]", "c <- x[1][1]", "c <- yield x[1]"]


def test_a_star_takes_a_list_and_those_after_it_count_from_the_end(tmp_path):
    lines = Facts(tmp_path, "a, *b, c = x\n").lines
    assert lines == ["b <- <list>", "a <- x[0]", "a <- yield x", "c <- x[-1]", "c <- yield x", "<list>[?] <- *x"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a, b = x, y", ["a <- x", "b <- y"]),
        ("a, (b, c) = x, (y, z)", ["a <- x", "b <- y", "c <- z"]),
        ("a, b = x, (y, z)", ["a <- x", "b <- <tuple>", "<tuple>[0] <- y", "<tuple>[1] <- z"]),
        ("a, *b = x, y, z", ["a <- x", "b <- <list>", "<list>[0] <- y", "<list>[1] <- z"]),
        ("*a, b = x, y, z", ["a <- <list>", "b <- z", "<list>[0] <- x", "<list>[1] <- y"]),
        ("a.b, c[0] = x, y", ["a.b <- x", "c[0] <- y", "setitem c.__setitem__(0, y)"]),
    ],
)
def test_a_display_unpacked_at_once_needs_no_tuple(tmp_path, source, expected):
    assert Facts(tmp_path, source + "\n").lines == expected


def test_generators_yield_and_delegate(tmp_path):
    lines = Facts(tmp_path, "def f():\n    x = yield y\n    w = yield from z\n").lines
    assert {"yld f <- y", "yld f <- *z", "iter z.__iter__()", "f:x <- f:sent", "f:w <- return z"} <= set(lines)
