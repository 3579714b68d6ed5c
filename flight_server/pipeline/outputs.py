"""Normalized tables that are outputs of their own: views of raw tables, and what kernels find in them."""

from hamilton.function_modifiers import tag

from arrowdsl.plan.nodes import Plan, Scope, Union
from flight_server.normalize import annotations, diagnostics, qnames, reaching, scopes, syntax


@tag(layer="ast", kind="output", scope=Scope.PART)
def ast_edges(ast_nodes: Plan) -> Plan:
    """The edges of the syntax trees: parent, child, field and place in the field."""
    return syntax.ast_edges(ast_nodes)


@tag(layer="cfg", kind="output", scope=Scope.PART)
def reaching_defs(var_events: Plan, cfg_points: Plan, cfg_flow: Plan) -> Plan:
    """The definitions of a variable that may have given it the value that a use reads."""
    return reaching.reaching_defs(var_events, cfg_points, cfg_flow)


@tag(layer="sym", kind="output", scope=Scope.PART)
def sym_function_partitions(sym_scopes: Plan, sym_symbols: Plan) -> Plan:
    """The names of each function's scope, by what they are there."""
    return scopes.function_partitions(sym_scopes, sym_symbols)


@tag(layer="types", kind="output", scope=Scope.PART)
def type_exprs_norm(cst_type_exprs: Plan) -> Plan:
    """The annotations, each with its type."""
    return annotations.type_exprs_norm(cst_type_exprs)


@tag(layer="types", kind="output", scope=Scope.REPO)
def types_norm(part_types: Plan, class_types: Plan) -> Plan:
    """The types that annotations spell and that objects have, each once."""
    return annotations.types_norm(part_types, class_types)


@tag(layer="diagnostics", kind="output", scope=Scope.PART)
def diagnostics_norm(
    cst_parse_errors: Plan,
    ast_errors: Plan,
    bc_errors: Plan,
    ts_nodes: Plan,
    scip_diagnostics: Plan,
    scip_documents: Plan,
    scip_metadata: Plan,
    repo_files: Plan,
) -> Plan:
    """What the layers and the indexer complain about."""
    return Union(
        (
            diagnostics.of_cst(cst_parse_errors, repo_files),
            diagnostics.of_ast(ast_errors, repo_files),
            diagnostics.of_bytecode(bc_errors),
            diagnostics.of_tree_sitter(ts_nodes),
            diagnostics.of_scip(scip_diagnostics, scip_documents, repo_files, scip_metadata),
        )
    )


@tag(layer="resolve", kind="output", scope=Scope.PART)
def rel_callsite_qname(callsite_qname_candidates: Plan) -> Plan:
    """The qualified names that each call site's callee may have, ranked."""
    return qnames.callsite_relation(callsite_qname_candidates)
