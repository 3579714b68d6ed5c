"""The commands that keep a store in order, run as their user would."""

import re
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cli_process import run, succeed


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with three snapshots of a small repo in a Git work tree; the second has a label."""
    code, store = tmp_path / "code", tmp_path / "store"
    code.mkdir()
    for arguments in (["init", "-q"], ["config", "user.email", "a@example.org"], ["config", "user.name", "a"]):
        subprocess.run(["git", "-C", str(code), *arguments], check=True)
    for number in range(3):
        (code / "a.py").write_text(f"x = {number}\n")
        (code / "b.py").write_text("y = 1\n")
        if number < 2:
            subprocess.run(["git", "-C", str(code), "add", "."], check=True)
            subprocess.run(["git", "-C", str(code), "commit", "-qm", "change"], check=True)
        label = ["--label", "v1"] if number == 1 else []
        succeed("ingest", str(code), "--store", str(store), "--jobs", "1", *label)
    return store


def a_part_of(store: Path, table: str) -> Path:
    return max((store / "repos" / "code" / "raw" / table).rglob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)


def test_snapshots_show_label_and_commit_and_a_rollback_brings_rows_back(store: Path):
    shown = succeed("snapshots", "code", "--store", str(store)).splitlines()
    assert [line.split()[0] for line in shown[2:]] == ["1", "2", "3"]
    assert re.search(r"  v1, git [0-9a-f]{12}$", shown[3])
    assert re.search(r"  git [0-9a-f]{12} with changes$", shown[4])
    assert "snapshot 4 has the rows of snapshot 2" in succeed("rollback", "code", "2", "--store", str(store))
    assert "nothing changed" not in succeed("ingest", str(store.parent / "code"), "--store", str(store), "--jobs", "1")


def test_diff_counts_raw_tables_and_shows_the_rows_of_a_dataset(store: Path):
    at = ["--store", str(store)]
    assert re.search(r"^repo_files +1 +1$", succeed("diff", "code", "1", "2", *at), re.MULTILINE)
    shown = succeed("diff", "code", "1", "2", "repo_files", "--columns", "path,text", "--where", "path = 'a.py'", *at)
    assert '"removed","a.py","x = 0\n"' in shown
    assert '"added","a.py","x = 1\n"' in shown
    assert "code has no snapshot 9; allowed: 1, 2, 3" in run("diff", "code", "9", "3", *at).stderr


def test_pins_and_prune(store: Path):
    at = ["--store", str(store)]
    assert "snapshot 1 is pinned" in succeed("pin", "code", "1", *at)
    assert "retired snapshots 1, 2" in succeed("prune", "code", "--keep", "1", "--now", *at)
    assert [line.split()[0] for line in succeed("snapshots", "code", *at).splitlines()[2:]] == ["1", "3"]
    assert "no longer pinned" in succeed("pin", "code", "1", "--remove", *at)
    assert "freed" in succeed("prune", "code", "--keep", "1", "--now", *at)
    assert [line.split()[0] for line in succeed("snapshots", "code", *at).splitlines()[2:]] == ["3"]
    assert "code" in succeed("du", *at)
    failed = run("prune", "code", "--older-than", "soon", *at).stderr
    assert "'soon' is not a time" in failed


def test_check_finds_damage_and_ingest_brings_the_rows_back(store: Path):
    at = ["--store", str(store)]
    assert "clean; whole snapshots: 1, 2, 3" in succeed("check", *at)
    path = a_part_of(store, "repo_files")
    path.write_bytes(path.read_bytes()[:-1])
    failed = run("check", "code", *at)
    assert failed.returncode == 1
    assert "damaged: raw/" in failed.stdout
    done = succeed("ingest", str(store.parent / "code"), *at, "--jobs", "1")
    assert "code: snapshot 4 is a copy of snapshot 2" in done
    assert "1 extracted" in done
    assert "clean" in succeed("check", "code", *at)


@pytest.mark.parametrize("name", ["saved", "saved.tar"])
def test_a_backup_is_plain_parquet_and_is_put_back_into_any_store(store: Path, tmp_path: Path, name: str):
    saved, other = tmp_path / name, tmp_path / "other"
    assert "snapshot 2" in succeed("backup", "code", saved, "--store", store, "--snapshot", "2")
    if saved.is_dir():
        assert pq.read_table(saved / "repo_files.parquet").column("path").to_pylist() == ["a.py", "b.py"]
    assert "snapshot 1 has the rows" in succeed("restore", saved, "--store", other)
    rows = [
        succeed("get", "code", "cst_defs", "--store", each, "--snapshot", n) for each, n in ((store, 2), (other, 1))
    ]
    assert rows[0] == rows[1]
    (tmp_path / "code" / "a.py").write_text("x = 1\n")  # as in the snapshot
    assert "nothing changed" in succeed("ingest", tmp_path / "code", "--store", other, "--jobs", "1")
    assert "v1" in succeed("snapshots", "code", "--store", other)
    assert "exists already" in run("backup", "code", saved, "--store", store).stderr


def test_a_damaged_backup_is_refused(store: Path, tmp_path: Path):
    succeed("backup", "code", tmp_path / "saved", "--store", store)
    (tmp_path / "saved" / "repo_files.parquet").write_bytes(b"PAR1")
    for source, message in (("saved", "does not match its checksum"), ("code", "not a backup"), ("x.tar", "tar file")):
        (tmp_path / "x.tar").write_bytes(b"no tar")
        assert message in run("restore", tmp_path / source, "--store", tmp_path / "other").stderr
