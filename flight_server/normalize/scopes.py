"""Names and what they mean in a file: which binding a name ref is about, and which binding another one stands for."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Call, Column, Literal, Values
from arrowdsl.plan.nodes import Join, Kernel, KernelFunction, Plan
from flight_server.kernels.arrays import rows_of

_FUNCTIONS = ("function", "lambda", "comprehension")
_FLAGS = ("is_parameter", "is_local", "is_global", "is_nonlocal", "is_free")
_REFS = ("name", "import", "def", "param", "except", "match")


def binding_sites(cst_name_refs: Plan, sym_symbols: Plan) -> Plan:
    """file_id, path, span, name_ref_id, expr_ctx, symbol_row_id: name refs with their names in their own scopes.

    The binding may be a free or global one there: ``binding_targets`` says which one it means.
    """
    kept = ("file_id", "path", "bstart", "bend", "name_ref_id", "expr_ctx")
    named = cst_name_refs.where(Call("in", (Column("ref_kind"), Values(_REFS)))).select(*kept, "scope_id", "name")
    symbols = sym_symbols.select("scope_id", "name", "symbol_row_id")
    on = ("scope_id", "name")
    return Join(named, symbols, "inner", on, on, kept, ("symbol_row_id",))


def class_body_uses(cst_name_refs: Plan, binding_targets: Plan) -> Plan:
    """file_id, path, span, name_ref_id, target_id: reads in a class body that may mean a name of the module."""
    kept = ("file_id", "path", "bstart", "bend", "name_ref_id")
    reads = cst_name_refs.where(Call("and", (_is("ref_kind", "name"), _is("expr_ctx", "LOAD"))))
    others = binding_targets.where(_is("rule", "class_body_global")).select("scope_id", "name", "target_id")
    on = ("scope_id", "name")
    return Join(reads.select(*kept, *on), others, "inner", on, on, kept, ("target_id",))


def placed_events(var_events: Plan, cst_name_refs: Plan) -> Plan:
    """file_id, path, span, event_id, point_id, binding_id, kind: events, where their names stand in the source.

    A kill at the end of an except block has no name there, and so no span.
    """
    kept = ("file_id", "path", "event_id", "point_id", "binding_id", "kind")
    spans = cst_name_refs.select("name_ref_id", "bstart", "bend")
    on = ("name_ref_id",)
    return Join(var_events.select(*kept, *on), spans, "left outer", on, on, kept, ("bstart", "bend"))


def function_partitions(sym_scopes: Plan, sym_symbols: Plan) -> Plan:
    """file_id, path, scope_id, parameters, locals, globals, nonlocals, frees: the names of functions' scopes.

    ``locals`` are bound there, parameters aside; ``nonlocals`` and ``globals`` are so declared or, for globals, bound
    nowhere around; ``frees`` come from a scope around, declared nonlocal or not.
    """
    function = KernelFunction(
        name="function_partitions",
        version=1,
        apply=_partitions,
        needs=("file_id", "path", "scope_id", "scope_type"),
        passes=frozenset({"file_id", "path", "scope_id"}),
        replaces_columns=True,
        side_needs=(("scope_id", "name", *_FLAGS),),
    )
    scopes = sym_scopes.select("file_id", "path", "scope_id", "scope_type")
    return Kernel(scopes, function, (sym_symbols.select("scope_id", "name", *_FLAGS),))


def _partitions(scopes: pa.Table, symbols: pa.Table) -> pa.Table:
    functions = scopes.filter(pc.is_in(scopes.column("scope_type"), pa.array(_FUNCTIONS))).drop_columns("scope_type")
    scope = rows_of(symbols.column("scope_id"), functions.column("scope_id"))
    parameter, local, global_, nonlocal_, free = (
        np.asarray(pc.fill_null(symbols.column(flag), fill_value=False)) for flag in _FLAGS
    )
    masks = (parameter, local & ~parameter, global_ & ~local, nonlocal_, free)
    for name, mask in zip(("parameters", "locals", "globals", "nonlocals", "frees"), masks, strict=True):
        chosen = np.flatnonzero(mask & (scope >= 0))
        chosen = chosen[np.argsort(scope[chosen], kind="stable")]
        counts = np.bincount(scope[chosen], minlength=functions.num_rows)
        offsets = pa.array(np.append(0, np.cumsum(counts)), pa.int32())
        names = symbols.column("name").take(pa.array(chosen)).combine_chunks()
        functions = functions.append_column(name, pa.ListArray.from_arrays(offsets, names))
    return functions


def _is(column: str, value: str) -> Call:
    return Call("=", (Column(column), Literal(value)))
