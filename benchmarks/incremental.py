"""Edits of one source folder, ingested one by one: the time of each, and a comparison of the end with a fresh index.

    python benchmarks/incremental.py ~/src/django --edits 50

Each edit changes one file of a copy of the folder: it adds a function or a line at the top, or renames, deletes, adds,
breaks or repairs a file. The time runs from the save until the changed file's rows are read: scan, extraction, put,
commit and read. Further edits add a call; their time runs until the file's edges of the call graph, which is computed
from the whole repo, are read. At the end every raw table (with ``--all`` every output too) is read in canonical order,
and compared with that of a fresh index of the folder.
"""

import argparse
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from flight_client import Client, connect
from flight_client.extract import EXTRACTED, scan
from flight_client.ingest import Ingested, ingest
from flight_server.cli.hosting import open_server

REPO = "repo"
READ = ("cst_callsites", "callsite_qname_candidates")
CALL_EDITS = 5
FUNCTION = "\n\ndef added_{0}(x):\n    return [added_{0}(y) for y in x]\n"


def add_a_function(path: Path, number: int) -> None:
    """Add a function at the end of the file."""
    path.write_bytes(path.read_bytes() + FUNCTION.format(number).encode())


def add_a_line_on_top(path: Path, number: int) -> None:
    """Add a line at the top, which changes every offset in the file."""
    path.write_bytes(f"# {number}\n".encode() + path.read_bytes())


def rename(path: Path, number: int) -> None:
    """Rename the file in its folder."""
    path.rename(path.with_name(f"renamed_{number}.py"))


def delete(path: Path, _number: int) -> None:
    """Delete the file."""
    path.unlink()


def add(path: Path, number: int) -> None:
    """Add a copy of the file."""
    path.with_name(f"added_{number}.py").write_bytes(path.read_bytes())


def break_or_mend(path: Path, _number: int) -> None:
    """Add a line that no parser accepts, or remove it."""
    first, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(rest if first == b"def (:" else b"def (:\n" + first + b"\n" + rest)


EDITS: tuple[Callable[[Path, int], None], ...] = (
    add_a_function,
    add_a_function,
    add_a_line_on_top,
    rename,
    delete,
    add,
    break_or_mend,
)


@contextmanager
def serving() -> Iterator[tuple[Client, Path]]:
    """A client of a server over a store of its own, and the store's folder."""
    with tempfile.TemporaryDirectory() as folder:
        server = open_server(Path(folder))
        with connect(server.uri) as client:
            yield client, Path(folder)
        server.stop()


def edit_and_read(
    client: Client, root: Path, path: Path, datasets: Sequence[str] = READ
) -> tuple[Ingested, float, float]:
    """Bring the server up to date and read the file's rows; seconds until the commit, and until the rows were read."""
    started = time.perf_counter()
    done = ingest(client, root, repo=REPO)
    committed = time.perf_counter()
    where = {"op": "=", "args": [{"property": "path"}, path.relative_to(root).as_posix()]}
    for dataset in datasets:
        client.read(REPO, dataset, where=where).read_all()
    return done, committed - started, time.perf_counter() - started


def edited(client: Client, store: Path, root: Path, count: int) -> None:
    """Make the edits, and print the time of each."""
    draw = np.random.default_rng(7)
    walls, reads, parts = [], [], []
    stored = set(store.rglob("*.parquet"))
    for number in range(count):
        files = [file for file in scan(root) if file.path.endswith(".py") and file.size]
        path = Path(files[draw.integers(len(files))].abs_path)
        EDITS[draw.integers(len(EDITS))](path, number)
        done, wall, read = edit_and_read(client, root, path)
        new = set(store.rglob("*.parquet")) - stored
        stored |= new
        walls.append(wall)
        reads.append(read)
        parts.append(len({file.parent.name for file in new}))
        what = f"{len(done.changed)} changed, {done.removed} removed"
        print(f"{number:>3} {what}: {wall:.2f} s, {parts[-1]} parts rewritten")
    print(f"committed: {_spread(walls)}; rows of the file read: {_spread(reads)}")
    print(f"parts rewritten: at most {max(parts)}")


def calls_added(client: Client, root: Path) -> None:
    """Add calls to the largest files, and print the times until their edges were read."""
    client.read(REPO, "call_graph").read_all()
    largest = sorted((file for file in scan(root) if file.path.endswith(".py")), key=lambda file: -file.size)
    walls = []
    for number, file in enumerate(largest[:CALL_EDITS]):
        add_a_function(Path(file.abs_path), number)
        walls.append(edit_and_read(client, root, Path(file.abs_path), ["call_graph"])[2])
    print(f"edges of a call that was added: {_spread(walls)}")


def compare(client: Client, root: Path, *, everything: bool) -> None:
    """Read every dataset here and from a fresh index; print those that differ."""
    with serving() as (fresh, _):
        ingest(fresh, root, repo=REPO)
        names = sorted(set(fresh.datasets(REPO)) - {"violations"}) if everything else EXTRACTED
        rows, different = 0, []
        for name in names:
            found, expected = (each.read(REPO, name, order="canonical").read_all() for each in (client, fresh))
            rows += expected.num_rows
            if not found.equals(expected):
                different.append(name)
    print(f"{len(names)} datasets, {rows} rows beside a fresh index; different: {', '.join(different) or 'none'}")


def _spread(values: Sequence[float]) -> str:
    return f"best {min(values):.2f}, median {statistics.median(values):.2f}, worst {max(values):.2f} s"


def main() -> None:
    """Copy the folder, edit the copy, compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--edits", type=int, default=50)
    parser.add_argument("--all", action="store_true", dest="everything", help="compare the outputs too")
    asked = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder, serving() as (client, store):
        root = Path(folder) / asked.root.name
        shutil.copytree(asked.root, root)
        done = ingest(client, root, repo=REPO)
        print(f"{root.name}: {done.files} files, {sum(done.rows.values())} rows, {client.begin(REPO)['parts']} parts")
        edited(client, store, root, asked.edits)
        calls_added(client, root)
        compare(client, root, everything=asked.everything)


if __name__ == "__main__":
    main()
