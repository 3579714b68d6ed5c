"""Other processes over the same store: scripts that see ``store`` (opened on the folder given) and the test tables."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

PROLOGUE = """
import os, signal, sys
from stored_tables import LOOSE, OTHER, ROWS, reader, rows
from flight_server.storage.store_errors import ConflictError
from flight_server.storage.store import Store
store = Store(sys.argv[1], keep=1000)
"""


def start(root: Path, script: str, *arguments: str) -> subprocess.Popen[str]:
    search = os.pathsep.join([str(Path(__file__).parent), *(path for path in sys.path if path)])
    return subprocess.Popen(
        [sys.executable, "-c", PROLOGUE + textwrap.dedent(script), str(root), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": search},
    )


def finished(process: subprocess.Popen[str]) -> str:
    """What it printed, once it has ended well."""
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out


def killed(root: Path, script: str) -> None:
    """Run a script that kills itself with SIGKILL."""
    process = start(root, script)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (-9, ""), err
