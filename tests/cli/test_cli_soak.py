"""The soak of the benchmarks, in short: mixed load, dying clients, a clean end."""

import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


def test_under_mixed_load_nothing_grows_and_nothing_is_lost():
    words = [sys.executable, SOAK, "--seconds", "16", "--every", "1"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=400, check=False)
    assert done.stdout.splitlines()[-1:] == ["nothing grew, nothing was lost"], done.stdout + done.stderr
    assert done.returncode == 0
