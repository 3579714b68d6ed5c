"""Program dependence as rows: immediate post-dominators, and the conditions that decide whether a point is executed."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa

from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan
from flight_server.kernels.block_graph import FlowGraph
from flight_server.kernels.dominance import Dependences, control_dependences, post_dominators
from flight_server.normalize.reaching import flow_graph

_KEPT = ("file_id", "path", "bstart", "bend", "point_id")
_POINTS = (*_KEPT, "owner_def_id", "kind")
_FLOW = ("src", "dst", "kind")


def post_dominance(cfg_points: Plan, cfg_flow: Plan) -> Plan:
    """file_id, path, span, point_id, by_point_id, rule, confidence: each point with its immediate post-dominator."""
    return _depending("post_dominance", post_dominators, "post_dominance", cfg_points, cfg_flow)


def control_dependence(cfg_points: Plan, cfg_flow: Plan) -> Plan:
    """file_id, path, span, point_id, by_point_id, rule, confidence: each point with the points that decide on it.

    ``rule`` is ``branch`` where a condition decides, ``exception`` where only the raising of an exception does.
    """
    return _depending("control_dependence", control_dependences, "branch", cfg_points, cfg_flow)


def _depending(
    name: str, find: Callable[[FlowGraph], Dependences], rule: str, cfg_points: Plan, cfg_flow: Plan
) -> Plan:
    function = KernelFunction(
        name=name,
        version=1,
        apply=partial(_rows, find, rule),
        needs=_POINTS,
        replaces_columns=True,
        side_needs=(_FLOW,),
    )
    return Kernel(cfg_points.select(*_POINTS), function, (cfg_flow.select(*_FLOW),))


def _rows(find: Callable[[FlowGraph], Dependences], rule: str, points: pa.Table, flow: pa.Table) -> pa.Table:
    """Pairs of points as rows; code that never reaches its exit has the rule ``endless`` and less confidence."""
    found = find(flow_graph(points, flow))
    named = points.select(list(_KEPT)).take(pa.array(found.point))
    rules = np.select([found.endless, found.excepted], ["endless", "exception"], rule)
    return (
        named.append_column("by_point_id", points.column("point_id").take(pa.array(found.by)))
        .append_column("rule", pa.array(rules, pa.string()))
        .append_column("confidence", pa.array(np.where(found.endless, np.float32(0.5), np.float32(1.0))))
    )
