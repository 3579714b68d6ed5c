"""Names from SCIP: occurrences get byte spans, and are laid upon name refs, imports and call sites."""

from hamilton.function_modifiers import tag

from arrowdsl.plan.nodes import Plan, Scope
from flight_client.contracts.outputs import OUTPUTS
from flight_server.normalize import occurrences, symbols


@tag(layer="scip", kind="intermediate", scope=Scope.PART)
def placed_occurrences(scip_occurrences: Plan, scip_documents: Plan, repo_files: Plan, scip_metadata: Plan) -> Plan:
    """The occurrences with their byte spans, or with the reason why they have none."""
    return occurrences.placed(scip_occurrences, scip_documents, repo_files, scip_metadata)


@tag(layer="scip", kind="output", scope=Scope.PART)
def scip_occurrences_norm(placed_occurrences: Plan) -> Plan:
    """The occurrences with their byte spans in the repo's files."""
    return placed_occurrences.select(*OUTPUTS["scip_occurrences_norm"].schema.names)


@tag(layer="scip", kind="output", scope=Scope.PART)
def span_errors(placed_occurrences: Plan, scip_documents: Plan, repo_files: Plan) -> Plan:
    """The documents that have occurrences without a span, and why."""
    return occurrences.span_errors(placed_occurrences, scip_documents, repo_files)


@tag(layer="scip", kind="intermediate", scope=Scope.PART)
def name_symbols(cst_name_refs: Plan, placed_occurrences: Plan) -> Plan:
    """The name refs with the symbols at them."""
    return symbols.symbols_at(symbols.NAME_REF, cst_name_refs, placed_occurrences)


@tag(layer="scip", kind="intermediate", scope=Scope.PART)
def import_symbols(cst_imports: Plan, placed_occurrences: Plan) -> Plan:
    """The imports with the symbols at them."""
    return symbols.symbols_at(symbols.IMPORT, cst_imports, placed_occurrences)


@tag(layer="scip", kind="intermediate", scope=Scope.PART)
def callsite_symbols(cst_callsites: Plan, placed_occurrences: Plan) -> Plan:
    """The call sites with the symbols of their callees."""
    return symbols.symbols_at(symbols.CALLSITE, cst_callsites, placed_occurrences)


@tag(layer="resolve", kind="output", scope=Scope.PART)
def rel_name_symbol(name_symbols: Plan) -> Plan:
    """The symbol that a name ref stands for."""
    return name_symbols.select(*OUTPUTS["rel_name_symbol"].schema.names)


@tag(layer="resolve", kind="output", scope=Scope.PART)
def rel_import_symbol(import_symbols: Plan) -> Plan:
    """The symbol that an import brings."""
    return import_symbols.select(*OUTPUTS["rel_import_symbol"].schema.names)


@tag(layer="resolve", kind="output", scope=Scope.PART)
def rel_callsite_symbol(callsite_symbols: Plan) -> Plan:
    """The symbol that a call site calls."""
    return callsite_symbols.select(*OUTPUTS["rel_callsite_symbol"].schema.names)


@tag(layer="scip", kind="intermediate", scope=Scope.PART)
def accessed_symbols(name_symbols: Plan) -> Plan:
    """The name refs with the symbols at them: which they define, read and write."""
    return symbols.with_access(name_symbols)


@tag(layer="scip", kind="intermediate", scope=Scope.PART)
def part_symbols(scip_occurrences: Plan) -> Plan:
    """The distinct symbols that occur in one part."""
    return symbols.occurring(scip_occurrences)


@tag(layer="scip", kind="intermediate", scope=Scope.REPO)
def related_symbols(scip_symbol_relationships: Plan) -> Plan:
    """The relations of symbols, with their nodes."""
    return symbols.related(scip_symbol_relationships)


@tag(layer="scip", kind="intermediate", scope=Scope.REPO)
def scip_symbols(
    part_symbols: Plan,
    scip_symbol_information: Plan,
    scip_external_symbol_information: Plan,
    related_symbols: Plan,
) -> Plan:
    """The symbols of the repo's index, each once."""
    described = (scip_symbol_information, scip_external_symbol_information)
    return symbols.all_symbols(part_symbols, described, related_symbols)
