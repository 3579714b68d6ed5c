"""What holds for the control flow of any source: laws over the demo repo and the standard library, and referees."""

import ast
import functools
import sys
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest
from extract_control_flow import flow_of, owners_of
from extract_reaching import bytecode_pairs, fast_loads, function_code, source_pairs
from extract_rows import DEMO, library_files

from flight_client.extract import scan
from flight_client.extract.interpreter import PARSE_DEPTH, STACK_BYTES
from flight_client.extract.symbol_table import symbol_tables

LIBRARY = ("argparse.py", "asyncio/tasks.py", "contextlib.py", "enum.py", "subprocess.py", "tarfile.py", "typing.py")
FILES = {file.path: DEMO / file.path for file in scan(DEMO) if not file.path.endswith(("broken.py", "generic.py"))}
FILES |= dict(zip(LIBRARY, library_files(LIBRARY), strict=True))
every_file = pytest.mark.parametrize("path", FILES)


@functools.cache
def found(path):
    return flow_of(FILES[path].read_bytes())


@every_file
def test_every_point_is_reached_from_its_entry_or_has_no_edge(path):
    _, _, flow = found(path)
    onward = defaultdict(list)
    for source, target, _ in flow.flow:
        onward[source].append(target)
    entries = [row[0] for row in flow.points if row[2] == "entry"]
    reached, work = set(entries), list(entries)
    while work:
        new = [target for target in onward[work.pop()] if target not in reached]
        reached.update(new)
        work += new
    with_edges = {end for source, target, _ in flow.flow for end in (source, target)}
    assert with_edges | set(entries) == reached


@every_file
def test_a_point_that_is_reached_leads_on_but_the_exit_does_not(path):
    _, _, flow = found(path)
    reached = {target for _, target, _ in flow.flow} | {row[0] for row in flow.points if row[2] == "entry"}
    exits = {row[0] for row in flow.points if row[2] == "exit"}
    assert {source for source, _, _ in flow.flow} == reached - exits


@every_file
def test_edges_join_points_of_one_owner_and_none_is_twice(path):
    _, _, flow = found(path)
    owners = {row[0]: row[1] for row in flow.points}
    assert len(owners) == len(flow.points)
    assert all(owners[source] == owners[target] for source, target, _ in flow.flow)
    assert len(set(flow.flow)) == len(flow.flow)


@every_file
def test_every_definition_owns_one_entry_first_and_one_exit_last(path):
    _, walk, flow = found(path)
    owners = owners_of(flow)
    made = {scope.def_id for scope, _ in walk.made.values()}  # classes that calls make have no code
    assert {row[-1].def_id for row in walk.definitions} - made == {points[0][1].def_id for points in owners.values()}
    for points in owners.values():
        kinds = [row[2] for row in points]
        assert (kinds[0], kinds[-1]) == ("entry", "exit")
        assert Counter(kinds)["entry"] == Counter(kinds)["exit"] == 1


@every_file
def test_a_point_spans_the_node_that_it_names(path):
    _, walk, flow = found(path)
    spans = {number: walk.span(node) for node, number in walk.numbers.items() if hasattr(node, "lineno")}
    spans[0] = (0, len(walk.utf8))
    assert all(spans[row[3]] == row[4:] for row in flow.points)


@every_file
def test_every_name_that_is_evaluated_has_one_event(path):
    """An augmented assignment uses its name and defines it; annotations that never run have no event."""
    tree, walk, flow = found(path)
    silent, twice = names_without_events(tree, walk), augmented(tree, walk)
    wanted = Counter()
    for row in walk.refs:
        span, kind = row[:2], row[4]
        if kind not in ("attribute", "keyword", "global") and span not in silent:
            wanted[span] = 2 if span in twice else 1
    assert Counter(row[5:] for row in flow.events if row[5] is not None) == wanted


@every_file
def test_every_binding_is_a_symbol(path):
    _, walk, flow = found(path)
    symbols = symbol_tables(walk)["sym_symbols"]
    assert {row[3] for row in flow.events} <= {symbol for symbol, *_ in symbols}


def augmented(tree, walk):
    targets = (node.target for node in ast.walk(tree) if isinstance(node, ast.AugAssign))
    return {walk.span(target) for target in targets if isinstance(target, ast.Name)}


def names_without_events(tree, walk):
    in_functions = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in node.body
        for inner in local_statements(statement)
    }
    silent = []
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            silent += [node.annotation] if node in in_functions else []
            silent += [node.target] if node.value is None and isinstance(node.target, ast.Name) else []
    return {walk.span(name) for node in silent for name in ast.walk(node) if isinstance(name, ast.Name)}


def local_statements(statement):
    """The statements in a function's own code."""
    yield statement
    if not isinstance(statement, ast.ClassDef):
        for child in ast.iter_child_nodes(statement):
            yield from local_statements(child)


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="later bytecode has comprehensions inline")
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_definitions_reach_the_uses_that_they_reach_in_bytecode():
    """They differ where a cleanup, once in the source, stands several times in bytecode, and in what a statement that
    raises has defined.
    """
    ours, theirs = set(), set()
    for path in FILES:
        tree, walk, flow = found(path)
        loads = set()
        for code in function_code(compile(tree, path, "exec")):
            theirs |= {(path, *pair) for pair in bytecode_pairs(code, walk.lines)}
            loads |= {(path, span) for span in fast_loads(code, walk.lines)}
        mine = {(path, *pair) for pairs in source_pairs(flow, walk, tree).values() for pair in pairs}
        names = {(path, row[:2]) for row in walk.refs}
        ours |= {pair for pair in mine if pair[:2] in loads}
        theirs = {pair for pair in theirs if pair[0] != path or pair[:2] in names}
    assert len(ours) > 9_000
    assert len(ours & theirs) / len(ours | theirs) >= 0.998
    assert not theirs - ours


def deep(data: bytes):
    """The flow of a source, with the stack and depth that extraction gives to a file."""
    limit, size = sys.getrecursionlimit(), threading.stack_size(STACK_BYTES)
    sys.setrecursionlimit(10 * PARSE_DEPTH)
    try:
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(flow_of, data).result()
    finally:
        threading.stack_size(size)
        sys.setrecursionlimit(limit)


HOSTILE = {
    "elifs": lambda n: "if a: b\n" + "elif a: b\n" * n,
    "operands": lambda n: "if " + " and ".join(["a"] * n) + ": b\n",
    "handlers": lambda n: "try: a\n" + "except E as e: b\n" * n,
    "statements in a try": lambda n: "try:\n" + "  a\n" * n + "except E: b\nfinally: c\n",
    "items of with": lambda n: "while a:\n  with " + ", ".join(["a"] * n) + ":\n    break\n",
    "cases": lambda n: "match a:\n" + "  case [x] if b: c\n" * n,
    "breaks": lambda n: "while a:\n try:\n" + "  if b: break\n  if c: continue\n" * n + " finally: d\n",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_rows_are_proportional_to_the_source(case):
    sizes = []
    for count in (500, 1000, 2000):
        _, _, flow = deep(HOSTILE[case](count).encode())
        sizes.append((len(flow.points) + len(flow.flow)) / count)
    assert sizes[2] <= sizes[0] < 20
