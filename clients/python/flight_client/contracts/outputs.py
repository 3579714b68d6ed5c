"""The contracts of the pipeline's outputs: columns, unique key, canonical order."""

from collections.abc import Mapping
from types import MappingProxyType

from arrowdsl.schema.schema import TableSpec
from flight_client.contracts.kinds import (
    EDGE_KINDS,
    ENTITY_KINDS,
    NODE_KINDS,
    ORIGINS,
    PROP_KEYS,
    QNAME_SOURCES,
    RESOLUTION_METHODS,
    RULE_NAMES,
)
from flight_client.contracts.notation import FILE, LINES, SPAN, contract

_OUTPUTS = (
    contract(
        "modules_v1",
        "repo",
        f"{FILE} module! is_package:bool source_root! reason!",
        key="path",
        order="path",
    ),
    contract("dim_qualified_names_v1", "qnames", "qname_id! qname!", key="qname", order="qname"),
    contract(
        "callsite_qname_candidates_v1",
        "qnames",
        "call_id! qname! path call_bstart:i64 call_bend:i64 qname_source",
        key="call_id qname",
        tie_breakers=(("qname_source", "ascending"),),
        order="call_id qname",
    ),
    contract(
        "py_ast_edges_v1",
        "ast",
        f"{FILE} parent_ast_idx:i32 child_ast_idx:i32 field_name field_pos:i32",
        key="path child_ast_idx",
        order="path child_ast_idx",
    ),
    contract(
        "py_sym_function_partitions_v1",
        "sym",
        f"{FILE} scope_id! parameters:strs locals:strs globals:strs nonlocals:strs frees:strs",
        key="scope_id",
        order="path scope_id",
    ),
    contract(
        "type_exprs_norm_v2",
        "types",
        f"{FILE} type_expr_id! owner_def_id param_name expr_kind expr_role {SPAN} expr_text type_repr type_id",
        key="type_expr_id",
        order="path bstart bend type_expr_id",
    ),
    contract(
        "type_nodes_v2",
        "types",
        "type_id! type_repr! type_form origin",
        name="types_norm",
        key="type_id",
        order="type_id",
    ),
    contract(
        "diagnostics_norm_v1",
        "diagnostics",
        f"{FILE} {SPAN} diag_id! severity message diag_source code details",
        key="diag_id",
        order="path bstart bend diag_id",
    ),
    contract(
        "scip_occurrences_norm_v1",
        "scip",
        f"{FILE} occurrence_id! document_id symbol symbol_roles:i32 syntax_kind override_documentation:strs"
        " start_line:i32 start_char:i32 end_line:i32 end_char:i32 range_len:i32 enc_start_line:i32"
        f" enc_start_char:i32 enc_end_line:i32 enc_end_char:i32 enc_range_len:i32 {SPAN} span_ok:bool",
        key="occurrence_id",
        order="path bstart bend occurrence_id",
    ),
    contract("span_errors_v1", "scip", "document_id path reason", order="path document_id reason"),
    contract(
        "py_reaching_defs_v2",
        "cfg",
        f"{FILE} def_event_id! use_event_id! binding_id",
        key="def_event_id use_event_id",
        order="path def_event_id use_event_id",
    ),
    contract(
        "py_var_joins_v1",
        "cfg",
        f"{FILE} {SPAN} event_id! point_id! binding_id kind",
        key="event_id",
        order="path bstart bend event_id",
    ),
    *(
        contract(
            f"{name}_v1",
            "resolve",
            f"{site}! {SPAN} {target} {detail} path resolution_method confidence:f32 score:f32 ambiguity_group_id"
            " rule_name rule_priority:i32",
            key=f"{site} {target.rstrip('!')}",
            tie_breakers=(("score", "descending"), ("confidence", "descending"), ("rule_priority", "ascending")),
            order=f"path bstart bend {site} {target.rstrip('!')}",
        )
        for name, site, target, detail in (
            ("rel_name_symbol", "name_ref_id", "symbol!", "symbol_roles:i32"),
            ("rel_import_symbol", "import_id", "symbol!", "symbol_roles:i32"),
            ("rel_callsite_symbol", "call_id", "symbol!", "symbol_roles:i32"),
            ("rel_callsite_qname", "call_id", "qname_id!", "qname_source"),
        )
    ),
    contract(
        "resolution_v1",
        "resolve",
        "relation! file_id! src dst kind label name owner owner_name position:i32 confidence:f32 rule_name"
        " ambiguity_group_id saturated:bool",
        key="relation src dst name position",
        order="relation file_id src dst name position",
    ),
    contract(
        "points_to_v1",
        "resolve",
        "place! object_id! object_kind saturated:bool",
        key="place object_id",
        order="place object_id",
    ),
    contract(
        "call_graph_v2",
        "resolve",
        "site_id! call_id caller_def_id caller_qname! callee_def_id callee_qname! is_external:bool site_kind"
        f" confidence:f32 ambiguity_group_id rule_name path {SPAN} {LINES}",
        key="site_id callee_qname callee_def_id rule_name",
        order="caller_qname bstart callee_qname",
    ),
    contract(
        "unresolved_calls_v1",
        "resolve",
        f"site_id! call_id! caller_def_id caller_qname! callee_text reason! path {SPAN} {LINES}",
        key="site_id",
        order="path bstart bend site_id",
    ),
    contract(
        "cpg_nodes_v2",
        "cpg",
        f"file_id path {SPAN} {LINES} node_id! node_kind:dict! name qname",
        key="node_kind node_id",
        order="node_kind path bstart bend node_id",
        vocabularies={"node_kind": NODE_KINDS},
    ),
    contract(
        "cpg_edges_v3",
        "cpg",
        f"{SPAN} {LINES} edge_id! edge_kind:dict! src_node_id! dst_node_id! path origin:dict resolution_method:dict"
        " confidence:f32 score:f32 symbol_roles:i32 qname_source:dict ambiguity_group_id rule_name:dict"
        " rule_priority:i32",
        key="edge_kind src_node_id dst_node_id path bstart bend",
        tie_breakers=(
            ("score", "descending"),
            ("confidence", "descending"),
            ("rule_priority", "ascending"),
            ("edge_id", "ascending"),
        ),
        order="path bstart bend edge_kind src_node_id dst_node_id edge_id",
        vocabularies={
            "edge_kind": EDGE_KINDS,
            "origin": ORIGINS,
            "resolution_method": RESOLUTION_METHODS,
            "qname_source": QNAME_SOURCES,
            "rule_name": RULE_NAMES,
        },
    ),
    contract(
        "cpg_props_v2",
        "cpg",
        "entity_kind:dict! entity_id! prop_key:dict! value_str value_int:i64 value_float:f64 value_bool:bool"
        " value_json",
        key="entity_kind entity_id prop_key value_str value_int value_float value_bool value_json",
        order="entity_kind entity_id prop_key",
        vocabularies={"entity_kind": ENTITY_KINDS, "prop_key": PROP_KEYS},
    ),
    contract(
        "definitions_v1",
        "views",
        f"{FILE} {LINES} qname name kind signature doc decorators:strs is_test:bool is_exported:bool def_id!"
        " container_def_id",
        key="def_id",
        order="path line def_id",
    ),
    contract(
        "classes_v1",
        "views",
        f"{FILE} {LINES} qname name bases:strs subclasses:strs overrides:strs def_id!",
        key="def_id",
        order="path line def_id",
    ),
    contract(
        "module_imports_v1",
        "views",
        f"path! {LINES} importer imported! name asname is_external:bool import_id! imported_file_id",
        key="import_id imported imported_file_id",
        order="path line import_id imported imported_file_id",
    ),
    contract(
        "calls_v1",
        "views",
        f"path {LINES} caller callee confidence:f32 source_line arguments keywords:strs callee_text is_external:bool"
        " site_kind rule_name call_id site_id caller_def_id callee_def_id bstart:i64",
        key="call_id site_id callee callee_def_id rule_name",
        order="path line bstart callee",
    ),
    contract(
        "references_v1",
        "views",
        f"{FILE} {LINES} qname source_line referrer ref_kind name_ref_id! def_id {SPAN}",
        key="name_ref_id qname def_id",
        order="path bstart qname def_id",
    ),
    contract(
        "dead_code_v1",
        "views",
        f"{FILE} {LINES} qname name kind is_likely:bool is_exported:bool is_named:bool is_in_text:bool"
        " is_decorated:bool is_override:bool is_dunder:bool is_entry_point:bool is_test:bool def_id!",
        key="def_id",
        order="path line def_id",
    ),
    contract(
        "violations_v1",
        "checks",
        "dataset part row_key column check detail rows:i64",
        order="dataset part check column row_key",
    ),
)

OUTPUTS: Mapping[str, TableSpec] = MappingProxyType({spec.name: spec for spec in _OUTPUTS})
