"""What it costs: closures, comprehensions, lambdas, global and nonlocal names."""

import functools
import math as maths, operator

RATES = {"EUR": 1.0, "USD": 1.1}
calls = 0


def total(cart, *, currency="EUR"):
    global calls
    calls += 1
    prices = (line.item.price * line.count for line in cart)
    return round(sum(prices) * RATES[currency], 2)


def discount(percent: "float | int"):
    """A function that takes a percentage off, and counts how often it did."""
    used = 0

    def apply(price):
        nonlocal used
        used += 1
        return price * (1 - percent / 100)

    def count():
        return used

    apply.count = count
    return apply


def cheapest(lines, /, n=1, *rest, key=operator.attrgetter("item.cents"), **options):
    chosen = sorted((*lines, *rest), key=key)[:n]
    return {line.item.name: line for line in chosen if line.count}, options


@functools.lru_cache(maxsize=None)
def factors(n):
    return [d for d in range(1, maths.isqrt(n) + 1) if not n % d and (q := n // d) >= d], q


def table(rows):
    widths = [max(len(str(cell)) for cell in column) for column in zip(*rows)]
    pairs = {(a, b) for a in widths for b in widths if a < b}
    compose = lambda *functions: functools.reduce(lambda f, g: lambda x: g(f(x)), functions)
    return compose(str.strip, str.upper, lambda text: text * len(pairs))


class Scale:
    step = 5
    steps = [step * n for n in range(step)]
    biggest = max(steps)

    def __call__(self, value=step):
        return functools.partial(round, value / self.step)()
