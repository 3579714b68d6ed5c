"""What the tests of control flow share: a walk that tells about its nodes, and graphs in a notation to read."""

import ast
from typing import NamedTuple

from flight_client.extract.control_owners import control_rows, owner_graphs
from flight_client.extract.module_names import Module
from flight_client.extract.source_text import decode
from flight_client.extract.walk import Walk
from flight_client.extract.walk_definitions import walk_file


class ControlFlow(NamedTuple):
    """The rows of ``cfg_points``, ``cfg_flow`` and ``var_events``."""

    points: list[tuple]
    flow: list[tuple]
    events: list[tuple]


KINDS = ("next", "true", "false", "exc")


def walked(data: bytes) -> tuple[ast.Module, Walk]:
    source = decode(data)
    tree = ast.parse(source.text)
    return tree, walk_file(tree, source, Module(name="m", is_package=False), "0")


def flow_of(data: bytes) -> tuple[ast.Module, Walk, ControlFlow]:
    tree, walk = walked(data)
    return tree, walk, ControlFlow(*control_rows(owner_graphs(tree, walk), walk).values())


def owners_of(flow: ControlFlow) -> dict[str, list[tuple]]:
    """The rows of points by the qualified path of their owner."""
    found = {}
    for row in flow.points:
        found.setdefault(row[1].def_id.removeprefix("def:0:"), []).append(row)
    return found


def labels_of(data: bytes, flow: ControlFlow, owner: str) -> dict[str, str]:
    """A label for each point of an owner: its kind if it is no ``stmt`` or ``test``, and the first line it spans."""
    labels = {}
    for point_id, _, kind, _, start, end in owners_of(flow)[owner]:
        text = data[start:end].decode().partition("\n")[0]
        if kind in ("stmt", "test"):
            labels[point_id] = text
        else:
            labels[point_id] = kind if kind in ("entry", "exit") or text == "try:" else f"{kind} {text}"
    return labels


def graph_of(source: str, owner: str = "<module>#1") -> str:
    """A line for each point in its order, with its ways on; ``next`` is not written, and the entry has no line.

    The entry leads to the first line; what has no edge to it is unreachable.
    """
    data = source.encode()
    _, _, flow = flow_of(data)
    labels = labels_of(data, flow, owner)
    reached = {dst for _, dst, _ in flow.flow}
    lines = []
    for point_id, label in labels.items():
        found = sorted((KINDS.index(kind), kind, dst) for src, dst, kind in flow.flow if src == point_id)
        ways = [f"{kind} {labels[dst]}".removeprefix("next ") for _, kind, dst in found]
        note = "" if point_id in reached else " (unreachable)"
        if label not in ("entry", "exit"):
            lines.append(f"{label}{note}: {', '.join(ways)}" if ways else f"{label}{note}")
        elif label == "exit" and note:
            lines.append("exit (unreachable)")
    return "\n".join(lines)


def events_of(source: str, owner: str = "<module>#1") -> list[str]:
    """The events of each point that has some, in order: ``use a, def b``; names of other scopes with their scope."""
    _, _, flow = flow_of(source.encode())
    lines = {row[0]: [] for row in owners_of(flow)[owner]}
    for point_id, _, _, (scope, name), kind, _, _ in flow.events:
        if point_id in lines:
            home = scope.scope_id.removeprefix("def:0:").removesuffix("/scope")
            lines[point_id].append(f"{kind} {name}" if home == owner else f"{kind} {home}:{name}")
    return [", ".join(events) for events in lines.values() if events]
