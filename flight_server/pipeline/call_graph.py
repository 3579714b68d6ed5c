"""Resolution across files: points-to, once for the whole repo, and the outputs that are read off it."""

from hamilton.function_modifiers import group, inject, source, tag

from arrowdsl.plan.nodes import Plan, Scope
from flight_server.cpg import resolution as resolved
from flight_server.points_to.inputs import INPUTS


@tag(layer="resolve", kind="intermediate", scope=Scope.FIXPOINT)
@inject(facts=group(**{name: source(name) for name in INPUTS}))
def resolution(facts: dict[str, Plan]) -> Plan:
    """What names, calls and classes mean, across files: the relations of points-to."""
    return resolved.resolution(**facts)


@tag(layer="resolve", kind="output", scope=Scope.PART)
def points_to(resolution: Plan) -> Plan:
    """The objects that each variable, temporary and return value may hold."""
    return resolved.points_to(resolution)


@tag(layer="resolve", kind="output", scope=Scope.PART)
def call_graph(resolution: Plan, flow_calls: Plan, repo_files: Plan) -> Plan:
    """A row for each call site and each function or external that it may call."""
    return resolved.call_graph(resolution, flow_calls, repo_files)
