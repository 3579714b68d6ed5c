"""The files in ``deploy``: what they name exists, and their steps run in a plain folder."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click import Option

from flight_client import connect
from flight_server.access.door import OPEN_DOOR
from flight_server.cli.main import COMMANDS, commands
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.service import Service
from flight_server.storage.store import Store
from flight_server.web.application import application
from flight_server.web.metrics import Metrics

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
YAML = [path for path in FILES if path.suffix in (".yaml", ".yml")]
CI_VARIABLES = {"FLIGHT_SERVER_URI", "FLIGHT_SERVER_PACKAGE"}


def options(command: str) -> set[str]:
    parameters = commands.get_command(commands.make_context("", [command]), command).params
    return {str(each.name) for each in parameters if isinstance(each, Option)}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    return Service(Store(tmp_path_factory.mktemp("store")), load_pipeline())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_variables_and_commands_exist(path):
    text = re.sub(r"enableServiceLinks|Else Kubernetes sets FLIGHT_SERVER_PORT[^\n]*", "", path.read_text())
    known = {f"FLIGHT_SERVER_{name.upper()}" for name in options("serve")} | CI_VARIABLES
    assert set(re.findall(r"FLIGHT_SERVER_\w+", text)) <= known
    for command, rest in re.findall(r"(?:^|bin/|- |run: )flight-server (\w+)([^\n]*)", text, re.MULTILINE):
        assert command in COMMANDS
        named = {name.replace("-", "_") for name in re.findall(r"--([\w-]+)", rest)}
        assert named <= options(command) | {"to", "config", "now"}


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_yaml_is_well_formed(path):
    assert list(yaml.safe_load_all(path.read_text()))


def test_the_pod_is_locked_down_and_its_probes_ask_paths_that_exist(service):
    pod = yaml.safe_load((DEPLOY / "kubernetes" / "flight-server.yaml").read_text())["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    drain = next(int(each["value"]) for each in container["env"] if each["name"] == "FLIGHT_SERVER_DRAIN_TIMEOUT")
    assert drain < pod["terminationGracePeriodSeconds"]
    assert {each["containerPort"] for each in container["ports"]} == {8815, 9815}
    paths = {route.path for route in application(service, "127.0.0.1", OPEN_DOOR.gate).application.routes}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        code = container[probe]["exec"]["command"][-1]
        assert re.search(r"9815(/\w+)'", code)[1] in paths
        compile(code, probe, "exec")


def test_the_dashboard_and_the_alerts_ask_for_metrics_that_exist(service):
    page, _ = Metrics(service).page("")
    known = set(re.findall(r"^# TYPE (\w+)", page.decode(), re.MULTILINE))
    known |= {f"{name}_bucket" for name in known}
    texts = [(DEPLOY / "monitoring" / name).read_text() for name in ("dashboard.json", "alerts.yml")]
    named = {name for text in texts for name in re.findall(r"\b(?:flight_server|process)_\w+", text)}
    assert named
    assert named <= known
    dashboard = json.loads(texts[0])
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_the_container_copies_what_the_build_needs_and_runs_as_a_user():
    text = (DEPLOY / "container" / "Containerfile").read_text()
    ignored = (DEPLOY / "container" / "Containerfile.dockerignore").read_text()
    for name in re.findall(r"^!(\S+)", ignored, re.MULTILINE):
        assert (ROOT / name).exists()
    assert text.index("\nUSER 10001") < text.index("\nENTRYPOINT")
    extras = re.search(r"'\.\[([\w,]+)\]'", text)[1].split(",")
    assert "http" in extras  # else the health check fails


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is not installed")
def test_the_container_file_passes_hadolint():
    done = subprocess.run(
        ["hadolint", DEPLOY / "container" / "Containerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_passes_systemd(tmp_path):
    text = (DEPLOY / "systemd" / "flight-server.service").read_text()
    unit = tmp_path / "flight-server.service"
    unit.write_text(text.replace("/opt/flight-server/bin/flight-server", sys.executable))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_steps_of_both_jobs_ingest_a_checkout_under_its_commit(service, tmp_path):
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "a.py").write_text("def f(): pass\n")
    server = FlightServer(service)
    github = yaml.safe_load((DEPLOY / "github" / "action.yml").read_text())["runs"]["steps"][-1]
    gitlab = yaml.safe_load((DEPLOY / "gitlab" / "ingest.yml").read_text())["ingest"]["script"][-1]
    variables = {"INGEST_PATH": ".", "SERVER": server.uri, "REPO": "by-github", "COMMIT": "c0ffee"}
    assert set(github["env"]) == set(variables)
    jobs = {
        "by-github": (github["run"], variables),
        "by-gitlab": (
            gitlab,
            {"FLIGHT_SERVER_URI": server.uri, "CI_PROJECT_NAME": "by-gitlab", "CI_COMMIT_SHA": "c0ffee"},
        ),
    }
    try:
        with connect(server.uri) as client:
            for repo, (step, given) in jobs.items():
                script = f'flight-server() {{ "{sys.executable}" -m flight_server "$@"; }}\n{step}'
                environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **given}
                subprocess.run(["bash", "-euc", script], cwd=checkout, env=environment, check=True, capture_output=True)
                assert client.snapshots(repo)[0]["note"]["label"] == "c0ffee"
    finally:
        server.stop()
