"""Runs programs and prints the calls that each made, of its functions and of builtins: a line of JSON for each program.

``python call_tracer.py <folder> …`` runs the ``main.py`` of each. Names are those of ``call_graph``. Code of generators
and coroutines is left out: it runs when it is resumed, not where it is called.
"""

import importlib
import inspect
import json
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FrameType

_LEFT_OUT = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_COMPREHENSIONS = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})


class Tracer:
    """Collects edges; ``root`` is the program's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.edges: set[tuple[str, str]] = set()
        self.names: dict[int, str | None] = {}  # by identity: code of two files may be equal
        self.codes: list[CodeType] = []

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            self._called(frame)
        elif event == "c_call" and isinstance(argument, BuiltinFunctionType):
            caller = self._caller(frame)
            callee = _builtin(argument)
            if caller and callee:
                self.edges.add((caller, callee))

    def _called(self, frame: FrameType) -> None:
        code = frame.f_code
        is_body = code.co_flags & inspect.CO_NEWLOCALS == 0 or "__qualname__" in code.co_names[:3]
        if code.co_name in _COMPREHENSIONS or code.co_flags & _LEFT_OUT or is_body:
            self._name(frame)
            return
        callee, caller = self._name(frame), self._caller(frame.f_back)
        if callee and caller:
            self.edges.add((caller, callee))

    def _caller(self, frame: FrameType | None) -> str | None:
        while frame is not None and frame.f_code.co_name in _COMPREHENSIONS:
            frame = frame.f_back
        return self._name(frame) if frame is not None else None

    def _name(self, frame: FrameType) -> str | None:
        code = frame.f_code
        if id(code) not in self.names:
            known = [(code, None)]  # seen: code of the program is named with its module's
            path = Path(code.co_filename)
            if code.co_name == "<module>" and path.is_relative_to(self.root):
                known = list(_names(code, self._module(path)))
            self.codes += [found for found, _ in known]
            self.names.update((id(found), name) for found, name in known)
        return self.names[id(code)]

    def _module(self, path: Path) -> str:
        parts = path.relative_to(self.root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _names(code: CodeType, name: str, owner: "list[int] | None" = None) -> Iterator[tuple[CodeType, str]]:
    """The names of a code object and of all inside it; lambdas are counted within a function or module."""
    yield code, name
    is_class = "__qualname__" in code.co_names[:3]
    count = owner if owner is not None and (is_class or code.co_name in _COMPREHENSIONS) else [0]
    for inner in code.co_consts:
        if not isinstance(inner, CodeType):
            continue
        if inner.co_name in _COMPREHENSIONS:
            yield from _names(inner, name, count)
        elif inner.co_name == "<lambda>":
            count[0] += 1
            yield from _names(inner, f"{name}.<lambda{count[0]}>")
        else:
            yield from _names(inner, f"{name}.{inner.co_name}", count)


def _builtin(function: BuiltinFunctionType) -> str | None:
    holder = getattr(function, "__self__", None)
    if inspect.ismodule(holder):
        is_called = holder.__name__ == "builtins" and function.__name__ != "__build_class__"
        return f"builtins.{function.__name__}" if is_called else None
    if isinstance(holder, str | list | dict):
        return f"builtins.{type(holder).__name__}.{function.__name__}"
    return None


def trace(root: Path) -> dict[str, object]:
    """The edges of the program in a folder, and what of it is resumed rather than called; none of its modules stays."""
    sys.path[0] = str(root)
    before = set(sys.modules)
    tracer = Tracer(root)
    sys.setprofile(tracer)
    try:
        runpy.run_path(str(root / "main.py"), run_name="main")
    finally:
        sys.setprofile(None)
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(root)):
            del sys.modules[name]
    importlib.invalidate_caches()
    resumed = sorted(name for code in tracer.codes if (name := tracer.names[id(code)]) and code.co_flags & _LEFT_OUT)
    return {"edges": sorted(tracer.edges), "resumed": resumed}


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    answers = sys.stdout
    sys.stdout = sys.stderr
    for folder in sys.argv[1:]:
        answers.write(f"{json.dumps(trace(Path(folder).resolve()))}\n")
