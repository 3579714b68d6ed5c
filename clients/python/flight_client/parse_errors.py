"""The files of a repo that could not be parsed, and the interpreters that can parse them."""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flight_client.client import Client
from flight_client.extract import SourceFile
from flight_client.extract.chunk import SOURCE_ERRORS
from flight_client.extract.interpreter import in_deep_thread
from flight_client.extract.notebooks import NOTEBOOK_SUFFIX
from flight_client.extract.other_parser import BadPythonError, OtherParser, version_of
from flight_client.extract.parsing import tree_of
from flight_client.extract.source_text import decode, decode_notebook, read

_NAME = re.compile(r"python3\.(\d+)")
_INSTALLED = ("versions/*/bin", "python/*/bin")  # in the folders of pyenv and uv


@dataclass(frozen=True)
class ParseError:
    """An error in a file that could not be read or parsed, or in a cell; ``line`` counts from 1, None if unknown."""

    path: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.message}"


def parse_errors(client: Client, repo: str, snapshot: int | None = None) -> tuple[ParseError, ...]:
    """The errors of a repo's files, by path; raises FlightClientError."""
    columns = ["path", "raw_line", "error_type", "message"]
    with client.read(repo, "cst_parse_errors", columns=columns, snapshot=snapshot) as reader:
        rows = reader.read_all().to_pylist()
    found = [ParseError(row["path"], row["raw_line"], row["message"] or row["error_type"]) for row in rows]
    return tuple(sorted(found, key=lambda error: (error.path, error.line or 0)))


def readable(python: str, files: Iterable[SourceFile]) -> tuple[str, ...]:
    """The paths of those files that the interpreter ``python`` parses completely; raises BadPythonError."""
    version_of(python)
    with OtherParser(python) as other:
        return in_deep_thread(lambda: tuple(file.path for file in files if _is_readable(other, file)))


def _is_readable(other: OtherParser, file: SourceFile) -> bool:
    try:
        data = read(file.abs_path)
        source = (decode_notebook if file.path.endswith(NOTEBOOK_SUFFIX) else decode)(data)
        return not tree_of(source, other.parse)[1]
    except (OSError, *SOURCE_ERRORS):
        return False


def newer_interpreters(than: tuple[int, int] = sys.version_info[:2]) -> Iterator[tuple[str, str]]:
    """The versions and paths of newer interpreters, newest first, each as it is tried: on the path, of pyenv, of uv."""
    homes = (Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv"), Path.home() / ".local" / "share" / "uv")
    folders = [Path(folder) for folder in os.get_exec_path()]
    folders += [found for home in homes for pattern in _INSTALLED for found in sorted(home.glob(pattern))]
    found = [(int(name[1]), str(file)) for folder in folders for file in _listed(folder) if (name := _name(file))]
    for minor, python in sorted(found, key=lambda each: -each[0]):
        try:
            if (3, minor) > than and version_of(python) > than:
                yield f"3.{minor}", python
        except BadPythonError:
            continue


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _name(file: Path) -> re.Match[str] | None:
    return _NAME.fullmatch(file.name)
