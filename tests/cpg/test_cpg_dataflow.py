"""Reaching definitions, post-dominators and control dependence, against plain answers on random control flow."""

from collections import defaultdict

import numpy as np
import pyarrow as pa
from control_flow_graphs import EDGE, EVENT, POINT, Flow, dependence, flows, reaching_events
from hypothesis import given, settings

from arrowdsl.plan.nodes import Scan
from arrowdsl.plan.runner import run_plan
from arrowdsl.plan.source import PlanCatalog
from flight_server.pipeline.control_flow import (
    control_dependence,
    post_dominance,
    reaching_defs,
    reaching_pairs,
    var_joins,
)

EVENTS, POINTS, EDGES = Scan("events"), Scan("points"), Scan("edges")
PAIRS = reaching_pairs(EVENTS, POINTS, EDGES)
REACHING = reaching_defs(PAIRS)


def found(plan, events, points, edges) -> pa.Table:
    return run_plan(plan, PlanCatalog({"events": events, "points": points, "edges": edges}))


def pairs(table: pa.Table, *columns: str) -> list[tuple[str, ...]]:
    return list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))


@settings(max_examples=60, deadline=None)
@given(flows())
def test_reaching_definitions_are_those_of_a_worklist(flow: Flow) -> None:
    rows = found(REACHING, *flow.tables())
    got = pairs(rows, "use_event_id", "def_event_id")
    sources = defaultdict(set)
    for target, source in got:
        sources[target].add(source)
    assert sum(map(len, sources.values())) == len(got)
    joins = pairs(found(var_joins(PAIRS, POINTS), *flow.tables()), "event_id", "binding_id")
    assert {target for target in sources if len(sources[target]) > 1} == {join for join, _ in joins}
    assert {target for target in sources if "/join:" in target} == {join for join, _ in joins}
    assert sorted(through_joins(sources)) == sorted(reaching_events(flow))


def through_joins(sources: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Pairs of a definition and a use, by the way through joins."""
    reaching = set()
    for use in (target for target in sources if "/join:" not in target):
        seen, work = {use}, [use]
        while work:
            more = sources[work.pop()] - seen
            seen |= more
            work += [event for event in more if "/join:" in event]
        reaching |= {(event, use) for event in seen - {use} if "/join:" not in event}
    return reaching


@settings(max_examples=60, deadline=None)
@given(flows())
def test_dependence_is_that_of_its_definition(flow: Flow) -> None:
    expected = dependence(flow)
    rows = found(post_dominance(POINTS, EDGES), *flow.tables())
    assert dict(pairs(rows, "point_id", "by_point_id")) == expected.immediate
    assert rows.num_rows == len(expected.immediate)
    rows = found(control_dependence(POINTS, EDGES), *flow.tables())
    got = {(point, by): rule for point, by, rule in pairs(rows, "point_id", "by_point_id", "rule")}
    assert got == expected.depends
    assert rows.num_rows == len(got)


def function(size: int, ways: dict[tuple[int, int], str]) -> tuple[pa.Table, pa.Table]:
    ids = pa.array([f"point:{number}" for number in range(size)])
    columns = {
        "file_id": pa.repeat("f", size),
        "path": pa.repeat("p", size),
        "bstart": pa.array(np.arange(size)),
        "bend": pa.array(np.arange(size)),
        "point_id": ids,
        "owner_def_id": pa.repeat("def", size),
        "kind": pa.array(["entry", *["stmt"] * (size - 2), "exit"]),
    }
    src, dst = zip(*ways, strict=True)
    edges = {"src": ids.take(pa.array(src)), "dst": ids.take(pa.array(dst)), "kind": pa.array(ways.values())}
    return pa.table(columns, POINT), pa.table(edges, EDGE)


def test_a_function_of_thousands_of_branches_and_variables() -> None:
    """``if …: v = …`` two thousand times, each v read at the end: nothing grows with the square of that."""
    count = 2000
    size = 2 * count + 2
    ways = {(0, 1): "next"}
    for number in range(1, 2 * count, 2):
        ways |= {(number, number + 1): "true", (number, number + 2): "false", (number + 1, number + 2): "next"}
    points, edges = function(size, ways)
    last = size - 1
    events = [(2 * number + 2, f"v{number}", "def") for number in range(count)]
    events += [(last, f"v{number}", "use") for number in range(count)]
    at, names, kinds = zip(*events, strict=True)
    columns = {
        "file_id": pa.repeat("f", len(events)),
        "path": pa.repeat("p", len(events)),
        "event_id": pa.array([f"event:{number}" for number in range(len(events))]),
        "point_id": points.column("point_id").take(pa.array(at)),
        "ordinal": pa.array(np.arange(len(events), dtype=np.int32)),
        "binding_id": pa.array(names),
        "kind": pa.array(kinds),
    }
    rows = found(REACHING, pa.table(columns, EVENT), points, edges)
    assert pairs(rows, "def_event_id", "use_event_id") == [
        (f"event:{number}", f"event:{number + count}") for number in range(count)
    ]
    rows = found(control_dependence(POINTS, EDGES), pa.table(columns, EVENT), points, edges)
    assert pairs(rows, "point_id", "by_point_id") == [
        (f"point:{number + 1}", f"point:{number}") for number in range(1, 2 * count, 2)
    ]
