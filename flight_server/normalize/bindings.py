"""Which binding a name of another scope means: a kernel over the scopes and symbols of one part.

All names are looked up at once, each in the scope around the last one until a scope binds it, so there are as many
rounds as scopes are nested. What a module does not bind itself (a builtin, or a name that came by a star import) has no
row: only the whole repo tells.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan
from flight_server.kernels.arrays import Bools, Ints, codes, rows_of

_FLAGS = ("is_local", "is_free", "is_global", "is_declared_global", "is_referenced")
_KEPT = ("file_id", "path", "symbol_row_id", "scope_id", "name")
_SYMBOLS = (*_KEPT, "lookup_name", *_FLAGS)
_SCOPES = ("scope_id", "scope_type")
_PARENTS = ("child_scope_id", "parent_scope_id")


def binding_targets(sym_symbols: Plan, sym_scopes: Plan, sym_scope_edges: Plan) -> Plan:
    """file_id, path, symbol_row_id, scope_id, name, target_id, rule: the binding that a name of a scope means.

    ``rule`` is free_name, global_name, or class_body_global: what the name means in a class body as long as the body
    has not bound it.
    """
    function = KernelFunction(
        name="binding_targets",
        version=1,
        apply=_binding_targets,
        needs=_SYMBOLS,
        passes=frozenset({"file_id", "path"}),
        replaces_columns=True,
        side_needs=(_SCOPES, _PARENTS),
    )
    sides = (sym_scopes.select(*_SCOPES), sym_scope_edges.select(*_PARENTS))
    return Kernel(sym_symbols.select(*_SYMBOLS), function, sides)


def _binding_targets(symbols: pa.Table, scopes: pa.Table, edges: pa.Table) -> pa.Table:
    parent = _parents(scopes, edges)
    scope = rows_of(symbols.column("scope_id"), scopes.column("scope_id"))
    name = codes(symbols.column("lookup_name"))
    kind = scopes.column("scope_type")
    in_class, in_module = (_is(kind, each) for each in ("class", "module"))
    local, free, of_module, declared, referenced = (_flag(symbols, each) for each in _FLAGS)
    known = scope >= 0
    inner = known & ~in_module[scope]
    binds = known & (local | (declared & in_module[scope]))
    module = _outermost(parent)[scope]
    target = np.full(symbols.num_rows, -1)
    free &= inner
    of_module &= inner & ~local
    in_body = inner & local & referenced & in_class[scope]
    names = _Names(scope, name, binds & ~(inner & in_class[scope]))
    target[free] = _enclosing(names, parent, scope[free], name[free])
    looked_up = of_module | in_body
    target[looked_up] = names.find(module[looked_up], name[looked_up])
    rule = np.select([free, of_module, in_body], ["free_name", "global_name", "class_body_global"], "")
    found = np.flatnonzero(target >= 0)
    rows = symbols.select(list(_KEPT)).take(pa.array(found))
    targets = symbols.column("symbol_row_id").take(pa.array(target[found]))
    return rows.append_column("target_id", targets).append_column("rule", pa.array(rule[found], pa.string()))


class _Names:
    """Where names are bound: by scope and name the row of the symbol."""

    def __init__(self, scope: Ints, name: Ints, binds: Bools) -> None:
        self._width = int(name.max(initial=0)) + 1
        self._rows = np.flatnonzero(binds)
        keys = scope[self._rows] * self._width + name[self._rows]
        order = np.argsort(keys, kind="stable")
        self._keys, self._rows = keys[order], self._rows[order]

    def find(self, scope: Ints, name: Ints) -> Ints:
        """The row of the symbol in that scope, or -1."""
        if not len(self._keys):
            return np.full(len(scope), -1)
        wanted = scope * self._width + name
        at = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where((self._keys[at] == wanted) & (scope >= 0), self._rows[at], -1)


def _enclosing(names: _Names, parent: Ints, scope: Ints, name: Ints) -> Ints:
    """The symbol that binds each name in the nearest scope further out."""
    target = np.full(len(scope), -1)
    waiting, around = np.arange(len(scope)), parent[scope]
    for _ in range(len(parent)):
        inside = around >= 0
        waiting, around = waiting[inside], around[inside]
        if not len(waiting):
            break
        target[waiting] = names.find(around, name[waiting])
        missed = target[waiting] < 0
        waiting, around = waiting[missed], parent[around[missed]]
    return target


def _parents(scopes: pa.Table, edges: pa.Table) -> Ints:
    """For each scope the row of the one around it, or -1."""
    ids = scopes.column("scope_id")
    child, parent = (rows_of(edges.column(end), ids) for end in ("child_scope_id", "parent_scope_id"))
    parents = np.full(scopes.num_rows, -1)
    known = child >= 0
    parents[child[known]] = parent[known]
    return parents


def _outermost(parents: Ints) -> Ints:
    """For each scope the last one outwards: pointers are doubled."""
    own = np.arange(len(parents))
    root = np.where(parents < 0, own, parents)
    for _ in range(len(parents).bit_length()):
        root = root[root]
    return root


def _is(values: pa.ChunkedArray, wanted: str) -> Bools:
    return np.asarray(pc.fill_null(pc.equal(values, wanted), fill_value=False))


def _flag(symbols: pa.Table, name: str) -> Bools:
    return np.array(pc.fill_null(symbols.column(name), fill_value=False))
