"""Numbers compared with constants: the constant takes the column's type, and the answer stays exact.

Left to itself the engine looks for a common type. It takes 2.5 for a float32, and then fails on the first integer of
the column that a float32 can't hold.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

COMPARISONS: Mapping[str, Callable[[pc.Expression, pc.Expression], pc.Expression]] = MappingProxyType(
    {
        "=": lambda a, b: a == b,
        "<>": lambda a, b: a != b,
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }
)
MIRRORED: Mapping[str, str] = MappingProxyType({"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="})
_TRUE_ABOVE = frozenset({">", ">=", "<>"})  # of values that all lie above the constant
_TRUE_BELOW = frozenset({"<", "<=", "<>"})


def compare(function: str, value: pc.Expression, data_type: pa.DataType, constant: float) -> pc.Expression:
    """``value function constant`` for numbers of ``data_type``, null where the value is null.

    Against a float column the constant is rounded as the column's own values were, so a float32 0.9 equals 0.9.
    """
    if pa.types.is_floating(data_type):
        rounded = _as_float(constant, data_type)
        if rounded is None:
            return COMPARISONS[function](value.cast(pa.float64()), pc.scalar(float(constant)))
        return COMPARISONS[function](value, pc.scalar(rounded))
    whole = math.floor(constant)
    lowest, highest = _bounds(data_type)
    if whole < lowest:
        return unless_null(value, pc.scalar(function in _TRUE_ABOVE))
    if whole > highest:
        return unless_null(value, pc.scalar(function in _TRUE_BELOW))
    if whole != constant and function in {"=", "<>"}:
        return unless_null(value, pc.scalar(function == "<>"))
    if whole != constant:  # no integer lies between the two
        function = {"<": "<=", ">=": ">"}.get(function, function)
    return COMPARISONS[function](value, pc.scalar(pa.scalar(whole, data_type)))


def is_any_of(value: pc.Expression, choices: Sequence[float | str], data_type: pa.DataType) -> pc.Expression:
    """Whether the value is one of the choices, which are of its kind; null where the value is null."""
    numbers = [choice for choice in choices if isinstance(choice, int | float)]
    if pa.types.is_floating(data_type):
        floats = [rounded.as_py() for rounded in (_as_float(n, data_type) for n in numbers) if rounded is not None]
        choices = [*floats, *(-number for number in floats if number == 0)]  # is_in tells the two zeros apart
    elif pa.types.is_integer(data_type):
        choices = list(_integers(numbers, data_type))
    # is_in gives false for null; SQL gives null, which a surrounding "not" must keep
    return unless_null(value, value.isin(pa.array(choices, data_type)))


def unless_null(value: pc.Expression, answer: pc.Expression) -> pc.Expression:
    """The answer, but null where the value is null."""
    return pc.if_else(value.is_valid(), answer, pa.scalar(None, pa.bool_()))


def _as_float(constant: float, data_type: pa.DataType) -> pa.Scalar | None:
    """The constant rounded to a float type; None when it is beyond the largest."""
    rounded = pa.scalar(float(constant), data_type)
    return rounded if math.isfinite(rounded.as_py()) else None


def _integers(choices: Sequence[float], data_type: pa.DataType) -> Iterator[int]:
    """The choices that an integer of the type can equal."""
    lowest, highest = _bounds(data_type)
    return (int(choice) for choice in choices if lowest <= choice <= highest and choice == int(choice))


def _bounds(data_type: pa.DataType) -> tuple[int, int]:
    """The least and the greatest integer of the type."""
    bits = data_type.bit_width
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if pa.types.is_signed_integer(data_type) else (0, 2**bits - 1)
