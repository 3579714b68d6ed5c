"""Qualified names of definitions and of possible callees, and names outside the repo.

Raw tables have qualified names as lists of structs on definitions and call sites; here they become rows.
"""

import pyarrow as pa

from arrowdsl.compute.expr import Literal, col
from arrowdsl.plan.nodes import Plan, Scope, Union
from flight_server.pipeline.families import edges, nodes, props, template
from flight_server.pipeline.relational import PLACE, join, output, relation

CANDIDATE = 0.6  # confidence of a callee's possible name

NODES = nodes("""
    CST_NAME_REF       cst_name_refs        {name_ref_id}  name=name
    PY_QUALIFIED_NAME  dim_qualified_names  {qname_id}     scope=repo name=qname qname=qname
    PY_EXTERNAL        externals            @external      scope=repo name=name qname=name
""")
EDGES = (
    *edges(
        """
    PY_CALLS_QNAME  callee_name  callsite_qname_candidates  {call_id} > @qname  span=call \
        values=qname_source,ambiguity_group_id=call_id
    NAME_REF_CANDIDATE_QNAME  callee_ref  callee_names  {name_ref_id} > @qname  priority=1 \
        values=qname_source,ambiguity_group_id=name_ref_id
""",
        origin="qnp",
        method="qualified_name",
        confidence=str(CANDIDATE),
    ),
    *edges(
        """
    QNAME_DEFINED_BY  definition_name  definition_qnames  @qname > {def_id}  span=def values=qname_source
    NAME_REF_CANDIDATE_QNAME  definition_ref  defined_names  {name_ref_id} > @qname \
        values=qname_source,ambiguity_group_id=name_ref_id
""",
        origin="qnp",
        method="qualified_name",
    ),
)
PROPS = props(
    """
    dim_qualified_names  {qname_id}  name=qname
    externals            @external   name
""",
    Scope.REPO,
)


@relation("qnames")
def part_qualified_names(cst_callsites: Plan, cst_defs: Plan) -> Plan:
    """The distinct qualified names in one part's call sites and definitions.

    qname.
    """
    candidates = cst_callsites.select("callee_qnames").explode("callee_qnames", qname="name")
    defined = cst_defs.select("qnames").explode("qnames", qname="name")
    return Union((candidates, defined)).where(col("qname").ne("")).distinct("qname")


@output("qnames", Scope.REPO)
def dim_qualified_names(part_qualified_names: Plan) -> Plan:
    """The qualified names of the repo: distinct, sorted, each with its id."""
    names = part_qualified_names.distinct("qname").order_by("qname")
    return names.select(qname_id=template("@qname"), qname=col("qname"))


@output("qnames")
def callsite_qname_candidates(cst_callsites: Plan) -> Plan:
    """A row for each call site and possible qualified name of its callee."""
    columns = ("call_id", "path", "call_bstart", "call_bend")
    return _named(cst_callsites, "callee_qnames", *columns).select("qname", "qname_source", *columns)


@output("resolve")
def rel_callsite_qname(callsite_qname_candidates: Plan) -> Plan:
    """The possible qualified names of each call site's callee, ranked; one site's names share an ambiguity group."""
    return callsite_qname_candidates.select(
        *("call_id", "path", "qname_source"),
        bstart=col("call_bstart"),
        bend=col("call_bend"),
        qname_id=template("@qname"),
        resolution_method=Literal("qualified_name"),
        confidence=Literal(CANDIDATE, pa.float32()),
        score=Literal(CANDIDATE, pa.float32()),
        ambiguity_group_id=col("call_id"),
        rule_name=Literal("callee_name"),
        rule_priority=Literal(0, pa.int32()),
    )


@relation("qnames")
def definition_qnames(cst_defs: Plan) -> Plan:
    """A row for each definition and each of its qualified names.

    file_id, path, def_id, def_bstart, def_bend, qname, qname_source.
    """
    return _named(cst_defs, "qnames", "file_id", "path", "def_id", "def_bstart", "def_bend")


@relation("qnames")
def callee_names(cst_callsites: Plan, cst_name_refs: Plan) -> Plan:
    """The last names of callees (``c`` in ``a.b.c()``), with their possible qualified names.

    file_id, path, bstart, bend, name_ref_id, qname, qname_source.
    """
    callees = cst_callsites.where(col("callee_shape").is_in(("NAME", "ATTRIBUTE")))
    names = _named(callees, "callee_qnames", "file_id", "callee_bend")
    refs = cst_name_refs.where(col("ref_kind").is_in(("name", "attribute")))
    return join(refs, names, "file_id bend=callee_bend", keep=f"{PLACE} name_ref_id", take="qname qname_source")


@relation("qnames")
def defined_names(cst_defs: Plan, cst_name_refs: Plan) -> Plan:
    """The names of definitions, with their qualified names.

    file_id, path, bstart, bend, name_ref_id, qname, qname_source.
    """
    names = _named(cst_defs, "qnames", "file_id", "name_bstart")
    refs = cst_name_refs.where(col("ref_kind").eq("def"))
    return join(refs, names, "file_id bstart=name_bstart", keep=f"{PLACE} name_ref_id", take="qname qname_source")


@relation("resolve")
def part_externals(resolved_calls: Plan, resolved_bases: Plan, bound_elsewhere: Plan, external_imports: Plan) -> Plan:
    """The names outside the repo at which one part's edges end.

    name.
    """
    meant = (rows.where(col("dst").is_null()) for rows in (resolved_calls, resolved_bases, bound_elsewhere))
    names = Union(tuple(rows.select("name") for rows in (*meant, external_imports)))
    return names.where(col("name").is_not_null()).distinct("name")


@relation("resolve", Scope.REPO)
def externals(part_externals: Plan) -> Plan:
    """The names outside the repo, each once, sorted.

    name.
    """
    return part_externals.distinct("name").order_by("name")


def _named(rows: Plan, qnames: str, *columns: str) -> Plan:
    """A row for each name in the list ``qnames``: the columns, qname and qname_source."""
    each = rows.select(*columns, qnames).explode(qnames, qname="name", qname_source="source")
    return each.where(col("qname").ne(""))
