"""The kinds of definitions that decorators of the standard library create, by the decorators' qualified names."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from flight_client.extract.lexical_scopes import Qnames

KNOWN: Mapping[str, str] = MappingProxyType(
    {
        name: kind
        for kind, names in {
            "static": "builtins.staticmethod abc.abstractstaticmethod",
            "class": "builtins.classmethod abc.abstractclassmethod",
            "property": "builtins.property functools.cached_property abc.abstractproperty enum.property"
            " types.DynamicClassAttribute",
            "abstract": "abc.abstractmethod",
            "overload": "typing.overload typing_extensions.overload",
            "final": "typing.final typing_extensions.final",
            "override": "typing.override typing_extensions.override",
            "no_type_check": "typing.no_type_check",
            "runtime_checkable": "typing.runtime_checkable typing_extensions.runtime_checkable",
            "dataclass": "dataclasses.dataclass",
            "contextmanager": "contextlib.contextmanager contextlib.asynccontextmanager",
            "cache": "functools.cache functools.lru_cache",
            "wraps": "functools.wraps",
            "singledispatch": "functools.singledispatch functools.singledispatchmethod",
            "total_ordering": "functools.total_ordering",
            "unique": "enum.unique",
        }.items()
        for name in names.split()
    }
)
_OF_PROPERTIES = frozenset({"setter", "getter", "deleter"})


def known_as(decorators: Iterable[tuple[Callable[[str], Qnames], str] | None]) -> list[str | None]:
    """The kind of definition that each decorator creates, from its resolver and dotted name; None if it is unknown.

    A dotted name with several qualified names has a kind if those of them that are in KNOWN all have the same kind.
    """
    return [None if found is None else _kind(*found) for found in decorators]


def _kind(resolve: Callable[[str], Qnames], dotted: str) -> str | None:
    root, _, last = dotted.rpartition(".")
    if root and last in _OF_PROPERTIES:
        return last
    kinds = {KNOWN[name] for name, _ in resolve(dotted) if name in KNOWN}
    return kinds.pop() if len(kinds) == 1 else None
