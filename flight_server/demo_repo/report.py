#!/usr/bin/env python3
"""A script outside any package."""

import sys

sys.path.insert(0, ".")
from shop import Cart, Item, rebate, total
from shop.orders import describe


def main(argv=None):
    cart = Cart().add(Item("tea", 250), Item.free("bag"))
    sum_ = rebate(10)(total(cart))
    print("total", sum_, *map(describe, cart), sep="\n")


if __name__ == "__main__":
    global started
    started = True
    sys.exit(main(sys.argv[1:]))
