"""Control flow, data flow and program dependence: the layer cfg."""

from arrowdsl.compute.expr import Column
from flight_server.cpg.families import EdgeFamily, NodeFamily

_AS_FOUND = {"rule_name": Column("rule"), "confidence": Column("confidence"), "score": Column("confidence")}

NODES = (
    NodeFamily("CFG_POINT", "cfg_points", "{point_id}"),
    NodeFamily("DF_EVENT", "placed_events", "{event_id}"),
)
EDGES = (
    *(
        EdgeFamily(kind, "cfg_flow", "{src}", "{dst}", rule="control_flow", origin="cfg", span=None, only={"kind": way})
        for kind, way in (("CFG_NEXT", "next"), ("CFG_TRUE", "true"), ("CFG_FALSE", "false"), ("CFG_EXC", "exc"))
    ),
    EdgeFamily(
        "EVENT_AT",
        "var_events",
        "{event_id}",
        "{point_id}",
        rule="event_point",
        origin="cfg",
        span=None,
        given=("point_id",),
    ),
    EdgeFamily(
        "REACHES",
        "reaching_defs",
        "{def_event_id}",
        "{use_event_id}",
        rule="reaching_definition",
        origin="cfg",
        span=None,
        method="dataflow",
    ),
    EdgeFamily(
        "POST_DOMINATES",
        "post_dominance",
        "{by_point_id}",
        "{point_id}",
        rule="post_dominance",
        origin="cfg",
        method="dataflow",
        values=_AS_FOUND,
    ),
    EdgeFamily(
        "CONTROL_DEPENDS",
        "control_dependence",
        "{point_id}",
        "{by_point_id}",
        rule="branch",
        origin="cfg",
        method="dataflow",
        values=_AS_FOUND,
    ),
)
