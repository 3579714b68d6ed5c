"""Runs pytest under a profile hook and writes the calls that a package's code made.

``python profile_calls.py OUT PACKAGE_FOLDER [pytest arguments …]`` writes JSON: ``seen`` has rows of a call (file, line
and column of its end), a callee (file, first line, name) and how often; ``ran`` has rows of a call and how often it ran
anything at all. Columns count bytes. A callee that a library's function calls belongs to the package's call of that
library. Code that is resumed (generators, coroutines) and bodies of classes, modules and comprehensions are left out.
Needs Python 3.11 or later, and nothing but pytest.
"""

import inspect
import json
import os
import sys
import threading
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType

import pytest

FARTHEST = 3  # frames of libraries between a call and what it leads to
_RESUMED = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Profile:
    """Counts calls; ``root`` is the package's folder."""

    def __init__(self, root: Path) -> None:
        self.root = f"{root}{os.sep}"
        self.files: dict[int, str | None] = {}  # by the identity of a code object, which ``codes`` keeps alive
        self.codes: list[CodeType] = []
        self.seen: Counter[tuple[int, int, int]] = Counter()  # caller's code, instruction, callee's code
        self.ran: Counter[tuple[int, int]] = Counter()

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """The profile hook."""
        if event == "c_call" and self._is_own(frame.f_code):
            self.ran[id(frame.f_code), frame.f_lasti] += 1
        elif event == "call" and frame.f_back is not None:
            self._called(frame.f_code, frame.f_back)

    def _called(self, callee: CodeType, caller: FrameType) -> None:
        if self._is_own(caller.f_code):
            self.ran[id(caller.f_code), caller.f_lasti] += 1
        if not self._is_own(callee) or callee.co_flags & _RESUMED or not callee.co_flags & inspect.CO_NEWLOCALS:
            return
        frame: FrameType | None = caller
        for _ in range(FARTHEST):
            if frame is None:
                return
            if self._is_own(frame.f_code):
                self.seen[id(frame.f_code), frame.f_lasti, id(callee)] += 1
                return
            frame = frame.f_back

    def _is_own(self, code: CodeType) -> bool:
        if id(code) not in self.files:
            path = os.path.realpath(code.co_filename)
            own = path.startswith(self.root) and f"{os.sep}tests{os.sep}" not in path
            self.files[id(code)] = path if own else None
            self.codes.append(code)
        return self.files[id(code)] is not None

    def rows(self) -> dict[str, list[list[object]]]:
        """The calls in the form that the module describes."""
        by_id = {id(code): code for code in self.codes}
        ends = {key: _end(by_id[key[0]], key[1]) for key in {*self.ran, *((a, b) for a, b, _ in self.seen)}}

        def place(code: int, instruction: int) -> list[object] | None:
            end = ends[code, instruction]
            return [self.files[code], *end] if end else None

        seen = [
            [*at, self.files[callee], by_id[callee].co_firstlineno, by_id[callee].co_name, count]
            for (caller, instruction, callee), count in self.seen.items()
            if (at := place(caller, instruction))
        ]
        ran = [[*at, count] for (code, instruction), count in self.ran.items() if (at := place(code, instruction))]
        return {"seen": seen, "ran": ran}


def _end(code: CodeType, instruction: int) -> tuple[int, int] | None:
    """The line and column where the expression of an instruction ends; None where the compiler does not say."""
    for number, (_, line, _, column) in enumerate(code.co_positions()):
        if number * 2 == instruction:
            return (line, column) if line is not None and column is not None else None
    return None


def main() -> int:
    """Run the tests; the exit code is pytest's."""
    out, root, *arguments = sys.argv[1:]
    profile = Profile(Path(root).resolve())
    sys.path.insert(0, str(Path.cwd()))
    sys.setprofile(profile)
    threading.setprofile(profile)
    try:
        return int(pytest.main(arguments))
    finally:
        sys.setprofile(None)
        Path(out).write_text(json.dumps(profile.rows()), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
