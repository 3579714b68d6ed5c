"""Annotations and their types: every name in an annotation is replaced by its qualified name.

``Foo`` in a.py is ``a.Foo``; ``int`` is ``builtins.int``; ``models.Model`` is ``django.db.models.base.Model`` if the
package imports it from there. Names are looked up as in Python: in the annotation's scope and the enclosing scopes,
then among the builtins. Imports are followed from module to module. A name found nowhere is taken as a name of the
file's module. White space and quotes make no difference, except in the strings of ``Literal`` and ``Annotated``.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import col, concat
from arrowdsl.plan.nodes import Plan, Scope
from flight_client.contracts.builtin_names import BUILTIN_NAMES
from flight_server.kernels.arrays import Ints, codes, rows_of, truths
from flight_server.kernels.scoped_names import ScopedNames
from flight_server.pipeline.families import edges, nodes, props
from flight_server.pipeline.relational import PLACE, join, kernel, output, relation
from flight_server.pipeline.type_names import NONE, definition_names, module_of

NODES = nodes("TYPE_EXPR cst_type_exprs {type_expr_id} name=expr_text")
EDGES = (
    *edges(
        """
    HAS_ANNOTATION  annotated_parameter  annotated_params                    {param_id} > {type_expr_id}
    HAS_ANNOTATION  annotated_return     cst_type_exprs[expr_role=return]    {owner_def_id?} > {type_expr_id}
    HAS_ANNOTATION  annotated_variable   cst_type_exprs[expr_role=variable]  {owner_def_id?} > {type_expr_id}
""",
        origin="annotation",
    ),
    *edges(
        """
    INFERRED_TYPE  annotation  annotated_params                   {param_id} > {type_id?}
    INFERRED_TYPE  annotation  type_exprs_norm[expr_role=return]  {owner_def_id?} > {type_id?}
""",
        origin="annotation",
        method="annotation",
        confidence="0.9",
    ),
)
PROPS = props("type_exprs_norm {type_expr_id} type=type_repr role=expr_role")
_ROUNDS = 8  # a name is followed through 2**8 imports
_QUOTED = r"""(?s)^[rRuU]?(?:"([^"\\]*)"|'([^'\\]*)')$"""
_STRING = r"""["']([^"'\\]*)["']"""
_KEEPS_STRINGS = r"\b(?:Literal|Annotated)\["
_WORD = r"""([bBrRuUfF]{0,2}"[^"]*"|[bBrRuUfF]{0,2}'[^']*'|[\w.\x{80}-\x{10FFFF}]+)"""
_CUT = "\x00"
_NAME = r"^[A-Za-z_\x{80}-\x{10FFFF}][\w.\x{80}-\x{10FFFF}]*$"
_NO_NAMES = pa.array(["None", "and", "await", "else", "for", "if", "in", "is", "lambda", "not", "or"])
_PUNCTUATION = ((r"^\s+|\s+$", ""), (r"\s*([^\s])\s*", r"\1"), (",", ", "), (r"\|", " | "))


@relation("types")
def imported_names(cst_imports: Plan, named_modules: Plan, cst_defs: Plan) -> Plan:
    """The names that imports bind, with their qualified names.

    file_id, path, def_id (the definition whose code runs the import), name, qname.
    """
    return kernel(
        "imported_names",
        _imported_names,
        (cst_imports.where(~col("is_star")), "file_id path import_id scope_id kind name asname"),
        (named_modules, "import_id target"),
        (cst_defs, "def_id scope_id"),
        passes="file_id path",
    )


@relation("types")
def part_aliases(imported_names: Plan, repo_files: Plan) -> Plan:
    """The names that one part's modules import from other modules.

    alias, qname.
    """
    of_modules = imported_names.where(col("def_id").like("%:<module>#1"))
    named = join(of_modules, repo_files, "file_id", keep="name qname", take="module")
    return named.where(col("module").is_not_null()).select("qname", alias=concat(col("module"), ".", col("name")))


@relation("types", Scope.REPO)
def aliases(part_aliases: Plan) -> Plan:
    """The names that modules import from other modules, each followed through further imports to its last name.

    alias, qname.
    """
    pairs = part_aliases.distinct("alias", "qname").order_by("alias", "qname")
    return kernel("aliases", _followed, (pairs, "alias qname"))


@output("types")
def type_exprs_norm(
    cst_type_exprs: Plan, cst_defs: Plan, imported_names: Plan, repo_files: Plan, aliases: Plan
) -> Plan:
    """The annotations with their types."""
    return kernel(
        "type_exprs_norm",
        _typed,
        (cst_type_exprs, "file_id path expr_text expr_role owner_def_id"),
        (cst_defs, "def_id container_def_id kind name"),
        (imported_names, "def_id name qname"),
        (repo_files, "file_id path module"),
        (aliases, "alias qname"),
        version=3,
        passes="file_id path type_expr_id",
        adds_columns=True,
    )


@relation("types")
def annotated_params(cst_params: Plan, type_exprs_norm: Plan) -> Plan:
    """The parameters with annotations, and their types.

    file_id, path, bstart, bend, param_id, type_expr_id, type_id.
    """
    return join(cst_params, type_exprs_norm, "type_expr_id", keep=f"{PLACE} param_id type_expr_id", take="type_id")


def _imported_names(imports: pa.Table, targets: pa.Table, defs: pa.Table) -> pa.Table:
    """``import a.b`` binds ``a``; ``import a.b as c`` binds c to ``a.b``; ``from a import b`` binds b to ``a.b``."""
    target = targets.column("target").take(pc.index_in(imports.column("import_id"), _whole(targets, "import_id")))
    owner = defs.column("def_id").take(pc.index_in(imports.column("scope_id"), _whole(defs, "scope_id")))
    is_plain = pc.and_(pc.equal(imports.column("kind"), "import"), pc.is_null(imports.column("asname")))
    name, first = imports.column("name"), _head(imports.column("name"))
    bound = pc.if_else(is_plain, first, pc.coalesce(imports.column("asname"), name))
    names = imports.select(["file_id", "path"]).append_column("def_id", owner).append_column("name", bound)
    whole = names.append_column("qname", pc.if_else(is_plain, first, target))
    return whole.filter(pc.and_(pc.is_valid(whole.column("qname")), pc.is_valid(owner)))


def _followed(pairs: pa.Table) -> pa.Table:
    """Each alias once, with the last name of its chain, by pointer doubling; in a cycle, with a name of the cycle."""
    alias, qname = _whole(pairs, "alias"), _whole(pairs, "qname")
    first = pc.index_in(pc.unique(alias), alias)
    alias, qname = alias.take(first), qname.take(first)
    for _ in range(_ROUNDS):
        qname = pc.coalesce(qname.take(pc.index_in(qname, alias)), qname)
    return pa.table({"alias": alias, "qname": qname}).filter(pc.not_equal(alias, qname))


def _typed(exprs: pa.Table, defs: pa.Table, imports: pa.Table, files: pa.Table, aliases: pa.Table) -> pa.Table:
    exprs = exprs.combine_chunks()
    text = pc.utf8_trim_whitespace(exprs.column("expr_text"))
    unquoted = pc.replace_substring_regex(text, _QUOTED, r"\1\2")
    spelled = pc.utf8_trim_whitespace(pc.replace_substring_regex(unquoted, r"\s+", " "))
    keeps_strings = pc.match_substring_regex(spelled, _KEEPS_STRINGS)
    plain = pc.if_else(keeps_strings, spelled, pc.replace_substring_regex(spelled, _STRING, r"\1"))
    cut = pc.replace_substring_regex(pc.fill_null(plain, ""), _WORD, f"{_CUT}\\1{_CUT}")
    tokens = pc.split_pattern(cut, _CUT).combine_chunks()
    expr, token = np.asarray(pc.list_parent_indices(tokens)), pa.chunked_array([tokens.flatten()], pa.string())
    is_name = truths(pc.and_(pc.match_substring_regex(token, _NAME), pc.invert(pc.is_in(token, _NO_NAMES))))
    is_string = truths(pc.match_substring_regex(token, r"^\w{0,2}[\"']"))
    at = pa.array(np.flatnonzero(is_name))
    names = token.take(at)
    qualified = pc.coalesce(
        _bound(names, expr[is_name], exprs, defs, imports, files),
        _unbound(names, expr[is_name], exprs, files),
    )
    followed = pc.coalesce(aliases.column("qname").take(pc.index_in(qualified, _whole(aliases, "alias"))), qualified)
    order = np.where(is_name, np.cumsum(is_name) - 1, -1)
    written = pc.if_else(pa.array(is_string | is_name), token, _punctuated(token))
    whole = pc.coalesce(followed.take(pa.array(order, mask=~is_name)), written)
    joined = pc.binary_join(pa.ListArray.from_arrays(tokens.offsets, whole.combine_chunks()), "")
    joined = pc.if_else(pc.equal(joined, "None"), NONE, joined)
    ids = pc.if_else(pc.equal(joined, ""), None, pc.binary_join_element_wise("type:", joined, ""))
    return exprs.append_column("type_repr", spelled).append_column("type_id", pa.chunked_array([ids], pa.string()))


def _bound(
    names: pa.ChunkedArray, expr: Ints, exprs: pa.Table, defs: pa.Table, imports: pa.Table, files: pa.Table
) -> pa.ChunkedArray:
    """The qualified names of names whose first component is bound by a definition or an import; null for others."""
    ids = defs.column("def_id")
    parent = rows_of(defs.column("container_def_id"), ids)
    in_class = truths(pc.equal(defs.column("kind"), "class"))
    scope = np.concatenate((parent, rows_of(imports.column("def_id"), ids)))
    binding = pa.chunked_array([*definition_names(ids, files).chunks, *imports.column("qname").chunks], pa.string())
    head = _head(names)
    every = [*defs.column("name").chunks, *imports.column("name").chunks, *head.chunks]
    code = codes(pa.chunked_array(every, pa.string()))
    bound, wanted = code[: len(scope)], code[len(scope) :]
    owner = rows_of(exprs.column("owner_def_id"), ids)
    is_variable = truths(pc.equal(exprs.column("expr_role"), "variable"))
    start = np.where(is_variable | (owner < 0), owner, parent[owner])[expr] if len(parent) else np.full(len(expr), -1)
    every_scope, number = np.flatnonzero(scope >= 0), np.arange(len(scope))
    own = ScopedNames(scope[every_scope], bound[every_scope], number[every_scope])
    outer = every_scope[~in_class[scope[every_scope]]]
    around = ScopedNames(scope[outer], bound[outer], number[outer])
    found = own.find(start, wanted)
    missed = np.flatnonzero(found < 0)
    found[missed] = around.find_outwards(parent, start[missed], wanted[missed])
    return _with_head(binding.take(pa.array(found, mask=found < 0)), names)


def _unbound(names: pa.ChunkedArray, expr: Ints, exprs: pa.Table, files: pa.Table) -> pa.ChunkedArray:
    """The qualified names of names that the file does not bind: those of builtins, or else those of the module."""
    is_builtin = pc.is_in(_head(names), pa.array(sorted(BUILTIN_NAMES)))
    module = module_of(exprs.column("file_id"), files).take(pa.array(expr))
    return pc.binary_join_element_wise(pc.if_else(is_builtin, "builtins", module), names, ".")


def _with_head(heads: pa.ChunkedArray, names: pa.ChunkedArray) -> pa.ChunkedArray:
    """The names with their first component replaced."""
    return pc.binary_join_element_wise(heads, pc.replace_substring_regex(names, r"^[^.]*", ""), "")


def _head(names: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(names, r"\..*$", "")


def _punctuated(token: pa.ChunkedArray) -> pa.ChunkedArray:
    """Punctuation with one blank after a comma and around a bar; blanks between words stay."""
    is_blank = pc.match_substring_regex(token, r"^\s+$")
    spaced = token
    for pattern, replacement in _PUNCTUATION:
        spaced = pc.replace_substring_regex(spaced, pattern, replacement)
    return pc.if_else(is_blank, " ", spaced)


def _whole(table: pa.Table, name: str) -> pa.Array:
    return table.column(name).combine_chunks()
