"""Qualified names: what extraction found as lists of structs on definitions and call sites becomes rows."""

import pyarrow as pa

from arrowdsl.compute.expr import Call, Column, Expr, Literal, Values
from arrowdsl.plan.nodes import Join, Plan, Union

CANDIDATE = 0.6  # confidence of a name that a callee may have


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


def definition_qnames(definitions: Plan) -> Plan:
    """file_id, path, def_id, def_bstart, def_bend, qname, qname_source: a row for each name of each definition."""
    return (
        definitions.select("file_id", "path", "def_id", "def_bstart", "def_bend", "qnames")
        .explode("qnames", qname="name", qname_source="source")
        .where(_present("qname"))
    )


def callee_names(callsites: Plan, name_refs: Plan) -> Plan:
    """file_id, path, span, name_ref_id, qname, qname_source: the names at the end of callees, and what they may be."""
    named = Call("in", (Column("callee_shape"), Values(("NAME", "ATTRIBUTE"))))
    candidates = (
        callsites.where(named)
        .select("file_id", "callee_bend", "callee_qnames")
        .explode("callee_qnames", qname="name", qname_source="source")
        .where(_present("qname"))
    )
    return _with_refs(candidates, name_refs, ("name", "attribute"), "callee_bend", "bend")


def defined_names(definitions: Plan, name_refs: Plan) -> Plan:
    """The same for the names of definitions."""
    names = (
        definitions.select("file_id", "name_bstart", "qnames")
        .explode("qnames", qname="name", qname_source="source")
        .where(_present("qname"))
    )
    return _with_refs(names, name_refs, ("def",), "name_bstart", "bstart")


def callsite_relation(callsite_candidates: Plan) -> Plan:
    """The columns of ``rel_callsite_qname``: candidates of one call site share an ambiguity group."""
    return callsite_candidates.select(
        "call_id",
        bstart=Column("call_bstart"),
        bend=Column("call_bend"),
        qname_id=_name_id("qname"),
        qname_source=Column("qname_source"),
        path=Column("path"),
        resolution_method=Literal("qualified_name"),
        confidence=Literal(CANDIDATE, pa.float32()),
        score=Literal(CANDIDATE, pa.float32()),
        ambiguity_group_id=Column("call_id"),
        rule_name=Literal("callee_name"),
        rule_priority=Literal(0, pa.int32()),
    )


def _with_refs(names: Plan, name_refs: Plan, kinds: tuple[str, ...], name_at: str, ref_at: str) -> Plan:
    kept = ("file_id", "path", "bstart", "bend", "name_ref_id")
    refs = name_refs.where(Call("in", (Column("ref_kind"), Values(kinds)))).select(*kept)
    return Join(refs, names, "inner", ("file_id", ref_at), ("file_id", name_at), kept, ("qname", "qname_source"))


def _present(column: str) -> Expr:
    """Neither null nor empty: a comparison with null is not true."""
    return Call("<>", (Column(column), Literal("")))


def _name_id(column: str) -> Expr:
    return Call("concat", (Literal("qname:"), Column(column)))
