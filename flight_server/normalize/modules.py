"""Modules and packages, from the dotted names of files. A package is a folder with an ``__init__``."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Call, Column, Literal, Parameter
from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan

_LAST_NAME = r"\.?[^.]*$"


def repo_files_named(repo_files: Plan) -> Plan:
    """repo, file_id, path: each file with the name of its repo."""
    return repo_files.select("file_id", "path", repo=Parameter("repo"))


def package_modules(repo_files: Plan) -> Plan:
    """file_id, path, package: a row for the package that a module is in, and for a package's own module another.

    ``a/b/__init__.py`` is the module of package ``a.b``, and in package ``a`` too if there is one.
    """
    return Kernel(
        repo_files.select("file_id", "path", "module", "is_package"),
        KernelFunction(
            name="package_modules",
            version=1,
            apply=_package_modules,
            needs=("file_id", "path", "module", "is_package"),
            passes=frozenset({"file_id", "path"}),
            replaces_columns=True,
        ),
    ).where(Call("<>", (Column("package"), Literal(""))))


def _package_modules(files: pa.Table) -> pa.Table:
    return pa.concat_tables(_memberships(files.filter(pc.is_valid(files.column("module")))))


def _memberships(files: pa.Table) -> Iterator[pa.Table]:
    for modules, packages in (
        (own := files.filter(pc.fill_null(files.column("is_package"), fill_value=False)), own.column("module")),
        (files, pc.replace_substring_regex(files.column("module"), _LAST_NAME, "")),
    ):
        yield pa.table({"file_id": modules.column("file_id"), "path": modules.column("path"), "package": packages})
