"""Reaching definitions by blocks and bits are those of the plain equations, point by point over sets."""

import ast
from pathlib import Path

import pytest
from extract_control_flow import ControlFlow, walked
from extract_reaching import Pairs, source_pairs
from extract_rows import DEMO, library_files

from flight_client.extract import flow_reaching
from flight_client.extract.control_owners import control_rows, owner_graphs
from flight_client.extract.flow_reaching import UNDEFINED, reaching

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
FILES = [
    *sorted(DEMO.glob("shop/*.py")),
    *library_files(["asyncio/base_events.py", "argparse.py", "subprocess.py"]),
]


def bit_pairs(graph, walk, named: set[int], lines: dict[int, int]) -> Pairs:
    """The pairs that ``reaching`` gives for a function's graph, as ``source_pairs`` has them."""
    tracked = {event[0] for _, _, events in graph.points for event in events}
    found = reaching(graph, tracked)
    line_of = {}
    number = 0
    for _, node, events in graph.points:
        for _, kind, start, _ in events:
            if kind in ("param", "def"):
                at_name = walk.source.line_and_column(start)[0] if start in named else lines[walk.numbers[node]]
                line_of[number] = 0 if kind == "param" else at_name
                number += 1
    ends = {event[2]: event[3] for _, _, events in graph.points for event in events if event[1] == "use"}
    return {
        ((start, ends[start]), line_of[number])
        for start, (_, numbers) in found.uses.items()
        for number in numbers
        if number != UNDEFINED
    }


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_definitions_that_reach_uses(path: Path, monkeypatch):
    monkeypatch.setattr(flow_reaching, "MOST_SEPARATE", 1 << 30)
    try:
        tree, walk = walked(path.read_bytes())
    except SyntaxError:
        pytest.skip("this file has the syntax of 3.12")
    graphs = owner_graphs(tree, walk)
    expected = source_pairs(ControlFlow(*control_rows(graphs, walk).values()), walk, tree)
    lines = {number: getattr(node, "lineno", 0) for node, number in walk.numbers.items()}
    named = {walk.span(node)[0] for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for graph in graphs:
        if isinstance(graph.owner, FUNCTIONS):
            assert bit_pairs(graph, walk, named, lines) == expected[graph.scope.def_id], graph.scope.def_id


def test_too_many_definitions_to_keep_apart_tell_nothing(monkeypatch):
    source = b"def f(c):\n    x = 0\n    if c: x = 1\n    elif c(): x = 2\n    return x\n"
    tree, walk = walked(source)
    (graph,) = (graph for graph in owner_graphs(tree, walk) if isinstance(graph.owner, FUNCTIONS))
    tracked = {(graph.scope, "x")}
    use = source.rindex(b"x")
    assert reaching(graph, tracked).uses[use] == ((graph.scope, "x"), (0, 1, 2))
    monkeypatch.setattr(flow_reaching, "MOST_SEPARATE", 2)
    assert use not in reaching(graph, tracked).uses


def test_sets_that_would_be_too_large_are_not_made(monkeypatch):
    source = b"def f(c):\n    x = 0\n    use(x)\n    if c: x = 1\n    return x\n"
    tree, walk = walked(source)
    (graph,) = (graph for graph in owner_graphs(tree, walk) if isinstance(graph.owner, FUNCTIONS))
    monkeypatch.setattr(flow_reaching, "MOST_BITS", 0)
    found = reaching(graph, {(graph.scope, "x")})
    assert found.uses == {source.index(b"x)"): ((graph.scope, "x"), (0,))}
