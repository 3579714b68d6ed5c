"""Somebody who feeds."""

import urllib.parse as urls

from zoo import animals
from zoo.animals import Cat as Feline


def round_trip(names: list[str]) -> list[str]:
    """Feed and listen."""
    cats = [Feline(name) for name in names]
    said = [cat.feed(10).speak() for cat in cats]
    total = 0
    for cat in cats:
        total += cat.fed
    return ["日本🦁" + urls.quote(said[0]) + str(total), animals.Animal("x").speak()]


HANDLERS = {"feed": round_trip}
RESULT = HANDLERS["feed"](["Tom"])
