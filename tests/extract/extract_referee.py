"""LibCST's account of a file, in the shape of our rows: calls with candidate names, definitions, names."""

from dataclasses import dataclass

import libcst as cst
from libcst.metadata import (
    ByteSpanPositionProvider,
    ExpressionContext,
    ExpressionContextProvider,
    MetadataWrapper,
    QualifiedNameProvider,
    QualifiedNameSource,
)

from flight_client.extract.module_names import Module

Span = tuple[int, int]
Names = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Account:
    calls: dict[Span, Names]
    definitions: dict[Span, tuple[str, Names]]
    stored_names: set[tuple[Span, str]]


def absolute_names(found: object, module: Module) -> Names:
    qualified = found() if callable(found) else found
    return frozenset((absolute(name.name, name.source, module), name.source.name) for name in qualified)


def absolute(name: str, source: QualifiedNameSource, module: Module) -> str:
    if source is QualifiedNameSource.LOCAL:
        return f"{module.name}.{name}"
    level = len(name) - len(name.lstrip("."))
    return module.absolute(level, name[level:]) if level else name


def account_of(text: str, module: Module) -> Account:
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    found = wrapper.resolve_many((QualifiedNameProvider, ByteSpanPositionProvider, ExpressionContextProvider))
    positions, contexts = found[ByteSpanPositionProvider], found[ExpressionContextProvider]
    account = Account({}, {}, set())
    for node, position in positions.items():
        span = (position.start, position.start + position.length)
        match node:
            case cst.Call():
                account.calls[span] = absolute_names(found[QualifiedNameProvider][node], module)
            case cst.FunctionDef() | cst.ClassDef():
                names = absolute_names(found[QualifiedNameProvider][node], module)
                account.definitions[span] = (node.name.value, names)
            case cst.Name() if contexts.get(node) is ExpressionContext.STORE:
                account.stored_names.add((span, node.value))
    return account
