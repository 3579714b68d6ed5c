"""Calls, references and uncalled functions in rows that a person can read: names, lines, and the source itself."""

from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Expr, Literal, coalesce, col, if_else
from arrowdsl.plan.nodes import Plan, Scope, Union
from flight_server.kernels.arrays import lists_of, numbers, rows_of
from flight_server.kernels.text_positions import line_index
from flight_server.pipeline.families import template
from flight_server.pipeline.relational import PLACE, join, kernel, output, relation

TEXT_CHARACTERS = 300
_LINES = "line end_line"
_CALL = f"path bstart bend {_LINES} call_id caller_def_id"
_CALLED = "site_id callee_def_id is_external site_kind confidence rule_name"
_NO_CALLEE = {
    **dict.fromkeys(("site_id", "callee_def_id", "rule_name", "callee"), Literal(None, pa.string())),
    "is_external": Literal(None, pa.bool_()),
    "confidence": Literal(None, pa.float32()),
}
_REFERENCE = f"{PLACE} {_LINES} name_ref_id ref_kind scope_id"
_FUNCTIONS = ("function", "async_function")
_NAME_IN_TEXT = r"^'((?:\w+\.)*)(\w+)'$"
_MENTIONS = ("named", "in_text")


@output("views")
def calls(
    call_graph: Plan, cst_callsites: Plan, cst_defs: Plan, flow_calls: Plan, flow_args: Plan, repo_files: Plan
) -> Plan:
    """Each call with what it may call, its source line and arguments; a call that is not resolved has no callee."""
    named = call_graph.select(*_CALL.split(), *_CALLED.split(), caller=col("caller_qname"), callee=col("callee_qname"))
    columns = f"{_CALL} {_CALLED} caller callee"
    spelled = join(named, cst_callsites, "call_id", keep=columns, take="callee_text callee_bend", kind="left outer")
    sites = f"path call_bstart call_bend {_LINES} call_id callee_text callee_bend owner_def_id"
    unknown = join(cst_callsites, call_graph, "call_id", keep=sites, kind="left anti")
    owned = join(unknown, cst_defs, "owner_def_id=def_id", keep=sites, take="qname", kind="left outer")
    unresolved: dict[str, Expr] = {
        **_NO_CALLEE,
        **{name: col(name) for name in f"path {_LINES} call_id callee_text callee_bend".split()},
        "bstart": col("call_bstart"),
        "bend": col("call_bend"),
        "caller_def_id": col("owner_def_id"),
        "caller": col("qname"),
        "site_kind": Literal("call"),
    }
    order = f"{columns} callee_text callee_bend".split()
    every = Union((spelled.select(*order), owned.select(**{name: unresolved[name] for name in order})))
    keyed = join(
        flow_args.where(col("keyword").is_not_null()), flow_calls, "site_id", keep="keyword pos bstart", take="call_id"
    )
    return kernel(
        "calls",
        _with_source_of_calls,
        (every, " ".join(order)),
        (keyed, "call_id keyword bstart"),
        (repo_files, "path text"),
        passes=f"{columns} callee_text",
    ).order_by("path", "line", "bstart", "callee")


@relation("views")
def named_references(
    cst_name_refs: Plan, sym_symbols: Plan, binding_targets: Plan, points_to: Plan, repo_qnames: Plan
) -> Plan:
    """The names that an import or a definition binds, where they are read or imported, with the definitions they mean.

    The columns of ``references``, without ``source_line`` and ``referrer``, and scope_id. A name that no scope of the
    file binds comes by a star import.
    """
    read = (col("ref_kind").eq("name") & col("expr_ctx").eq("LOAD")) | col("ref_kind").eq("import")
    sites = join(cst_name_refs.where(read), sym_symbols, "scope_id name", keep=_REFERENCE, take="symbol_row_id")
    outer = binding_targets.where(col("rule").ne("class_body_global"))
    keep = f"{_REFERENCE} symbol_row_id"
    targeted = join(sites, outer, "symbol_row_id", keep=keep, take="target_id", kind="left outer")
    bound = targeted.select(*_REFERENCE.split(), symbol=coalesce(col("target_id"), col("symbol_row_id")))
    binds = col("is_imported") | col("is_namespace") | (col("is_global") & ~col("is_local"))
    star = template("var:def:{file_id}:<module>#1/scope:{lookup_name}")
    own = template("var:{scope_id}:{lookup_name}")
    variables = sym_symbols.where(binds).select(
        "symbol_row_id", place=if_else(col("is_global") & ~col("is_local"), star, own)
    )
    placed = join(bound, variables, "symbol=symbol_row_id", keep=_REFERENCE, take="place")
    held = points_to.where(col("object_kind").is_in(("function", "class")))
    meant = join(placed, held, "place", keep=_REFERENCE, take="object_id")
    return join(meant, repo_qnames, "object_id=def_id", keep=f"{_REFERENCE} object_id", take="qname").select(
        *_REFERENCE.split(), "qname", def_id=col("object_id")
    )


@relation("views")
def attribute_references(cst_name_refs: Plan, cst_callsites: Plan, call_graph: Plan) -> Plan:
    """The attributes that are called, with the definitions and externals that they mean.

    The columns of ``named_references``.
    """
    attributes = cst_name_refs.where(col("ref_kind").eq("attribute"))
    called = join(attributes, cst_callsites, "file_id bend=callee_bend", keep=_REFERENCE, take="call_id")
    meant = call_graph.where(col("site_kind").eq("call"))
    found = join(called, meant, "call_id", keep=_REFERENCE, take="callee_qname callee_def_id")
    return found.select(*_REFERENCE.split(), qname=col("callee_qname"), def_id=col("callee_def_id"))


@output("views")
def references(named_references: Plan, attribute_references: Plan, cst_defs: Plan, repo_files: Plan) -> Plan:
    """Where functions and classes are named: by a variable, an import, or an attribute that is called."""
    columns = f"{_REFERENCE} qname def_id"
    every = Union((named_references, attribute_references)).distinct(*columns.split())
    owners = cst_defs.select("scope_id", referrer=col("qname"))
    owned = join(every, owners, "scope_id", keep=columns.replace("scope_id ", ""), take="referrer", kind="left outer")
    shown = f"{columns.replace('scope_id ', '')} referrer"
    lined = kernel(
        "source_lines", _with_source_lines, (owned, shown), (repo_files, "path text"), passes=shown, adds_columns=True
    )
    return lined.order_by("path", "bstart", "qname", "def_id")


@relation("views")
def part_called(resolution: Plan) -> Plan:
    """The definitions that one part's code calls.

    def_id.
    """
    called = resolution.where(col("relation").eq("call") & col("dst").is_not_null())
    return called.select(def_id=col("dst")).distinct("def_id")


@relation("views", Scope.REPO)
def called(part_called: Plan) -> Plan:
    """The definitions that the repo's code calls.

    def_id.
    """
    return part_called.distinct("def_id")


@relation("views")
def part_mentions(cst_name_refs: Plan, ast_nodes: Plan) -> Plan:
    """The names that one part's code reads or imports, and the last names in its short texts.

    name, how (``named`` or ``in_text``).
    """
    read = col("expr_ctx").eq("LOAD") | col("ref_kind").eq("import")
    names = cst_name_refs.where(read).distinct("name").select("name", how=Literal("named"))
    texts = ast_nodes.where(col("kind").eq("Constant") & col("value_repr").like("'%'")).distinct("value_repr")
    return Union((names, kernel("text_names", _names_in_texts, (texts, "value_repr"))))


@relation("views", Scope.REPO)
def mentions(part_mentions: Plan) -> Plan:
    """The names that the repo's code reads or imports, and the last names in its short texts.

    name, how.
    """
    return part_mentions.distinct("name", "how")


@output("views")
def dead_code(definitions: Plan, called: Plan, mentions: Plan, cst_decorators: Plan, resolution: Plan) -> Plan:
    """The functions without a resolved call in the repo, with what speaks against their being dead."""
    columns = "file_id path line end_line qname name kind def_id container_def_id is_test is_exported"
    functions = definitions.where(col("kind").is_in(_FUNCTIONS))
    relation_is = col("relation").eq
    from_outside = col("dst").is_null() & col("name").ne("builtins.object")
    return kernel(
        "dead_code",
        _with_evidence,
        (join(functions, called, "def_id", keep=columns, kind="left anti"), columns),
        (mentions, "name how"),
        (cst_decorators.where(col("known").is_null()), "def_id"),
        (resolution.where(relation_is("override")), "src"),
        (resolution.where(relation_is("order") & from_outside), "src"),
        passes=columns,
    ).order_by("path", "line", "def_id")


def _with_source_of_calls(calls: pa.Table, keywords: pa.Table, files: pa.Table) -> pa.Table:
    texts, file = line_index(files.column("text")), rows_of(calls.column("path"), files.column("path"))
    start, end = (numbers(calls.column(name)) for name in ("callee_bend", "bend"))
    inside = texts.cut(np.where(start >= 0, file, -1), start, end)
    given = pc.utf8_trim_whitespace(pc.replace_substring_regex(inside, r"(?s)^\s*\((.*)\)$", r"\1"))
    ids = pc.unique(keywords.column("call_id"))
    owner = rows_of(keywords.column("call_id"), pa.chunked_array([ids]))
    names = lists_of(owner, keywords.column("keyword"), len(ids), numbers(keywords.column("bstart")))
    return (
        _with_source_lines(calls, files)
        .append_column("arguments", pc.utf8_slice_codeunits(given, 0, TEXT_CHARACTERS))
        .append_column("keywords", names.take(pc.index_in(calls.column("call_id"), ids)))
        .drop_columns(["callee_bend"])
    )


def _with_source_lines(rows: pa.Table, files: pa.Table) -> pa.Table:
    """The rows with ``source_line``, the text of the line, without the blanks around it."""
    texts, file = line_index(files.column("text")), rows_of(rows.column("path"), files.column("path"))
    lines = pc.utf8_trim_whitespace(texts.lines(file, numbers(rows.column("line"))))
    return rows.append_column("source_line", pc.utf8_slice_codeunits(lines, 0, TEXT_CHARACTERS))


def _names_in_texts(texts: pa.Table) -> pa.Table:
    """The last names of the texts that are names, dotted or not."""
    spelled = texts.column("value_repr").filter(pc.match_substring_regex(texts.column("value_repr"), _NAME_IN_TEXT))
    names = pc.replace_substring_regex(spelled, _NAME_IN_TEXT, r"\2")
    return pa.table({"name": names, "how": pa.array(["in_text"] * len(names), pa.string())})


def _with_evidence(
    functions: pa.Table, mentions: pa.Table, decorated: pa.Table, overriding: pa.Table, inheriting: pa.Table
) -> pa.Table:
    name, ids = functions.column("name"), functions.column("def_id")
    found = {
        **{f"is_{how}": _among(name, mentions.filter(pc.equal(mentions.column("how"), how))) for how in _MENTIONS},
        "is_decorated": _among(ids, decorated),
        "is_dunder": pc.match_substring_regex(name, r"^__\w+__$"),
        "is_override": pc.or_(_among(ids, overriding), _among(functions.column("container_def_id"), inheriting)),
        "is_entry_point": pc.match_substring_regex(functions.column("qname"), r"(^|\.)(__main__\..*|main)$"),
    }
    against = [functions.column("is_test"), functions.column("is_exported"), *found.values()]
    for column, holds in found.items():
        functions = functions.append_column(column, holds)
    is_likely = pc.invert(reduce(pc.or_, (pc.fill_null(each, fill_value=False) for each in against)))
    return functions.append_column("is_likely", is_likely).drop_columns(["container_def_id"])


def _among(values: pa.ChunkedArray, rows: pa.Table) -> pa.ChunkedArray:
    return pc.is_in(values, rows.column(0).combine_chunks(), skip_nulls=True)
