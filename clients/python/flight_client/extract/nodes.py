"""The syntax tree as a table: a row for each node of ``ast``, in preorder over its fields.

This is a pass of its own over the tree that the walk has walked: it needs no scopes, and the walk no parents and
fields. Both number the nodes alike (``ast_idx``): expression contexts and operators don't count, nor do empty constants
in f-strings, which only some interpreters make.

Positions are those of ``ast``. Nodes without one have none here, nor have the literal texts and format specifications
inside f-strings, which only interpreters since 3.12 know.
"""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from types import MappingProxyType
from unicodedata import ucd_3_2_0

from flight_client.extract.node_classes import FIELDS, NODE_CLASSES

TEXT_CHARACTERS = 200
HEX_BITS = (
    1024  # from here on integers are written in hexadecimal: in decimal, time grows with the square of the digits
)

_TEXTS = frozenset({"id", "attr", "arg", "asname", "module", "rest", "kwd_attrs", "simple"})
_LEAVES = frozenset({"Constant", "MatchSingleton", "Global", "Nonlocal", "alias"})
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"})


def _holders(kind: str, fields: Iterable[str]) -> tuple[str, ...]:
    """The fields of a class that may hold nodes; ``name`` is one in a type alias only, else it is a text."""
    if kind in _LEAVES:
        return ()
    return tuple(name for name in fields if name not in _TEXTS and (name != "name" or kind == "TypeAlias"))


HOLDERS: dict[type, tuple[str, ...]] = {found: _holders(found.__name__, fields) for found, fields in FIELDS.items()}


def _named(*fields: tuple[str, str]) -> dict[type, Callable[[ast.AST], str | None]]:
    return {
        NODE_CLASSES[kind]: attrgetter(name) for name, kinds in fields for kind in kinds.split() if kind in NODE_CLASSES
    }


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)[:TEXT_CHARACTERS]


def _operators(node: ast.Compare) -> str:
    return _listed(operator.__class__.__name__ for operator in node.ops[:TEXT_CHARACTERS])


def _operator(node: ast.BinOp | ast.BoolOp | ast.UnaryOp | ast.AugAssign) -> str:
    return node.op.__class__.__name__


_NAMES: Mapping[type, Callable[..., str | None]] = MappingProxyType(
    {
        **_named(
            ("name", "FunctionDef AsyncFunctionDef ClassDef ExceptHandler MatchAs MatchStar alias"),
            ("name", "TypeVar ParamSpec TypeVarTuple"),
            ("id", "Name"),
            ("attr", "Attribute"),
            ("arg", "arg keyword"),
            ("rest", "MatchMapping"),
        ),
        **dict.fromkeys((ast.BinOp, ast.BoolOp, ast.UnaryOp, ast.AugAssign), _operator),
        **dict.fromkeys((ast.Global, ast.Nonlocal), lambda node: _listed(node.names)),
        ast.Compare: _operators,
        ast.ImportFrom: lambda node: "." * node.level + (node.module or ""),
        ast.MatchClass: lambda node: _listed(node.kwd_attrs) or None,
    }
)


@dataclass(frozen=True)
class _Nowhere:
    """Stands for a node that has no position."""

    lineno: int | None = None
    col_offset: int | None = None
    end_lineno: int | None = None
    end_col_offset: int | None = None


_NOWHERE = _Nowhere()
_UNPLACED = frozenset(found for found in NODE_CLASSES.values() if not hasattr(found, "end_lineno"))


@dataclass
class _Preorder:
    """The nodes of a tree with the index of each one's parent, and the field and the place in it that it stands in."""

    nodes: list[ast.AST]
    parents: list[int | None] = field(default_factory=lambda: [None])
    fields: list[str | None] = field(default_factory=lambda: [None])
    places: list[int | None] = field(default_factory=lambda: [None])

    def descend(self, node: ast.AST, index: int, holders: Iterable[str]) -> None:
        """Append what a node holds in these fields, and so on; ``index`` is the node's own."""
        nodes = self.nodes
        for name in holders:
            value = getattr(node, name, None)
            is_list = isinstance(value, list)
            items = value if isinstance(value, list) else (value,)
            if node.__class__ is ast.JoinedStr:
                items = _nonempty(items)
            for place, item in enumerate(items):
                inner = HOLDERS.get(item.__class__)
                if inner is not None:
                    number = len(nodes)
                    nodes.append(item)
                    self.parents.append(index)
                    self.fields.append(name)
                    self.places.append(place if is_list else None)
                    if inner:
                        self.descend(item, number, inner)


def _nonempty(values: Iterable[object]) -> list[object]:
    return [value for value in values if not (isinstance(value, ast.Constant) and value.value == "")]


def node_columns(tree: ast.Module, line_starts: Sequence[int]) -> tuple[Sequence[object], ...]:
    """The columns of ``ast_nodes`` for a file, in the order of ``tables.ROWS``.

    ``name`` and ``value_repr`` have at most TEXT_CHARACTERS characters. ``name`` is the node's identifier, the module
    of an import with its dots, the names that a statement declares or a class pattern asks for, or the operators.
    """
    found = _Preorder([tree])
    found.descend(tree, 0, HOLDERS[ast.Module])
    nodes, fields = found.nodes, found.fields
    placed: list[ast.AST | _Nowhere] = [_NOWHERE if node.__class__ in _UNPLACED else node for node in nodes]
    for index, (name, parent) in enumerate(zip(fields, found.parents, strict=True)):
        if (name == "values" and _is_text_of(nodes[index], nodes[parent or 0])) or name == "format_spec":
            placed[index] = _NOWHERE
    lines, ends = list(map(attrgetter("lineno"), placed)), list(map(attrgetter("end_lineno"), placed))
    columns, end_columns = list(map(attrgetter("col_offset"), placed)), list(map(attrgetter("end_col_offset"), placed))
    return (
        range(len(nodes)),
        found.parents,
        fields,
        found.places,
        [node.__class__.__name__ for node in nodes],
        [None if (name_of := _NAMES.get(node.__class__)) is None else name_of(node) for node in nodes],
        [literal_text(node.value) if isinstance(node, _LITERALS) else None for node in nodes],
        lines,
        columns,
        ends,
        end_columns,
        _offsets(line_starts, lines, columns),
        _offsets(line_starts, ends, end_columns),
    )


def _is_text_of(node: ast.AST, parent: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(parent, ast.JoinedStr)


def _offsets(starts: Sequence[int], lines: list[int | None], columns: list[int]) -> list[int | None]:
    return [None if line is None else starts[line - 1] + column for line, column in zip(lines, columns, strict=True)]


class _Escapes(dict[int, str]):
    """How a character stands in ``value_repr``: what can't be seen is escaped, by a Unicode that never changes."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        is_hidden = character == "\\" or (character != " " and ucd_3_2_0.category(character) in _HIDDEN)
        self[code] = ascii(character)[1:-1] if is_hidden else character
        return self[code]


_ESCAPES = _Escapes()
_LITERALS = (ast.Constant, ast.MatchSingleton)


def literal_text(value: object) -> str:
    """The start of a literal's ``repr``, the same on every interpreter."""
    match value:
        case str() if not value.isascii():
            shown = value[:TEXT_CHARACTERS]
            quote = '"' if "'" in shown and '"' not in shown else "'"
            text = quote + shown.translate(_ESCAPES).replace(quote, "\\" + quote) + quote
        case str() | bytes():
            text = repr(value[:TEXT_CHARACTERS])
        case int() if value.bit_length() > HEX_BITS:
            text = hex(value)
        case _:
            text = repr(value)
    return text[:TEXT_CHARACTERS]
