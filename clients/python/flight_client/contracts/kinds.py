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
    BC_CODE_UNIT BC_BLOCK BC_INSTR BC_JOIN
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
    only_callee declared given own_override by_names one_of_few special_method one_of_many override saturated
    module_name external_module base external_base method_order instance copy use imported_name external_name
    annotated_parameter annotated_return annotated_variable annotation
    name_span name_inside import_span import_inside callee_span callee_inside symbol_relationship
    """
)
ENTITY_KINDS = ("node",)
SCRIPT = "the file's own folder"  # the reason for the source root of a file that is in no package
PROP_KEYS = _words(  # the keys by default, then the other columns of the raw tables whose rows are nodes
    """
    path size_bytes encoding sha256 name is_package kind docstring is_generator loc complexity param_count
    call_count signature position known module asname relative_level is_star callee shape arg_count field value
    binding qname type role message severity code source form origin qualname

    abs_path text bytes cell_map file_sha256 source_root root_reason
    def_id container_def_id def_bstart def_bend name_bstart name_bend qnames scope_id ast_idx param_id place
    default_place type_expr_id bstart bend site_id import_id stmt_bstart stmt_bend alias_bstart alias_bend call_id
    call_bstart call_bend callee_bstart callee_bend callee_dotted callee_qnames owner_def_id name_ref_id expr_ctx
    ref_kind param_name expr_kind expr_role expr_text line end_line
    parent_ast_idx field_name field_pos value_repr lineno col_offset end_lineno end_col_offset
    ts_node_id parent_ts_id ts_type start_byte end_byte is_named has_error is_error is_missing ts_error_id
    ts_missing_id
    table_id is_nested is_optimized has_children scope_role symbol_row_id lookup_name is_referenced is_assigned
    is_imported is_annotated is_parameter is_global is_declared_global is_nonlocal is_local is_free is_namespace
    point_id
    code_unit_id parent_code_unit_id python_version qualpath co_name firstlineno argcount posonlyargcount
    kwonlyargcount nlocals flags stacksize code_len block_id start_offset end_offset instr_id instr_index offset
    opname opcode arg argval_str argrepr is_jump_target jump_target_offset starts_line pos_start_line pos_end_line
    pos_start_col pos_end_col
    rt_id source_path source_line meta sig_id return_annotation default_repr annotation_repr member_id member_kind
    value_module value_qualname
    """
)
