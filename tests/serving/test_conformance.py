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
QUIET = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    with serving_cases(service_over(tmp_path_factory.mktemp("store"))) as running:
        yield running


@pytest.fixture(scope="module")
def node_client(tmp_path_factory) -> Path:
    """The folder of Node's client with its packages: as they stand in the source tree, or installed for this run."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("needs node and npm")
    if (NODE / "node_modules").is_dir():
        return NODE
    folder = tmp_path_factory.mktemp("node") / "client"
    shutil.copytree(NODE, folder)
    try:
        npm(folder, "install", *QUIET)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"npm can't install the packages of Node's client: {error.stderr[-200:]}")
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


PROGRAM = """
    import { FlightClient, FlightError } from "%s";
    const client = new FlightClient("%s");
    const request = { repo: "conformance", dataset: "cst_name_refs" };
    const said = [await client.repos()];
    const info = await client.info(request);
    said.push([info.dataset, info.rows, info.tickets[0].dataset, info.metadata.contract]);
    said.push((await client.list("conformance")).filter(({ rows }) => rows === 36).map(({ dataset }) => dataset));
    for await (const batch of await client.read(request)) break;
    const counted = await client.sql("select count(*) + $n as n from cst_name_refs", { n: 1 }, { repo: "conformance" });
    said.push((await counted.table()).toArray().map(String));
    const two = await (await client.read({ ...request, limit: 2 })).table();
    const { rows, snapshot } = await client.put("of-node", "cst_name_refs", two);
    said.push([rows, snapshot > 0, (await (await client.read({ ...request, repo: "of-node" })).table()).numRows]);
    said.push((await (await client.read({ ...request, limit: 0 })).table()).numRows);
    const refused = await client.read({ ...request, repo: "nowhere" }).catch((error) => error);
    said.push([refused instanceof FlightError, refused.code]);
    await client.read(request); // never iterated: close cancels it
    said.push((await client.act("healthcheck")).status);
    client.close();
    console.log(JSON.stringify(said));
"""
SAID = [
    ["conformance"],
    ["cst_name_refs", 36, "cst_name_refs", "py_cst_name_refs_v3"],
    ["cst_name_refs"],
    ['{"n": 37}'],
    [2, True, 2],
    0,
    [True, "unknown_repo"],
    "ok",
]


def test_the_node_client_lists_reads_asks_puts_and_ends(uri, node_client):
    done = node(node_client, "--input-type=module", "-e", PROGRAM % ("./client.mjs", uri))
    assert (done.stderr, done.returncode) == ("", 0)
    assert json.loads(done.stdout) == SAID
    with connect(uri) as client:
        client.drop("of-node")
        assert client.stats()["running_calls"] == 0


def test_the_node_package_as_it_is_published(uri, node_client, tmp_path):
    packed = npm(node_client, "pack", "--pack-destination", str(tmp_path))
    npm(tmp_path, "install", *QUIET, packed.stdout.split()[-1])
    done = node(tmp_path, "--input-type=module", "-e", PROGRAM % ("flight-server-client", uri))
    assert (done.stderr, done.returncode) == ("", 0)
    assert json.loads(done.stdout) == SAID
    with connect(uri) as client:
        client.drop("of-node")


def test_the_types_of_the_node_package(node_client):
    npm(node_client, "run", "types")


def npm(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["npm", *arguments], cwd=folder, capture_output=True, text=True, timeout=240, check=True)


def node(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["node", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
