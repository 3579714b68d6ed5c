"""Raw tables become relations: qualified names, and where they are used."""

from hamilton.function_modifiers import tag

from arrowdsl.plan.nodes import Plan, Scope
from flight_server.normalize import anchors, annotations, bindings, dependence, metrics, modules, qnames, scopes, syntax
from flight_server.normalize import bytecode_reaching as code


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


@tag(layer="qnames", kind="intermediate", scope=Scope.PART)
def definition_qnames(cst_defs: Plan) -> Plan:
    """A row for each definition and qualified name that it has."""
    return qnames.definition_qnames(cst_defs)


@tag(layer="repo", kind="intermediate", scope=Scope.PART)
def repo_file_names(repo_files: Plan) -> Plan:
    """Each file with the name of its repo."""
    return modules.repo_files_named(repo_files)


@tag(layer="repo", kind="intermediate", scope=Scope.REPO)
def repo_names(repo_file_names: Plan) -> Plan:
    """The name of the repo."""
    return repo_file_names.distinct("repo")


@tag(layer="repo", kind="intermediate", scope=Scope.PART)
def package_modules(repo_files: Plan) -> Plan:
    """Each module with its package, and each package's own module with that."""
    return modules.package_modules(repo_files)


@tag(layer="repo", kind="intermediate", scope=Scope.REPO)
def packages(package_modules: Plan) -> Plan:
    """The packages, sorted by name."""
    return package_modules.distinct("package").order_by("package")


@tag(layer="cst", kind="intermediate", scope=Scope.PART)
def arguments(ast_nodes: Plan, cst_callsites: Plan) -> Plan:
    """What calls are given."""
    return syntax.arguments(ast_nodes, cst_callsites)


@tag(layer="cst", kind="intermediate", scope=Scope.PART)
def receivers(ast_nodes: Plan, cst_callsites: Plan, cst_name_refs: Plan) -> Plan:
    """The objects of calls of attributes."""
    return syntax.receivers(ast_nodes, cst_callsites, cst_name_refs)


@tag(layer="cst", kind="intermediate", scope=Scope.PART)
def returns(ast_nodes: Plan, cfg_points: Plan) -> Plan:
    """The return statements, and the definitions that they are in."""
    return syntax.returns(ast_nodes, cfg_points)


@tag(layer="cst", kind="intermediate", scope=Scope.PART)
def owned_imports(cst_imports: Plan, cst_defs: Plan) -> Plan:
    """The imports, and the definitions whose code runs them."""
    return syntax.owned_imports(cst_imports, cst_defs)


@tag(layer="sym", kind="intermediate", scope=Scope.PART)
def binding_sites(cst_name_refs: Plan, sym_symbols: Plan) -> Plan:
    """The names that bind or use a name of their scope."""
    return scopes.binding_sites(cst_name_refs, sym_symbols)


@tag(layer="cfg", kind="intermediate", scope=Scope.PART)
def placed_events(var_events: Plan, cst_name_refs: Plan) -> Plan:
    """The variable events with the spans of their names."""
    return scopes.placed_events(var_events, cst_name_refs)


@tag(layer="cfg", kind="intermediate", scope=Scope.PART)
def post_dominance(cfg_points: Plan, cfg_flow: Plan) -> Plan:
    """Each point with its immediate post-dominator."""
    return dependence.post_dominance(cfg_points, cfg_flow)


@tag(layer="cfg", kind="intermediate", scope=Scope.PART)
def control_dependence(cfg_points: Plan, cfg_flow: Plan) -> Plan:
    """Each point with the points that decide whether it is executed."""
    return dependence.control_dependence(cfg_points, cfg_flow)


@tag(layer="sym", kind="intermediate", scope=Scope.PART)
def binding_targets(sym_symbols: Plan, sym_scopes: Plan, sym_scope_edges: Plan) -> Plan:
    """The bindings that names of other scopes mean, within a file."""
    return bindings.binding_targets(sym_symbols, sym_scopes, sym_scope_edges)


@tag(layer="sym", kind="intermediate", scope=Scope.PART)
def class_body_uses(cst_name_refs: Plan, binding_targets: Plan) -> Plan:
    """Reads in a class body that may mean a name of the module."""
    return scopes.class_body_uses(cst_name_refs, binding_targets)


@tag(layer="qnames", kind="intermediate", scope=Scope.PART)
def callee_names(cst_callsites: Plan, cst_name_refs: Plan) -> Plan:
    """The names at the end of callees, with the qualified names that they may have."""
    return qnames.callee_names(cst_callsites, cst_name_refs)


@tag(layer="qnames", kind="intermediate", scope=Scope.PART)
def defined_names(cst_defs: Plan, cst_name_refs: Plan) -> Plan:
    """The names of definitions, with their qualified names."""
    return qnames.defined_names(cst_defs, cst_name_refs)


@tag(layer="types", kind="intermediate", scope=Scope.PART)
def annotated_params(cst_params: Plan, type_exprs_norm: Plan) -> Plan:
    """The parameters with annotations, and their types."""
    return annotations.annotated_params(cst_params, type_exprs_norm)


@tag(layer="types", kind="intermediate", scope=Scope.PART)
def part_types(type_exprs_norm: Plan) -> Plan:
    """The distinct types that one part's annotations spell."""
    return annotations.part_types(type_exprs_norm)


@tag(layer="bc", kind="intermediate", scope=Scope.PART)
def anchored_calls(bc_instructions: Plan, ast_nodes: Plan, cst_callsites: Plan) -> Plan:
    """The instructions that call, with their call sites."""
    return anchors.anchored_calls(bc_instructions, ast_nodes, cst_callsites)


@tag(layer="bc", kind="intermediate", scope=Scope.PART)
def anchored_names(bc_instructions: Plan, ast_nodes: Plan, cst_name_refs: Plan) -> Plan:
    """The instructions that load or store a variable, with its name."""
    return anchors.anchored_names(bc_instructions, ast_nodes, cst_name_refs)


@tag(layer="cst", kind="intermediate", scope=Scope.PART)
def literals(ast_nodes: Plan) -> Plan:
    """The literals that have a place in the source."""
    return syntax.literals(ast_nodes)


@tag(layer="cst", kind="intermediate", scope=Scope.PART)
def definition_facts(
    cst_defs: Plan, cst_params: Plan, cst_callsites: Plan, cfg_points: Plan, cfg_flow: Plan, ast_nodes: Plan
) -> Plan:
    """How large and how branched definitions are, and their signatures."""
    return metrics.definition_facts(cst_defs, cst_params, cst_callsites, cfg_points, cfg_flow, ast_nodes)


@tag(layer="bc", kind="intermediate", scope=Scope.PART)
def bytecode_reaching(bc_instructions: Plan, bc_cfg_edges: Plan) -> Plan:
    """The instructions that set a variable, with those that may read the value."""
    return code.bytecode_reaching(bc_instructions, bc_cfg_edges)
