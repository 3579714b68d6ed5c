"""Digests of plans: equal for equal plans in every process, different for plans whose rows may differ.

The digest of a kernel covers its name, version and declared columns, and the source of its module and of the modules
that the module uses. So a changed kernel finds no old cached results, even if its author forgot to raise the version.
"""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any

import pyarrow as pa

from arrowdsl.plan.nodes import KernelFunction

DIGEST_BYTES = 16


def digest(*values: object) -> str:
    """A hash in hex of plans, contracts, texts, numbers and collections of them.

    >>> digest("a", (1, None)) == digest("a", (1, None)) != digest("a", 1, None)
    True
    """
    state = blake2b(digest_size=DIGEST_BYTES)

    def add(token: bytes) -> None:
        state.update(len(token).to_bytes(8, "little"))
        state.update(token)

    _add_tokens(values, add)
    return state.hexdigest()


def _add_tokens(value: object, add: Callable[[bytes], None]) -> None:
    """Add the value as tokens. A nested value begins with its type and length, so each value has tokens of its own."""
    match value:
        case str() | int() | float() | None:
            add(f"{type(value).__name__} {value!r}".encode(errors="surrogatepass"))
        case tuple() | list():
            add(f"{type(value).__name__} {len(value)}".encode())
            for each in value:
                _add_tokens(each, add)
        case pa.Schema():
            add(value.serialize().to_pybytes())
        case pa.DataType():
            add(str(value).encode())
        case _ if is_dataclass(value) and not isinstance(value, type):
            add(type(value).__name__.encode())
            _add_tokens([getattr(value, name) for name in _compared(type(value))], add)
            if isinstance(value, KernelFunction):
                add(_source_of(value.apply).encode())
        case frozenset() | set():
            _add_tokens(sorted(value), add)
        case Mapping():
            _add_tokens(sorted(value.items()), add)
        case _:
            add(f"{type(value).__name__} {value!r}".encode(errors="surrogatepass"))


@lru_cache(maxsize=256)
def _compared(dataclass: type) -> tuple[str, ...]:
    """The names of the fields by which values of a dataclass are compared."""
    return tuple(each.name for each in fields(dataclass) if each.compare)


def _source_of(function: Callable[..., Any]) -> str:
    while isinstance(function, partial):
        function = function.func
    return _module_source(getattr(function, "__module__", None) or "")


@lru_cache(maxsize=256)
def _module_source(module: str) -> str:
    """The source of a loaded module, and of the modules of the same package that it imports, directly or not.

    A module without available source counts as empty.
    """
    package = module.partition(".")[0]
    texts: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in texts or name not in sys.modules:
            continue
        try:
            texts[name] = inspect.getsource(sys.modules[name])
        except (OSError, TypeError):
            texts[name] = ""
        used = (getattr(value, "__module__", None) for value in vars(sys.modules[name]).values())
        waiting += [each for each in used if isinstance(each, str) and each.partition(".")[0] == package]
    return "".join(texts[name] for name in sorted(texts))
