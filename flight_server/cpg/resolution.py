"""What names, calls, imports and classes mean across files: the points-to solution as a plan, and what is read off it.

The kernel reads columns without offsets only (``points_to.inputs``), so its rows stay valid through an edit that moves
code but changes no fact. Spans and call ids are joined to them again, part by part.
"""

import pyarrow as pa

from arrowdsl.compute.expr import Call, Column, Literal
from arrowdsl.plan.nodes import Join, Kernel, KernelFunction, Plan
from flight_server.points_to.inputs import INPUTS
from flight_server.points_to.solution import solution

_FIRST, *_SIDES = INPUTS
VERSION = 3
ROW_BYTES = 1400  # of peak memory: SymPy's 3.5 M rows took 4.7 GB, those of 4.5 M lines (12 M rows) 14.9 GB
_KEPT = ("file_id", "confidence", "ambiguity_group_id", "rule_name")
_CALL = (*("site_id", "caller_def_id", "caller_qname", "callee_def_id", "callee_qname", "is_external", "site_kind"),)


def resolution(**facts: Plan) -> Plan:
    """The relations of ``points_to.tables``, from the tables that ``INPUTS`` names."""
    function = KernelFunction(
        name="points_to",
        version=VERSION,
        apply=_solve,
        needs=INPUTS[_FIRST],
        replaces_columns=True,
        side_needs=tuple(INPUTS[name] for name in _SIDES),
        row_bytes=ROW_BYTES,
    )
    return Kernel(
        facts[_FIRST].select(*INPUTS[_FIRST]), function, tuple(facts[name].select(*INPUTS[name]) for name in _SIDES)
    )


def relation(resolution: Plan, name: str) -> Plan:
    """The rows of one relation."""
    return resolution.where(Call("=", (Column("relation"), Literal(name))))


def points_to(resolution: Plan) -> Plan:
    """place, object_id, object_kind, saturated."""
    rows = relation(resolution, "points_to")
    return rows.select(
        place=Column("src"), object_id=Column("dst"), object_kind=Column("kind"), saturated=Column("saturated")
    )


def call_graph(resolution: Plan, flow_calls: Plan, repo_files: Plan) -> Plan:
    """The calls with their spans. A class that is called is left out: what runs then has edges of its own."""
    called = relation(resolution, "call").where(Call("<>", (Column("kind"), Literal("class"))))
    calls = called.select(
        *_KEPT,
        site_id=Column("src"),
        caller_def_id=Column("owner"),
        caller_qname=Column("owner_name"),
        callee_def_id=Column("dst"),
        callee_qname=Column("name"),
        is_external=Call("=", (Column("kind"), Literal("external"))),
        site_kind=Column("label"),
    )
    columns = (*_KEPT, *_CALL)
    spans = flow_calls.select("site_id", "call_id", "bstart", "bend")
    placed = Join(calls, spans, "left outer", ("site_id",), ("site_id",), columns, ("call_id", "bstart", "bend"))
    files = repo_files.select("file_id", "path")
    whole = Join(
        placed, files, "inner", ("file_id",), ("file_id",), (*columns[1:], "call_id", "bstart", "bend"), ("path",)
    )
    return whole.order_by("path", "bstart", "bend", "site_id", "callee_qname", "callee_def_id")


def _solve(*tables: pa.Table) -> pa.Table:
    return solution(dict(zip(INPUTS, tables, strict=True)))
