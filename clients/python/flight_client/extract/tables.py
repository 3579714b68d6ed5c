"""Rows of a walk to record batches: exactly the columns and types of the contracts, metadata included.

A walk's row starts with its span. What is only known once the whole file was walked (ids of scopes, qualified names)
is looked up here; ids made of spans or of other ids are put together in Arrow, flags taken apart there, and the file's
own columns repeated by run length.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.schema.schema import SchemaMetadataSpec
from flight_client.contracts.raw import RAW_TABLES
from flight_client.extract import symbols
from flight_client.extract.decorators import known_as
from flight_client.extract.places import argument_place
from flight_client.extract.scopes import Qnames, Scope
from flight_client.extract.templates import TEMPLATES, fill

EXTRACTOR_VERSION = "3"

Row = tuple[object, ...]
Columns = Sequence[Sequence[object]]

ROWS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        name: tuple(columns.split())
        for name, columns in {
            "repo_files": "file_sha256 abs_path size_bytes encoding text bytes module is_package cell_map",
            "cst_parse_manifest": "encoding default_indent default_newline has_trailing_newline future_imports"
            " module_name package_name",
            "cst_parse_errors": "error_type message raw_line raw_column meta",
            "cst_defs": "def_bstart def_bend def_id container_def_id kind name name_bstart name_bend qnames scope_id"
            " ast_idx docstring is_generator",
            "cst_params": "bstart bend param_id def_id pos name kind argument default_pos type_expr_id",
            "cst_decorators": "bstart bend def_id pos known",
            "cst_bases": "bstart bend def_id pos keyword",
            "cst_exports": "bstart bend op name",
            "cst_imports": "alias_bstart alias_bend kind module relative_level name asname is_star stmt_bstart"
            " stmt_bend scope_id",
            "cst_name_refs": "bstart bend name expr_ctx ref_kind scope_id",
            "cst_callsites": "call_bstart call_bend callee_bstart callee_bend callee_shape callee_text arg_count"
            " callee_dotted callee_qnames owner_def_id scope_id ast_idx",
            "cst_type_exprs": "bstart bend owner_def_id param_name expr_kind expr_role expr_text",
            "ast_nodes": "ast_idx parent_ast_idx field_name field_pos kind name value_repr lineno col_offset"
            " end_lineno end_col_offset bstart bend",
            "ast_errors": "error_type message lineno offset end_lineno end_offset",
            "sym_scopes": "bstart bend scope_id table_id scope_type scope_name lineno is_nested is_optimized"
            " has_children def_id",
            "sym_symbols": "symbol_row_id scope_id name lookup_name flags",
            "sym_scope_edges": "parent_scope_id child_scope_id",
            "sym_namespace_edges": "scope_id symbol_row_id child_scope_id",
            "cfg_points": "point_id owner_def_id kind ast_idx bstart bend",
            "cfg_flow": "src dst kind",
            "var_events": "point_id ordinal binding_id kind bstart bend",
            "flow_copies": "dst src reason",
            "flow_allocs": "place object_id object_kind const_repr",
            "flow_loads": "dst base access key key_place implicit",
            "flow_stores": "base access key key_place src",
            "flow_calls": "bstart bend site_id call_id site_kind callee result caller_def_id",
            "flow_args": "bstart bend site_id pos keyword star place",
            "flow_annotations": "place annotation_place",
            "bc_code_units": "code_unit_id parent_code_unit_id def_id python_version qualpath co_name firstlineno"
            " argcount posonlyargcount kwonlyargcount nlocals flags stacksize code_len",
            "bc_instructions": "code_unit_id block instr_index offset opname opcode arg argval_str argrepr"
            " is_jump_target jump_target_offset starts_line pos_start_line pos_end_line pos_start_col pos_end_col",
            "bc_exception_table": "code_unit_id exc_index start_offset end_offset target_offset depth lasti",
            "bc_blocks": "code_unit_id block start_offset end_offset kind",
            "bc_cfg_edges": "code_unit_id src dst kind condition exc_index",
            "bc_errors": "error_type message",
            "ts_nodes": "ts_idx parent_idx ts_type start_byte end_byte is_named has_error is_error is_missing",
            "ts_errors": "ts_idx ts_type start_byte end_byte is_error",
            "ts_missing": "ts_idx ts_type start_byte end_byte is_missing",
        }.items()
    }
)
EXTRACTED = tuple(ROWS)
SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        name: SchemaMetadataSpec(schema_metadata={"extractor_version": EXTRACTOR_VERSION}).apply(
            RAW_TABLES[name].schema
        )
        for name in EXTRACTED
    }
)
SPAN_IDS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "name_ref_id": ("ref", "bstart", "bend"),
        "call_id": ("call", "call_bstart", "call_bend"),
        "import_id": ("import", "alias_bstart", "alias_bend"),
        "type_expr_id": ("type_expr", "bstart", "bend"),
    }
)


EDGE_IDS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "sym_scope_edges": ("SCOPE_PARENT", "child_scope_id", "parent_scope_id"),
        "sym_namespace_edges": ("NAMESPACE", "symbol_row_id", "child_scope_id"),
    }
)
FLAGS: Mapping[str, int] = MappingProxyType(
    {
        "is_referenced": symbols.REFERENCED,
        "is_assigned": symbols.ASSIGNED,
        "is_imported": symbols.IMPORTED,
        "is_annotated": symbols.ANNOTATED,
        "is_parameter": symbols.PARAMETER,
        "is_global": symbols.GLOBAL,
        "is_declared_global": symbols.DECLARED_GLOBAL,
        "is_nonlocal": symbols.NONLOCAL,
        "is_local": symbols.LOCAL,
        "is_free": symbols.FREE,
        "is_namespace": symbols.NAMESPACE,
    }
)


def _def_ids(scopes: Iterable[Scope | None]) -> list[str | None]:
    return [None if scope is None else scope.def_id for scope in scopes]


def _scope_ids(scopes: Iterable[Scope]) -> list[str]:
    return [scope.scope_id for scope in scopes]


def _are_generators(scopes: Iterable[Scope]) -> list[bool]:
    return [scope.is_generator for scope in scopes]


def _symbol_ids(found: Iterable[tuple[Scope, str]]) -> list[str]:
    return [f"{scope.scope_id}/bind:{lookup}" for scope, lookup in found]


def _param_ids(params: Iterable[tuple[Scope, int]]) -> list[str]:
    return [f"{function.def_id}/param:{index}" for function, index in params]


def _argument_places(parameters: Iterable[tuple[Scope, str, int]]) -> pa.Array:
    return pa.array([argument_place(*parameter) for parameter in parameters], pa.string())


def _qnames(sought: Iterable[tuple[Callable[[str], Qnames], str] | None]) -> pa.Array:
    """The names that each resolver finds for its dotted name, as list<struct<name, source>>; empty where none."""
    offsets, names, sources = [0], [], []
    for item in sought:
        if item is not None:
            resolve, dotted = item
            for name, source in resolve(dotted):
                names.append(name)
                sources.append(source)
        offsets.append(len(names))
    structs = pa.StructArray.from_arrays(
        [pa.array(names, pa.string()), pa.array(sources, pa.string())], ["name", "source"]
    )
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs)


LATE: Mapping[str, Callable[..., Sequence[object] | pa.Array]] = MappingProxyType(
    {
        "def_id": _def_ids,
        "container_def_id": _def_ids,
        "owner_def_id": _def_ids,
        "scope_id": _scope_ids,
        "parent_scope_id": _scope_ids,
        "child_scope_id": _scope_ids,
        "symbol_row_id": _symbol_ids,
        "binding_id": _symbol_ids,
        "known": known_as,
        "is_generator": _are_generators,
        "param_id": _param_ids,
        "argument": _argument_places,
        "qnames": _qnames,
        "callee_qnames": _qnames,
    }
)


def columns_of(rows: Iterable[Row]) -> Columns:
    """Rows turned into columns; none at all where there are no rows."""
    return tuple(zip(*rows, strict=True))


@dataclass
class Rows:
    """The rows of several files for one table, column by column, with how many all files so far have."""

    table: str
    files: list[Columns] = field(default_factory=list)
    file_ids: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, file_id: str, path: str, columns: Columns) -> None:
        """Append a file's rows."""
        if columns:
            self.files.append(columns)
            self.file_ids.append(file_id)
            self.paths.append(path)
            self.ends.append(len(columns[0]) + (self.ends[-1] if self.ends else 0))

    def batch(self) -> pa.RecordBatch:
        """The rows so far under SCHEMAS[table]."""
        schema = SCHEMAS[self.table]
        if not self.files:
            return pa.RecordBatch.from_pylist([], schema=schema)
        kinds = {column.name: column.type for column in schema}  # an offset is a column, or a part of an id
        arrays: dict[str, pa.Array] = {}
        for name, of_files in zip(ROWS[self.table], zip(*self.files, strict=True), strict=True):
            if isinstance(of_files[0], pa.Array):
                arrays[name] = pa.concat_arrays(of_files).cast(kinds[name])
                continue
            column = of_files[0] if len(of_files) == 1 else list(chain.from_iterable(of_files))
            if name == "flags":
                arrays |= _flags(column)
            else:
                arrays[name] = _array(name, column, kinds.get(name, pa.int64()))
        arrays["file_id"] = _repeated(self.file_ids, self.ends)
        arrays["path"] = _repeated(self.paths, self.ends)
        for name, (kind, start, end) in SPAN_IDS.items():
            if name in schema.names and name not in arrays:
                arrays[name] = _span_ids(kind, arrays["file_id"], arrays[start], arrays[end])
        for name, template in TEMPLATES.get(self.table, {}).items():
            arrays[name] = fill(template, arrays)
        if self.table in EDGE_IDS:
            arrays["edge_id"] = _edge_ids(*EDGE_IDS[self.table], arrays)
        columns = [arrays.get(column.name) for column in schema]
        filled = [pa.nulls(self.ends[-1], c.type) if a is None else a for a, c in zip(columns, schema, strict=True)]
        return pa.RecordBatch.from_arrays(filled, schema=schema)


def _array(name: str, column: Sequence[object], kind: pa.DataType) -> pa.Array:
    late = LATE.get(name)
    found = column if late is None else late(column)
    return found if isinstance(found, pa.Array) else pa.array(found, kind)


def _repeated(values: list[str], ends: list[int]) -> pa.Array:
    return pc.run_end_decode(
        pa.RunEndEncodedArray.from_arrays(pa.array(ends, pa.int32()), pa.array(values, pa.string()))
    )


def _span_ids(kind: str, file_ids: pa.Array, starts: pa.Array, ends: pa.Array) -> pa.Array:
    spans = pc.binary_join_element_wise(starts.cast(pa.string()), ends.cast(pa.string()), "-")
    return pc.binary_join_element_wise(kind, file_ids, spans, ":")


def _edge_ids(kind: str, source: str, target: str, arrays: Mapping[str, pa.Array]) -> pa.Array:
    ends = pc.binary_join_element_wise(arrays[source], arrays[target], ">")
    return pc.binary_join_element_wise(kind, ends, ":")


def _flags(flags: Sequence[object]) -> dict[str, pa.Array]:
    bits = pa.array(flags, pa.int32())
    return {name: pc.not_equal(pc.bit_wise_and(bits, bit), 0) for name, bit in FLAGS.items()}
