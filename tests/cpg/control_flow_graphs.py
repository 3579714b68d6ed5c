"""Random control flow with variable events, and plain answers about it: sets, paths, worklists, an owner at a time."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
from hypothesis import strategies as st

POINT = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("file_id", "path")),
        *(pa.field(name, pa.int64()) for name in ("bstart", "bend")),
        *(pa.field(name, pa.string()) for name in ("point_id", "owner_def_id", "kind")),
    ]
)
EDGE = pa.schema([pa.field(name, pa.string()) for name in ("src", "dst", "kind")])
EVENT = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("file_id", "path", "event_id", "point_id")),
        pa.field("ordinal", pa.int32()),
        *(pa.field(name, pa.string()) for name in ("binding_id", "kind")),
    ]
)
Row = dict[str, object]


@dataclass(frozen=True)
class Flow:
    points: list[Row]
    edges: list[Row]
    events: list[Row]

    def tables(self) -> tuple[pa.Table, pa.Table, pa.Table]:
        """Events, points and edges as the raw tables have them."""
        return (
            pa.Table.from_pylist(self.events, EVENT),
            pa.Table.from_pylist(self.points, POINT),
            pa.Table.from_pylist(self.edges, EDGE),
        )


@st.composite
def owners(draw: st.DrawFn, name: str) -> Flow:
    size = draw(st.integers(2, 12))
    ids = [f"{name}/point:{number}" for number in range(size)]
    inner = draw(st.lists(st.sampled_from(["stmt", "test", "iter", "handler"]), min_size=size - 2, max_size=size - 2))
    kinds = ["entry", *inner, "exit"]
    step = st.tuples(
        st.integers(0, size - 2), st.integers(1, size - 1), st.sampled_from(["next", "true", "false", "exc"])
    )
    edges = set(draw(st.lists(step, max_size=2 * size)))
    if draw(st.booleans()):
        edges |= {(number, number + 1, "next") for number in range(size - 1)}
    edges = {edge for edge in edges if edge[0] in _reached(edges)}
    points = [
        {
            "file_id": "f",
            "path": "p",
            "bstart": n,
            "bend": n,
            "point_id": ids[n],
            "owner_def_id": name,
            "kind": kinds[n],
        }
        for n in range(size)
    ]
    event = st.tuples(
        st.integers(0, size - 1), st.sampled_from("ab"), st.sampled_from(["def", "use", "use", "kill", "param"])
    )
    events: list[Row] = []
    for ordinal, (number, variable, kind) in enumerate(draw(st.lists(event, max_size=3 * size))):
        events.append(
            {
                "file_id": "f",
                "path": "p",
                "event_id": f"{name}/event:{number}.{ordinal}",
                "point_id": ids[number],
                "ordinal": ordinal,
                "binding_id": variable,
                "kind": kind,
            }
        )
    rows = [{"src": ids[source], "dst": ids[target], "kind": kind} for source, target, kind in sorted(edges)]
    return Flow(points, rows, events)


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """Some owners, whose rows stand in any order."""
    made = [draw(owners(f"def:file:{number}")) for number in range(draw(st.integers(1, 3)))]
    events = draw(st.permutations([row for flow in made for row in flow.events]))
    points = [row for flow in made for row in flow.points]
    return Flow(points, [row for flow in made for row in flow.edges], list(events))


def reaching_events(flow: Flow) -> set[tuple[str, str]]:
    """Pairs of a definition event and a use event, by a worklist over sets."""
    kind = {row["point_id"]: row["kind"] for row in flow.points}
    steps: dict[object, list[Row]] = defaultdict(list)
    for event in sorted(flow.events, key=lambda event: event["ordinal"]):
        steps[event["point_id"]].append(event)
    leaving: dict[object, list[Row]] = defaultdict(list)
    for edge in flow.edges:
        leaving[edge["src"]].append(edge)
    states: dict[object, frozenset[tuple[object, object]]] = dict.fromkeys(_running(flow), frozenset())
    pairs: set[tuple[str, str]] = set()
    work = list(states)
    while work:
        point = work.pop()
        before = states[point]
        after, during = before, set(before)
        for event in steps[point]:
            if event["kind"] == "use":
                pairs |= {(made, event["event_id"]) for made, name in after if name == event["binding_id"]}
                continue
            after = frozenset(pair for pair in after if pair[1] != event["binding_id"])
            if event["kind"] != "kill":
                after |= {(event["event_id"], event["binding_id"])}
                during.add((event["event_id"], event["binding_id"]))
        for edge in leaving[point]:
            carried = after
            if edge["kind"] == "exc":
                carried = frozenset(during)
            elif kind[point] in ("iter", "handler") and edge["kind"] != "true":
                carried = before
            if not carried <= states[edge["dst"]]:
                states[edge["dst"]] |= carried
                work.append(edge["dst"])
    return pairs


@dataclass(frozen=True)
class Dependence:
    """Immediate post-dominators by point, and the rule of each pair of a point and one that decides on it."""

    immediate: Mapping[str, str]
    depends: Mapping[tuple[str, str], str]


def dependence(flow: Flow) -> Dependence:
    """By definition: a post-dominator is on every way to the exit."""
    immediate: dict[str, str] = {}
    depends: dict[tuple[str, str], str] = {}
    for owner in dict.fromkeys(row["owner_def_id"] for row in flow.points):
        points = [row["point_id"] for row in flow.points if row["owner_def_id"] == owner]
        _depend_in(flow, points, immediate, depends)
    return Dependence(immediate, depends)


def _depend_in(flow: Flow, points: list[str], immediate: dict[str, str], depends: dict[tuple[str, str], str]) -> None:
    exit_point, running = points[-1], _running(flow)
    ways: dict[str, dict[str, set[bool]]] = {point: defaultdict(set) for point in points}
    for edge in flow.edges:
        if edge["src"] in ways:
            ways[edge["src"]][edge["dst"]].add(edge["kind"] == "exc")
    after = {point: set(ways[point]) for point in points}
    endless = [point for point in points if point in running and exit_point not in _from([point], after)]
    for point in endless:
        following = _from(after[point], after)
        if not following or min(map(points.index, following)) == points.index(point):
            after[point] = after[point] | {exit_point}
    live = [point for point in points if exit_point in _from([point], after)]
    above = {
        point: {other for other in live if other != point and exit_point not in _from([point], after, avoiding=other)}
        for point in live
    }
    for point in live:
        nearest = [other for other in above[point] if above[other] == above[point] - {other}]
        if nearest:
            [immediate[point]] = nearest
    for branch in (point for point in live if len(ways[point]) > 1):
        decided = len([target for target, how in ways[branch].items() if False in how]) > 1
        for target, how in ways[branch].items():
            for point in {target} | above.get(target, set()):
                if point not in above[branch] and target in above:
                    rule = "branch" if decided and False in how else depends.get((point, branch), "exception")
                    depends[point, branch] = "endless" if point in endless else rule


def _from(starts: Iterable[str], after: Mapping[str, set[str]], avoiding: str | None = None) -> set[str]:
    seen = {start for start in starts if start != avoiding}
    work = list(seen)
    while work:
        more = after[work.pop()] - seen - {avoiding}
        seen |= more
        work += more
    return seen


def _running(flow: Flow) -> set[object]:
    return {row["point_id"] for row in flow.points if row["kind"] == "entry"} | {edge["dst"] for edge in flow.edges}


def _reached(edges: Iterable[tuple[int, int, str]]) -> set[int]:
    seen, work = {0}, [0]
    while work:
        point = work.pop()
        more = {target for source, target, _ in edges if source == point} - seen
        seen |= more
        work += more
    return seen
