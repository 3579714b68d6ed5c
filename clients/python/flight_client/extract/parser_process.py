"""Run by another interpreter: parses source texts, with its standard library alone.

Each line of the input is a source text as a JSON string, each line of the output its syntax tree or its error. A node
is an object with its fields and positions, and its class under ``class``. A literal that JSON lacks is an object with
its type and a text. ``other_parser`` is the other end.
"""

import ast
import json
import sys
import threading

STACK_BYTES = 256 << 20
DEPTH = 10_000
POSITION = ("lineno", "col_offset", "end_lineno", "end_col_offset")


def encoded(value: object) -> object:
    """A node, a list of nodes or a field's value, for JSON."""
    if isinstance(value, ast.AST):
        names = [name for name in (*value._fields, *POSITION) if hasattr(value, name)]
        return {"class": type(value).__name__, **{name: encoded(getattr(value, name)) for name in names}}
    if isinstance(value, list):
        return [encoded(item) for item in value]
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        return {"type": "int", "text": hex(value)}
    if isinstance(value, bytes):
        return {"type": "bytes", "text": value.hex()}
    return {"type": type(value).__name__, "text": repr(value)}


def answer(text: str) -> str:
    """The line for a source text: ``tree``, or ``error`` with its class, message, lines and columns."""
    try:
        return json.dumps({"tree": encoded(ast.parse(text))})
    except SyntaxError as error:
        where = [error.lineno, error.offset, error.end_lineno, error.end_offset]
        return json.dumps({"error": [type(error).__name__, error.msg, *where]})
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:  # a hostile text
        return json.dumps({"error": [type(error).__name__, str(error)]})


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        sys.stdout.write(answer(json.loads(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.setrecursionlimit(DEPTH)
    threading.stack_size(STACK_BYTES)
    thread = threading.Thread(target=main)
    thread.start()
    thread.join()
