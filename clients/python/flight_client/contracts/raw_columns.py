"""What the columns of the raw tables mean, one a line: ``column: sentence`` or ``table.column: sentence``.

A line of a table counts before the one of the column.
"""

RAW_COLUMNS = """
file_id: Id of the file, 13 characters made from the repo's name and the path.
path: Path of the file below the repo's folder, with / between folders.
bstart: Offset of the row's first byte in the file's UTF-8 text, in bytes from 0.
bend: Offset just after the row's last byte in the file's UTF-8 text, in bytes.
line: Line of the row's first character, from 1.
end_line: Line of the row's last character, from 1.
lineno: Line at which it starts, from 1.
end_lineno: Line at which it ends, from 1.
error_type: Class of the exception that the parser raised.
message: The message of the error or finding.
name: The name, as it is written.
def_id: Id of the definition.
scope_id: Id of the scope in which the code runs.
owner_def_id: Id of the definition whose code runs it.
ast_idx: Number of the node in its file's syntax tree, from 0 in preorder.
ast_nodes.name: Identifier of the node, or its operators; null if it has neither.
place: Place (a variable, parameter or temporary) that holds the value.
meta: Further facts about the row, as key and value.
file_sha256: SHA-256 of the file's bytes, in hexadecimal digits; empty if the file could not be read.

abs_path: Absolute path of the file on the machine that extracted it.
size_bytes: Size of the file, in bytes.
encoding: Encoding in which the file was decoded.
text: The decoded text, with its own newlines; of a notebook the text of its code cells.
bytes: The file's bytes, if they are not the text in UTF-8, and at most 8 MiB.
module: Dotted name of the module.
is_package: Whether the module is the __init__ of a package.
source_root: Folder that the module's name starts from; . is the repo's, .. the one around the packages it is in.
root_reason: What makes this folder the source root.
cell_map: Code cells of a notebook: number, and offsets in the text in bytes.
default_indent: Indentation of the first indented block.
default_newline: The file's first newline.
has_trailing_newline: Whether the text ends with a newline.
future_imports: Names imported from __future__.
module_name: Dotted name of the module.
package_name: Dotted name of the module's package, where relative imports start.
raw_line: Line of the error, from 1.
raw_column: Column of the error, in characters from 0.

container_def_id: Id of the definition around it; null for a module.
cst_defs.kind: module, class, made_class (by a call), function, async_function, lambda or comprehension.
qname: Qualified name as in call_graph; a comprehension has that of the definition around it.
def_bstart: Offset of the definition's first byte, without decorators, in bytes.
def_bend: Offset just after the definition's last byte.
name_bstart: Offset of the name's first byte; null for a definition without a name.
name_bend: Offset just after the name's last byte.
qnames: Qualified names as LibCST gives them, with <locals>, and the source of each.
cst_defs.scope_id: Id of the scope that the definition opens; null for a class that a call makes.
cst_defs.ast_idx: Number of the definition's node in the syntax tree.
docstring: The docstring as in the source, with its indentation.
is_generator: Whether its code yields.
param_id: Id of the parameter.
cst_params.pos: Position in the signature, from 0.
cst_params.kind: posonly, pos, vararg, kwonly or kwarg.
default_place: Place of the default; null without one.
type_expr_id: Id of the annotation.
cst_decorators.pos: Position among the decorators, from 0 at the top.
site_id: Id of the site that calls it.
known: What a well-known decorator makes: static, class, property, setter, overload, dataclass and so on.
cst_bases.pos: Position among bases and keywords, from 0.
keyword: Name of the keyword; null for a positional one.
op: The operation on __all__: =, +=, append or unknown.
cst_exports.name: The exported name; null if the source does not spell it out.

import_id: Id of the imported name.
cst_imports.kind: import or import_from.
cst_imports.module: Module after from, without leading dots; null for a plain import.
relative_level: Number of leading dots.
cst_imports.name: The imported name or module; * for a star import.
asname: The name after as.
is_star: Whether it is a star import.
stmt_bstart: Offset of the statement's first byte, in bytes.
stmt_bend: Offset just after the statement's last byte.
alias_bstart: Offset of the first byte of the name and its as, in bytes.
alias_bend: Offset just after their last byte.
name_ref_id: Id of the name's occurrence.
expr_ctx: LOAD, STORE or DEL; null for a declaration or a keyword in a pattern.
ref_kind: name, attribute, import, def, param, except, match, global or keyword.
call_id: Id of the call; null for a site that syntax implies.
call_bstart: Offset of the call's first byte, in bytes.
call_bend: Offset just after the call's last byte.
callee_bstart: Offset of the callee's first byte, in bytes.
callee_bend: Offset just after the callee's last byte.
callee_shape: Syntax of the callee: NAME, ATTRIBUTE, SUBSCRIPT, CALL or OTHER.
callee_text: Source of the callee, at most 200 characters.
arg_count: Number of arguments, with keywords and stars.
callee_dotted: The callee if it is a dotted name.
callee_qnames: Qualified names that the callee may have, and the source of each: LOCAL, IMPORT or BUILTIN.
param_name: Name of the annotated parameter.
expr_kind: Syntax of the annotation: NAME, ATTRIBUTE, SUBSCRIPT, CALL, UNION, TUPLE, LIST, STARRED, STRING or OTHER.
expr_role: What is annotated: param, return or variable.
expr_text: Source of the annotation.

parent_ast_idx: Number of the parent node.
field_name: Field of the parent that holds the node.
field_pos: Position in that field, from 0; null if the field is no list.
ast_nodes.kind: Class of the node in the module ast.
value_repr: The literal's repr, at most 200 characters.
col_offset: Column at which it starts, in bytes from 0.
end_col_offset: Column at which it ends, in bytes from 0.
ast_errors.offset: Column of the error, in characters from 1.
ast_errors.end_offset: Column at which the error ends, in characters from 1.

sym_scopes.scope_id: Id of the scope.
sym_symbols.scope_id: Id of the scope that has the name.
sym_namespace_edges.scope_id: Id of the scope that has the name.
table_id: Number of the scope in its file, in preorder from 0.
scope_type: module, class, function, lambda, comprehension or type_params.
scope_name: Name of the scope.
is_nested: Whether it is inside a function.
is_optimized: Whether its variables are fast locals.
has_children: Whether scopes are inside it.
scope_role: Always null.
symbol_row_id: Id of the name in its scope.
lookup_name: The name as it is looked up: private names of classes are mangled.
is_referenced: Whether the scope reads the name.
is_assigned: Whether the scope assigns the name.
is_imported: Whether an import binds the name.
is_annotated: Whether the name has an annotation.
is_parameter: Whether the name is a parameter.
is_global: Whether the name means that of the module.
is_declared_global: Whether a global statement names it.
is_nonlocal: Whether a nonlocal statement names it.
is_local: Whether the scope binds the name.
is_free: Whether the name is bound in an enclosing function.
is_namespace: Whether a definition binds the name.
edge_id: Id of the edge.
parent_scope_id: Id of the outer scope.
child_scope_id: Id of the inner scope.

point_id: Id of the point of control flow.
cfg_points.kind: entry, exit, stmt, test, iter, handler or finally.
cfg_flow.src: Point before the step.
cfg_flow.dst: Point after the step.
cfg_flow.kind: next, true, false or exc; true if the condition of src holds.
event_id: Id of the event.
ordinal: Position among the events of the point, from 0.
binding_id: Id of the variable (a symbol_row_id).
var_events.kind: param, def, use or kill.
var_joins.kind: Always join.

flow_copies.dst: Place that gets the value.
flow_copies.src: Place that the value comes from.
flow_copies.reason: assign, aug, default, return, yield, unpack, ifexp or walrus.
object_id: Id of the object.
object_kind: Kind of the object, such as function, class, list, str or import.
const_repr: Short text of a constant, or the imported name.
flow_loads.dst: Place that gets the value.
base: Place of the object that is read or changed.
access: attr, item, iter, yield or return.
key: Attribute's name or constant key.
key_place: Place of a key that is no constant.
implicit: Whether syntax looks the attribute up.
flow_stores.src: Place of the stored value.
site_kind: call, decorator, iter, next, enter, exit, raise, getitem, setitem or binop.
callee: Place of what is called.
result: Place of the result.
caller_def_id: Id of the definition whose code calls.
flow_args.pos: Position of the argument, from 0; null for a keyword.
star: 1 for *x, 2 for **x, else 0.
annotation_place: Place of the class that the annotation names.

code_unit_id: Id of the code object.
parent_code_unit_id: Id of the code object around it.
python_version: Version of the Python that compiled it.
qualpath: Qualified name in the module.
co_name: Name of the code object.
firstlineno: First line, from 1.
argcount: Number of positional parameters.
posonlyargcount: Number of positional-only parameters.
kwonlyargcount: Number of keyword-only parameters.
nlocals: Number of local variables.
flags: The compiler's flags, as bits.
stacksize: Depth of the stack, in entries.
code_len: Length of the bytecode, in bytes.
instr_id: Id of the instruction.
block_id: Id of the basic block.
instr_index: Number of the instruction in its code object, from 0.
bc_instructions.offset: Offset of the instruction, in bytes.
opname: Name of the operation.
opcode: Number of the operation.
arg: The instruction's argument; null without one.
argval_str: Meaning of the argument, at most 200 characters.
argrepr: The argument as dis shows it, at most 200 characters.
is_jump_target: Whether a jump leads here.
jump_target_offset: Offset to which it jumps, in bytes.
starts_line: Line that starts here, from 1.
pos_start_line: First line of its source, from 1.
pos_end_line: Last line of its source, from 1.
pos_start_col: First column of its source, in bytes from 0.
pos_end_col: Column after its source, in bytes from 0.
exc_entry_id: Id of the entry.
exc_index: Number of the entry in its code object, from 0.
start_offset: Offset of the first instruction, in bytes.
end_offset: Offset after the last instruction, in bytes.
target_offset: Offset of the handler, in bytes.
depth: Depth of the stack at the handler, in entries.
lasti: Whether the handler gets the offset of the instruction that raised.
bc_blocks.kind: entry, handler or body.
src_block_id: Id of the block before.
dst_block_id: Id of the block after.
bc_cfg_edges.kind: next, true, false or exc.
cond_instr_id: Id of the instruction that decides.

tool_name: Name of the indexer.
tool_version: Version of the indexer.
project_root: Folder that was indexed, as a URI.
text_document_encoding: Encoding of the indexed texts.
protocol_version: Version of the SCIP protocol.
scip_documents.file_sha256: SHA-256 of the file that was indexed, if it is known.
document_id: Id of the document in the index.
language: Language of the document.
position_encoding: Unit in which the document counts characters.
occurrence_id: Id of the occurrence.
symbol: The symbol, as SCIP spells it.
symbol_roles: Roles of the occurrence, as SCIP's bits.
syntax_kind: Syntax of the occurrence, as SCIP names it.
override_documentation: Documentation of this occurrence alone.
start_line: Line at which it starts, from 0.
start_char: Column at which it starts, from 0 in the document's unit.
scip_occurrences.end_line: Line at which it ends, from 0.
scip_occurrences_norm.end_line: Line at which it ends, from 0.
scip_diagnostics.end_line: Line at which it ends, from 0.
end_char: Column at which it ends, from 0 in the document's unit.
range_len: Count of numbers in the range: 3 on one line, else 4.
enc_start_line: Line at which the enclosing syntax starts, from 0.
enc_start_char: Column at which the enclosing syntax starts.
enc_end_line: Line at which the enclosing syntax ends, from 0.
enc_end_char: Column at which the enclosing syntax ends.
enc_range_len: Count of numbers in the enclosing range.
symbol_info_id: Id of the row.
display_name: Name to show.
scip_symbol_information.kind: Kind of the symbol, as SCIP names it.
scip_external_symbol_information.kind: Kind of the symbol, as SCIP names it.
enclosing_symbol: Symbol around it.
documentation: Documentation in Markdown, a text for each paragraph.
signature_documentation: Signature: its text and language.
relationship_id: Id of the row.
related_symbol: The symbol that it relates to.
is_reference: Whether references to one count for the other.
is_implementation: Whether it implements the other.
is_type_definition: Whether the other defines its type.
is_definition: Whether the other defines it.
diagnostic_id: Id of the finding.
severity: Severity, as the tool names it.
code: The tool's code of the finding.
source: The tool that found it.
tags: Tags, as SCIP names them.

ts_node_id: Id of the node.
parent_ts_id: Id of the parent node.
ts_type: Type of the node in tree-sitter's grammar.
start_byte: Offset of the first byte in the file's UTF-8 text, in bytes.
end_byte: Offset just after the last byte.
is_named: Whether the grammar names the node; false for punctuation.
has_error: Whether the node contains an error.
is_error: Whether the node is source that could not be parsed.
is_missing: Whether the parser had to assume the node.
ts_error_id: Id of the error.
ts_missing_id: Id of the assumed node.

rt_id: Id of the object.
rt_objects.module: Module that has the object.
qualname: The object's __qualname__.
obj_type: Class of the object.
source_path: Path of the file that defines it.
source_line: Line that defines it, from 1.
sig_id: Id of the signature.
signature: The signature as text.
return_annotation: Repr of the return annotation.
rt_signature_params.kind: Kind of the parameter, as inspect names it.
default_repr: Repr of the default.
annotation_repr: Repr of the annotation.
position: Position, from 0.
member_id: Id of the member.
member_kind: Kind of the member.
rt_members.value_repr: Repr of the member's value.
value_module: Module of the member's value.
value_qualname: The __qualname__ of the member's value.
"""
