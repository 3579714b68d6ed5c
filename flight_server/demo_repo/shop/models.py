"""What is sold: classes, decorators, properties, all kinds of parameters."""

import dataclasses
import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar, overload

T = TypeVar("T", bound="Item")


class Colour(enum.Enum):
    RED, GREEN = "r", "g"

    @classmethod
    def parse(cls: type["Colour"], text: str, /) -> "Colour":
        return cls(text[:1].lower())


@dataclass(frozen=True, order=True)
class Item:
    """Something with a price in cents."""

    name: str
    cents: int = 0
    tags: list[str] = field(default_factory=list, compare=False)
    currency: ClassVar[str] = "EUR"

    @property
    def price(self) -> float:
        return self.cents / 100

    @staticmethod
    def free(name: str) -> "Item":
        return Item(name, cents=0)

    def __matmul__(self, count: int) -> "Line":
        return Line(self, count)


class Line:
    __slots__ = ("__count", "item")

    def __init__(self, item: Item, count: int = 1, *, gift: bool = False, **extra: object) -> None:
        self.item, self.__count = item, count
        if gift:
            self.__count += 1
        del extra

    @property
    def count(self):
        return self.__count

    @count.setter
    def count(self, value):
        self.__count = max(value, 0)


class Cart(list[Line], metaclass=type):
    limit = 10

    class Full(Exception):
        """Raised when nothing more fits."""

    def add(self, *items: T | Item, limit=limit, each=lambda item: item @ 1) -> "Cart":
        for item in items:
            if len(self) >= limit:
                raise Cart.Full(f"{limit} lines at most") from None
            self.append(each(item))
        else:
            super().sort(key=lambda line: line.item.name)
        return self

    @overload
    def first(self, default: None) -> Line | None: ...
    @overload
    def first(self, default: Line) -> Line: ...
    def first(self, default):
        return self[0] if self else default

    def __iter__(self) -> Iterator[Line]:
        yield from super().__iter__()


Stock = dataclasses.make_dataclass("Stock", ["item", ("count", int, 0)])
