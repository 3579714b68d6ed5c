"""What happens to an order: async code, generators, context managers, exceptions, pattern matching."""

import asyncio
import contextlib
from . import models, pricing as p
from .storage.files import Store, load as restore


class OrderError(Exception):
    pass


@contextlib.contextmanager
def opened(order):
    try:
        yield order
    except (KeyError, OrderError) as error:
        print("failed:", error)
        raise
    else:
        print("done")
    finally:
        order.clear()


async def deliver(orders, *, limit: int = 3):
    queue = asyncio.Queue(limit)
    async with asyncio.timeout(1), queue as _, Store() as (store, *others):
        async for order in orders:
            await queue.put(order)
        names = [line.item.name async for line in stream(queue) if await ready(line)]
    return names, others


async def stream(queue):
    while (order := await queue.get()) is not None:
        if not order:
            continue
        for line in order:
            yield line
    else:
        return


async def ready(line):
    return line.count > 0


def describe(event):
    match event:
        case {"kind": "order", "lines": [first, *rest], **more} if rest:
            return first, rest, more
        case models.Item(name=str() as name, cents=0 | 1 as cents):
            return f"{name} is nearly free", cents
        case p.Scale():
            return p.Scale.biggest
        case ("paid" | b"paid", -1 | 2.5 | 1j, None | True, *_):
            return "paid"
        case [models.Colour.RED, _] as pair:
            return pair
        case other:
            return repr(other)


def run(tasks):
    results = []
    try:
        results = [task() for task in tasks]
    except* ValueError as group:
        results.extend(group.exceptions)
    except* (TypeError, OrderError):
        pass
    with opened(results) as current, (contextlib.suppress(OSError)):
        assert current, "nothing to do"
        current[0], current[-1:] = current[-1], []
        del current[::2]
    return restore(results)
