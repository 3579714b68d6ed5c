"""A program that takes every kind of step, and the steps that the interpreter takes in it, by instruction."""

import inspect
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

EXERCISED = """
import asyncio, contextlib

def loops(n):
    total = 0
    for i in range(n):
        if i == 1: continue
        if i > 5: break
        total += i if i % 2 else -i
    else:
        total = -1
    while total > 3 and n or total < -100: total -= 1
    return total, [x for x in range(n) if x], {x: y for x, y in zip("ab", "cd")}, None if n is None else n

def fails(kind):
    try:
        try:
            if kind: raise kind("no")
        except ValueError as error:
            return str(error)
        except (KeyError, TypeError):
            raise OSError from None
        else:
            return "fine"
        finally:
            kind = None
    except OSError:
        return "os"

@contextlib.contextmanager
def managed(swallow):
    try:
        yield 1
    except LookupError:
        if not swallow: raise

def contexts(swallow):
    with managed(swallow) as one, managed(True):
        if swallow: raise KeyError(one)
    return swallow

def generated(n):
    got = yield from (x for x in range(n))
    try:
        while True: got = yield got
    except GeneratorExit:
        pass

def matched(value):
    match value:
        case [1, *rest] if rest: return rest
        case {"a": x} | [x]: return x
        case str() | None: return "s"
        case _: assert value, "never"

async def ticks():
    for i in range(3):
        await asyncio.sleep(0)
        yield i

async def gathered():
    found = [i async for i in ticks() if i]
    async for i in ticks():
        if i: break
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(int)
    return found

class Held:
    values = [lambda: n for n in range(2)]
    def __getattr__(self, name): return super().__init__() or name

def groups():
    try:
        raise ExceptionGroup("g", [ValueError(1), TypeError(2)])
    except* ValueError as caught:
        first = caught
    except* TypeError:
        first = None
    return first

def main():
    loops(2), loops(9), loops(0), loops(3)
    for kind in (None, ValueError, KeyError, TypeError): fails(kind)
    contexts(True), contexts(False)
    steps = generated(2); next(steps), next(steps), next(steps), steps.send(4), steps.close()
    for value in ([1, 2], [3], {"a": 1}, "x", None, 7): matched(value)
    asyncio.run(gathered())
    Held().x, Held.values[0]()
    try: groups()
    except Exception: pass

main()
"""
Unit = tuple[str, int]


def steps_taken(path: Path) -> Iterator[tuple[Unit, int, int]]:
    """Run the file: (unit's qualified path and first line, offset of an instruction, offset of the one after it)."""
    found: set[tuple[Unit, int, int]] = set()
    last: dict[FrameType, int] = {}

    def follow(frame, event, _argument):
        if frame.f_code.co_filename != str(path):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            unit = (frame.f_code.co_qualname, frame.f_code.co_firstlineno)
            if frame in last:
                found.add((unit, last[frame], frame.f_lasti))
            last[frame] = frame.f_lasti
        return follow

    before, here = sys.gettrace(), inspect.currentframe()
    here.f_trace_opcodes = True  # in 3.12 asked for before tracing begins, or not at all
    sys.settrace(follow)
    try:
        runpy.run_path(str(path))
    finally:
        sys.settrace(before)
    return iter(sorted(found))
