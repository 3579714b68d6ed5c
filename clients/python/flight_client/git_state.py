"""The state of a folder in Git: its commit, and whether files differ. No program that the folder names is run."""

import re
import subprocess
from pathlib import Path

_SECONDS = 10.0
# Programs that ``git status`` would run, if the folder's own configuration names them: it may be anybody's.
_PROGRAMS = re.compile(r"^(?:local|worktree)\s+(?:filter\..*|core\.fsmonitor)$", re.MULTILINE | re.IGNORECASE)


def git_state(folder: Path) -> dict[str, str]:
    """``git_commit`` and ``git_dirty`` (true or false) of a folder in a Git work tree; empty for any other folder.

    ``git_dirty`` is left out if the work tree's configuration names filters or a file monitor.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return {}
    state = {"git_commit": commit.strip()}
    configured = _git(folder, "config", "--list", "--name-only", "--show-scope", "--includes")
    if configured is None or _PROGRAMS.search(configured):
        return state
    status = _git(folder, "status", "--porcelain", "--ignore-submodules=all", "--", ".")
    return state if status is None else {**state, "git_dirty": "true" if status.strip() else "false"}


def _git(folder: Path, *arguments: str) -> str | None:
    """The output of a Git command; None if it fails, takes too long, or Git is not installed."""
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace")
