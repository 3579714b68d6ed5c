"""Options come from the command line, the environment, a TOML file, or the default; ``config`` says which."""

import os
import subprocess
import tomllib

import pytest
from cli_process import COMMAND, environment, run, serving, succeed


def shown(*arguments: object, **variables: str) -> tuple[dict[str, object], dict[str, str]]:
    """The values and the sources that ``config`` shows."""
    done = subprocess.run(
        [*COMMAND, "config", *map(str, arguments)],
        env={**environment("/nonexistent"), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    pairs = (line.partition("  # ") for line in done.stdout.splitlines())
    sources = {line.partition(" =")[0].strip("# "): source.strip() for line, _, source in pairs}
    return tomllib.loads(done.stdout), sources


def test_the_nearest_source_wins(tmp_path):
    file = tmp_path / "server.toml"
    file.write_text(
        'port = 1111\nmemory = "2G"\nmax-streams = 3\nadvertise = ["grpc://a:1", "grpc://b:2"]\nquiet = true\n'
    )
    values, sources = shown("--config", file, "--port", 3333, FLIGHT_SERVER_PORT="2222", FLIGHT_SERVER_MAX_STREAMS="4")
    assert (values["port"], sources["port"]) == (3333, "command line")
    assert (values["max-streams"], sources["max-streams"]) == (4, "environment: FLIGHT_SERVER_MAX_STREAMS")
    assert (values["memory"], sources["memory"]) == ("2G", f"file: {file}")
    assert values["advertise"] == ["grpc://a:1", "grpc://b:2"]
    assert values["quiet"] is True
    assert (values["cache-size"], sources["cache-size"]) == ("8G", "default")
    assert sources["query-timeout"] == "default"


def test_the_file_may_be_named_by_the_environment(tmp_path):
    file = tmp_path / "server.toml"
    file.write_text("drain-timeout = 30\n")
    values, _ = shown(FLIGHT_SERVER_CONFIG=str(file))
    assert values["drain-timeout"] == 30


def test_what_config_prints_is_a_file_for_it(tmp_path):
    printed = succeed("config", "--max-wait", "7.5", "--advertise", "grpc://a:1", "--log-format", "json")
    file = tmp_path / "again.toml"
    file.write_text(printed)
    values, _ = shown("--config", file)
    assert values == tomllib.loads(printed)


def test_passwords_are_not_shown():
    values, _ = shown("--advertise", "grpc://reader:s3cret@a:1")
    assert values["advertise"] == ["grpc://reader:***@a:1"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1", "unknown keys: prot; allowed: "),
        ("port = ", "is not TOML"),
        ("[limits]\nmemory = 1", "unknown keys: limits"),
        ("[port]\nx = 1", "port is a table"),
        ('port = "x"', "'--port': 'x' is not a valid integer"),
        ("port = 99999", "99999 is not in the range"),
        ('memory = "many"', "'many' is not a size"),
        ('log-format = "xml"', "'xml' is not one of 'text', 'json'"),
    ],
)
def test_a_wrong_file_is_an_error(text, told, tmp_path):
    file = tmp_path / "server.toml"
    file.write_text(text)
    for command in (["serve", "--store", tmp_path], ["config"]):
        done = run(*command, "--config", file)
        assert done.returncode == 2
        assert told in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_wrong_variable_is_an_error(monkeypatch):
    monkeypatch.setitem(os.environ, "FLIGHT_SERVER_PORT", "tcp://10.0.0.1:8815")
    done = run("config")
    assert (done.returncode, "--port" in done.stderr) == (2, True)


def test_serve_says_that_a_store_is_new(tmp_path):
    for is_new in (True, False):
        with serving("serve", "--store", tmp_path / "store") as server:
            assert any("there was no store" in line for line in server.lines) is is_new
