"""The raw tables, by layer. The rows of a part are sorted by path, then in source order.

Spans (``bstart``, ``bend``) are half-open byte offsets into the UTF-8 text in ``repo_files``. ``line`` and ``end_line``
are the lines of a row's first and last character, from 1.
"""

from collections.abc import Mapping
from types import MappingProxyType

from arrowdsl.schema.schema import TableSpec
from flight_client.contracts.notation import FILE, LINES, SPAN, contract

_REPO = (
    contract(
        "repo_files_v3",
        "repo",
        f"{FILE} file_sha256! abs_path size_bytes:i64 encoding text bytes:bin module is_package:bool source_root"
        " root_reason cell_map:cells",
        extractor="repo",
    ),
)

_CST = tuple(
    contract(name, "cst", f"{FILE} {rest}", extractor="cst")
    for name, rest in (
        (
            "py_cst_parse_manifest_v2",
            "encoding default_indent default_newline has_trailing_newline:bool future_imports:strs module_name"
            " package_name",
        ),
        ("py_cst_parse_errors_v2", "error_type message raw_line:i32 raw_column:i32 meta:map"),
        (
            "py_cst_defs_v3",
            "def_id! container_def_id kind name qname def_bstart:i64 def_bend:i64 name_bstart:i64 name_bend:i64"
            f" {LINES} qnames:qnames scope_id ast_idx:i32 docstring is_generator:bool",
        ),
        (
            "py_cst_params_v3",
            f"param_id! def_id! pos:i32 name kind place default_place type_expr_id {SPAN} {LINES}",
        ),
        ("py_cst_decorators_v3", f"def_id! pos:i32 site_id known {SPAN} {LINES}"),
        ("py_cst_bases_v3", f"def_id! pos:i32 keyword place {SPAN} {LINES}"),
        ("py_cst_exports_v3", f"op name {SPAN} {LINES}"),
        (
            "py_cst_imports_v3",
            "import_id! kind module relative_level:i32 name asname is_star:bool stmt_bstart:i64 stmt_bend:i64"
            f" alias_bstart:i64 alias_bend:i64 {LINES} scope_id",
        ),
        ("py_cst_name_refs_v3", f"name_ref_id! name expr_ctx ref_kind scope_id {SPAN} {LINES}"),
        (
            "py_cst_callsites_v3",
            "call_id! call_bstart:i64 call_bend:i64 callee_bstart:i64 callee_bend:i64 callee_shape"
            f" {LINES} callee_text arg_count:i32 callee_dotted callee_qnames:qnames owner_def_id scope_id ast_idx:i32",
        ),
        ("py_cst_type_exprs_v3", f"type_expr_id! owner_def_id param_name expr_kind expr_role {SPAN} {LINES} expr_text"),
    )
)

_AST = tuple(
    contract(name, "ast", f"{FILE} {rest}", extractor="ast")
    for name, rest in (
        (
            "py_ast_nodes_v2",
            "ast_idx:i32! parent_ast_idx:i32 field_name field_pos:i32 kind name value_repr lineno:i32 col_offset:i32"
            f" end_lineno:i32 end_col_offset:i32 {SPAN}",
        ),
        ("py_ast_errors_v2", "error_type message lineno:i32 offset:i32 end_lineno:i32 end_offset:i32"),
    )
)

_SYM = tuple(
    contract(name, "sym", f"{FILE} {rest}", extractor="sym")
    for name, rest in (
        (
            "py_sym_scopes_v2",
            "scope_id! table_id:i64 scope_type scope_name lineno:i32 is_nested:bool is_optimized:bool"
            f" has_children:bool scope_role def_id {SPAN}",
        ),
        (
            "py_sym_symbols_v2",
            "symbol_row_id! scope_id! name lookup_name is_referenced:bool is_assigned:bool is_imported:bool"
            " is_annotated:bool is_parameter:bool is_global:bool is_declared_global:bool is_nonlocal:bool"
            " is_local:bool is_free:bool is_namespace:bool",
        ),
        ("py_sym_scope_edges_v2", "edge_id! parent_scope_id child_scope_id"),
        ("py_sym_namespace_edges_v2", "edge_id! scope_id symbol_row_id child_scope_id"),
    )
)

_CFG = tuple(
    contract(name, "cfg", f"{FILE} {rest}", extractor="cfg")
    for name, rest in (
        ("py_cfg_points_v2", f"point_id! owner_def_id kind ast_idx:i32 {SPAN}"),
        ("py_cfg_flow_v2", "src! dst! kind"),
        ("py_var_events_v2", "event_id! point_id ordinal:i32 binding_id kind name_ref_id"),
    )
)

_FLOW = tuple(
    contract(name, "flow", f"file_id! {rest}", extractor="flow")
    for name, rest in (
        ("py_flow_copies_v2", "dst! src! reason"),
        ("py_flow_allocs_v2", "place! object_id object_kind const_repr"),
        ("py_flow_loads_v2", "dst! base access key key_place implicit:bool"),
        ("py_flow_stores_v2", "base! access key key_place src"),
        ("py_flow_calls_v2", f"site_id! call_id site_kind callee result caller_def_id {SPAN}"),
        ("py_flow_args_v2", f"site_id! pos:i32 keyword star:i8 place {SPAN}"),
        ("py_flow_annotations_v2", "place! annotation_place"),
    )
)

_BC = tuple(
    contract(name, "bc", f"{FILE} {rest}", extractor="bc")
    for name, rest in (
        (
            "py_bc_code_units_v2",
            "code_unit_id! parent_code_unit_id def_id python_version qualpath co_name firstlineno:i32 argcount:i32"
            " posonlyargcount:i32 kwonlyargcount:i32 nlocals:i32 flags:i32 stacksize:i32 code_len:i32",
        ),
        (
            "py_bc_instructions_v2",
            "instr_id! code_unit_id block_id instr_index:i32 offset:i32 opname opcode:i32 arg:i32 argval_str argrepr"
            " is_jump_target:bool jump_target_offset:i32 starts_line:i32 pos_start_line:i32 pos_end_line:i32"
            " pos_start_col:i32 pos_end_col:i32",
        ),
        (
            "py_bc_exception_table_v2",
            "exc_entry_id! code_unit_id exc_index:i32 start_offset:i32 end_offset:i32 target_offset:i32 depth:i32"
            " lasti:bool",
        ),
        ("py_bc_blocks_v2", "block_id! code_unit_id start_offset:i32 end_offset:i32 kind"),
        (
            "py_bc_cfg_edges_v2",
            "edge_id! code_unit_id src_block_id dst_block_id kind cond_instr_id exc_index:i32",
        ),
        ("py_bc_errors_v2", "error_type message"),
    )
)

_SYMBOL_INFORMATION = (
    "symbol_info_id! document_id symbol display_name kind enclosing_symbol documentation:strs"
    " signature_documentation:text"
)
_SCIP = (
    contract(
        "scip_metadata_v1",
        "scip",
        "tool_name tool_version project_root text_document_encoding protocol_version meta:map",
        extractor="scip",
    ),
    contract(
        "scip_documents_v2",
        "scip",
        f"{FILE} file_sha256 document_id! language position_encoding",
        extractor="scip",
    ),
    contract(
        "scip_occurrences_v2",
        "scip",
        f"{FILE} occurrence_id! document_id symbol symbol_roles:i32 syntax_kind override_documentation:strs"
        " start_line:i32 start_char:i32 end_line:i32 end_char:i32 range_len:i32 enc_start_line:i32"
        " enc_start_char:i32 enc_end_line:i32 enc_end_char:i32 enc_range_len:i32",
        extractor="scip",
    ),
    contract("scip_symbol_info_v1", "scip", _SYMBOL_INFORMATION, name="scip_symbol_information", extractor="scip"),
    contract(
        "scip_external_symbol_info_v1",
        "scip",
        _SYMBOL_INFORMATION,
        name="scip_external_symbol_information",
        extractor="scip",
    ),
    contract(
        "scip_symbol_relationships_v1",
        "scip",
        "relationship_id! document_id symbol related_symbol is_reference:bool is_implementation:bool"
        " is_type_definition:bool is_definition:bool",
        extractor="scip",
    ),
    contract(
        "scip_diagnostics_v2",
        "scip",
        f"{FILE} diagnostic_id! document_id severity code message source tags:strs start_line:i32 start_char:i32"
        " end_line:i32 end_char:i32",
        extractor="scip",
    ),
)

_TS = tuple(
    contract(name, "ts", f"{FILE} {rest}", extractor="ts")
    for name, rest in (
        (
            "ts_nodes_v2",
            "ts_node_id! parent_ts_id ts_type start_byte:i64 end_byte:i64 is_named:bool has_error:bool is_error:bool"
            " is_missing:bool",
        ),
        ("ts_errors_v2", "ts_error_id! ts_node_id ts_type start_byte:i64 end_byte:i64 is_error:bool"),
        ("ts_missing_v2", "ts_missing_id! ts_node_id ts_type start_byte:i64 end_byte:i64 is_missing:bool"),
    )
)

_RT = tuple(
    contract(name, "rt", notation, extractor="rt")
    for name, notation in (
        ("rt_objects_v1", "rt_id! module qualname name obj_type source_path source_line:i32 meta:map"),
        ("rt_signatures_v1", "sig_id! rt_id signature return_annotation"),
        ("rt_signature_params_v1", "param_id! sig_id name kind default_repr annotation_repr position:i32"),
        (
            "rt_members_v1",
            "member_id! rt_id name member_kind value_repr value_module value_qualname",
        ),
    )
)

RAW_TABLES: Mapping[str, TableSpec] = MappingProxyType(
    {spec.name: spec for layer in (_REPO, _CST, _AST, _SYM, _CFG, _FLOW, _BC, _SCIP, _TS, _RT) for spec in layer}
)
