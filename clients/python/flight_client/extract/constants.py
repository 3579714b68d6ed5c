"""The texts of code objects' constants: bounded, and equal in every process.

The ``repr`` of a code object contains an address, that of a frozenset depends on the hash seed, and that of a very long
integer raises an error.
"""

from types import CodeType

from flight_client.extract.node_rows import TEXT_CHARACTERS, literal_text


class Constant:
    """Wraps a constant, so that ``dis``, which calls ``repr``, gets ``constant_text``."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return constant_text(self.value)


def constant_text(value: object) -> str:
    """The first TEXT_CHARACTERS characters of a constant's text.

    >>> constant_text((1, frozenset({"b", "a"})))
    "(1, frozenset({'a', 'b'}))"
    """
    match value:
        case CodeType():
            text = f"<code {value.co_qualname}>"
        case tuple():
            items = ", ".join(map(constant_text, value[:TEXT_CHARACTERS]))
            text = f"({items},)" if len(value) == 1 else f"({items})"
        case frozenset():
            text = f"frozenset({{{', '.join(sorted(map(constant_text, value)))}}})"
        case slice():  # a constant since 3.14
            text = f"slice({', '.join(map(constant_text, (value.start, value.stop, value.step)))})"
        case _:
            text = literal_text(value)
    return text[:TEXT_CHARACTERS]
