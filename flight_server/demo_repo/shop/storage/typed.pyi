from typing import Literal, Protocol

Kind = Literal["json", "xml"]

class Saved(Protocol):
    path: str
    def save(self, *, kind: Kind = ...) -> None: ...
    @property
    def size(self) -> int: ...
