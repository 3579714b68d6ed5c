"""Where things are kept: every kind of import, names with several meanings, conditional definitions."""

from __future__ import annotations

import os, os.path
import os.path as paths
import xml.etree.ElementTree
from json import *
from typing import TYPE_CHECKING

from .. import models
from ..models import (
    Item,
    Line as CartLine,  # a comment
)

if TYPE_CHECKING:
    from . import typed

try:
    from ujson import dumps as encode
except ImportError:
    from json import dumps as encode

if os.name == "nt":

    def separator():
        return "\\"

else:

    def separator():
        return "/"


def load(rows: list[Item], kind: typed.Kind | None = None):
    import json.decoder

    decoder = json.decoder.JSONDecoder()
    parse = decoder.decode if kind else loads
    parse(encode(rows))
    tree = xml.etree.ElementTree.Element("a")
    return paths.join(os.path.sep, separator()), os.getcwd(), tree, CartLine(rows[0])


class Store(dict):
    encode = encode

    def __enter__(self):
        self[0] = models.Item.free("x")
        return self, encode([]), *self.values()

    async def __aenter__(self):
        return self.__enter__()

    def __exit__(self, *exc: object) -> bool: return not any(exc)

    __aexit__ = __exit__
