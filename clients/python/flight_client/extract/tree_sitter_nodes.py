"""tree-sitter's concrete syntax tree as tables: a row for each node in preorder, also for source with syntax errors.

The parser never refuses a file: text that it can't parse becomes an error node, and a token that it must assume becomes
a missing node. Offsets are bytes of the UTF-8 text. A cursor traverses the tree, so a deep tree needs no deep stack.

For tree-sitter only LF ends a line, and it has its own grammar: https://tree-sitter.github.io.
"""

from collections.abc import Iterator
from operator import attrgetter

from tree_sitter import Language, Node, Parser, Tree
from tree_sitter_python import language

from flight_client.extract.raw_rows import Columns, columns_of
from flight_client.extract.source_text import SourceText
from flight_client.extract.walk import Row

_COLUMNS = ("type", "start_byte", "end_byte", "is_named", "has_error", "is_error", "is_missing")
_VALUES = attrgetter(*_COLUMNS)
_LANGUAGE = Language(language())


def node_tables(source: SourceText) -> dict[str, Columns]:
    """The columns of ``ts_nodes``, ``ts_errors`` and ``ts_missing``, in the order of ``raw_rows.ROWS``.

    A node's index in preorder identifies it, and is part of its ids. A file may have a million nodes, so columns are
    filled directly, without a tuple for each row.
    """
    parents: list[int | None] = []
    columns: list[list[object]] = [[] for _ in _COLUMNS]
    errors: list[Row] = []
    missing: list[Row] = []
    for index, (parent, node) in enumerate(_preorder(_parsed(source))):
        parents.append(parent)
        for column, value in zip(columns, _VALUES(node), strict=True):
            column.append(value)
        if node.is_error:
            errors.append((index, node.type, node.start_byte, node.end_byte, True))
        if node.is_missing:
            missing.append((index, node.type, node.start_byte, node.end_byte, True))
    nodes = (range(len(parents)), parents, *columns)
    return {"ts_nodes": nodes, "ts_errors": columns_of(errors), "ts_missing": columns_of(missing)}


def _parsed(source: SourceText) -> Tree:
    text = source.utf8 if source.cells is None else source.code.encode()
    return Parser(_LANGUAGE).parse(text)


def _preorder(tree: Tree) -> Iterator[tuple[int | None, Node]]:
    """Each node with the index of its parent."""
    cursor = tree.walk()
    parents: list[int | None] = [None]
    index = 0
    while True:
        node = cursor.node
        if node is not None:  # a cursor always has one
            yield parents[-1], node
        if cursor.goto_first_child():
            parents.append(index)
        else:
            while not cursor.goto_next_sibling():
                if not cursor.goto_parent():
                    return
                parents.pop()
        index += 1
