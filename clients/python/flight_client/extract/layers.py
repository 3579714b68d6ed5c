"""The layers: their tables, and the functions that extract a file's rows.

Most layers are extracted from the walked syntax tree of a file. A layer with its own parser uses the file's text, so it
also has rows of files that ``ast`` can't parse; the parser's library is loaded only if the layer is chosen.
"""

import ast
import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from arrowdsl.errors import DataError, one_of
from flight_client.contracts.raw import RAW_TABLES
from flight_client.extract.code_units import bytecode_tables
from flight_client.extract.control_graph import ControlGraph
from flight_client.extract.control_owners import control_rows, owner_graphs
from flight_client.extract.exports import exports
from flight_client.extract.flow_facts import flow_facts
from flight_client.extract.node_rows import node_columns
from flight_client.extract.raw_rows import EXTRACTED, Columns, columns_of
from flight_client.extract.source_text import SourceText
from flight_client.extract.symbol_table import symbol_tables
from flight_client.extract.walk import Row, Walk

_TREE_SITTER = ("tree_sitter", "tree_sitter_python")


class UnknownLayerError(DataError):
    """A layer that does not exist."""

    code = "unknown_layer"


class MissingExtraError(DataError):
    """A layer was chosen whose library is not installed."""

    code = "missing_extra"


def known_layers(layers: Iterable[str]) -> tuple[str, ...]:
    """The distinct layers in the order of LAYERS; raises UnknownLayerError and MissingExtraError."""
    chosen = frozenset(layers)
    unknown = sorted(chosen.difference(LAYERS))
    if unknown:
        raise UnknownLayerError(f"unknown layer {unknown[0]!r}; layers: {one_of(LAYERS)}")
    missing = [name.replace("_", "-") for name in _TREE_SITTER if "ts" in chosen and not importlib.util.find_spec(name)]
    if missing:
        raise MissingExtraError(
            f"layer ts needs {' and '.join(missing)}: pip install 'flight-server[ts]';"
            f" layers without it: {one_of(layer for layer in LAYERS if layer != 'ts')}"
        )
    return tuple(layer for layer in LAYERS if layer in chosen)


def tables_of(layers: Iterable[str]) -> tuple[str, ...]:
    """The tables of these layers, and ``repo_files``, in the order of EXTRACTED."""
    chosen = {"repo", *layers}
    return tuple(name for name in EXTRACTED if RAW_TABLES[name].layer in chosen)


def text_tables(layers: Iterable[str], source: SourceText) -> dict[str, Columns]:
    """The columns of the tables that these layers extract from a file's text."""
    if "ts" not in layers:
        return {}
    tables: dict[str, Columns] = importlib.import_module("flight_client.extract.tree_sitter_nodes").node_tables(source)
    return tables


def layer_tables(layers: Sequence[str], tree: ast.Module, walk: Walk) -> dict[str, Columns]:
    """The columns of the tables that these layers extract from a walked tree."""
    graphs = owner_graphs(tree, walk) if "cfg" in layers or "flow" in layers else []
    tables: dict[str, Columns] = {}
    for layer in layers:
        if layer in _WALKED:
            tables |= _WALKED[layer](tree, walk, graphs)
    return tables


def _cst(tree: ast.Module, walk: Walk, _graphs: Sequence[ControlGraph]) -> dict[str, Columns]:
    return _columns(
        {
            "cst_parse_manifest": [_manifest(tree, walk)],
            "cst_defs": walk.definitions,
            "cst_params": walk.params,
            "cst_decorators": walk.decorators,
            "cst_bases": walk.bases,
            "cst_exports": [(*walk.span(node), op, name) for node, op, name in exports(tree)],
            "cst_imports": walk.imports,
            "cst_name_refs": walk.name_refs(),
            "cst_callsites": walk.calls,
            "cst_type_exprs": walk.type_exprs,
        }
    )


_WALKED: Mapping[str, Callable[[ast.Module, Walk, Sequence[ControlGraph]], dict[str, Columns]]] = MappingProxyType(
    {
        "cst": _cst,
        "ast": lambda tree, walk, _: {"ast_nodes": node_columns(tree, walk.lines)},
        "sym": lambda _, walk, __: _columns(symbol_tables(walk)),
        "cfg": lambda _, walk, graphs: _columns(control_rows(graphs, walk)),
        "flow": lambda tree, walk, graphs: _columns(flow_facts(tree, walk, graphs).tables()),
        "bc": lambda tree, walk, _: bytecode_tables(tree, walk),
    }
)
DEFAULT_LAYERS = ("cst", "ast", "sym", "cfg", "flow")
LAYERS = (*DEFAULT_LAYERS, "bc", "ts")


def _columns(rows: Mapping[str, Sequence[Row]]) -> dict[str, Columns]:
    return {name: columns_of(found) for name, found in rows.items()}


def _manifest(tree: ast.Module, walk: Walk) -> Row:
    future = dict.fromkeys(
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level
        for alias in node.names
    )
    source, module = walk.source, walk.module
    ends_with_newline = source.text.endswith(("\n", "\r"))
    layout = (_indent(source, tree), source.newline, ends_with_newline)
    return (source.encoding, *layout, list(future), module.dotted, module.package)


def _indent(source: SourceText, tree: ast.Module) -> str:
    """The indentation of the first block at the top level that begins on a new line; four spaces if there is none."""
    for node in tree.body:
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and body[0].lineno > node.lineno:
            start = source.line_starts[body[0].lineno - 1]
            line = source.utf8[start : start + body[0].col_offset].decode()
            if line and not line.strip(" \t\f"):
                return line
    return "    "
