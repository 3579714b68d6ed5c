"""The layers: which tables each has, and how they come from a file.

Most take a file that was parsed and walked. Those from a parser of their own take its text, and also have rows of
files that ``ast`` refuses.
"""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from arrowdsl.errors import DataError, one_of
from flight_client.contracts.raw import RAW_TABLES
from flight_client.extract.bytecode import bytecode_tables
from flight_client.extract.control_flow import OwnerGraph, control_flow, owner_graphs
from flight_client.extract.exports import exports
from flight_client.extract.flow_facts import flow_facts
from flight_client.extract.modules import Module
from flight_client.extract.nodes import node_columns
from flight_client.extract.optional import EXTRAS, require, tables_from_source
from flight_client.extract.source import Source
from flight_client.extract.symbols import symbol_tables
from flight_client.extract.tables import EXTRACTED, Columns, Row, columns_of
from flight_client.extract.walk import Walk


class UnknownLayerError(DataError):
    """A layer that no extractor makes."""

    code = "unknown_layer"


def known_layers(layers: Iterable[str]) -> tuple[str, ...]:
    """The layers, each once, in the order of LAYERS; raises UnknownLayerError and MissingExtraError."""
    chosen = frozenset(layers)
    unknown = sorted(chosen.difference(LAYERS))
    if unknown:
        raise UnknownLayerError(f"unknown layer {unknown[0]!r}; layers: {one_of(LAYERS)}")
    require(chosen, (layer for layer in LAYERS if layer not in EXTRAS))
    return tuple(layer for layer in LAYERS if layer in chosen)


def tables_of(layers: Iterable[str]) -> tuple[str, ...]:
    """The tables of these layers, in the order of EXTRACTED; ``repo_files`` goes with any."""
    chosen = {"repo", *layers}
    return tuple(name for name in EXTRACTED if RAW_TABLES[name].layer in chosen)


def layer_tables(layers: Iterable[str], tree: ast.Module, walk: Walk) -> dict[str, Columns]:
    """The columns of these layers' tables for a file; ``walk`` has walked ``tree``."""
    tables: dict[str, Columns] = {}
    graphs: list[OwnerGraph] = []
    for layer in layers:
        if layer in _WALKED:
            tables |= _WALKED[layer](tree, walk)
        elif layer in _FLOWING:
            graphs = graphs or owner_graphs(tree, walk)
            tables |= _FLOWING[layer](tree, walk, graphs)
    return tables


def text_tables(layers: Iterable[str], source: Source) -> dict[str, Columns]:
    """The columns of those layers' tables that need no more than a file's text."""
    tables: dict[str, Columns] = {}
    for layer in layers:
        if layer in EXTRAS:
            tables |= tables_from_source(layer)(source)
    return tables


def _cst(tree: ast.Module, walk: Walk) -> dict[str, Columns]:
    rows: dict[str, Sequence[Row]] = {
        "cst_parse_manifest": [_manifest(walk.source, tree, walk.module)],
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
    return {name: columns_of(found) for name, found in rows.items()}


def _ast(tree: ast.Module, walk: Walk) -> dict[str, Columns]:
    return {"ast_nodes": node_columns(tree, walk.source.line_starts)}


def _sym(_tree: ast.Module, walk: Walk) -> dict[str, Columns]:
    rows = symbol_tables(walk.source, walk.scopes, walk.refs, walk.noted)
    return {name: columns_of(found) for name, found in rows.items()}


def _cfg(_tree: ast.Module, walk: Walk, graphs: Sequence[OwnerGraph]) -> dict[str, Columns]:
    found = control_flow(graphs, walk)
    rows: dict[str, Sequence[Row]] = {"cfg_points": found.points, "cfg_flow": found.flow, "var_events": found.events}
    return {name: columns_of(found) for name, found in rows.items()}


def _flow(tree: ast.Module, walk: Walk, graphs: Sequence[OwnerGraph]) -> dict[str, Columns]:
    found = flow_facts(tree, walk, graphs).tables()
    return {name: columns_of(rows) for name, rows in found.items()}


_WALKED: Mapping[str, Callable[[ast.Module, Walk], dict[str, Columns]]] = MappingProxyType(
    {"cst": _cst, "ast": _ast, "sym": _sym, "bc": bytecode_tables}
)
_FLOWING: Mapping[str, Callable[[ast.Module, Walk, Sequence[OwnerGraph]], dict[str, Columns]]] = MappingProxyType(
    {"cfg": _cfg, "flow": _flow}
)
DEFAULT_LAYERS = ("cst", "ast", "sym", "cfg", "flow")
LAYERS = (*DEFAULT_LAYERS, "bc", *EXTRAS)  # the further ones are extracted when they are asked for by name


def _manifest(source: Source, tree: ast.Module, module: Module) -> Row:
    future = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level
        for alias in node.names
    ]
    return (
        source.encoding,
        _indent(source, tree),
        source.newline,
        source.has_trailing_newline,
        list(dict.fromkeys(future)),
        module.name,
        module.package,
    )


def _indent(source: Source, tree: ast.Module) -> str:
    """The indentation of the first block at the top level that has lines of its own; four spaces if none has."""
    for node in tree.body:
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and body[0].lineno > node.lineno:
            start = source.line_starts[body[0].lineno - 1]
            line = source.utf8[start : start + body[0].col_offset].decode()
            if line and not line.strip(" \t\f"):
                return line
    return "    "
