"""Digests of plans: equal for equal plans in every process, different for plans whose rows may differ.

The digest of a kernel covers its name, version and declared columns, and the source of its module and of the modules
that the module uses. So a changed kernel finds no old cached results, even if its author forgot to raise the version.
"""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
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
    for token in _tokens(values):
        state.update(len(token).to_bytes(8, "little"))
        state.update(token)
    return state.hexdigest()


def _tokens(value: object) -> Iterator[bytes]:
    """The value as tokens. A nested value begins with its type and length, so no two values have the same tokens."""
    match value:
        case pa.Schema():
            yield value.serialize().to_pybytes()
        case pa.DataType():
            yield str(value).encode()
        case _ if is_dataclass(value) and not isinstance(value, type):
            compared = [getattr(value, each.name) for each in fields(value) if each.compare]
            yield type(value).__name__.encode()
            yield from _tokens(compared)
            if isinstance(value, KernelFunction):
                yield _source_of(value.apply).encode()
        case tuple() | list():
            yield f"{type(value).__name__} {len(value)}".encode()
            for each in value:
                yield from _tokens(each)
        case frozenset() | set():
            yield from _tokens(sorted(value))
        case Mapping():
            yield from _tokens(sorted(value.items()))
        case _:
            yield f"{type(value).__name__} {value!r}".encode(errors="surrogatepass")


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
