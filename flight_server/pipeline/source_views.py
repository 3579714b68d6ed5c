"""Definitions, classes and imports in rows that a person can read: names, lines, signatures, decorators, bases.

A view is an output like any other. It only brings together what other tables know.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import coalesce, col
from arrowdsl.plan.nodes import Plan, Scope
from flight_server.kernels.arrays import Bools, Ints, lists_of, numbers, rows_of, truths
from flight_server.kernels.text_positions import line_index
from flight_server.pipeline.relational import join, kernel, output, relation, resolved

_TEST_FILE = r"(^|/)tests/|(^|/)(test_[^/]*|[^/]*_tests?|tests?|conftest)\.[^/.]*$"
_DEFINED = "file_id path line end_line def_id container_def_id qname name kind docstring"
_FIRST_LINE = r"(?s)^\s*([^\n]*?)\s*(\n.*)?$"


@output("views")
def definitions(
    cst_defs: Plan, definition_facts: Plan, cst_decorators: Plan, cst_exports: Plan, repo_files: Plan
) -> Plan:
    """The modules, classes, functions and lambdas of the repo: signatures, first lines of docstrings, decorators."""
    named = cst_defs.where(col("kind").ne("comprehension"))
    signed = join(named, definition_facts, "def_id", keep=_DEFINED, take="signature", kind="left outer")
    described = kernel(
        "definitions",
        _described,
        (signed, f"{_DEFINED} signature"),
        (cst_decorators, "path def_id pos bstart bend"),
        (cst_exports, "file_id name"),
        (repo_files, "path text"),
        passes="file_id path",
    )
    return described.order_by("path", "line", "def_id")


@relation("views")
def part_qnames(cst_defs: Plan) -> Plan:
    """The names of one part's definitions.

    def_id, qname.
    """
    return cst_defs.select("def_id", "qname")


@relation("views", Scope.REPO)
def repo_qnames(part_qnames: Plan) -> Plan:
    """The names of the repo's definitions.

    def_id, qname.
    """
    return part_qnames.select("def_id", "qname")


@relation("views")
def named_bases(resolution: Plan, repo_files: Plan, repo_qnames: Plan) -> Plan:
    """The direct bases of classes, with their names.

    src (the class), position, dst (null outside the repo), base (the name).
    """
    found = resolved(resolution, repo_files, "base", "src dst name position")
    named = join(found, repo_qnames, "dst=def_id", keep="src dst name position", take="qname", kind="left outer")
    return named.select("src", "position", "dst", base=coalesce(col("qname"), col("name")))


@relation("views", Scope.REPO)
def subclasses(named_bases: Plan, repo_qnames: Plan) -> Plan:
    """The classes of the repo with their direct subclasses.

    def_id, subclass (a name).
    """
    inside = named_bases.where(col("dst").is_not_null())
    named = join(inside, repo_qnames, "src=def_id", keep="dst", take="qname")
    return named.select(def_id=col("dst"), subclass=col("qname")).distinct("def_id", "subclass")


@relation("views")
def named_overrides(resolution: Plan, repo_files: Plan, cst_defs: Plan, repo_qnames: Plan) -> Plan:
    """The classes with the methods that their own methods override.

    def_id, method (a name).
    """
    found = resolved(resolution, repo_files, "override", "src dst")
    of_class = join(found, cst_defs, "src=def_id", keep="dst", take="container_def_id")
    named = join(of_class, repo_qnames, "dst=def_id", keep="container_def_id", take="qname")
    return named.select(def_id=col("container_def_id"), method=col("qname")).distinct("def_id", "method")


@output("views")
def classes(cst_defs: Plan, named_bases: Plan, subclasses: Plan, named_overrides: Plan) -> Plan:
    """The classes of the repo with their direct bases and subclasses, and the methods that they override."""
    own = "file_id path line end_line def_id qname name"
    listed = kernel(
        "classes",
        _with_relatives,
        (cst_defs.where(col("kind").eq("class")), own),
        (named_bases, "src base position"),
        (subclasses, "def_id subclass"),
        (named_overrides, "def_id method"),
        passes=own,
        adds_columns=True,
    )
    return listed.select(*own.split(), "bases", "subclasses", "overrides")


@output("views")
def module_imports(imported_modules: Plan, cst_imports: Plan, repo_files: Plan) -> Plan:
    """The imports of each module, with the module that is imported: of the repo, or of elsewhere."""
    meant = imported_modules.select("file_id", "path", "import_id", "module_file_id", imported=col("name"))
    keep = "file_id path import_id module_file_id imported"
    taken = "line end_line name asname"
    written = join(meant, cst_imports, "import_id", keep=keep, take=taken)
    named = join(written, repo_files, "file_id", keep=f"{keep} {taken}", take="module")
    return named.select(
        *("path", "line", "end_line", "imported", "name", "asname", "import_id"),
        importer=col("module"),
        imported_file_id=col("module_file_id"),
        is_external=col("module_file_id").is_null(),
    )


def _described(defs: pa.Table, decorators: pa.Table, exports: pa.Table, files: pa.Table) -> pa.Table:
    docs = pc.replace_substring_regex(pc.utf8_trim_whitespace(defs.column("docstring")), _FIRST_LINE, r"\1")
    file = rows_of(decorators.column("path"), files.column("path"))
    texts = line_index(files.column("text")).cut(file, *(numbers(decorators.column(n)) for n in ("bstart", "bend")))
    owner = rows_of(decorators.column("def_id"), defs.column("def_id"))
    return (
        defs.append_column("doc", docs)
        .append_column("decorators", lists_of(owner, texts, defs.num_rows, numbers(decorators.column("pos"))))
        .append_column("is_test", pc.match_substring_regex(defs.column("path"), _TEST_FILE))
        .append_column("is_exported", pa.array(_exported(defs, exports)))
        .drop_columns("docstring")
    )


def _exported(defs: pa.Table, exports: pa.Table) -> Bools:
    """Whether a definition's own name and all names around it are public, by ``__all__`` or without an underscore."""
    container = rows_of(defs.column("container_def_id"), defs.column("def_id"))
    kind = defs.column("kind")
    is_module, is_class = (truths(pc.equal(kind, each)) for each in ("module", "class"))
    at_top = (container >= 0) & is_module[container]
    listed = truths(pc.is_in(_in_file(defs), _in_file(exports).combine_chunks()))
    has_list = truths(pc.is_in(defs.column("file_id"), exports.column("file_id").combine_chunks()))
    is_plain = ~truths(pc.match_substring_regex(defs.column("name"), r"^_|<"))
    is_plain |= truths(pc.match_substring_regex(defs.column("name"), r"^__\w+__$"))
    in_class = (container >= 0) & is_class[container]
    own = is_module | np.where(at_top & has_list, listed, is_plain & (at_top | in_class))
    return own & _all_around(own, container)


def _in_file(rows: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(rows.column("file_id"), rows.column("name"), " ")


def _all_around(holds: Bools, container: Ints) -> Bools:
    """Whether it holds for all definitions around each one."""
    result, around = np.ones(len(holds), dtype=bool), container
    while (around >= 0).any():
        result &= (around < 0) | holds[around]
        around = np.where(around < 0, -1, container[around])
    return result


def _with_relatives(classes: pa.Table, bases: pa.Table, subclasses: pa.Table, overrides: pa.Table) -> pa.Table:
    ids = classes.column("def_id")
    for name, found, owner, text in (
        ("bases", bases, "src", "base"),
        ("subclasses", subclasses, "def_id", "subclass"),
        ("overrides", overrides, "def_id", "method"),
    ):
        order = numbers(found.column("position") if name == "bases" else pc.rank(found.column(text)).cast(pa.int64()))
        of = rows_of(found.column(owner), ids)
        classes = classes.append_column(name, lists_of(of, found.column(text), classes.num_rows, order))
    return classes
