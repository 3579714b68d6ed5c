"""Edits of a folder of source, as people make them, drawn at random from a seed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from flight_client.extract import scan

Edit = Callable[[Path, np.random.Generator], None]


def edited(root: Path, seed: int, count: int) -> Iterator[str]:
    """Make so many edits, one after another; what each was."""
    draw = np.random.default_rng(seed)
    for _ in range(count):
        edit = EDITS[draw.integers(len(EDITS))]
        edit(root, draw)
        yield edit.__name__


def _some_file(root: Path, draw: np.random.Generator, suffix: str = "") -> Path:
    paths = [file.abs_path for file in scan(root) if file.path.endswith(suffix)]
    return Path(paths[draw.integers(len(paths))])


def _some_folder(root: Path, draw: np.random.Generator) -> Path:
    return _some_file(root, draw).parent


def add_a_function(root: Path, draw: np.random.Generator) -> None:
    name = f"added_{draw.integers(1000)}"
    path = _some_file(root, draw, ".py")
    path.write_bytes(path.read_bytes() + f"\n\ndef {name}(x=1):\n    return [{name}(y) for y in x]\n".encode())


def add_a_comment_on_top(root: Path, draw: np.random.Generator) -> None:
    path = _some_file(root, draw, ".py")
    path.write_bytes(b"# a line\n" + path.read_bytes())


def take_the_first_line_away(root: Path, draw: np.random.Generator) -> None:
    path = _some_file(root, draw, ".py")
    path.write_bytes(path.read_bytes().partition(b"\n")[2])


def break_it(root: Path, draw: np.random.Generator) -> None:
    path = _some_file(root, draw)
    path.write_bytes(b"def broken(:\n" + path.read_bytes())


def write_it_anew(root: Path, draw: np.random.Generator) -> None:
    _some_file(root, draw, ".py").write_text(
        "import os\n\nclass New:\n    def run(self):\n        return os.getcwd()\n"
    )


def empty_it(root: Path, draw: np.random.Generator) -> None:
    _some_file(root, draw, ".py").write_bytes(b"")


def write_what_cannot_be_decoded(root: Path, draw: np.random.Generator) -> None:
    _some_file(root, draw, ".py").write_bytes(b"x = '\xff'\n")


def add_a_file(root: Path, draw: np.random.Generator) -> None:
    name = f"new_{draw.integers(1000)}.py"
    (_some_folder(root, draw) / name).write_text("from os import path\n\nprint(path.join('a', 'b'))\n")


def rename(root: Path, draw: np.random.Generator) -> None:
    path = _some_file(root, draw)
    path.rename(path.with_name(f"moved_{draw.integers(1000)}{path.suffix}"))


def rename_a_folder(root: Path, draw: np.random.Generator) -> None:
    folder = _some_folder(root, draw)
    if folder != root:
        folder.rename(folder.with_name(f"folder_{draw.integers(1000)}"))


def delete(root: Path, draw: np.random.Generator) -> None:
    _some_file(root, draw).unlink()


def make_a_package_or_none(root: Path, draw: np.random.Generator) -> None:
    path = _some_folder(root, draw) / "__init__.py"
    if path.exists():
        path.unlink()
    else:
        path.write_text("")


def write_a_notebook(root: Path, draw: np.random.Generator) -> None:
    cells = [
        {"cell_type": "code", "source": ["%cd x\n", "import os\n", f"os.stat({draw.integers(1000)})"]},
        {"cell_type": "markdown", "source": "text"},
        {"cell_type": "code", "source": "print(1)" if draw.integers(4) else "def broken(:"},
    ]
    (_some_folder(root, draw) / f"book_{draw.integers(3)}.ipynb").write_text(json.dumps({"cells": cells}))


def ignore_or_not(root: Path, draw: np.random.Generator) -> None:
    path = root / ".gitignore"
    if path.exists():
        path.unlink()
    else:
        path.write_text(f"/{_some_file(root, draw).relative_to(root).as_posix()}\n")


EDITS: tuple[Edit, ...] = (
    add_a_function,
    add_a_comment_on_top,
    take_the_first_line_away,
    break_it,
    write_it_anew,
    empty_it,
    write_what_cannot_be_decoded,
    add_a_file,
    rename,
    rename_a_folder,
    delete,
    make_a_package_or_none,
    write_a_notebook,
    ignore_or_not,
)
