"""What points-to and the modules' names say across files, laid upon the nodes of each file."""

from hamilton.function_modifiers import tag

from arrowdsl.plan.nodes import Plan, Scope
from flight_server.normalize import flows as flowing
from flight_server.normalize import imports, resolved


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def sites(flow_calls: Plan, cst_decorators: Plan, ast_nodes: Plan) -> Plan:
    """The nodes of the places that call."""
    return resolved.sites(flow_calls, cst_decorators, ast_nodes)


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def resolved_calls(resolution: Plan, repo_files: Plan, sites: Plan) -> Plan:
    """The places that call, with what they may call."""
    return resolved.calls(resolution, repo_files, sites)


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def passed_arguments(resolution: Plan, repo_files: Plan, flow_args: Plan) -> Plan:
    """The arguments of calls, with the parameters that take them."""
    return resolved.passed_arguments(resolution, repo_files, flow_args)


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def part_return_statements(returns: Plan) -> Plan:
    """The return statements of one part's definitions."""
    return resolved.return_statements(returns)


@tag(layer="resolve", kind="intermediate", scope=Scope.REPO)
def return_statements(part_return_statements: Plan) -> Plan:
    """The return statements of the repo's definitions."""
    return part_return_statements.select("owner_def_id", "return_id")


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def returned_values(resolved_calls: Plan, return_statements: Plan) -> Plan:
    """The return statements that calls get their values from."""
    return resolved.returned_values(resolved_calls, return_statements)


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def resolved_bases(resolution: Plan, repo_files: Plan) -> Plan:
    """The direct bases of classes."""
    return resolved.bases(resolution, repo_files)


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def resolved_overrides(resolution: Plan, repo_files: Plan) -> Plan:
    """The methods that override others."""
    return resolved.overrides(resolution, repo_files)


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def bound_elsewhere(resolution: Plan, repo_files: Plan, sym_symbols: Plan) -> Plan:
    """The names that another file or the outside gives their meaning."""
    return resolved.bound_elsewhere(resolution, repo_files, sym_symbols)


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def inferred_types(resolution: Plan, repo_files: Plan, cst_params: Plan, cst_defs: Plan) -> Plan:
    """The classes of what parameters and functions may give."""
    return resolved.inferred_types(resolution, repo_files, cst_params, cst_defs)


@tag(layer="resolve", kind="intermediate", scope=Scope.REPO)
def class_types(resolution: Plan) -> Plan:
    """The types of the objects that points-to found."""
    return resolved.class_types(resolution)


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def named_modules(cst_imports: Plan, repo_files: Plan) -> Plan:
    """The modules that imports name, in full."""
    return imports.named_modules(cst_imports, repo_files)


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def part_modules(repo_files: Plan) -> Plan:
    """The modules of one part."""
    return imports.repo_modules(repo_files)


@tag(layer="resolve", kind="intermediate", scope=Scope.REPO)
def repo_modules(part_modules: Plan) -> Plan:
    """The modules of the repo."""
    return part_modules.select("module", "module_file_id")


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def imported_modules(named_modules: Plan, repo_modules: Plan) -> Plan:
    """The imports with the modules that they mean."""
    return imports.imported_modules(named_modules, repo_modules)


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def external_imports(imported_modules: Plan) -> Plan:
    """The imports of modules that the repo does not have."""
    return imports.outside(imported_modules)


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def part_externals(resolved_calls: Plan, resolved_bases: Plan, bound_elsewhere: Plan, external_imports: Plan) -> Plan:
    """The names outside the repo that one part's edges end in."""
    return resolved.externals((resolved_calls, resolved_bases, bound_elsewhere), external_imports)


@tag(layer="resolve", kind="intermediate", scope=Scope.REPO)
def externals(part_externals: Plan) -> Plan:
    """The names outside the repo, each once, sorted."""
    return part_externals.distinct("name").order_by("name")


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def named_places(sym_symbols: Plan, cst_params: Plan, cst_defs: Plan) -> Plan:
    """The variables, parameters and results of functions, with their nodes."""
    return flowing.named_places(sym_symbols, cst_params, cst_defs)


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def passing_places(flow_calls: Plan, flow_args: Plan, cst_params: Plan, sites: Plan) -> Plan:
    """The arguments and results of calls, with their nodes."""
    return flowing.passing_places(flow_calls, flow_args, cst_params, sites)


@tag(layer="resolve", kind="intermediate", scope=Scope.REPO)
def all_named_places(named_places: Plan) -> Plan:
    """The variables, parameters and results of functions of the whole repo, with their nodes."""
    return named_places.select("place", "node_id")


@tag(layer="resolve", kind="intermediate", scope=Scope.PART)
def flows(
    flow_copies: Plan,
    resolution: Plan,
    named_places: Plan,
    passing_places: Plan,
    all_named_places: Plan,
    repo_files: Plan,
) -> Plan:
    """What flows from node to node, by a copy or because of a call."""
    return flowing.flows(flow_copies, resolution, named_places, passing_places, all_named_places, repo_files)
