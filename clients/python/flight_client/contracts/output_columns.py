"""What the columns of the outputs mean, where ``raw_columns`` does not say it: ``column: sentence``, one a line.

A line ``table.column: sentence`` counts before the one of the column.
"""

OUTPUT_COLUMNS = """
qname_id: Id of the qualified name: qname: and the name.
dim_qualified_names.qname: The qualified name.
callsite_qname_candidates.qname: A qualified name that the callee may have.
qname_source: How the name was found: LOCAL, IMPORT or BUILTIN.
child_ast_idx: Number of the child node.
sym_function_partitions.scope_id: Id of the scope.
parameters: Names of parameters.
locals: Names bound in the scope.
globals: Names that mean those of the module.
nonlocals: Names declared nonlocal.
frees: Names bound in an enclosing function.
modules.reason: What makes this folder the source root.
type_repr: The type as text, normalized.
type_id: Id of the type.
type_form: Outermost constructor: none, union, subscript, name or other.
types_norm.origin: Where the type comes from: annotation or points_to.
diag_id: Id of the diagnostic.
diag_source: The parser or tool that reported it.
details: Further details.
span_ok: Whether the range has a span in the repo's file.
span_errors.reason: no_text, stale, malformed_range, unknown_encoding or out_of_range.
def_event_id: Id of the event that defines the variable.
use_event_id: Id of the event that may read that value.
resolution_method: How it was found, such as structural, qualified_name, dataflow or points_to.
confidence: Confidence from 0 to 1; 1 for what the language fixes.
score: Rank among rivals, from 0 to 1; the highest is the best.
ambiguity_group_id: Equal for rows that are rivals, such as the callees of one site.
rule_name: The rule that made the row.
rule_priority: Priority of the rule; of rivals with equal scores the lowest counts.

relation: definition, points_to, call, argument, flow, base, order, override, type or binding.
resolution.src: Start of the relation, such as a site or place.
resolution.dst: End of the relation; null outside the repo.
resolution.kind: Kind of the end.
label: Kind of the site of a call.
resolution.name: Name of the end, or of the keyword.
owner: Id of the definition whose code calls.
owner_name: Qualified name of that definition.
resolution.position: Position of an argument, base or class in the order, from 0.
saturated: Whether the place holds too many objects to list, or a base is missing.

call_graph.site_id: Id of the site that calls.
caller_qname: Qualified name of the caller; code of a comprehension belongs to the definition around it.
callee_def_id: Id of the definition that is called; null outside the repo.
callee_qname: Qualified name of what is called.
is_external: Whether the callee is outside the repo.
call_graph.site_kind: call, decorator, property, class, iter, next, enter, exit, raise, getitem, setitem or binop.
unresolved_calls.site_id: Id of the site that calls.
unresolved_calls.call_id: Id of the call.
unresolved_calls.reason: Why no callee is known.

node_id: Id of the node.
node_kind: Kind of the node.
cpg_nodes.name: What a person calls the node: a name, callee, literal, type or message.
cpg_nodes.qname: Qualified name of a definition, module, package or external.
edge_id: Id of the edge.
edge_kind: Kind of the edge.
src_node_id: Id of the node at which the edge starts.
dst_node_id: Id of the node at which the edge ends.
cpg_edges.origin: The layer that the edge comes from.
entity_kind: Always node.
entity_id: Id of the node.
prop_key: The property's key.
value_str: The value, if it is a text.
value_int: The value, if it is a whole number.
value_float: The value, if it is another number.
value_bool: The value, if it is true or false.
value_json: The value as JSON, if it is a list or struct.

definitions.kind: module, class, function, async_function or lambda.
dead_code.kind: function or async_function.
doc: First line of the docstring.
decorators: Sources of the decorators, from the top.
is_test: Whether the file is one of tests, by its name or folder.
is_exported: Whether the name is public: listed in __all__, or without underscore in public modules and classes.
bases: Names of the direct bases, in order.
subclasses: Names of the direct subclasses in the repo.
overrides: Names of the methods that its methods override.
importer: Dotted name of the module that imports.
imported: Dotted name of the module that is imported.
module_imports.is_external: Whether the imported module is outside the repo.
imported_file_id: Id of the imported module's file; null outside the repo.
caller: Qualified name of the caller.
calls.callee: Qualified name of what is called; null if the call is not resolved.
calls.is_external: Whether the callee is outside the repo; null if the call is not resolved.
calls.site_id: Id of the site that calls; null if the call is not resolved.
calls.site_kind: call, or what syntax implies, as in call_graph.
source_line: Text of the line, without blanks around it, at most 300 characters.
arguments: Source between the parentheses, at most 300 characters.
keywords: Names of the keywords, in order.
references.qname: Qualified name of what is meant.
references.def_id: Id of the definition that is meant; null outside the repo.
referrer: Qualified name of the definition whose code names it.
dead_code.is_exported: Whether the name is public, so code outside the repo may use it.
is_likely: Whether nothing speaks against its being dead: every other column that begins with is_ is false.
is_named: Whether a name or attribute of this spelling is read or imported anywhere in the repo.
is_in_text: Whether a string is its name, or a dotted name that ends so.
is_decorated: Whether it has a decorator other than the well-known ones, which may register it.
is_override: Whether it overrides a method, or its class has a base outside the repo.
is_dunder: Whether its name begins and ends with two underscores, so the language may call it.
is_entry_point: Whether its name is main or it is in a module __main__.

dataset: The output that left rows out.
part: Number of the part, or global.
row_key: Values of the row's key, joined by commas.
column: The column that breaks the contract.
check: required_non_null, key, type or dangling_edge.
detail: What is wrong.
rows: Number of rows.
"""
