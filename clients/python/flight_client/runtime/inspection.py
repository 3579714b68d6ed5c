"""Imports and describes modules of a folder, each in a separate process and for a limited time.

This runs the code of the modules, and of the modules that they import. The separate process protects this interpreter
and the other modules from side effects of that code; it is not a sandbox.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import pyarrow as pa

from arrowdsl.schema.schema import SchemaMetadataSpec
from flight_client.client import Client
from flight_client.contracts.raw import RAW_TABLES
from flight_client.extract import EXTRACTOR_VERSION, SourceFile, scan
from flight_client.extract.source_text import printable
from flight_client.runtime.inspector import TABLES
from flight_client.tickets import whole_number

SECONDS = 30.0
ANSWER_BYTES = 256 << 20
USAGE_ERROR = 2  # an older interpreter does not know the option -P

SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        name: SchemaMetadataSpec(schema_metadata={"extractor_version": EXTRACTOR_VERSION}).apply(
            RAW_TABLES[name].schema
        )
        for name in TABLES
    }
)
_INSPECTOR = Path(__file__).with_name("inspector.py")


@dataclass(frozen=True)
class Inspected:
    """The ``rt_*`` tables (columns: ``flight_client.contracts.raw``), and the problems by module.

    A module in ``errors`` could not be imported or did not answer, and has no rows; a module in ``notes`` lacks some.
    """

    tables: Mapping[str, pa.Table]
    errors: Mapping[str, str]
    notes: Mapping[str, str]


@dataclass(frozen=True)
class _Answer:
    """The answer of a process; ``flight_client.runtime.inspector`` describes it."""

    error: str | None
    note: str | None
    tables: Mapping[str, list[list[object]]]


def inspect_modules(
    root: Path, modules: Sequence[str], *, python: str = sys.executable, seconds: float = SECONDS
) -> Inspected:
    """Import these modules of the folder ``root`` with the interpreter ``python``, and inspect them.

    The folder that a module is imported from is put first in that interpreter's path. The process runs in ``root`` with
    an empty stdin, and its output is discarded. Each module may take ``seconds``. Raises OSError if the interpreter
    can't be run, and the errors of ``scan``.
    """
    folders = _import_folders(scan(root))
    rows: dict[str, list[list[object]]] = {table: [] for table in TABLES}
    errors, notes = {}, {}
    for module in dict.fromkeys(modules):
        answer = _inspected(root, module, folders, python, seconds)
        if answer.error is not None:
            errors[module] = printable(answer.error)
        if answer.note is not None:
            notes[module] = printable(answer.note)
        for table, found in answer.tables.items():
            rows[table].extend(found)
    return Inspected({table: _table(table, found) for table, found in rows.items()}, errors, notes)


@dataclass(frozen=True)
class InspectionPut:
    """The rows put, by table, and the snapshot."""

    rows: Mapping[str, int]
    snapshot: int


def put_inspection(client: Client, repo: str, inspected: Inspected) -> InspectionPut:
    """Replace the ``rt_*`` tables of ``repo``, in one transaction; raises FlightClientError."""
    with client.transaction(repo) as begun:
        txn, tables = str(begun["txn"]), inspected.tables
        for name, table in tables.items():
            client.put(repo, name, table, txn=txn)
        rows = {name: table.num_rows for name, table in tables.items()}
        return InspectionPut(rows, whole_number(client.commit(txn, rows), "snapshot"))


def _inspected(root: Path, module: str, folders: Mapping[str, str], python: str, seconds: float) -> _Answer:
    package = module
    while package and package not in folders:  # a module without source is imported from its package's folder
        package = package.rpartition(".")[0]
    if not package:
        return _Answer(f"there is no module {module} in {root}", None, {})
    with TemporaryDirectory(prefix="flight-runtime-") as scratch:
        answer = Path(scratch) / "answer.json"
        arguments = [str(answer), module, str(root.resolve()), folders[package]]
        ended = _run([python, "-P", "-B", "-c", _INSPECTOR.read_text(encoding="utf-8"), *arguments], root, seconds)
        return _read(answer) or _Answer(ended, None, {})


def _run(command: Sequence[str], root: Path, seconds: float) -> str:
    """Run the command, kill the processes that it has started, and return a text that says how it ended."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=root,
        env=os.environ | {"PYTHONHASHSEED": "0"},  # a set has the same repr in every run
        start_new_session=True,
    )
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        return f"no answer within {seconds:g} s"
    finally:
        with suppress(ProcessLookupError):  # otherwise, processes that it started would continue
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if code < 0:
        return f"the interpreter died of signal {-code}"
    hint = "; it has to be Python 3.11 or newer" if code == USAGE_ERROR else ""
    return f"the interpreter ended with exit code {code} before it answered{hint}"


def _read(file: Path) -> _Answer | None:
    """The answer; None if it is missing or incomplete."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        if file.stat().st_size <= ANSWER_BYTES:
            answer = json.loads(file.read_bytes())
            return _Answer(answer["error"], answer["note"], answer["tables"])
    return None


def _import_folders(files: Iterable[SourceFile]) -> Mapping[str, str]:
    """The folder that each module is imported from."""
    folders = {}
    for file in files:
        if file.module.dotted is None:
            continue
        steps = file.module.name.count(".") + file.module.is_package
        folders[file.module.name] = str(Path(file.abs_path).parents[steps])
    return folders


def _table(name: str, rows: Sequence[Sequence[object]]) -> pa.Table:
    schema = SCHEMAS[name]
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table([_array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema)


def _array(values: Iterable[object], kind: pa.DataType) -> pa.Array:
    if pa.types.is_map(kind):  # pairs, which JSON has as lists
        return pa.array([[tuple(pair) for pair in pairs] for pairs in values if isinstance(pairs, list)], kind)
    return pa.array(values, kind)
