"""Raw tables become relations: qualified names, and where they are used."""

from hamilton.function_modifiers import tag

from arrowdsl.plan.nodes import Plan, Scope
from flight_server.normalize import qnames


@tag(layer="qnames", kind="intermediate", scope=Scope.PART)
def part_qualified_names(cst_callsites: Plan, cst_defs: Plan) -> Plan:
    """The distinct qualified names in one part's call sites and definitions."""
    return qnames.distinct_names(cst_callsites, cst_defs)


@tag(layer="qnames", kind="output", scope=Scope.REPO)
def dim_qualified_names(part_qualified_names: Plan) -> Plan:
    """The qualified names of the repo: distinct, sorted, each with its id."""
    return qnames.name_dimension(part_qualified_names)


@tag(layer="qnames", kind="output", scope=Scope.PART)
def callsite_qname_candidates(cst_callsites: Plan) -> Plan:
    """A row for each call site and qualified name that its callee may have."""
    return qnames.callsite_candidates(cst_callsites)
