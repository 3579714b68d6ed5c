"""Every client gets the rows of ``clients/conformance``: the Python client, and Node's where npm is."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from conformance_cases import CASES, FOLDER, answer, serving_cases
from serving_store import service_over

from flight_client import connect

NODE = FOLDER.parent / "node"


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    with serving_cases(service_over(tmp_path_factory.mktemp("store"))) as running:
        yield running


@pytest.fixture(scope="module")
def node_client(tmp_path_factory) -> Path:
    """The folder of Node's client with its packages: as they stand in the source tree, or installed for this run."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if node is None or npm is None:
        pytest.skip("needs node and npm")
    if (NODE / "node_modules").is_dir():
        return NODE
    folder = tmp_path_factory.mktemp("node") / "client"
    shutil.copytree(NODE, folder)
    install = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode:
        pytest.skip(f"npm can't install the packages of Node's client: {done.stderr[-200:]}")
    return folder


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_python_client(uri, case):
    with connect(uri) as client:
        assert answer(client, case) == case["expected"]


def test_the_node_client(uri, node_client):
    done = node(node_client, "conformance.mjs", uri, str(FOLDER / "cases.json"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_node_runner_tells_a_case_that_fails(uri, node_client, tmp_path):
    [case, *_] = CASES
    wrong = {**case, "expected": {**case["expected"], "rows": [[1, "other"]]}}
    (tmp_path / "cases.json").write_text(json.dumps([wrong, *CASES[:1]]), encoding="utf-8")
    done = node(node_client, "conformance.mjs", uri, str(tmp_path / "cases.json"))
    assert done.returncode == 1
    assert case["name"] in done.stdout


def test_the_node_client_asks_for_infos_and_actions(uri, node_client):
    program = f"""
        import {{ FlightClient }} from "./client.mjs";
        const client = new FlightClient("{uri}");
        const info = await client.info({{ repo: "conformance", dataset: "cst_name_refs" }});
        const health = await client.act("healthcheck");
        for await (const batch of await client.read({{ repo: "conformance", dataset: "cst_name_refs" }})) break;
        client.close();
        console.log(JSON.stringify([info.rows, info.tickets[0].dataset, info.metadata.contract, health.status]));
    """
    done = node(node_client, "--input-type=module", "-e", program)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [36, "cst_name_refs", "py_cst_name_refs_v3", "ok"]


def node(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["node", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
