"""Plan nodes with cached hashes: plans are often keys of dicts, and a hash covers the whole plan below the node."""

from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

Class = TypeVar("Class", bound=type)


@dataclass_transform(frozen_default=True)
def plan_node(cls: Class) -> Class:
    """A class decorator: a frozen dataclass that computes its hash once."""
    made: Any = dataclass(frozen=True)(cls)
    computed = made.__hash__

    def cached_hash(self: object) -> int:
        known: int | None = vars(self).get("_hash")
        if known is None:
            vars(self)["_hash"] = known = computed(self)
        return known

    def state(self: object) -> dict[str, Any]:
        """The fields without the hash, which differs in another process."""
        return {name: value for name, value in vars(self).items() if name != "_hash"}

    made.__hash__ = cached_hash
    made.__getstate__ = state
    return cls
