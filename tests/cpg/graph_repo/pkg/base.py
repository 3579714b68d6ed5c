"""A base class, and what it calls."""

import json
from os.path import join


LIMIT: int = 3
Name = str


def helper(value: "str", *rest, flag=False) -> str:
    if flag:
        return value.strip()
    for item in rest:
        value = value + item
    return value


class Base:
    LIMIT = LIMIT

    def run(self, steps):
        try:
            result = self.step(steps)
        except ValueError as error:
            print(error)
            raise
        finally:
            del steps
        return result

    def step(self, count):
        return helper("a", "b", flag=count > 1)

    @property
    def label(self):
        return "-".join([str(self.step(1)), join("a", "b")])

    @staticmethod
    def load(text):
        return json.loads(text)


def outer(size):
    total = 0

    def inner(more):
        nonlocal total
        total += more
        return [total + size for _ in range(more)]

    while True:
        inner(size)


def halved(size):
    rest = size
    while rest > 1:
        rest = rest // 2
    return rest
