"""Control flow within a definition, and its consequences: control dependence and reaching definitions.

The layer cfg has the points, the flow between them, and the variable events at them (def, use, kill). Where definitions
meet that a use may read, there is a join, an event too.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Literal, col
from arrowdsl.plan.nodes import Plan
from flight_server.kernels.arrays import codes, numbers, rows_of, truths
from flight_server.kernels.block_graph import FlowGraph, Way
from flight_server.kernels.dominance import Dependences, control_dependences, post_dominators
from flight_server.kernels.reaching_definitions import Events
from flight_server.pipeline.families import edges, nodes, props
from flight_server.pipeline.reaching_rows import reaching_rows
from flight_server.pipeline.relational import FILE, PLACE, SPAN, join, kernel, output, relation

NODES = nodes("""
    CFG_POINT  cfg_points     {point_id}
    DF_EVENT   placed_events  {event_id}
    DF_EVENT   var_joins      {event_id}
""")
EDGES = (
    *edges(
        """
    CFG_NEXT   control_flow  cfg_flow[kind=next]   {src} > {dst}
    CFG_TRUE   control_flow  cfg_flow[kind=true]   {src} > {dst}
    CFG_FALSE  control_flow  cfg_flow[kind=false]  {src} > {dst}
    CFG_EXC    control_flow  cfg_flow[kind=exc]    {src} > {dst}
    EVENT_AT   event_point   var_events            {event_id} > {point_id?}
    EVENT_AT   event_point   var_joins             {event_id} > {point_id}
    REACHES    reaching_definition  reaching_defs  {def_event_id} > {use_event_id}  method=dataflow
""",
        origin="cfg",
        span="none",
    ),
    *edges(
        """
    POST_DOMINATES   post_dominance  post_dominance      {by_point_id} > {point_id}
    CONTROL_DEPENDS  branch          control_dependence  {point_id} > {by_point_id}
""",
        origin="cfg",
        method="dataflow",
        values="rule_name=rule,confidence,score=confidence",
    ),
)
PROPS = props("""
    cfg_points  {point_id}  kind
    var_events  {event_id}  kind binding=binding_id
    var_joins   {event_id}  kind binding=binding_id
""")
_POINT = f"{PLACE} point_id"
_POINTS = "point_id owner_def_id kind"
_FLOW = "src dst kind"
_PARTIAL = ("iter", "handler")  # kinds of points whose effects happen only on the edge "true"


@relation("cfg")
def placed_events(var_events: Plan, cst_name_refs: Plan) -> Plan:
    """The variable events with the spans of their names; the kill at the end of an except block has no span.

    file_id, path, bstart, bend, event_id, point_id, binding_id, kind.
    """
    keep = f"{FILE} event_id point_id binding_id kind"
    return join(var_events, cst_name_refs, "name_ref_id", keep=keep, take=SPAN, kind="left outer")


@relation("cfg")
def reaching_pairs(var_events: Plan, cfg_points: Plan, cfg_flow: Plan) -> Plan:
    """The definition or join whose value a use reads, and the definitions and joins that meet in a join.

    file_id, path, def_event_id, use_event_id, variable, join_point_id (of a join that ``use_event_id`` is).
    """
    events = (var_events, f"{FILE} event_id point_id ordinal binding_id kind")
    points = (cfg_points, f"{FILE} {_POINTS}")
    return kernel("reaching_pairs", _reaching, events, points, (cfg_flow, _FLOW))


@output("cfg")
def reaching_defs(reaching_pairs: Plan) -> Plan:
    """The definition or join whose value a use reads, and the definitions and joins that meet in a join."""
    return reaching_pairs.select(*FILE.split(), "def_event_id", "use_event_id", binding_id=col("variable"))


@output("cfg")
def var_joins(reaching_pairs: Plan, cfg_points: Plan) -> Plan:
    """The joins: where several definitions of a variable meet, and a use may read any of them."""
    joins = reaching_pairs.where(col("join_point_id").is_not_null()).select(
        event_id=col("use_event_id"), point_id=col("join_point_id"), binding_id=col("variable")
    )
    distinct = joins.distinct("event_id", "point_id", "binding_id")
    placed = join(distinct, cfg_points, "point_id", keep="event_id point_id binding_id", take=PLACE)
    return placed.select(*PLACE.split(), "event_id", "point_id", "binding_id", kind=Literal("join"))


@relation("cfg")
def post_dominance(cfg_points: Plan, cfg_flow: Plan) -> Plan:
    """Each point with its immediate post-dominator.

    file_id, path, bstart, bend, point_id, by_point_id, rule, confidence.
    """
    return _depending("post_dominance", post_dominators, "post_dominance", cfg_points, cfg_flow)


@relation("cfg")
def control_dependence(cfg_points: Plan, cfg_flow: Plan) -> Plan:
    """Each point with the points that decide whether it runs.

    file_id, path, bstart, bend, point_id, by_point_id, rule (``branch`` for a condition, ``exception`` for a point that
    decides only by raising), confidence.
    """
    return _depending("control_dependence", control_dependences, "branch", cfg_points, cfg_flow)


def _depending(
    name: str, find: Callable[[FlowGraph], Dependences], rule: str, cfg_points: Plan, cfg_flow: Plan
) -> Plan:
    points = (cfg_points, f"{_POINT} owner_def_id kind")
    return kernel(name, partial(_dependences, find, rule), points, (cfg_flow, _FLOW))


def _dependences(find: Callable[[FlowGraph], Dependences], rule: str, points: pa.Table, flow: pa.Table) -> pa.Table:
    """Pairs of points as rows; code that never reaches its exit has the rule ``endless`` and a lower confidence."""
    found = find(_flow_graph(points, flow))
    named = points.select(_POINT.split()).take(pa.array(found.point))
    rules = np.select([found.endless, found.excepted], ["endless", "exception"], rule)
    return (
        named.append_column("by_point_id", points.column("point_id").take(pa.array(found.by)))
        .append_column("rule", pa.array(rules, pa.string()))
        .append_column("confidence", pa.array(np.where(found.endless, np.float32(0.5), np.float32(1.0))))
    )


def _reaching(events: pa.Table, points: pa.Table, flow: pa.Table) -> pa.Table:
    binding, kind = events.column("binding_id"), events.column("kind")
    point = rows_of(events.column("point_id"), points.column("point_id"))
    variables = binding.combine_chunks().dictionary_encode(null_encoding="encode")
    effects = Events(
        point=np.where(truths(pc.is_valid(binding)), point, -1),
        ordinal=numbers(events.column("ordinal")),
        variable=numbers(variables.indices),
        is_def=truths(pc.is_in(kind, pa.array(("def", "param")))),
        is_use=truths(pc.equal(kind, "use")),
    )
    return reaching_rows(_flow_graph(points, flow), effects, events, points, variables.dictionary)


def _flow_graph(points: pa.Table, flow: pa.Table) -> FlowGraph:
    """Points (point_id, owner_def_id, kind) and flow (src, dst, kind) for the kernels; a point's number is its row."""
    ids, kind = points.column("point_id"), points.column("kind")
    src, dst = rows_of(flow.column("src"), ids), rows_of(flow.column("dst"), ids)
    is_exc, is_true = (truths(pc.equal(flow.column("kind"), each)) for each in ("exc", "true"))
    partial_effect = truths(pc.is_in(kind, pa.array(_PARTIAL)))
    way = np.where(is_exc, Way.DURING, np.where(partial_effect[src] & ~is_true, Way.BEFORE, Way.AFTER))
    present = (src >= 0) & (dst >= 0)
    return FlowGraph(
        owner=codes(points.column("owner_def_id")),
        is_entry=truths(pc.equal(kind, "entry")),
        is_exit=truths(pc.equal(kind, "exit")),
        src=src[present],
        dst=dst[present],
        way=way.astype(np.int64)[present],
    )
