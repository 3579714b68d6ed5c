"""Layers that need a library which the package itself does not: loaded when they are chosen, by an extra's name."""

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from arrowdsl.errors import DataError, one_of
from flight_client.extract.source import Source
from flight_client.extract.tables import Columns

SourceTables = Callable[[Source], dict[str, Columns]]


class MissingExtraError(DataError):
    """A layer that was chosen, and whose library is not installed."""

    code = "missing_extra"


@dataclass(frozen=True)
class Extra:
    """An optional dependency of the package, named as its layer: its libraries, and the module that uses them."""

    name: str
    libraries: tuple[str, ...]
    module: str


EXTRAS: Mapping[str, Extra] = MappingProxyType(
    {"ts": Extra("ts", ("tree_sitter", "tree_sitter_python"), "flight_client.extract.tree_sitter_nodes")}
)


def require(layers: Iterable[str], others: Iterable[str]) -> None:
    """Raise MissingExtraError if a library of these layers is not there; ``others`` are the layers that need none."""
    for extra in (EXTRAS[layer] for layer in layers if layer in EXTRAS):
        missing = [library.replace("_", "-") for library in extra.libraries if not _is_installed(library)]
        if missing:
            raise MissingExtraError(
                f"layer {extra.name} needs {' and '.join(missing)}: pip install 'flight-server[{extra.name}]';"
                f" layers without it: {one_of(others)}"
            )


def _is_installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


@cache
def tables_from_source(layer: str) -> SourceTables:
    """The function that gives an optional layer's tables for a file."""
    made: SourceTables = importlib.import_module(EXTRAS[layer].module).node_tables
    return made
