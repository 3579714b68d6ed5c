"""Rows of a walk to record batches with exactly the columns, types and metadata of the contracts.

A walk's row starts with its span. Values that need the complete walk (ids of scopes, qualified names) are computed
here. Ids that consist of spans or other ids are templates, which Arrow fills in. The columns of the file are run-end
decoded.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from string import Formatter
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.schema.schema import SchemaMetadataSpec
from flight_client.contracts.raw import RAW_TABLES
from flight_client.extract.decorators import known_as
from flight_client.extract.lexical_scopes import LexicalScope, Qnames
from flight_client.extract.places import argument_place

EXTRACTOR_VERSION = "7"

Columns = Sequence[Sequence[object]]

ROWS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        name: tuple(columns.split())
        for name, columns in {
            "repo_files": "file_sha256 abs_path size_bytes encoding text bytes module is_package source_root"
            " root_reason cell_map",
            "cst_parse_manifest": "encoding default_indent default_newline has_trailing_newline future_imports"
            " module_name package_name",
            "cst_parse_errors": "error_type message raw_line raw_column meta",
            "cst_defs": "def_bstart def_bend def_id container_def_id kind name name_bstart name_bend qnames scope_id"
            " ast_idx docstring is_generator qname",
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
            "var_events": "point_id event_id ordinal binding_id kind bstart bend",
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
_SYMBOL_FLAGS = tuple(column.name for column in SCHEMAS["sym_symbols"] if pa.types.is_boolean(column.type))
TEMPLATES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "cst_params": {"place": "{argument}", "default_place": "x:{def_id}:v{default_pos}"},
        "cst_decorators": {"site_id": "site:{def_id}:d{pos}"},
        "cst_bases": {"place": "x:{def_id}:b{pos}"},
        "cst_imports": {"import_id": "import:{file_id}:{alias_bstart}-{alias_bend}"},
        "cst_name_refs": {"name_ref_id": "ref:{file_id}:{bstart}-{bend}"},
        "cst_callsites": {"call_id": "call:{file_id}:{call_bstart}-{call_bend}"},
        "cst_type_exprs": {"type_expr_id": "type_expr:{file_id}:{bstart}-{bend}"},
        "sym_scope_edges": {"edge_id": "SCOPE_PARENT:{child_scope_id}>{parent_scope_id}"},
        "sym_namespace_edges": {"edge_id": "NAMESPACE:{symbol_row_id}>{child_scope_id}"},
        "var_events": {"name_ref_id": "ref:{file_id}:{bstart}-{bend}"},
        "ts_nodes": {"ts_node_id": "ts:{file_id}:{ts_idx}", "parent_ts_id": "ts:{file_id}:{parent_idx}"},
        "ts_errors": {"ts_error_id": "ts_error:{file_id}:{ts_idx}", "ts_node_id": "ts:{file_id}:{ts_idx}"},
        "ts_missing": {"ts_missing_id": "ts_missing:{file_id}:{ts_idx}", "ts_node_id": "ts:{file_id}:{ts_idx}"},
        "bc_instructions": {
            "instr_id": "{code_unit_id}/instr:{instr_index}",
            "block_id": "{code_unit_id}/block:{block}",
        },
        "bc_exception_table": {"exc_entry_id": "{code_unit_id}/exc:{exc_index}"},
        "bc_blocks": {"block_id": "{code_unit_id}/block:{block}"},
        "bc_cfg_edges": {
            "src_block_id": "{code_unit_id}/block:{src}",
            "dst_block_id": "{code_unit_id}/block:{dst}",
            "cond_instr_id": "{code_unit_id}/instr:{condition}",
            "edge_id": "BC_CFG_{kind!u}:{src_block_id}>{dst_block_id}",
        },
    }
)


def _def_ids(scopes: Iterable[LexicalScope | None]) -> list[str | None]:
    return [None if scope is None else scope.def_id for scope in scopes]


def _scope_ids(scopes: Iterable[LexicalScope | None]) -> list[str | None]:
    return [None if scope is None else scope.scope_id for scope in scopes]


def _symbol_ids(found: Iterable[tuple[LexicalScope, str]]) -> list[str]:
    return [f"{scope.scope_id}/bind:{lookup}" for scope, lookup in found]


def _qnames(sought: Iterable[tuple[Callable[[str], Qnames], str] | None]) -> pa.Array:
    """The names that each resolver finds for its dotted name, as list<struct<name, source>>; empty if it finds none."""
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
        **dict.fromkeys(("def_id", "container_def_id", "owner_def_id"), _def_ids),
        **dict.fromkeys(("scope_id", "parent_scope_id", "child_scope_id"), _scope_ids),
        **dict.fromkeys(("symbol_row_id", "binding_id"), _symbol_ids),
        **dict.fromkeys(("qnames", "callee_qnames"), _qnames),
        "known": known_as,
        "qname": lambda scopes: [scope.qname for scope in scopes],
        "is_generator": lambda scopes: [scope.is_generator for scope in scopes],
        "param_id": lambda params: [f"{function.def_id}/param:{index}" for function, index in params],
        "argument": lambda params: [argument_place(*param) for param in params],
    }
)


def columns_of(rows: Iterable[tuple[object, ...]]) -> Columns:
    """Rows turned into columns; without rows there are no columns."""
    return tuple(zip(*rows, strict=True))


@dataclass
class TableRows:
    """The rows of several files for one table.

    Of each file: its columns, the starts of its lines, its id, its path, and the row number of its end.
    """

    table: str
    files: list[Columns] = field(default_factory=list)
    line_starts: list[Sequence[int]] = field(default_factory=list)
    file_ids: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, file_id: str, path: str, columns: Columns, line_starts: Sequence[int] = ()) -> None:
        """Append a file's rows; ``line_starts`` are the byte offsets of its lines."""
        if columns:
            self.files.append(columns)
            self.line_starts.append(line_starts)
            self.file_ids.append(file_id)
            self.paths.append(path)
            self.ends.append(len(columns[0]) + (self.ends[-1] if self.ends else 0))

    def batch(self) -> pa.RecordBatch:
        """The rows so far, with the schema SCHEMAS[table]."""
        schema = SCHEMAS[self.table]
        if not self.files:
            return pa.RecordBatch.from_pylist([], schema=schema)
        kinds = {column.name: column.type for column in schema}
        arrays = {"file_id": _repeated(self.file_ids, self.ends), "path": _repeated(self.paths, self.ends)}
        for name, of_files in zip(ROWS[self.table], zip(*self.files, strict=True), strict=True):
            if isinstance(of_files[0], pa.Array):
                arrays[name] = pa.concat_arrays(of_files).cast(kinds[name])
                continue
            column = of_files[0] if len(of_files) == 1 else list(chain.from_iterable(of_files))
            if name == "flags" and name not in kinds:
                bits = pa.array(column, pa.int32())
                arrays |= {flag: _is_set(bits, bit) for bit, flag in enumerate(_SYMBOL_FLAGS)}
            else:  # an offset may be part of an id without being a column
                late = LATE.get(name)
                found = column if late is None else late(column)
                kind = pa.string() if name == "argument" else kinds.get(name, pa.int64())
                arrays[name] = found if isinstance(found, pa.Array) else pa.array(found, kind)
        for name, template in TEMPLATES.get(self.table, {}).items():
            arrays[name] = fill(template, arrays)
        if "line" in kinds:
            arrays |= self._lines(*(arrays[name] for name in ROWS[self.table][:2]))
        columns = [arrays.get(column.name) for column in schema]
        filled = [pa.nulls(self.ends[-1], c.type) if a is None else a for a, c in zip(columns, schema, strict=True)]
        return pa.RecordBatch.from_arrays(filled, schema=schema)

    def _lines(self, starts: pa.Array, ends: pa.Array) -> dict[str, pa.Array]:
        """``line`` and ``end_line``: the lines of the first and the last character of each span; null where it is."""
        first, end = (np.asarray(offsets.fill_null(0)) for offsets in (starts, ends))
        last = np.maximum(first, end - 1)
        of_files = list(zip(self.line_starts, pairwise((0, *self.ends)), strict=True))
        return {
            name: pa.array(
                np.concatenate([np.searchsorted(lines, at[low:high], "right") for lines, (low, high) in of_files]),
                pa.int32(),
                mask=np.asarray(starts.is_null()),
            )
            for name, at in (("line", first), ("end_line", last))
        }


def _repeated(values: list[str], ends: list[int]) -> pa.Array:
    return pc.run_end_decode(
        pa.RunEndEncodedArray.from_arrays(pa.array(ends, pa.int32()), pa.array(values, pa.string()))
    )


def _is_set(flags: pa.Array, bit: int) -> pa.Array:
    return pc.not_equal(pc.bit_wise_and(flags, 1 << bit), 0)


def fill(template: str, arrays: Mapping[str, pa.Array]) -> pa.Array:
    """The template with each ``{column}`` replaced by the row's value, ``{column!u}`` in upper case; null where one is.

    >>> fill("{unit}/instr:{index}", {"unit": pa.array(["a", "b"]), "index": pa.array([0, None])}).to_pylist()
    ['a/instr:0', None]
    """
    pieces: list[str | pa.Array] = []
    for text, column, _, conversion in Formatter().parse(template):
        pieces.append(text)
        if column is not None:
            values = arrays[column].cast(pa.string())
            pieces.append(pc.utf8_upper(values) if conversion == "u" else values)
    return pc.binary_join_element_wise(*pieces, "")
