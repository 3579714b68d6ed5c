import logging

from . import base
from .base import *
from pkg.base import Base

log = logging.getLogger(__name__)


class Shape(Base, dict):
    def step(self, count):
        with open("x") as file:
            return helper(file.read()) or super().step(count)


def make(kind=None):
    shape = Shape()
    shape.run(2)
    log.info("made %s", shape.label)
    base.helper("x").upper()
    (lambda x: x)(kind)
    return shape
