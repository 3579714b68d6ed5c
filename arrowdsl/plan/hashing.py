"""Nodes that remember their hash: plans are looked up often, and a hash goes through all that stands below."""

from dataclasses import dataclass
from typing import Any, TypeVar, dataclass_transform

Class = TypeVar("Class", bound=type)


@dataclass_transform(frozen_default=True)
def plan_node(cls: Class) -> Class:
    """A frozen dataclass that computes its hash once."""
    made: Any = dataclass(frozen=True)(cls)
    computed = made.__hash__

    def remembered(self: object) -> int:
        known: int | None = vars(self).get("_hash")
        if known is None:
            vars(self)["_hash"] = known = computed(self)
        return known

    def state(self: object) -> dict[str, Any]:
        """Without the hash, which another process has another of."""
        return {name: value for name, value in vars(self).items() if name != "_hash"}

    made.__hash__ = remembered
    made.__getstate__ = state
    return cls
