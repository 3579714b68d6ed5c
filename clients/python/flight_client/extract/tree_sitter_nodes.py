"""tree-sitter's concrete syntax tree as tables: a row for each node in preorder, also for source that has errors.

The parser never refuses a file: what it can't read becomes an error node, what it must assume a missing one. Offsets
are bytes of the UTF-8 text. The tree is gone through with a cursor, so its depth costs no stack.

tree-sitter takes only LF for the end of a line, and its grammar is its own: https://tree-sitter.github.io.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tree_sitter import Language, Node, Parser, Tree
from tree_sitter_python import language

from flight_client.extract.raw_rows import Columns, columns_of
from flight_client.extract.source_text import SourceText
from flight_client.extract.walk import Row

_LANGUAGE = Language(language())


def node_tables(source: SourceText) -> dict[str, Columns]:
    """The columns of ``ts_nodes``, ``ts_errors`` and ``ts_missing``, in the order of ``raw_rows.ROWS``.

    A node is known by its place in the preorder, which ids are made of.
    """
    nodes = _Nodes()
    errors: list[Row] = []
    missing: list[Row] = []
    for index, (parent, node) in enumerate(_preorder(_parsed(source))):
        nodes.add(parent, node)
        if node.is_error:
            errors.append((index, node.type, node.start_byte, node.end_byte, True))
        if node.is_missing:
            missing.append((index, node.type, node.start_byte, node.end_byte, True))
    return {"ts_nodes": nodes.columns(), "ts_errors": columns_of(errors), "ts_missing": columns_of(missing)}


@dataclass
class _Nodes:
    """The columns of ``ts_nodes``, without a tuple for each of what may be a million rows."""

    parents: list[int | None] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    are_named: list[bool] = field(default_factory=list)
    have_errors: list[bool] = field(default_factory=list)
    are_errors: list[bool] = field(default_factory=list)
    are_missing: list[bool] = field(default_factory=list)

    def add(self, parent: int | None, node: Node) -> None:
        """Append a node, the next in the preorder."""
        self.parents.append(parent)
        self.kinds.append(node.type)
        self.starts.append(node.start_byte)
        self.ends.append(node.end_byte)
        self.are_named.append(node.is_named)
        self.have_errors.append(node.has_error)
        self.are_errors.append(node.is_error)
        self.are_missing.append(node.is_missing)

    def columns(self) -> Columns:
        """All of them, first the place in the preorder."""
        flags = (self.are_named, self.have_errors, self.are_errors, self.are_missing)
        return (range(len(self.kinds)), self.parents, self.kinds, self.starts, self.ends, *flags)


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
