"""The client in an interpreter that has pyarrow and nothing else: no numpy, click, Hamilton or pandas."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pyarrow as pa
import pytest

ROOT = Path(__file__).parents[2]
READS = """
import sys

sys.path.append(sys.argv[2])
import pyarrow as pa
import pyarrow.compute as pc
from flight_client import connect

with connect(sys.argv[1]) as client:
    dataset = client.dataset("r", "t")
    where = (pc.field("i") > 0) & (pc.field("i") + pc.field("id") < 12)
    print(dataset.to_table(columns=["s"], filter=where).to_pydict(), dataset.count_rows())
    where = pc.field("s").isin(["a", None])
    print(client.read("r", "t", columns=["id"], where=where, streams=2).read_all().to_pydict())
    print(client.lookup("r", "t", key="id", values=[3, 1], columns=["id", "s"]).read_all().to_pydict())
    print(client.put("alone", "t", pa.table({"a": [1, 2]}))["rows"])
    client.drop("alone")
"""


@pytest.fixture
def site(tmp_path):
    """A folder for the module path: pyarrow and the two packages that the client's distribution holds."""
    for package in (Path(pa.__file__).parent, ROOT / "arrowdsl", ROOT / "clients" / "python" / "flight_client"):
        (tmp_path / package.name).symlink_to(package)
    return tmp_path


def alone(site, code, *arguments):
    command = [sys.executable, "-I", "-S", "-c", code, *arguments, str(site)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_there_is_nothing_beside_pyarrow(site):
    found = alone(site, "import sys; sys.path.append(sys.argv[1]); import pyarrow, numpy")
    assert "No module named 'numpy'" in found.stderr


def test_reading_and_writing_need_pyarrow_alone(server, site):
    done = alone(site, READS, server.uri)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "{'s': ['a', 'a_b', 'ab', 'b']} 12",
        "{'id': [1, 2, 10]}",
        "{'id': [1, 3], 's': ['a', 'a%']}",
        "2",
    ]


def test_extraction_says_what_to_install(site):
    found = alone(site, "import sys; sys.path.append(sys.argv[1]); import flight_client.ingest")
    assert "pip install 'flight-client[ingest]'" in found.stderr.splitlines()[-1]


def configuration(folder):
    return tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_distributions_agree():
    client, configured = configuration("clients/python")["project"], configuration(".")
    server, required = configured["project"], configured["tool"]["hatch"]["metadata"]["hooks"]["custom"]["dependencies"]
    assert (client["version"], client["requires-python"]) == (server["version"], server["requires-python"])
    assert set(client["dependencies"]) <= set(required)
    extras = {**server["optional-dependencies"], "ingest": required}
    assert all(set(needed) <= set(extras[name]) for name, needed in client["optional-dependencies"].items())
    assert (ROOT / "clients" / "python" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
