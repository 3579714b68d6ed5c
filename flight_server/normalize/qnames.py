"""Qualified names: what extraction found as lists of structs on definitions and call sites becomes rows."""

from arrowdsl.compute.expr import Call, Column, Expr, Literal
from arrowdsl.plan.nodes import Plan, Union


def distinct_names(callsites: Plan, definitions: Plan) -> Plan:
    """qname: the distinct names in ``callsites.callee_qnames`` and ``definitions.qnames``, in no order."""
    candidates = callsites.select("callee_qnames").explode("callee_qnames", qname="name")
    defined = definitions.select("qnames").explode("qnames", qname="name")
    return Union((candidates, defined)).where(_present("qname")).distinct("qname")


def name_dimension(names: Plan) -> Plan:
    """qname_id, qname: distinct and sorted by qname."""
    return names.distinct("qname").order_by("qname").select(qname_id=_name_id("qname"), qname=Column("qname"))


def callsite_candidates(callsites: Plan) -> Plan:
    """call_id, qname, path, call_bstart, call_bend, qname_source: in the order of the call sites and their lists."""
    return (
        callsites.select("call_id", "path", "call_bstart", "call_bend", "callee_qnames")
        .explode("callee_qnames", qname="name", qname_source="source")
        .where(_present("qname"))
        .select("call_id", "qname", "path", "call_bstart", "call_bend", "qname_source")
    )


def _present(column: str) -> Expr:
    """Neither null nor empty: a comparison with null is not true."""
    return Call("<>", (Column(column), Literal("")))


def _name_id(column: str) -> Expr:
    return Call("concat", (Literal("qname:"), Column(column)))
