"""Parsing by another interpreter, for syntax that the running one does not know.

The other interpreter is a process that only parses (``parser_process``); it needs no packages. The walk runs here, over
the same node classes, so that rows don't depend on the interpreter that has parsed the file.
"""

import ast
import contextlib
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from types import EllipsisType, MappingProxyType, TracebackType
from typing import Self

from arrowdsl.errors import DataError
from flight_client.extract.syntax_tree import node_class

OLDEST = (3, 8)  # the first whose syntax trees say where nodes end

_PROCESS = Path(__file__).with_name("parser_process.py")
_VERSION = "import sys; print(*sys.version_info[:2])"
_VERSION_SECONDS = 20
_LITERALS: Mapping[str, Callable[[str], int | float | complex | bytes | EllipsisType]] = MappingProxyType(
    {
        "int": lambda text: int(text, 16),
        "float": float,
        "complex": complex,
        "bytes": bytes.fromhex,
        "ellipsis": lambda _: ...,
    }
)
_ERRORS: Mapping[str, type[Exception]] = MappingProxyType(
    {found.__name__: found for found in (RecursionError, MemoryError, OverflowError, IndentationError, TabError)}
)


class BadPythonError(DataError):
    """An interpreter that can't be run, or that is too old."""

    code = "bad_python"


class ParserDiedError(ValueError):
    """The other interpreter ended while it parsed a file."""


def version_of(python: str) -> tuple[int, int]:
    """The version of an interpreter, by running it; raises BadPythonError (``bad_python``)."""
    try:
        ended = subprocess.run(
            [python, "-I", "-c", _VERSION], capture_output=True, timeout=_VERSION_SECONDS, check=True
        )
        major, minor = map(int, ended.stdout.split())
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise BadPythonError(f"{python} does not run as a Python interpreter: {error}") from None
    if (major, minor) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise BadPythonError(f"{python} is Python {major}.{minor}; allowed: Python {oldest} or newer")
    return major, minor


class OtherParser:
    """Another interpreter that parses; its process starts with the first text, and ends with the ``with`` block."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        self._end()

    def parse(self, text: str) -> ast.Module:
        """The syntax tree of a source text; raises the errors of ``ast.parse``, and ParserDiedError."""
        if self._process is None:
            command = [self._python, "-I", "-c", _PROCESS.read_text(encoding="utf-8")]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="ascii", start_new_session=True
            )
        answer = self._answer(self._process, text)
        if not answer:
            self._end()
            raise ParserDiedError(f"{self._python} ended while it parsed this text")
        found = json.loads(answer, object_hook=_node)
        if "error" in found:
            raise _error(*found["error"])
        tree: ast.Module = found["tree"]
        return tree

    @staticmethod
    def _answer(process: "subprocess.Popen[str]", text: str) -> str:
        """The line that the process answers; empty if it has ended."""
        if process.stdin is None or process.stdout is None:
            return ""
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(text) + "\n")
            process.stdin.flush()
        return process.stdout.readline()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(BrokenPipeError):
                process.communicate()


def _node(found: dict[str, object]) -> object:
    """A node from its object, or a literal; any other object as it is."""
    match found:
        case {"class": str(name)}:
            kind = node_class(name)
            node = kind.__new__(kind)
            vars(node).update(found)
            return node
        case {"type": str(name), "text": str(text)}:
            return _LITERALS[name](text)
        case _:
            return found


def _error(kind: str, message: str, *where: int | None) -> Exception:
    error = _ERRORS.get(kind, SyntaxError if where else ValueError)
    if not where or where[0] is None:
        return error(message)
    line, column, end, end_column = where
    return error(message, ("<unknown>", line, column, None, end, end_column))
