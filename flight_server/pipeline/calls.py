"""Calls across files: the possible callees of call sites, the parameters of their arguments, and the returned values.

The kernel of ``resolution`` reads only columns without offsets (``points_to.solution``), so an edit that moves code but
changes no fact leaves the cached result valid. Spans and call ids are joined to the rows afterwards, part by part.
"""

import pyarrow as pa
from hamilton.function_modifiers import group, inject, source

from arrowdsl.compute.expr import coalesce, col
from arrowdsl.plan.nodes import Aggregate, Plan, Scope, Union
from flight_server.pipeline.families import edges, template
from flight_server.pipeline.relational import FILE, PLACE, SPAN, join, kernel, output, relation, resolved
from flight_server.pipeline.spans import with_lines
from flight_server.points_to.solution import INPUTS, solution

EDGES = edges(
    """
    PY_CALLS_DEF       only_callee  resolved_calls            {node_id} > {dst?}
    PY_CALLS_EXTERNAL  only_callee  resolved_calls[dst=null]  {node_id} > @external
    ARG_TO_PARAM       only_callee  passed_arguments          @arg > {dst?}  within=arguments:file_id,bstart,bend
    RETURN_TO_CALL     only_callee  returned_values           {return_id} > {node_id}
""",
    origin="resolve",
    method="points_to",
    values="confidence,score=confidence,rule_name,ambiguity_group_id",
)
VERSION = 7
ROW_BYTES = 1400  # of peak memory: SymPy's 3.5 M rows took 4.7 GB, those of 4.5 M lines (12 M rows) 14.9 GB
_SURE = "confidence rule_name ambiguity_group_id"
_SUREST = tuple((name, how, name) for name, how in zip(_SURE.split(), ("max", "min", "min"), strict=True))
_NO_EXPRESSIONS = ("Module", "Expr", "keyword", "arg", "arguments", "withitem", "comprehension", "alias")


@relation("resolve", Scope.FIXPOINT)
@inject(facts=group(**{name: source(name) for name in INPUTS}))
def resolution(facts: dict[str, Plan]) -> Plan:
    """The relations of points-to: the targets of names, calls and classes across files."""
    first, *sides = ((facts[name], " ".join(columns)) for name, columns in INPUTS.items())
    return kernel("points_to", _solution, first, *sides, version=VERSION, row_bytes=ROW_BYTES)


@output("resolve")
def points_to(resolution: Plan) -> Plan:
    """The objects that each variable, temporary and return value may hold."""
    rows = resolution.where(col("relation").eq("points_to"))
    return rows.select("saturated", place=col("src"), object_id=col("dst"), object_kind=col("kind"))


@output("resolve")
def call_graph(resolution: Plan, flow_calls: Plan, repo_files: Plan, line_starts: Plan) -> Plan:
    """A row for each call site and each function or external that it may call.

    A call of a class has a row for each method that the call runs, and one for the class itself if it has no
    ``__init__`` of its own.
    """
    calls = resolution.where(col("relation").eq("call") & col("kind").ne("class")).select(
        *("file_id", *_SURE.split()),
        site_id=col("src"),
        caller_def_id=col("owner"),
        caller_qname=col("owner_name"),
        callee_def_id=col("dst"),
        callee_qname=col("name"),
        is_external=col("kind").eq("external"),
        site_kind=col("label"),
    )
    columns = f"{_SURE} site_id caller_def_id caller_qname callee_def_id callee_qname is_external site_kind"
    located = f"call_id {SPAN}"
    placed = join(calls, flow_calls, "site_id", keep=f"file_id {columns}", take=located, kind="left outer")
    named = join(placed, repo_files, "file_id", keep=f"{columns} {located}", take="path")
    lined = with_lines(named, line_starts, f"{columns} {located} path".split())
    return lined.order_by("path", "bstart", "bend", "site_id", "callee_qname", "callee_def_id")


@output("resolve")
def unresolved_calls(resolution: Plan, flow_calls: Plan, cst_callsites: Plan) -> Plan:
    """The calls that have no row in ``call_graph``, each with the reason."""
    rows = resolution.where(col("relation").eq("unresolved")).select(
        site_id=col("src"), reason=col("kind"), caller_def_id=col("owner"), caller_qname=col("owner_name")
    )
    columns = "site_id reason caller_def_id caller_qname call_id"
    spelled = join(rows, flow_calls, "site_id", keep=columns.removesuffix(" call_id"), take="call_id")
    located = "callee_text path call_bstart call_bend line end_line"
    placed = join(spelled, cst_callsites, "call_id", keep=columns, take=located)
    kept = f"{columns} callee_text path line end_line".split()
    return placed.select(*kept, bstart=col("call_bstart"), bend=col("call_bend")).order_by("path", "bstart", "bend")


@relation("resolve")
def sites(flow_calls: Plan, cst_decorators: Plan, ast_nodes: Plan) -> Plan:
    """The nodes of call sites: calls, decorators, and expressions whose syntax implies a call.

    site_id, bstart, bend, node_id.
    """
    columns = ("site_id", *SPAN.split())
    spelled = flow_calls.where(col("call_id").is_not_null()).select(*columns, node_id=col("call_id"))
    decorators = cst_decorators.where(col("site_id").is_not_null()).select(*columns, node_id=template("@decorator"))
    implied = flow_calls.where(col("call_id").is_null() & col("site_kind").ne("decorator"))
    at = f"file_id {SPAN}"
    expressions = ast_nodes.where(~col("kind").is_in(_NO_EXPRESSIONS))
    there = join(expressions, implied, at, keep=f"{at} ast_idx", kind="left semi")
    innermost = Aggregate(there, tuple(at.split()), (("ast_idx", "max", "ast_idx"),))
    placed = join(implied, innermost, at, keep=f"site_id {at}", take="ast_idx")
    return Union((spelled, decorators, placed.select(*columns, node_id=template("@ast"))))


@relation("resolve")
def resolved_calls(resolution: Plan, repo_files: Plan, sites: Plan) -> Plan:
    """The nodes of call sites, with the definitions and externals that they may call.

    file_id, path, bstart, bend, node_id, dst, name, kind, confidence, rule_name, ambiguity_group_id. An attribute
    access that runs code has no site: its node is the definition that contains the access, without a span.
    """
    found = resolved(resolution, repo_files, "call", f"src owner dst name kind {_SURE}")
    keep = f"{FILE} owner dst name kind {_SURE}"
    placed = join(found, sites, "src=site_id", keep=keep, take=f"{SPAN} node_id", kind="left outer")
    columns = f"{PLACE} dst name kind".split()
    named = placed.select(*columns, *_SURE.split(), node_id=coalesce(col("node_id"), col("owner")))
    return Aggregate(named.where(col("node_id").is_not_null()), (*columns, "node_id"), _SUREST)


@relation("resolve")
def passed_arguments(resolution: Plan, repo_files: Plan, flow_args: Plan) -> Plan:
    """The arguments of calls, with the parameters that receive them.

    file_id, path, bstart, bend (of the argument), dst (the parameter), confidence, rule_name, ambiguity_group_id.
    """
    found = resolved(resolution, repo_files, "argument", f"src position name dst {_SURE}")
    given = flow_args.where(col("bstart").is_not_null())
    by_name, by_keyword = col("name").is_not_null(), col("keyword").is_not_null()
    keep = f"{FILE} dst {_SURE}"
    positional = join(found.where(~by_name), given.where(~by_keyword), "src=site_id position=pos", keep=keep, take=SPAN)
    named = join(found.where(by_name), given.where(by_keyword), "src=site_id name=keyword", keep=keep, take=SPAN)
    return Aggregate(Union((positional, named)), (*PLACE.split(), "dst"), _SUREST)


@relation("resolve")
def part_return_statements(returns: Plan) -> Plan:
    """The return statements of one part's definitions.

    owner_def_id, return_id.
    """
    return returns.where(col("owner_def_id").is_not_null()).select("owner_def_id", "return_id")


@relation("resolve", Scope.REPO)
def return_statements(part_return_statements: Plan) -> Plan:
    """The return statements of the repo's definitions.

    owner_def_id, return_id.
    """
    return part_return_statements.select("owner_def_id", "return_id")


@relation("resolve")
def returned_values(resolved_calls: Plan, return_statements: Plan) -> Plan:
    """The return statements whose values a call may return.

    file_id, path, bstart, bend (of the call), node_id, return_id, confidence, rule_name, ambiguity_group_id.
    """
    functions = resolved_calls.where(col("kind").eq("function") & col("bstart").is_not_null())
    keep = f"{PLACE} node_id {_SURE}"
    return join(functions, return_statements, "dst=owner_def_id", keep=keep, take="return_id")


def _solution(*tables: pa.Table) -> pa.Table:
    return solution(dict(zip(INPUTS, tables, strict=True)))
