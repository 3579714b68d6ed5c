"""Qualified names: what names and callees may be called in full, and the definitions of those names."""

from arrowdsl.compute.expr import Column
from flight_server.cpg.families import EdgeFamily, NodeFamily
from flight_server.normalize.qnames import CANDIDATE

_QNAME = "qname:{qname}"

REPO_NODES = (NodeFamily("PY_QUALIFIED_NAME", "dim_qualified_names", "{qname_id}", span=None, in_file=False),)
EDGES = (
    EdgeFamily(
        "PY_CALLS_QNAME",
        "callsite_qname_candidates",
        "{call_id}",
        _QNAME,
        rule="callee_name",
        origin="qnp",
        method="qualified_name",
        confidence=CANDIDATE,
        span=("call_bstart", "call_bend"),
        values={"qname_source": Column("qname_source"), "ambiguity_group_id": Column("call_id")},
    ),
    EdgeFamily(
        "QNAME_DEFINED_BY",
        "definition_qnames",
        _QNAME,
        "{def_id}",
        rule="definition_name",
        origin="qnp",
        method="qualified_name",
        span=("def_bstart", "def_bend"),
        values={"qname_source": Column("qname_source")},
    ),
    *(
        EdgeFamily(
            "NAME_REF_CANDIDATE_QNAME",
            rows,
            "{name_ref_id}",
            _QNAME,
            rule=rule,
            origin="qnp",
            method="qualified_name",
            confidence=confidence,
            priority=priority,
            values={"qname_source": Column("qname_source"), "ambiguity_group_id": Column("name_ref_id")},
        )
        for rows, rule, confidence, priority in (
            ("defined_names", "definition_ref", 1.0, 0),
            ("callee_names", "callee_ref", CANDIDATE, 1),
        )
    ),
)
