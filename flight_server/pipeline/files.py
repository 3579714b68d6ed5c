"""Files, modules and packages, and the modules that imports name.

A package is a folder with an ``__init__``. ``from a import b`` names the module ``a.b`` if the repo has this module,
and otherwise the name ``b`` in ``a``. ``ModuleSearch`` says which modules a name means in a file.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Parameter, col
from arrowdsl.plan.nodes import Plan, Scope
from flight_server.kernels.arrays import rows_of
from flight_server.pipeline.families import edges, nodes, props
from flight_server.pipeline.relational import kernel, output, relation
from flight_server.pipeline.spans import starts_of_lines
from flight_server.points_to.module_search import ModuleSearch

NODES = nodes("""
    PY_FILE     repo_files                {file_id}  span=none name=path
    PY_MODULE   repo_files[module!=null]  @module    span=none name=module qname=module
    PY_REPO     repo_names                @repo      scope=repo name=repo
    PY_PACKAGE  packages                  @package   scope=repo name=package qname=package
""")
EDGES = (
    *edges(
        """
    REPO_CONTAINS         repo_file       repo_file_names           @repo > {file_id}
    FILE_DECLARES_MODULE  file_module     repo_files[module!=null]  {file_id} > @module
    PACKAGE_CONTAINS      package_module  package_modules           @package > @module
""",
        origin="pipeline",
        span="none",
    ),
    *edges(
        """
    PY_IMPORTS_MODULE  module_name      imported_modules  {import_id} > module:{module_file_id?}
    PY_IMPORTS_MODULE  external_module  external_imports  {import_id} > @external
""",
        origin="resolve",
        method="qualified_name",
        span="alias",
    ),
)
PROPS = (
    *props("""
    repo_files                {file_id}  path size_bytes encoding sha256=file_sha256
    repo_files[module!=null]  @module    name=module is_package
"""),
    *props(
        """
    repo_names  @repo     name=repo
    packages    @package  name=package
""",
        Scope.REPO,
    ),
)
_IMPORTS = "file_id path alias_bstart alias_bend import_id kind module relative_level name"
_IMPORT = "file_id path alias_bstart alias_bend import_id"
_MODULE = "file_id path module source_root root_reason"
_LAST_NAME = r"\.?[^.]*$"


@relation("repo")
def line_starts(repo_files: Plan) -> Plan:
    """The lines of each file.

    path, starts (the list of the byte offsets at which lines start).
    """
    return starts_of_lines(repo_files)


@relation("repo")
def repo_file_names(repo_files: Plan) -> Plan:
    """Each file with the name of its repo.

    repo, file_id, path.
    """
    return repo_files.select("file_id", "path", repo=Parameter("repo"))


@relation("repo", Scope.REPO)
def repo_names(repo_file_names: Plan) -> Plan:
    """The name of the repo.

    repo.
    """
    return repo_file_names.distinct("repo")


@relation("repo")
def package_modules(repo_files: Plan) -> Plan:
    """Each module with its package; the module of a package is in that package and in the enclosing one.

    file_id, path, package. ``a/b/__init__.py`` is in the packages ``a.b`` and ``a``.
    """
    files = (repo_files, "file_id path module is_package")
    return kernel("package_modules", _package_modules, files, passes="file_id path").where(col("package").ne(""))


@relation("repo", Scope.REPO)
def packages(package_modules: Plan) -> Plan:
    """The packages of the repo, each once, sorted.

    package.
    """
    return package_modules.distinct("package").order_by("package")


@relation("resolve")
def named_modules(cst_imports: Plan, repo_files: Plan) -> Plan:
    """The absolute names of the modules that imports may mean.

    file_id, path, alias_bstart, alias_bend, import_id, origin, target. For ``from a import b``, ``origin`` is ``a`` and
    ``target`` is ``a.b``, which may be a module; for ``import a``, both are ``a``. Both are null for a relative import
    that leads out of the topmost package.
    """
    files = (repo_files, "file_id module is_package")
    return kernel("named_modules", _named_modules, (cst_imports, _IMPORTS), files, passes="file_id path import_id")


@output("repo")
def modules(repo_files: Plan) -> Plan:
    """The modules, each with its dotted name, the source root that it starts from, and the reason for the root."""
    found = repo_files.where(col("module").is_not_null())
    return found.select("file_id", "path", "module", "is_package", "source_root", reason=col("root_reason"))


@relation("resolve")
def part_modules(repo_files: Plan) -> Plan:
    """The files of one part with their names as modules; null for a file that is no module.

    file_id, path, module, source_root, root_reason.
    """
    return repo_files.select(*_MODULE.split())


@relation("resolve", Scope.REPO)
def repo_modules(part_modules: Plan) -> Plan:
    """The files of the repo with their names as modules.

    file_id, path, module, source_root, root_reason.
    """
    return part_modules.select(*_MODULE.split())


@relation("resolve")
def imported_modules(named_modules: Plan, repo_modules: Plan) -> Plan:
    """The imports with their modules, a row for each pair.

    file_id, path, alias_bstart, alias_bend, import_id, module_file_id (null outside the repo), name.
    """
    given = named_modules.where(col("origin").is_not_null())
    return kernel(
        "imported_modules",
        _imported_modules,
        (given, f"{_IMPORT} origin target"),
        (repo_modules, _MODULE),
        passes=_IMPORT,
    )


@relation("resolve")
def external_imports(imported_modules: Plan) -> Plan:
    """The imports of modules that the repo does not have.

    The columns of ``imported_modules``.
    """
    return imported_modules.where(col("module_file_id").is_null())


def _package_modules(files: pa.Table) -> pa.Table:
    modules = files.filter(pc.is_valid(files.column("module")))
    own = modules.filter(pc.fill_null(modules.column("is_package"), fill_value=False))
    around = pc.replace_substring_regex(modules.column("module"), _LAST_NAME, "")
    return pa.concat_tables(
        rows.select(["file_id", "path"]).append_column("package", package)
        for rows, package in ((own, own.column("module")), (modules, around))
    )


def _named_modules(imports: pa.Table, files: pa.Table) -> pa.Table:
    file = pc.index_in(imports.column("file_id"), files.column("file_id").combine_chunks())
    module, is_package = (files.column(name).take(file) for name in ("module", "is_package"))
    level = pc.fill_null(imports.column("relative_level"), 0)
    base = pc.if_else(pc.fill_null(is_package, fill_value=False), module, _parent(module))
    for above in range(2, (pc.max(level).as_py() or 0) + 1):
        base = pc.if_else(pc.greater_equal(level, above), _parent(base), base)
    relative = _dotted(pc.if_else(pc.equal(base, ""), None, base), imports.column("module"))
    is_plain, name = pc.equal(imports.column("kind"), "import"), imports.column("name")
    origin = pc.if_else(is_plain, name, pc.if_else(pc.greater(level, 0), relative, imports.column("module")))
    target = pc.if_else(is_plain, name, _dotted(origin, name))
    return imports.select(_IMPORT.split()).append_column("origin", origin).append_column("target", target)


def _parent(modules: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(modules, _LAST_NAME, "")


def _dotted(first: pa.ChunkedArray, second: pa.ChunkedArray) -> pa.ChunkedArray:
    """The two names with a dot between them; the first alone where there is no second."""
    return pc.if_else(pc.is_null(second), first, pc.binary_join_element_wise(first, second, "."))


def _imported_modules(imports: pa.Table, files: pa.Table) -> pa.Table:
    """The modules of each import: those that the target means, else those that the origin means, else null.

    A namespace package has no file, so an import that means one has no row.
    """
    search = ModuleSearch.of(files)
    importer = rows_of(imports.column("file_id"), files.column("file_id"))
    is_outside = np.ones(imports.num_rows, bool)
    rows, found, names = [], [], []
    for column in ("target", "origin"):
        asked = np.flatnonzero(is_outside)
        name = imports.column(column).take(pa.array(asked))
        which, thing = search.find(importer[asked], name)
        is_outside[asked[which]] = False
        which, thing = which[thing < len(search.modules)], thing[thing < len(search.modules)]
        rows.append(asked[which])
        found.append(search.modules[thing])
        names += name.take(pa.array(which)).chunks
    rows.append(np.flatnonzero(is_outside))
    found.append(np.full(len(rows[-1]), -1))
    names += imports.column("origin").take(pa.array(rows[-1])).chunks
    row, module = np.concatenate(rows), np.concatenate(found)
    table = imports.select(_IMPORT.split()).take(pa.array(row))
    file = files.column("file_id").take(pa.array(module, mask=module < 0))
    return table.append_column("module_file_id", file).append_column("name", pa.chunked_array(names, pa.string()))
