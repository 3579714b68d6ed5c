"""The syntax tree as a table: a row for each node of ``ast``, in preorder over its fields.

This is a second pass over the walked tree, since it needs no scopes, and the walk needs no parents and fields. Both
number the nodes in the same way (``ast_idx``): expression contexts and operators don't count, nor do empty constants in
f-strings, which only some interpreters create.

Positions are those of ``ast``, and inside f-strings those of interpreters from 3.12 on. Nodes to which ``ast`` gives no
position have none: the module, ``arguments``, ``comprehension``, ``withitem`` and ``match_case``.
"""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import attrgetter
from types import MappingProxyType
from typing import Any
from unicodedata import ucd_3_2_0

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flight_client.extract.memo import Memo
from flight_client.extract.syntax_tree import FIELDS, NODE_CLASSES, parts_of

TEXT_CHARACTERS = 200
HEX_BITS = 1024  # longer integers are hexadecimal, because a decimal takes time quadratic in its length

Codes = npt.NDArray[np.signedinteger[Any]]
Flags = npt.NDArray[np.bool_]

_POSITION = tuple(map(attrgetter, ("lineno", "col_offset", "end_lineno", "end_col_offset")))
_TEXTS = frozenset({"id", "attr", "arg", "asname", "module", "rest", "kwd_attrs", "simple"})
_LEAVES = frozenset({"Constant", "MatchSingleton", "Global", "Nonlocal", "alias"})
_UNPLACED = frozenset({"Module", "arguments", "comprehension", "withitem", "match_case"})
_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp", "Zs"})


def _holders(kind: str, fields: Iterable[str]) -> tuple[str, ...]:
    """The fields of a class that may hold nodes; ``name`` is a node only in a type alias, else a string."""
    if kind in _LEAVES:
        return ()
    return tuple(name for name in fields if name not in _TEXTS and (name != "name" or kind == "TypeAlias"))


HOLDERS: dict[type, tuple[str, ...]] = {found: _holders(found.__name__, fields) for found, fields in FIELDS.items()}
_CLASSES = tuple(HOLDERS)  # a class is encoded as its index here, a field as its index in _FIELD_NAMES
_FIELD_NAMES = tuple(dict.fromkeys(name for names in HOLDERS.values() for name in names))
_Holders = tuple[tuple[str, int], ...]
_SEEN: dict[type, tuple[int, _Holders]] = {
    found: (code, tuple((name, _FIELD_NAMES.index(name)) for name in HOLDERS[found]))
    for code, found in enumerate(_CLASSES)
}


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


_LITERALS: Mapping[type, Callable[..., str]] = MappingProxyType(
    dict.fromkeys((ast.Constant, ast.MatchSingleton), lambda node: literal_text(node.value))
)
_IS_NAMED = np.array([found in _NAMES for found in _CLASSES])
_IS_LITERAL = np.array([found in _LITERALS for found in _CLASSES])
_IS_PLACED = np.array([found.__name__ not in _UNPLACED for found in _CLASSES])
_FIELDS = pa.array(_FIELD_NAMES, pa.string())
_CLASS_NAMES = pa.array([found.__name__ for found in _CLASSES], pa.string())
_NONE = -1  # stands for null in columns of numbers


@dataclass(slots=True)
class _Preorder:
    """The nodes of a tree, with the class of each, its parent's index, and its field and position in the parent."""

    nodes: list[ast.AST] = field(default_factory=list)
    classes: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    fields: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def add(self, node: ast.AST, code: int, parent: int, field_code: int, place: int) -> int:
        """Append a node; returns its index."""
        nodes = self.nodes
        nodes.append(node)
        self.classes.append(code)
        self.parents.append(parent)
        self.fields.append(field_code)
        self.places.append(place)
        return len(nodes) - 1

    def descend(self, node: ast.AST, index: int, holders: _Holders) -> None:
        """Append the nodes in these fields of a node, and all nodes below; ``index`` is the node's index."""
        for name, field_code in holders:
            value: Any = getattr(node, name, None)
            if value.__class__ is not list:
                seen = _SEEN.get(value.__class__)
                if seen is not None:
                    number = self.add(value, seen[0], index, field_code, _NONE)
                    if seen[1]:
                        self.descend(value, number, seen[1])
                continue
            items = parts_of(node) if isinstance(node, ast.JoinedStr) else value
            for place, item in enumerate(items):
                seen = _SEEN.get(item.__class__)
                if seen is not None:
                    number = self.add(item, seen[0], index, field_code, place)
                    if seen[1]:
                        self.descend(item, number, seen[1])


def node_columns(tree: ast.Module, line_starts: Sequence[int]) -> tuple[pa.Array, ...]:
    """The columns of ``ast_nodes`` for a file, in the order of ``raw_rows.ROWS``; some are dictionaries of strings.

    ``name`` and ``value_repr`` have at most TEXT_CHARACTERS characters. ``name`` is the node's identifier, the module
    of an import with its dots, the names that a statement declares or a class pattern looks up, or the operators.
    """
    found = _Preorder()
    code, holders = _SEEN[ast.Module]
    found.descend(tree, found.add(tree, code, _NONE, _NONE, _NONE), holders)
    nodes, classes = found.nodes, np.array(found.classes, np.int8)
    parents, fields, places = (np.array(column, np.int32) for column in (found.parents, found.fields, found.places))
    is_placed = _IS_PLACED[classes]
    placed = list(compress(nodes, is_placed.tolist()))
    starts = np.array(line_starts, np.int64)
    lines, columns, ends, end_columns = (np.fromiter(map(of, placed), np.int32, len(placed)) for of in _POSITION)
    return (
        pa.array(np.arange(len(nodes), dtype=np.int32)),
        _nullable(parents),
        _encoded(fields, _FIELDS),
        _nullable(places),
        _encoded(classes, _CLASS_NAMES),
        _texts(nodes, _IS_NAMED[classes], _NAMES),
        _texts(nodes, _IS_LITERAL[classes], _LITERALS),
        *(_where(is_placed, column) for column in (lines, columns, ends, end_columns)),
        _where(is_placed, starts[lines - 1] + columns),
        _where(is_placed, starts[ends - 1] + end_columns),
    )


def _nullable(column: Codes) -> pa.Array:
    return pa.array(column, mask=column == _NONE)


def _encoded(codes: Codes, values: pa.Array) -> pa.Array:
    return pa.DictionaryArray.from_arrays(_nullable(codes), values)


def _where(is_there: Flags, values: Codes) -> pa.Array:
    """A column with these values for the nodes that have one, and nulls elsewhere."""
    column = np.zeros(len(is_there), values.dtype)
    column[is_there] = values
    return pa.array(column, mask=~is_there)


def _texts(nodes: Sequence[ast.AST], have_one: Flags, text_of: Mapping[type, Callable[..., str | None]]) -> pa.Array:
    texts: list[str | None] = [None] * len(nodes)
    for index in np.flatnonzero(have_one).tolist():
        node = nodes[index]
        texts[index] = text_of[node.__class__](node)
    return pa.array(texts, pa.string())


def _escaped(code: int) -> str:
    """A character as written in ``value_repr``; invisible characters (of a fixed Unicode version) are escaped."""
    character = chr(code)
    is_hidden = character == "\\" or (character != " " and ucd_3_2_0.category(character) in _HIDDEN)
    return ascii(character)[1:-1] if is_hidden else character


_ESCAPES = Memo(_escaped)


def literal_text(value: object) -> str:
    """The start of a literal's ``repr``, equal on every interpreter."""
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
