"""A small shop: the example that the demo, the tests and the documentation read."""

from __future__ import annotations

from .models import Cart, Item, Stock
from .pricing import discount as rebate, total

__all__ = ["Cart", "Item", "Stock", "rebate"]
__all__ += ["total"]
__version__: str = "1.0"
