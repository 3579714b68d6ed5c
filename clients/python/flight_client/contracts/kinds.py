"""The kinds of nodes and edges in the graph, and the other constant vocabularies of its tables."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NODE_KINDS = _words(
    """
    PY_REPO PY_PACKAGE PY_MODULE PY_FILE
    CST_DEF CST_PARAM CST_ARG CST_RETURN CST_LITERAL CST_NAME_REF CST_IMPORT_ALIAS CST_CALLSITE CST_DECORATOR
    AST_NODE TS_NODE TS_ERROR TS_MISSING
    SYM_SCOPE PY_BINDING CFG_POINT DF_EVENT
    SCIP_SYMBOL PY_QUALIFIED_NAME PY_EXTERNAL TYPE_EXPR TYPE
    BC_CODE_UNIT BC_BLOCK BC_INSTR
    RT_OBJECT RT_SIGNATURE RT_SIGNATURE_PARAM RT_MEMBER
    DIAG
    """
)
EDGE_KINDS = _words(
    """
    REPO_CONTAINS FILE_DECLARES_MODULE PACKAGE_CONTAINS FILE_CONTAINS CONTAINS HAS_SCOPE HAS_CODE AT_AST
    AST_PARENT_OF TS_PARENT_OF
    SCOPE_PARENT SCOPE_BINDS BINDING_RESOLVES_TO DEF_SITE_OF USE_SITE_OF
    CFG_NEXT CFG_TRUE CFG_FALSE CFG_EXC CONTROL_DEPENDS POST_DOMINATES REACHES EVENT_AT
    NAME_REF_CANDIDATE_QNAME PY_CALLS_QNAME QNAME_DEFINED_BY
    PY_CALLS_DEF PY_CALLS_EXTERNAL ARGUMENT_OF RECEIVER ARG_TO_PARAM RETURN_TO_CALL FLOWS_TO
    PY_IMPORTS_MODULE INHERITS DECORATED_BY OVERRIDES
    PY_DEFINES_SYMBOL PY_REFERENCES_SYMBOL PY_READS_SYMBOL PY_WRITES_SYMBOL PY_IMPORTS_SYMBOL PY_CALLS_SYMBOL
    SCIP_SYMBOL_REFERENCE SCIP_SYMBOL_IMPLEMENTATION SCIP_SYMBOL_TYPE_DEFINITION SCIP_SYMBOL_DEFINITION
    HAS_ANNOTATION INFERRED_TYPE
    BC_CFG_NEXT BC_CFG_TRUE BC_CFG_FALSE BC_CFG_EXC BC_ANCHOR BC_REACHES
    RT_HAS_SIGNATURE RT_HAS_PARAM RT_HAS_MEMBER
    HAS_DIAGNOSTIC
    """
)
ORIGINS = _words("pipeline cst ast treesitter symtable cfg qnp resolve scip annotation dis inspect diagnostic")
QNAME_SOURCES = _words("LOCAL IMPORT BUILTIN")
RESOLUTION_METHODS = _words(
    "structural qualified_name binding annotation dataflow position span_exact span_inside points_to"
)
RULE_NAMES = _words(
    """
    repo_file file_module package_module top_definition top_scope ast_root ts_root diagnostic
    nested_definition parameter call_site import return decorator code_block block_instruction
    scope_of_definition code_of_definition ast_definition ast_call ast_argument ast_return ast_literal
    ast_child ts_child ts_error ts_missing
    scope_parent scope_symbol name_bound name_read free_name global_name class_body_global builtin_name
    control_flow branch exception endless post_dominance reaching_definition event_point
    callee_name definition_name callee_ref definition_ref
    argument receiver
    block_flow nested_code call_instruction name_instruction stored_value
    runtime_signature runtime_parameter runtime_member
    only_callee one_of_few one_of_several one_of_many assumed saturated
    module_name external_module base external_base method_order instance copy imported_name external_name
    annotated_parameter annotated_return annotated_variable annotation
    name_span name_inside import_span import_inside callee_span callee_inside symbol_relationship
    """
)
