"""Reaching definitions of variables in source, as rows; and the tables of control flow as the kernels take them."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan
from flight_server.kernels.arrays import codes, numbers, rows_of, truths
from flight_server.kernels.block_graph import FlowGraph, Way
from flight_server.kernels.reaching_definitions import Events, reaching_definitions

_EVENTS = ("file_id", "path", "event_id", "point_id", "ordinal", "binding_id", "kind")
_POINTS = ("point_id", "owner_def_id", "kind")
_FLOW = ("src", "dst", "kind")
_PARTIAL = ("iter", "handler")  # their effects happen on the edge "true" alone


def reaching_defs(var_events: Plan, cfg_points: Plan, cfg_flow: Plan) -> Plan:
    """file_id, path, def_event_id, use_event_id, binding_id."""
    function = KernelFunction(
        name="reaching_defs",
        version=1,
        apply=_reaching_rows,
        needs=_EVENTS,
        replaces_columns=True,
        side_needs=(_POINTS, _FLOW),
    )
    sides = (cfg_points.select(*_POINTS), cfg_flow.select(*_FLOW))
    return Kernel(var_events.select(*_EVENTS), function, sides)


def flow_graph(points: pa.Table, flow: pa.Table) -> FlowGraph:
    """Points (point_id, owner_def_id, kind) and flow (src, dst, kind) for the kernels; a point's number is its row."""
    ids, kind = points.column("point_id"), points.column("kind")
    src, dst = rows_of(flow.column("src"), ids), rows_of(flow.column("dst"), ids)
    is_exc, is_true = (truths(pc.equal(flow.column("kind"), each)) for each in ("exc", "true"))
    partial = truths(pc.is_in(kind, pa.array(_PARTIAL)))
    way = np.where(is_exc, Way.DURING, np.where(partial[src] & ~is_true, Way.BEFORE, Way.AFTER)).astype(np.int64)
    known = (src >= 0) & (dst >= 0)
    return FlowGraph(
        owner=codes(points.column("owner_def_id")),
        is_entry=truths(pc.equal(kind, "entry")),
        is_exit=truths(pc.equal(kind, "exit")),
        src=src[known],
        dst=dst[known],
        way=way[known],
    )


def _reaching_rows(events: pa.Table, points: pa.Table, flow: pa.Table) -> pa.Table:
    binding, kind = events.column("binding_id"), events.column("kind")
    point = rows_of(events.column("point_id"), points.column("point_id"))
    effects = Events(
        point=np.where(truths(pc.is_valid(binding)), point, -1),
        ordinal=numbers(events.column("ordinal")),
        variable=codes(binding),
        is_def=truths(pc.is_in(kind, pa.array(("def", "param")))),
        is_use=truths(pc.equal(kind, "use")),
    )
    defs, uses = map(pa.array, reaching_definitions(flow_graph(points, flow), effects))
    found = events.select(["file_id", "path", "event_id", "binding_id"]).take(uses)
    return pa.table(
        {
            "file_id": found.column("file_id"),
            "path": found.column("path"),
            "def_event_id": events.column("event_id").take(defs),
            "use_event_id": found.column("event_id"),
            "binding_id": found.column("binding_id"),
        }
    )
