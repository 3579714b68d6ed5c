"""What the extraction tests share: the demo repo, and rows of files and of snippets."""

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from flight_client.extract import DEFAULT_LAYERS, EXTRACTED, SourceFile, extract, scan
from flight_client.extract.chunk import Chunk, extract_chunk
from flight_client.extract.module_names import Module
from flight_client.extract.raw_rows import SCHEMAS

DEMO = Path(__file__).parents[2] / "flight_server" / "demo_repo"
STANDARD_LIBRARY = Path(ast.__file__).parent
Rows = list[dict[str, object]]


def tables_of(
    root: Path,
    files: Sequence[SourceFile] | None = None,
    *,
    parts: int = 1,
    jobs: int = 1,
    layers: Sequence[str] = DEFAULT_LAYERS,
    python: str | None = None,
) -> dict[str, Rows]:
    batches: dict[str, list[pa.RecordBatch]] = {name: [] for name in EXTRACTED}
    chosen = files or scan(root)
    for name, batch in extract(chosen, repo="demo", parts=parts, jobs=jobs, layers=layers, python=python):
        batch.validate(full=True)
        assert batch.schema.equals(SCHEMAS[name], check_metadata=True)
        batches[name].append(batch)
    return {name: pa.Table.from_batches(found, SCHEMAS[name]).to_pylist() for name, found in batches.items()}


def rows_of(
    path: Path, module: str = "m", *, is_package: bool = False, layers: Sequence[str] = DEFAULT_LAYERS
) -> dict[str, Rows]:
    """The rows of one file, by table."""
    file = SourceFile(path.name, str(path), 0, Module(module, is_package))
    chunk = Chunk(repo="demo", files=(file,), layers=tuple(layers))
    found = dict(zip(chunk.tables, extract_chunk(chunk), strict=True))
    return {name: found[name].to_pylist() if name in found else [] for name in EXTRACTED}


def rows_of_source(
    folder: Path,
    source: str | bytes,
    module: str = "m",
    *,
    is_package: bool = False,
    layers: Sequence[str] = DEFAULT_LAYERS,
) -> dict[str, Rows]:
    path = folder / "source.py"
    path.write_bytes(source.encode() if isinstance(source, str) else source)
    return rows_of(path, module, is_package=is_package, layers=layers)


def cut(rows: dict[str, Rows], row: dict[str, object], start: str = "bstart", end: str = "bend") -> str:
    """What a row's span cuts out of its file's text."""
    texts = {file["path"]: file["text"] for file in rows["repo_files"]}
    return texts[row["path"]].encode()[row[start] : row[end]].decode()


def library_files(names: Iterable[str]) -> list[Path]:
    return [STANDARD_LIBRARY / name for name in names]


def candidates(rows: dict[str, Rows], callee: str) -> list[tuple[str, str]]:
    """The candidates of the one call whose callee is spelled so."""
    (call,) = (call for call in rows["cst_callsites"] if call["callee_text"] == callee)
    return [(name["name"], name["source"]) for name in call["callee_qnames"]]
