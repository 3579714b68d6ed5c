"""Ignore rules against git itself: the same patterns, the same paths, the same verdicts."""

import shutil
import subprocess

import numpy as np
import pytest

from flight_client.extract import scan
from flight_client.extract.gitignore import Rule, Rules

PATHS = [
    "a.py", "b.py", "x/a.py", "x/b.py", "x/y/a.py", "x/y/z/a.py", "build/a.py", "x/build/a.py", "ab.py", "a b.py",
    "#a.py", "!a.py", "a*.py", "a?.py", "[a].py", "a-b.py", "a]b.py", "A.py", "1.py", "x.y/a.py", "foo/bar/baz.py",
    "foo/x/bar/baz.py", "foo/bar.py", "deep/a/b/c/d/e.py", "trail .py", "back\\slash.py", "-.py", "^.py", "é/ü.py",
]  # fmt: skip
PATTERNS = [
    "a.py", "*.py", "!a.py", "/a.py", "x/", "/x/", "x/*.py", "x/**", "**/a.py", "x/**/a.py", "**/build", "build/",
    "?.py", "??.py", "[ab].py", "[!ab].py", "[^ab].py", "[a-c].py", "[]a].py", "[]-a].py", "[[:upper:]].py",
    "[[:digit:][:lower:]].py", "[z-a].py", "[a", "a\\ b.py", "a b.py ", "trail\\ .py", "\\#a.py", "#a.py", "\\!a.py",
    "a\\*.py", "a\\?.py", "\\[a\\].py", "foo/**/baz.py", "foo/*/baz.py", "foo/bar/", "/foo", "**/", "/**", "**",
    "deep/**/d", "deep/**/b/**/e.py", "*/a.py", "*/", "/*", "!/x", "!x/", "!*/", "a**.py", "back\\\\slash.py",
    "x.y", "*.y/", "", "   ", "!", "/", "a.py\\", "[[:nope:]].py", "[\\]a].py", "[a\\-c].py", "a]b.py", "[-].py",
    "[^^].py",
    "x/y/../a.py", "x//a.py", "é", "é/*.py", "a.py\r",
]  # fmt: skip
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is the referee")


def git(folder, *words, **options):
    isolated = {"PATH": "/usr/bin:/bin:/usr/local/bin", "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    return subprocess.run(["git", "-C", str(folder), *words], env=isolated, capture_output=True, check=True, **options)


def ignored_by_git(folder, paths):
    """What git ignores of these: what it lists, by names ended with null bytes."""
    listed = git(folder, "ls-files", "-z", "--others", "--ignored", "--exclude-standard").stdout.decode().split("\0")
    return {path for path in paths if path in listed}


def ignored_here(folder, paths):
    found = {file.path for file in scan(folder)}
    return {path for path in paths if path not in found}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkout")
    git(root, "init", "-q")
    for path in (*PATHS, "kept/__init__.py", "build/__init__.py", "x/build/__init__.py"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x = 1\n")
    return root


@needs_git
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_means_what_it_means_to_git(checkout, pattern):
    (checkout / ".gitignore").write_text(f"{pattern}\n!kept\n!kept/**\n", newline="")
    (checkout / "x" / ".gitignore").unlink(missing_ok=True)
    assert ignored_here(checkout, PATHS) == ignored_by_git(checkout, PATHS)


@needs_git
def test_several_files_of_rules_mean_what_they_mean_to_git(checkout):
    draw = np.random.default_rng(7)
    for _ in range(60):
        for folder in ("", "x", "x/y", "foo"):
            lines = draw.choice(PATTERNS, draw.integers(5))
            last = ["!kept", "!kept/**"] if not folder else []
            (checkout / folder / ".gitignore").write_text("\n".join([*lines, *last]) + "\n", newline="")
        (checkout / ".git" / "info" / "exclude").write_text("\n".join(draw.choice(PATTERNS, 2)), newline="")
        written = [path.read_text() for path in sorted(checkout.rglob(".gitignore"))]
        assert ignored_here(checkout, PATHS) == ignored_by_git(checkout, PATHS), written
    for path in (*checkout.rglob(".gitignore"), checkout / ".git" / "info" / "exclude"):
        path.unlink()


@needs_git
def test_a_folder_of_a_checkout_has_the_rules_of_the_folders_above(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / ".git" / "info" / "exclude").write_text("shared.py\n")
    root = tmp_path / "src" / "code"
    root.mkdir(parents=True)
    for name in ("a.py", "b.py", "shared.py", "top.py"):
        (root / name).write_text("x = 1\n")
    (tmp_path / ".gitignore").write_text("top.py\n/src/code/b.py\n/a.py\n")
    assert [file.path for file in scan(root)] == ["a.py"]


@needs_git
def test_a_work_tree_shares_info_exclude_and_a_checkout_inside_has_its_own_rules(tmp_path):
    main, tree = tmp_path / "main", tmp_path / "tree"
    main.mkdir()
    git(main, "init", "-q")
    (main / "a.py").write_text("x = 1\n")
    git(main, "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m", "first")
    git(main, "worktree", "add", "-q", str(tree))
    (main / ".git" / "info" / "exclude").write_text("shared.py\n")
    inner = tree / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    for folder in (tree, inner):
        for name in ("a.py", "shared.py"):
            (folder / name).write_text("x = 1\n")
    assert [file.path for file in scan(tree)] == ["a.py", "inner/a.py", "inner/shared.py"]


def test_rules_hold_outside_a_checkout_too(tmp_path):
    for path in ("a.py", "x/a.py", "x/b.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x = 1\n")
    (tmp_path / ".gitignore").write_text("a.py\n")
    (tmp_path / "x" / ".gitignore").write_text("!a.py\nb.py\n")
    assert [file.path for file in scan(tmp_path)] == ["x/a.py"]


def test_a_hostile_pattern_takes_no_exponential_time():
    name = "a" * 255
    stars = Rules.of("", ["*a" * 100 + "b", "**/a/" * 100 + "b", "*a*?" * 60 + "b"])
    assert stars.verdict("/".join(["a"] * 2000 + [name]), is_folder=False) is None


@pytest.mark.parametrize("line", ["", "#x", "!", "/", "[a", "a\\", "a//b", "[[:nope:]]"])
def test_lines_that_can_match_nothing(line):
    assert Rule.of(line) is None
