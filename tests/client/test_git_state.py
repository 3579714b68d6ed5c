"""The commit of a folder, found without running anything that the folder names."""

import subprocess
from pathlib import Path

import pytest

from flight_client.git_state import git_state


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    for arguments in (["init", "-q"], ["config", "user.email", "a@example.org"], ["config", "user.name", "a"]):
        git(folder, *arguments)
    (folder / "a.py").write_text("x = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


def test_the_commit_and_whether_files_differ(folder: Path, tmp_path: Path):
    commit = git(folder, "rev-parse", "HEAD")
    assert git_state(folder) == {"git_commit": commit, "git_dirty": "false"}
    (folder / "a.py").write_text("x = 2\n")
    assert git_state(folder) == {"git_commit": commit, "git_dirty": "true"}
    assert git_state(tmp_path) == {}
    assert git_state(tmp_path / "nowhere") == {}


@pytest.mark.parametrize("named", ["core.fsmonitor", "filter.any.clean", "filter.any.process", "include.path"])
def test_a_program_that_the_folder_names_is_not_run(folder: Path, tmp_path: Path, named: str):
    marker, program = tmp_path / "marker", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{marker}'\ncat\n")
    program.chmod(0o755)
    commit = git(folder, "rev-parse", "HEAD")
    (folder / ".gitattributes").write_text("*.py filter=any\n")
    (folder / "a.py").write_text("x = 2\n")
    (folder / ".git" / "more").write_text(f'[core]\n\tfsmonitor = "{program}"\n')
    git(folder, "config", named, "more" if named == "include.path" else str(program))
    assert git_state(folder) == {"git_commit": commit}
    assert not marker.exists()
    git(folder, "status")
    assert marker.exists()  # so the test can fail
