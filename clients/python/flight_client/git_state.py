"""The state of a folder in Git: its commit, and whether files differ from it."""

import subprocess
from pathlib import Path

_SECONDS = 10.0


def git_state(folder: Path) -> dict[str, str]:
    """``git_commit`` and ``git_dirty`` (true or false) of a folder in a Git work tree; empty for any other folder."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    status = None if commit is None else _git(folder, "status", "--porcelain", "--", ".")
    if commit is None or status is None:
        return {}
    return {"git_commit": commit.strip(), "git_dirty": "true" if status.strip() else "false"}


def _git(folder: Path, *arguments: str) -> str | None:
    """The output of a Git command; None if it fails, takes too long, or Git is not installed."""
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace")
