"""Decorators of the standard library that make a kind of definition, by their qualified names."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from flight_client.extract.lexical_scopes import Qnames

KNOWN: Mapping[str, str] = MappingProxyType(
    {
        "builtins.staticmethod": "static",
        "builtins.classmethod": "class",
        "builtins.property": "property",
        "functools.cached_property": "property",
        "abc.abstractproperty": "property",
        "enum.property": "property",
        "types.DynamicClassAttribute": "property",
        "abc.abstractmethod": "abstract",
        "abc.abstractclassmethod": "class",
        "abc.abstractstaticmethod": "static",
        "typing.overload": "overload",
        "typing.final": "final",
        "typing.override": "override",
        "typing.no_type_check": "no_type_check",
        "typing.runtime_checkable": "runtime_checkable",
        "typing_extensions.overload": "overload",
        "typing_extensions.final": "final",
        "typing_extensions.override": "override",
        "typing_extensions.runtime_checkable": "runtime_checkable",
        "dataclasses.dataclass": "dataclass",
        "contextlib.contextmanager": "contextmanager",
        "contextlib.asynccontextmanager": "contextmanager",
        "functools.cache": "cache",
        "functools.lru_cache": "cache",
        "functools.wraps": "wraps",
        "functools.singledispatch": "singledispatch",
        "functools.singledispatchmethod": "singledispatch",
        "functools.total_ordering": "total_ordering",
        "enum.unique": "unique",
    }
)
_OF_PROPERTIES = frozenset({"setter", "getter", "deleter"})


def known_as(decorators: Iterable[tuple[Callable[[str], Qnames], str] | None]) -> list[str | None]:
    """The kind of definition that each decorator makes, from its resolver and dotted name; None if it is unknown.

    A name that may come from several places has a kind if all of them that are in KNOWN have the same.
    """
    return [None if found is None else _known(*found) for found in decorators]


def _known(resolve: Callable[[str], Qnames], dotted: str) -> str | None:
    root, _, last = dotted.rpartition(".")
    if root and last in _OF_PROPERTIES:
        return last
    kinds = {KNOWN[name] for name, _ in resolve(dotted) if name in KNOWN}
    return kinds.pop() if len(kinds) == 1 else None
