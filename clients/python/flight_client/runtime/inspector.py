"""Runs in the inspected interpreter, one process for each module: imports the module and describes its objects.

This file is passed to that interpreter as text, and needs only its standard library (Python 3.11 or newer). The module
may interfere, by accident or on purpose. So attributes are read without running the object's code, calls that must run
code of the module (``__repr__``, signatures) may raise anything, and texts and rows are bounded. The parent limits the
time.

The answer is one JSON object: ``error`` (null if the module could be imported), ``note`` (the parts left out), and
``tables``: rows by table, each a list of values in the order of the table's contract.
"""

import ast
import functools
import importlib
import inspect
import json
import os
import platform
import re
import reprlib
import resource
import sys
import types
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

TABLES = ("rt_objects", "rt_signatures", "rt_signature_params", "rt_members")
TEXT_CHARACTERS, SIGNATURE_CHARACTERS = 200, 2000
ROWS = 100_000

_KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("module", (types.ModuleType,)),
    ("class", (type,)),
    ("function", (types.FunctionType, type(functools.lru_cache(len)))),
    ("builtin", (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)),
    ("staticmethod", (staticmethod,)),
    ("classmethod", (classmethod, types.ClassMethodDescriptorType)),
    ("property", (property, functools.cached_property)),
    ("descriptor", (types.GetSetDescriptorType, types.MemberDescriptorType)),
)
_FLAGS = (
    (inspect.CO_COROUTINE, "coroutine_function"),
    (inspect.CO_ASYNC_GENERATOR, "async_generator_function"),
    (inspect.CO_GENERATOR, "generator_function"),
)
_WRAPPED = ("__func__", "fget", "func")  # the function in a staticmethod, a property, a cached property
# Names that the import system and the class statement set; some of their values differ between machines.
_IMPLIED = re.compile(
    "__(builtins|cached|dict|doc|file|firstlineno|loader|module|name|package|path|qualname|spec|static_attributes"
    "|weakref)__"
)
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")


class Shown(str):
    """A text that stands for a value in a signature: its ``repr`` is itself."""

    __slots__ = ()
    __repr__ = str.__str__


class Caught:
    """Catches any exception in its block, also those that end a process."""

    error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        self.error = error
        return True


def attribute(value: object, name: str) -> object:
    """An attribute, read without the object's own ``__getattr__``; None if it can't be read."""
    with suppress(BaseException):
        found: object = object.__getattribute__(value, name)
        return found
    return None


def text_attribute(value: object, name: str) -> str | None:
    """An attribute that is a string; None for any other."""
    found = attribute(value, name)
    return found if type(found) is str else None


def dotted(value: object) -> str:
    """The dotted name of a class: its module and qualified name."""
    return f"{text_attribute(value, '__module__')}.{text_attribute(value, '__qualname__')}"


def bounded(make: Callable[[], object], characters: int = TEXT_CHARACTERS) -> str | None:
    """The start of a text that foreign code may compute, without addresses; None if that code raises."""
    with suppress(BaseException):
        return _ADDRESS.sub("0x…", str(make()))[:characters]
    return None


def error_line(error: BaseException) -> str:
    """An exception in one line."""
    return f"{type(error).__name__}: {bounded(lambda: error) or 'no message'}"


def shown(value: object) -> str | None:
    """The start of a value's ``repr``, with a few items of a container; equal in every process."""
    limits = reprlib.Repr()
    limits.maxstring = limits.maxother = limits.maxlong = TEXT_CHARACTERS
    return bounded(lambda: limits.repr(value))


def annotation_text(annotation: object) -> str | None:
    """The text of an annotation; None if there is none, or if computing it raises."""
    if annotation is inspect.Signature.empty:
        return None
    return bounded(lambda: annotation if type(annotation) is str else inspect.formatannotation(annotation))


def param_texts(param: inspect.Parameter) -> tuple[str | None, str | None]:
    """The texts of a parameter's default and annotation; None if there is none."""
    has_default = param.default is not inspect.Parameter.empty
    return (shown(param.default) or "…") if has_default else None, annotation_text(param.annotation)


def _stand_in(text: str | None) -> object:
    return inspect.Parameter.empty if text is None else Shown(text)


def kind_of(value: object) -> str:
    """The kind of an object, by its type alone, since its ``__class__`` may be wrong."""
    kind = next((name for name, of in _KINDS if issubclass(type(value), of)), "data")
    if kind == "function" and isinstance(code := attribute(value, "__code__"), types.CodeType):
        return next((name for flag, name in _FLAGS if code.co_flags & flag), kind)
    return kind


def unwrapped(value: object) -> object:
    """The function in a staticmethod, classmethod or property; any other object itself."""
    if kind_of(value) in {"staticmethod", "classmethod", "property"}:
        inner = (attribute(value, name) for name in _WRAPPED)
        return next((found for found in inner if found is not None), value)
    return value


class Inspection:
    """The rows of one module, whose source may be under the folder ``root``."""

    def __init__(self, module: str, root: str) -> None:
        self.module = module
        self.root = Path(root).resolve()
        self.tables: dict[str, list[list[object]]] = {table: [] for table in TABLES}
        self.rows = 0
        self.error: BaseException | None = None  # the first error that left an object without rows
        self.ids: dict[int, tuple[str, object]] = {}  # by id(); holding the object prevents that its id() is reused
        self.ordinals: Counter[str] = Counter()
        self.waiting: deque[object] = deque()

    def add(self, module: object) -> None:
        """Add the rows of the module, and of the objects that were defined in it."""
        self.ids[id(module)] = (f"rt:{self.module}", module)
        self.waiting.append(module)
        while self.waiting:
            with Caught() as inspecting:
                self._object(self.waiting.popleft())
            self.error = self.error or inspecting.error

    def _add(self, table: str, *row: object) -> None:
        if self.rows < ROWS:
            self.tables[table].append(list(row))
        self.rows += 1

    def _object(self, value: object) -> None:
        rt_id, _ = self.ids[id(value)]
        kind = kind_of(value)
        qualname = None if kind == "module" else text_attribute(value, "__qualname__")
        name = self.module if qualname is None else qualname.rpartition(".")[2]
        meta = [("python", platform.python_version())] if kind == "module" else []
        bases = attribute(value, "__bases__")
        if kind == "class" and isinstance(bases, tuple):
            meta.append(("bases", ", ".join(map(dotted, bases))))
        self._add("rt_objects", rt_id, self.module, qualname, name, kind, *self._place(value, qualname), meta)
        namespace = attribute(value, "__dict__")
        if kind in {"module", "class"} and isinstance(namespace, dict | types.MappingProxyType):
            for key, member in dict(namespace).items():
                if type(key) is str and not _IMPLIED.fullmatch(key):
                    self._member(rt_id, key, member)
        if kind != "module" and callable(value):
            with suppress(BaseException):  # it has no signature, or an unknown one
                self._signature(rt_id, inspect.signature(value))

    def _member(self, rt_id: str, name: str, member: object) -> None:
        inner, kind = unwrapped(member), kind_of(member)
        module, qualname = text_attribute(inner, "__module__"), text_attribute(inner, "__qualname__")
        if kind == "module":
            module = text_attribute(inner, "__name__")
        elif qualname is None:
            module = None
        value = f"<module {module!r}>" if kind == "module" else shown(member)  # without its folder
        self._add("rt_members", f"{rt_id}/member:{name}", rt_id, name, kind, value, module, qualname)
        if module == self.module and qualname is not None and kind_of(inner) not in {"data", "descriptor", "module"}:
            self._define(inner, qualname)

    def _define(self, value: object, qualname: str) -> None:
        """Queue an object once; objects with the same qualified name are numbered in the order of discovery."""
        if id(value) not in self.ids:
            self.ordinals[qualname] += 1
            self.ids[id(value)] = (f"rt:{self.module}:{qualname}#{self.ordinals[qualname]}", value)
            self.waiting.append(value)

    def _signature(self, rt_id: str, signature: inspect.Signature) -> None:
        sig_id, returned = f"{rt_id}/sig", annotation_text(signature.return_annotation)
        params = [(param, *param_texts(param)) for param in signature.parameters.values()]
        replaced = [
            param.replace(default=_stand_in(default), annotation=_stand_in(annotation))
            for param, default, annotation in params
        ]
        plain = inspect.Signature(replaced, return_annotation=_stand_in(returned))
        self._add("rt_signatures", sig_id, rt_id, bounded(lambda: plain, SIGNATURE_CHARACTERS), returned)
        for position, (param, default, annotation) in enumerate(params):
            row = (sig_id, param.name, param.kind.name.lower(), default, annotation, position)
            self._add("rt_signature_params", f"{sig_id}/param:{position}", *row)

    def _place(self, value: object, qualname: str | None) -> tuple[str | None, int | None]:
        """The file of the definition (relative to the root if it is inside), and its line."""
        with suppress(BaseException):
            if issubclass(type(value), types.ModuleType):
                return self._path(text_attribute(value, "__file__")), None
            if issubclass(type(value), type):
                file = text_attribute(sys.modules[self.module], "__file__")
                return self._path(file), None if file is None else class_lines(file).get(str(qualname))
            code = attribute(inspect.unwrap(value), "__code__") if callable(value) else None
            if isinstance(code, types.CodeType):
                return self._path(code.co_filename), code.co_firstlineno
        return None, None

    def _path(self, file: str | None) -> str | None:
        if file is None or file.startswith("<"):
            return file
        path = Path(file).resolve()
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


@functools.cache
def class_lines(file: str) -> dict[str, int]:
    """The first line of each class in a file, by qualified name; as for functions, decorators count."""
    lines = {}
    pending: list[tuple[ast.AST, str]] = [(ast.parse(Path(file).read_bytes()), "")]
    while pending:
        node, prefix = pending.pop()
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.ClassDef(name=name):
                    lines[prefix + name] = min([child.lineno, *(each.lineno for each in child.decorator_list)])
                    pending.append((child, f"{prefix}{name}."))
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    pending.append((child, f"{prefix}{name}.<locals>."))
                case ast.stmt() | ast.ExceptHandler() | ast.match_case():
                    pending.append((child, prefix))
    return lines


def answer(module: str, root: str) -> dict[str, object]:
    """Import the module and inspect it; returns the answer."""
    inspection = Inspection(module, root)
    found: object = None
    with Caught() as importing:
        found = importlib.import_module(module)
    if importing.error is not None:
        return {"error": error_line(importing.error), "note": None, "tables": {}}
    inspection.add(found)
    note = None if inspection.error is None else f"inspected in part: {error_line(inspection.error)}"
    if inspection.rows > ROWS:
        note = f"{inspection.rows} rows found, the first {ROWS} are in the tables"
    return {"error": None, "note": note, "tables": inspection.tables}


def main() -> None:
    """Write the answer. Arguments: the answer's file, the module, the repo's root, and the folders to import from."""
    result, module, root, *folders = sys.argv[1:]
    sys.argv[:] = [module]
    sys.path[:0] = folders
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves nothing behind
    process, process_id, leave, encode = os.getpid(), os.getpid, os._exit, json.JSONEncoder(ensure_ascii=False).encode
    with Path(result).open("w", encoding="utf-8", errors="replace") as file:  # UTF-8 can't encode lone surrogates
        text = encode(answer(module, root))
        if process_id() == process:  # otherwise the module has forked, and this is the child process
            file.write(text)
            file.flush()
        leave(0)  # threads and exit handlers of the module could keep the process alive


if __name__ == "__main__":
    main()
