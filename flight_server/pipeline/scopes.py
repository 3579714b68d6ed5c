"""Scopes and bindings: the names of each scope, the name refs that bind or use them, and the bindings of the uses."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import col
from arrowdsl.plan.nodes import Plan
from flight_server.kernels.arrays import Ints, codes, rows_of, truths
from flight_server.kernels.scoped_names import ScopedNames
from flight_server.pipeline.families import edges, nodes, props, template
from flight_server.pipeline.relational import FILE, PLACE, join, kernel, output, relation, resolved

NODES = nodes("""
    SYM_SCOPE   sym_scopes   {scope_id}       name=scope_name
    PY_BINDING  sym_symbols  {symbol_row_id}  span=none name=name
""")
EDGES = (
    *edges(
        """
    FILE_CONTAINS  top_scope            sym_scopes[scope_type=module]  {file_id} > {scope_id}  origin=pipeline
    HAS_SCOPE      scope_of_definition  sym_scopes       {def_id?} > {scope_id}   origin=cst within=cst_defs:def_id
    SCOPE_PARENT   scope_parent         sym_scope_edges  {child_scope_id?} > {parent_scope_id?}  span=none
    SCOPE_BINDS    scope_symbol         sym_symbols      {scope_id} > {symbol_row_id}            span=none
    DEF_SITE_OF    name_bound  binding_sites[expr_ctx=STORE]     {name_ref_id} > {symbol_row_id}
    USE_SITE_OF    name_read   binding_sites[expr_ctx=LOAD|DEL]  {name_ref_id} > {symbol_row_id}
""",
        origin="symtable",
    ),
    *edges(
        """
    USE_SITE_OF  class_body_global  class_body_uses  {name_ref_id} > {target_id}  confidence=0.5 \
        values=ambiguity_group_id=name_ref_id
    BINDING_RESOLVES_TO  free_name  binding_targets[rule=free_name|global_name]  {symbol_row_id} > {target_id} \
        span=none values=rule_name=rule
""",
        origin="symtable",
        method="binding",
    ),
    *edges(
        """
    BINDING_RESOLVES_TO  imported_name  bound_elsewhere            {src} > {dst?}
    BINDING_RESOLVES_TO  external_name  bound_elsewhere[dst=null]  {src} > @external
""",
        origin="resolve",
        method="points_to",
        span="none",
    ),
)
PROPS = props("""
    sym_symbols  {symbol_row_id}  name
    sym_scopes   {scope_id}       name=scope_name kind=scope_type
""")
_REFS = ("name", "import", "def", "param", "except", "match")
_FUNCTIONS = ("function", "lambda", "comprehension")
_KINDS = "is_parameter is_local is_global is_nonlocal is_free"
_BINDING = "file_id path symbol_row_id scope_id name"
_LOOKUPS = "is_local is_free is_global is_declared_global is_referenced"


@output("sym")
def sym_function_partitions(sym_scopes: Plan, sym_symbols: Plan) -> Plan:
    """The names of each function's scope, by kind.

    ``locals`` are bound in the function, without the parameters. ``nonlocals`` are declared nonlocal. ``globals`` are
    declared global or bound in no enclosing function. ``frees`` come from an enclosing scope, declared nonlocal or not.
    """
    scopes = (sym_scopes, f"{FILE} scope_id scope_type")
    symbols = (sym_symbols, f"scope_id name {_KINDS}")
    return kernel("function_partitions", _partitions, scopes, symbols, passes=f"{FILE} scope_id")


@relation("sym")
def binding_sites(cst_name_refs: Plan, sym_symbols: Plan) -> Plan:
    """The name refs with the symbols of their own scopes; ``binding_targets`` resolves free and global names.

    file_id, path, bstart, bend, name_ref_id, expr_ctx, symbol_row_id.
    """
    names = cst_name_refs.where(col("ref_kind").is_in(_REFS))
    return join(names, sym_symbols, "scope_id name", keep=f"{PLACE} name_ref_id expr_ctx", take="symbol_row_id")


@relation("sym")
def binding_targets(sym_symbols: Plan, sym_scopes: Plan, sym_scope_edges: Plan) -> Plan:
    """The bindings in other scopes of the same file that names refer to.

    file_id, path, symbol_row_id, scope_id, name, target_id, rule: free_name, global_name, or class_body_global (the
    global that a name in a class body refers to until the body binds the name). A name that the module does not bind (a
    builtin, or a name of a star import) has no row: only the whole repo can resolve it.
    """
    return kernel(
        "binding_targets",
        _targets,
        (sym_symbols, f"{_BINDING} lookup_name {_LOOKUPS}"),
        (sym_scopes, "scope_id scope_type"),
        (sym_scope_edges, "child_scope_id parent_scope_id"),
        passes=FILE,
    )


@relation("sym")
def class_body_uses(cst_name_refs: Plan, binding_targets: Plan) -> Plan:
    """Reads in a class body that may refer to a name of the module.

    file_id, path, bstart, bend, name_ref_id, target_id.
    """
    reads = cst_name_refs.where(col("ref_kind").eq("name") & col("expr_ctx").eq("LOAD"))
    others = binding_targets.where(col("rule").eq("class_body_global"))
    return join(reads, others, "scope_id name", keep=f"{PLACE} name_ref_id", take="target_id")


@relation("resolve")
def bound_elsewhere(resolution: Plan, repo_files: Plan, sym_symbols: Plan) -> Plan:
    """The names that are bound in another file or outside the repo.

    file_id, path, src, dst, name. Points-to resolves the module's variable; every scope of the file that reads the name
    without binding it refers to that variable.
    """
    columns = f"{FILE} dst name"
    found = resolved(resolution, repo_files, "binding", "src dst name").distinct("src", *columns.split())
    of_module = sym_symbols.where(col("is_global") & ~col("is_local"))
    variable = template("def:{file_id}:<module>#1/scope/bind:{lookup_name}")
    names = of_module.select("symbol_row_id", variable=variable)
    placed = join(found, names, "src=variable", keep=columns, take="symbol_row_id")
    return placed.select(*columns.split(), src=col("symbol_row_id"))


def _partitions(scopes: pa.Table, symbols: pa.Table) -> pa.Table:
    functions = scopes.filter(pc.is_in(scopes.column("scope_type"), pa.array(_FUNCTIONS))).drop_columns("scope_type")
    scope = rows_of(symbols.column("scope_id"), functions.column("scope_id"))
    parameter, local, global_, nonlocal_, free = (truths(symbols.column(kind)) for kind in _KINDS.split())
    masks = (parameter, local & ~parameter, global_ & ~local, nonlocal_, free)
    for name, mask in zip(("parameters", "locals", "globals", "nonlocals", "frees"), masks, strict=True):
        chosen = np.flatnonzero(mask & (scope >= 0))
        chosen = chosen[np.argsort(scope[chosen], kind="stable")]
        counts = np.bincount(scope[chosen], minlength=functions.num_rows)
        offsets = pa.array(np.append(0, np.cumsum(counts)), pa.int32())
        names = symbols.column("name").take(pa.array(chosen)).combine_chunks()
        functions = functions.append_column(name, pa.ListArray.from_arrays(offsets, names))
    return functions


def _targets(symbols: pa.Table, scopes: pa.Table, edges: pa.Table) -> pa.Table:
    """All names are looked up at once, in one enclosing scope after another until one binds them."""
    parent = _parents(scopes, edges)
    scope = rows_of(symbols.column("scope_id"), scopes.column("scope_id"))
    name = codes(symbols.column("lookup_name"))
    in_class, in_module = (truths(pc.equal(scopes.column("scope_type"), each)) for each in ("class", "module"))
    local, free, of_module, declared, referenced = (truths(symbols.column(each)) for each in _LOOKUPS.split())
    known = scope >= 0
    inner = known & ~in_module[scope]
    binds = known & (local | (declared & in_module[scope]))
    free &= inner
    of_module &= inner & ~local
    in_body = inner & local & referenced & in_class[scope]
    rows = np.flatnonzero(binds & ~(inner & in_class[scope]))
    names = ScopedNames(scope[rows], name[rows], rows)
    target = np.full(symbols.num_rows, -1)
    target[free] = names.find_outwards(parent, parent[scope[free]], name[free])
    looked_up = of_module | in_body
    module = _outermost(parent)[scope]
    target[looked_up] = names.find(module[looked_up], name[looked_up])
    rule = np.select([free, of_module, in_body], ["free_name", "global_name", "class_body_global"], "")
    found = np.flatnonzero(target >= 0)
    meant = symbols.select(_BINDING.split()).take(pa.array(found))
    targets = symbols.column("symbol_row_id").take(pa.array(target[found]))
    return meant.append_column("target_id", targets).append_column("rule", pa.array(rule[found], pa.string()))


def _parents(scopes: pa.Table, edges: pa.Table) -> Ints:
    """The row of each scope's enclosing scope, or -1."""
    ids = scopes.column("scope_id")
    child, parent = (rows_of(edges.column(end), ids) for end in ("child_scope_id", "parent_scope_id"))
    parents = np.full(scopes.num_rows, -1)
    known = child >= 0
    parents[child[known]] = parent[known]
    return parents


def _outermost(parents: Ints) -> Ints:
    """The outermost scope around each scope, by pointer doubling."""
    root = np.where(parents < 0, np.arange(len(parents)), parents)
    for _ in range(len(parents).bit_length()):
        root = root[root]
    return root
