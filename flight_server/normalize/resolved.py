"""What points-to found, as rows of files: each relation with the node, path and span of the place in the source.

Points-to says nothing of offsets, so spans are joined to it here, part by part. Its columns are src, dst, kind, label,
name, owner, position, confidence, rule_name and ambiguity_group_id; which of them a relation has, it says itself.
"""

from arrowdsl.compute.expr import Call, Column, Expr, Literal, Values
from arrowdsl.plan.nodes import Aggregate, Join, Plan, Union

_FILE = ("file_id", "path")
_SPAN = ("bstart", "bend")
_KNOWN = ("confidence", "rule_name", "ambiguity_group_id")
_NO_EXPRESSIONS = ("Module", "Expr", "keyword", "arg", "arguments", "withitem", "comprehension", "alias")


def related(resolution: Plan, repo_files: Plan, relation: str, *columns: str) -> Plan:
    """file_id, path and the ``columns``: the rows of one relation."""
    rows = resolution.where(_equal("relation", relation)).select("file_id", *columns)
    files = repo_files.select(*_FILE)
    return Join(rows, files, "inner", ("file_id",), ("file_id",), ("file_id", *columns), ("path",))


def sites(flow_calls: Plan, cst_decorators: Plan, ast_nodes: Plan) -> Plan:
    """site_id, span, node_id: the node of each call, decorator, and of the expression that calls by its syntax."""
    spelled = flow_calls.where(_given("call_id")).select("site_id", *_SPAN, node_id=Column("call_id"))
    decorators = cst_decorators.where(_given("site_id")).select(
        "site_id", *_SPAN, node_id=_concat(Column("def_id"), Literal("/decorator:"), _text("pos"))
    )
    implied = flow_calls.where(
        Call("and", (_absent("call_id"), Call("<>", (Column("site_kind"), Literal("decorator")))))
    )
    at = ("file_id", *_SPAN)
    expressions = ast_nodes.where(Call("not", (Call("in", (Column("kind"), Values(_NO_EXPRESSIONS))),)))
    there = Join(expressions.select(*at, "ast_idx"), implied.select(*at), "left semi", at, at, (*at, "ast_idx"))
    innermost = Aggregate(there, at, (("ast_idx", "max", "ast_idx"),))
    placed = Join(implied.select("site_id", *at), innermost, "inner", at, at, ("site_id", *at), ("ast_idx",))
    node = _concat(Literal("ast:"), Column("file_id"), Literal(":"), _text("ast_idx"))
    return Union((spelled, decorators, placed.select("site_id", *_SPAN, node_id=node)))


def calls(resolution: Plan, repo_files: Plan, sites: Plan) -> Plan:
    """file_id, path, span, node_id, dst, name, kind and what is known: a row for each node, and what it may call.

    Where an attribute's access runs code there is no site, so the node is the definition that does it, without a span.
    """
    kept = (*_FILE, "owner", "dst", "name", "kind", *_KNOWN)
    found = related(resolution, repo_files, "call", "src", *kept[2:])
    placed = Join(found, sites, "left outer", ("src",), ("site_id",), kept, (*_SPAN, "node_id"))
    named = placed.select(*(name for name in (*kept, *_SPAN) if name != "owner"), node_id=_first("node_id", "owner"))
    keys = (*_FILE, *_SPAN, "node_id", "dst", "name", "kind")
    least = (("confidence", "max"), ("rule_name", "min"), ("ambiguity_group_id", "min"))
    return Aggregate(named.where(_given("node_id")), keys, tuple((name, how, name) for name, how in least))


def passed_arguments(resolution: Plan, repo_files: Plan, flow_args: Plan) -> Plan:
    """file_id, path, span (of the argument), dst (the parameter) and what is known."""
    kept = (*_FILE, "dst", *_KNOWN)
    found = related(resolution, repo_files, "argument", "src", "position", "name", *kept[2:])
    given = flow_args.where(_given("bstart"))
    positional = given.where(_absent("keyword")).select("site_id", "pos", *_SPAN)
    named = given.where(_given("keyword")).select("site_id", "keyword", *_SPAN)
    branches = (
        Join(found.where(_absent("name")), positional, "inner", ("src", "position"), ("site_id", "pos"), kept, _SPAN),
        Join(found.where(_given("name")), named, "inner", ("src", "name"), ("site_id", "keyword"), kept, _SPAN),
    )
    keys = (*_FILE, *_SPAN, "dst")
    least = (("confidence", "max"), ("rule_name", "min"), ("ambiguity_group_id", "min"))
    return Aggregate(Union(branches), keys, tuple((name, how, name) for name, how in least))


def return_statements(returns: Plan) -> Plan:
    """owner_def_id, return_id: the return statements of each definition."""
    return returns.where(_given("owner_def_id")).select("owner_def_id", "return_id")


def returned_values(resolved_calls: Plan, return_statements: Plan) -> Plan:
    """file_id, path, span (of the call), node_id, return_id and what is known: what comes back to a call."""
    kept = (*_FILE, *_SPAN, "node_id", *_KNOWN)
    functions = resolved_calls.where(_equal("kind", "function")).where(_given("bstart"))
    on = ("owner_def_id",)
    return Join(functions.select(*kept, "dst"), return_statements, "inner", ("dst",), on, kept, ("return_id",))


def bases(resolution: Plan, repo_files: Plan) -> Plan:
    """file_id, path, src, dst, name: classes and their direct bases, in the repo or outside."""
    return related(resolution, repo_files, "base", "src", "dst", "name").distinct(*_FILE, "src", "dst", "name")


def overrides(resolution: Plan, repo_files: Plan) -> Plan:
    """file_id, path, src, dst: methods, and those that they override."""
    return related(resolution, repo_files, "override", "src", "dst").distinct(*_FILE, "src", "dst")


def bound_elsewhere(resolution: Plan, repo_files: Plan, sym_symbols: Plan) -> Plan:
    """file_id, path, src, dst, name: bindings that another file or the outside gives their meaning.

    Points-to speaks of the module's variable; all scopes of the file that read it without binding it mean the same.
    """
    kept = (*_FILE, "dst", "name")
    found = related(resolution, repo_files, "binding", "src", "dst", "name").distinct("src", *kept)
    of_module = sym_symbols.where(Call("and", (Column("is_global"), Call("not", (Column("is_local"),)))))
    meant = _concat(Literal("def:"), Column("file_id"), Literal(":<module>#1/scope/bind:"), Column("lookup_name"))
    names = of_module.select("symbol_row_id", meant=meant)
    placed = Join(found, names, "inner", ("src",), ("meant",), kept, ("symbol_row_id",))
    return placed.select(*kept, src=Column("symbol_row_id"))


def inferred_types(resolution: Plan, repo_files: Plan, cst_params: Plan, cst_defs: Plan) -> Plan:
    """file_id, path, src (definition or parameter), type_id: the classes of what may be there."""
    kept = (*_FILE, "type_id")
    typed = related(resolution, repo_files, "type", "src", "dst", "name").select(*_FILE, "src", type_id=type_id())
    parameters = cst_params.where(_given("place")).select("place", "param_id")
    returns = cst_defs.select("def_id", place=_concat(Literal("ret:"), Column("def_id")))
    given = Join(typed, parameters, "inner", ("src",), ("place",), kept, ("param_id",))
    returned = Join(typed, returns, "inner", ("src",), ("place",), kept, ("def_id",))
    branches = (given.select(*kept, src=Column("param_id")), returned.select(*kept, src=Column("def_id")))
    return Union(branches).distinct(*_FILE, "src", "type_id")


def class_types(resolution: Plan) -> Plan:
    """type_id, type_repr: the types that points-to found, those of the repo's classes by qualified name."""
    found = resolution.where(_equal("relation", "type")).distinct("dst", "name")
    names = resolution.where(_equal("relation", "definition")).select("src", qname=Column("name"))
    named = Join(found, names, "left outer", ("dst",), ("src",), ("dst", "name"), ("qname",))
    return named.select(type_id=type_id(), type_repr=_first("qname", "name"))


def externals(resolved: tuple[Plan, ...], external_imports: Plan) -> Plan:
    """name: the names outside the repo that edges end in: of ``resolved`` rows without a ``dst`` in it, and imports."""
    outside = (plan.where(_absent("dst")).select("name") for plan in resolved)
    return Union((*outside, external_imports.select("name"))).where(_given("name")).distinct("name")


def type_id() -> Expr:
    """The id of a type by its class in the repo (``dst``), else by its name."""
    return _concat(Literal("type:"), _first("dst", "name"))


def _given(column: str) -> Expr:
    return Call("not", (_absent(column),))


def _absent(column: str) -> Expr:
    return Call("isNull", (Column(column),))


def _equal(column: str, value: str) -> Expr:
    return Call("=", (Column(column), Literal(value)))


def _first(*columns: str) -> Expr:
    return Call("coalesce", tuple(map(Column, columns)))


def _concat(*parts: Expr) -> Expr:
    return Call("concat", parts)


def _text(column: str) -> Expr:
    return Call("text", (Column(column),))
