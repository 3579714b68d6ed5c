"""Imports with the modules that they name: relative ones made absolute, and found in the repo or outside.

``from a import b`` means the module ``a.b`` if the repo has it, else a name in ``a``. Two modules of one name are both
meant, as far as one can tell.
"""

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Call, Column
from arrowdsl.plan.nodes import Join, Kernel, KernelFunction, Plan, Union

_IMPORTS = ("file_id", "path", "alias_bstart", "alias_bend", "import_id", "kind", "module", "relative_level", "name")
_KEPT = ("file_id", "path", "alias_bstart", "alias_bend", "import_id")
_LAST_NAME = r"\.?[^.]*$"


def named_modules(cst_imports: Plan, repo_files: Plan) -> Plan:
    """_KEPT, origin, target: the module that is imported from, and what may be one (of a plain import both are it).

    ``origin`` is null for an import that leads out of its package's top.
    """
    needs = ("file_id", "module", "is_package")
    function = KernelFunction(
        name="named_modules",
        version=1,
        apply=_named,
        needs=_IMPORTS,
        passes=frozenset({"file_id", "path", "import_id"}),
        replaces_columns=True,
        side_needs=(needs,),
    )
    return Kernel(cst_imports.select(*_IMPORTS), function, (repo_files.select(*needs),))


def repo_modules(repo_files: Plan) -> Plan:
    """module, module_file_id: the modules of one part."""
    named = Call("not", (Call("isNull", (Column("module"),)),))
    return repo_files.where(named).select("module", module_file_id=Column("file_id"))


def imported_modules(named_modules: Plan, repo_modules: Plan) -> Plan:
    """_KEPT, module_file_id (null outside the repo), name: what each import means, a row for each module it may be."""
    given = named_modules.where(Call("not", (Call("isNull", (Column("origin"),)),)))
    by_target = Join(
        given, repo_modules, "left outer", ("target",), ("module",), (*_KEPT, "origin", "target"), ("module_file_id",)
    )
    found = Call("isNull", (Column("module_file_id"),))
    whole = by_target.where(Call("not", (found,))).select(*_KEPT, "module_file_id", name=Column("target"))
    rest = by_target.where(found).select(*_KEPT, "origin")
    by_origin = Join(
        rest, repo_modules, "left outer", ("origin",), ("module",), (*_KEPT, "origin"), ("module_file_id",)
    )
    return Union((whole, by_origin.select(*_KEPT, "module_file_id", name=Column("origin"))))


def outside(imported_modules: Plan) -> Plan:
    """The rows whose module the repo does not have."""
    return imported_modules.where(Call("isNull", (Column("module_file_id"),)))


def _named(imports: pa.Table, files: pa.Table) -> pa.Table:
    file = pc.index_in(imports.column("file_id"), files.column("file_id").combine_chunks())
    module, is_package = (files.column(name).take(file) for name in ("module", "is_package"))
    level = pc.fill_null(imports.column("relative_level"), 0)
    package = pc.if_else(pc.fill_null(is_package, fill_value=False), module, _parent(module))
    base = package
    highest = pc.max(level).as_py() or 0
    for above in range(2, highest + 1):
        base = pc.if_else(pc.greater_equal(level, above), _parent(base), base)
    relative = _dotted(pc.if_else(pc.equal(base, ""), None, base), imports.column("module"))
    is_plain = pc.equal(imports.column("kind"), "import")
    plain = imports.column("name")
    origin = pc.if_else(is_plain, plain, pc.if_else(pc.greater(level, 0), relative, imports.column("module")))
    target = pc.if_else(is_plain, plain, _dotted(origin, imports.column("name")))
    rows = imports.select(list(_KEPT))
    return rows.append_column("origin", origin).append_column("target", target)


def _parent(modules: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(modules, _LAST_NAME, "")


def _dotted(first: pa.ChunkedArray, second: pa.ChunkedArray) -> pa.ChunkedArray:
    """The two names with a dot between them; the first alone where there is no second."""
    both = pc.binary_join_element_wise(first, second, ".")
    return pc.if_else(pc.is_null(second), first, both)
