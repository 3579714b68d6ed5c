"""What runs is a path: random programs are executed, and every step that they take is one that their graph has.

Each call ``t(n)`` notes its number and then raises, or gives a value with which a condition holds or not, a loop runs
so many times, a ``with`` swallows exceptions or not. Between two calls only silent points may stand.
"""

import re
from collections import defaultdict
from itertools import pairwise
from types import CodeType, FunctionType

from extract_control_flow import flow_of, owners_of
from hypothesis import given, settings
from hypothesis import strategies as st

STEPS = 60
CALL = re.compile(r"(?:return |raise )?t\((\d+)\)")


class OneError(Exception):
    pass


class OtherError(Exception):
    pass


class OutOfStepsError(BaseException):
    pass


class Value:
    """Whatever the place needs: a condition, an iterable, a context manager, an exception."""

    error = OneError

    def __init__(self, run):
        self.run = run
        self.number = run.random.randrange(3)

    def __bool__(self):
        return self.number > 0

    def __iter__(self):
        return iter(range(self.number))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return self.number > 0 and len(self.run.steps) < STEPS


class Run:
    def __init__(self, random):
        self.random = random
        self.steps = []

    def __call__(self, number):
        self.steps.append(number)
        if len(self.steps) > STEPS:
            raise OutOfStepsError
        if self.random.random() < 0.2:
            raise self.random.choice([OneError, OtherError])
        return Value(self)


class Program:
    """Writes the body of a function; a loop that goes on calls ``t`` first, so that it ends when the steps are up."""

    def __init__(self, random):
        self.random = random
        self.calls = 0
        self.lines = ["def f(t):"]
        self.block(1, 4, loop=False, jumps=True)

    def call(self):
        self.calls += 1
        return f"t({self.calls})"

    def condition(self):
        operator = self.random.choice([" and ", " or ", None, None])
        return f"{self.call()}{operator}{self.call()}" if operator else self.call()

    def write(self, depth, line):
        self.lines.append("  " * depth + line)

    def block(self, depth, left, *, loop, jumps):
        self.write(depth, self.call())
        for _ in range(self.random.randint(0, 2)):
            kinds = ["call"] + ["return", "raise"] * jumps + ["break", "continue"] * (loop and jumps)
            kinds += ["if", "while", "for", "try", "with", "match", "star"] * (2 * (left > 0))
            getattr(self, f"write_{self.random.choice(kinds)}")(depth, left - 1, loop=loop, jumps=jumps)

    def write_call(self, depth, *_, **__):
        self.write(depth, self.call())

    def write_return(self, depth, *_, **__):
        self.write(depth, f"return {self.call()}")

    def write_raise(self, depth, *_, **__):
        self.write(depth, f"raise {self.call()}.error")

    def write_break(self, depth, *_, **__):
        self.write(depth, "break")

    def write_continue(self, depth, *_, **__):
        self.write(depth, self.call())
        self.write(depth, "continue")

    def clause(self, head, depth, left, *, loop, jumps, chance=1.0):
        if self.random.random() < chance:
            self.write(depth, head)
            self.block(depth + 1, left, loop=loop, jumps=jumps)

    def write_if(self, depth, left, **where):
        self.clause(f"if {self.condition()}:", depth, left, **where)
        self.clause(f"elif {self.condition()}:", depth, left, **where, chance=0.4)
        self.clause("else:", depth, left, **where, chance=0.4)

    def write_while(self, depth, left, *, loop, jumps):
        head = self.random.choice(["True", self.condition()])
        self.clause(f"while {head}:", depth, left, loop=True, jumps=jumps)
        self.clause("else:", depth, left, loop=loop, jumps=jumps, chance=0.3)

    def write_for(self, depth, left, *, loop, jumps):
        self.clause(f"for x in {self.call()}:", depth, left, loop=True, jumps=jumps)
        self.clause("else:", depth, left, loop=loop, jumps=jumps, chance=0.3)

    def write_with(self, depth, left, **where):
        items = ", ".join(self.call() for _ in range(self.random.randint(1, 2)))
        self.clause(f"with {items}:", depth, left, **where)

    def write_match(self, depth, left, **where):
        self.write(depth, f"match {self.call()}.number:")
        for case in ("0", f"1 if {self.call()}", self.random.choice(["2", "_"])):
            self.clause(f"case {case}:", depth + 1, left, **where)

    def write_try(self, depth, left, **where):
        heads = [
            head for head in ("except OneError as e:", "except OtherError:", "except:") if self.random.random() < 0.5
        ]
        self.clause("try:", depth, left, **where)
        for head in heads:
            self.clause(head, depth, left, **where)
        if heads:
            self.clause("else:", depth, left, **where, chance=0.4)
        self.clause("finally:", depth, left, **where, chance=0.4 if heads else 1.0)

    def write_star(self, depth, left, **where):
        self.clause("try:", depth, left, **where)
        self.clause("except* OneError:", depth, left, loop=False, jumps=False)
        self.clause("except* OtherError as e:", depth, left, loop=False, jumps=False, chance=0.5)
        self.clause("else:", depth, left, **where, chance=0.3)


class Paths:
    """Which calls may follow which, by the graph."""

    def __init__(self, data):
        _, _, flow = flow_of(data)
        self.points = {}
        self.exit = None
        self.onward = defaultdict(list)
        for source, target, _ in flow.flow:
            self.onward[source].append(target)
        for point_id, _, kind, _, start, end in owners_of(flow)["f#1"]:
            call = CALL.match(data[start:end].decode()) if kind in ("stmt", "test") else None
            if call:
                self.points[int(call[1])] = point_id
            elif kind == "exit":
                self.exit = point_id
        self.calls = {point_id: number for number, point_id in self.points.items()}

    def next_points(self, point_id):
        seen, work = set(), [point_id]
        while work:
            for target in self.onward[work.pop()]:
                if target not in seen:
                    seen.add(target)
                    work += [target] if target not in self.calls else []
        return seen


def function_of(source):
    module = compile(source, "program", "exec")
    (code,) = (constant for constant in module.co_consts if isinstance(constant, CodeType))
    return FunctionType(code, {"OneError": OneError, "OtherError": OtherError})


@settings(max_examples=400, deadline=None)
@given(st.randoms(use_true_random=True))
def test_what_runs_is_a_path(random):
    source = "\n".join(Program(random).lines)
    function, paths = function_of(source), Paths(source.encode())
    for _ in range(8):
        run = Run(random)
        try:
            function(run)
            ended = True
        except (OneError, OtherError, OutOfStepsError, BaseExceptionGroup):
            ended = False
        assert run.steps[0] == 1
        for step, following in pairwise(run.steps):
            assert paths.points[following] in paths.next_points(paths.points[step]), (step, following, source)
        if ended:
            assert paths.exit in paths.next_points(paths.points[run.steps[-1]]), (run.steps[-1], source)
