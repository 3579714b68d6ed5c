"""The rows that differ between two snapshots, as a client reads them: the same as comparing all rows of both."""

import shutil
from collections import Counter

import pytest
from serving_store import DEMO, service_over

from flight_client import FlightClientError, connect
from flight_client.ingest import ingest
from flight_server.rpc.server import FlightServer


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of a server with two snapshots: a function was renamed, another added, and a file deleted."""
    root = tmp_path_factory.mktemp("code") / "code"
    shutil.copytree(DEMO, root, ignore=shutil.ignore_patterns("__pycache__"))
    server = FlightServer(service_over(tmp_path_factory.mktemp("store")))
    with connect(server.uri) as connected:
        ingest(connected, root, repo="demo", jobs=1)
        changed = next(path for path in sorted(root.rglob("*.py")) if "def " in path.read_text())
        renamed = changed.read_text().replace("def ", "def renamed_", 1)
        changed.write_text(f"{renamed}\n\ndef added(a):\n    return len(a)\n")
        max(root.rglob("*.py")).unlink()
        ingest(connected, root, repo="demo", jobs=1)
        yield connected
    server.stop()


def rows(client, dataset: str, **narrowing: object) -> list[dict[str, object]]:
    return client.read("demo", dataset, **narrowing).read_all().to_pylist()


def differing(client, dataset: str, key: list[str], **narrowing: object) -> Counter[str]:
    """The expected rows with their changes, from a comparison of all rows."""
    old, new = ({repr(row): row for row in rows(client, dataset, snapshot=n, **narrowing)} for n in (1, 2))
    expected = Counter[str]()
    for own, other, alone, both in ((old, new, "removed", "old"), (new, old, "added", "new")):
        keys = {tuple(row[name] for name in key) for row in other.values()} if key else set()
        for text, row in own.items():
            if text not in other:
                change = both if tuple(row[name] for name in key) in keys else alone
                expected[repr({"change": change, **row})] += 1
    return expected


def test_every_dataset_differs_by_the_rows_that_a_full_comparison_finds(client):
    infos = client.infos("demo")
    changes = Counter[str]()
    for info in infos:
        found = rows(client, info.dataset, since=1)
        assert Counter(map(repr, found)) == differing(client, info.dataset, info.metadata["key"]), info.dataset
        changes.update(row["change"] for row in found)
        counted = client.maintenance.diff("demo", 1, datasets=[info.dataset])["datasets"].get(info.dataset, {})
        kinds = Counter(row["change"] for row in found)
        assert [counted.get(name, 0) for name in ("added", "removed", "changed")] == [
            kinds["added"],
            kinds["removed"],
            kinds["new"],
        ]
    assert min(changes[change] for change in ("added", "removed", "old", "new")) > 0
    assert len(infos) > 40


def test_a_filter_applies_to_both_snapshots_and_columns_decide_what_differs(client):
    narrowing = {"columns": ["def_id", "qname"], "where": "kind = 'function'"}
    expected = differing(client, "definitions", ["def_id"], **narrowing)
    assert Counter(map(repr, rows(client, "definitions", since=1, **narrowing))) == expected
    assert not any(row["change"] in {"old", "new"} for row in rows(client, "definitions", since=1, columns=["def_id"]))
    assert len(rows(client, "definitions", since=1, limit=2)) == 2


def test_the_older_snapshot_may_be_the_newer_one(client):
    back = Counter(row["change"] for row in rows(client, "definitions", since=2, snapshot=1))
    there = Counter(row["change"] for row in rows(client, "definitions", since=1, snapshot=2))
    assert (back["added"], back["removed"], back["new"]) == (there["removed"], there["added"], there["old"])
    assert rows(client, "definitions", since=2) == []


def test_bad_requests_say_what_is_allowed(client):
    with pytest.raises(FlightClientError, match="no snapshot 9; allowed: 1, 2"):
        client.read("demo", "definitions", since=9)
    with pytest.raises(FlightClientError, match="leave the key order out"):
        client.read("demo", "definitions", since=1, order="canonical")
    with pytest.raises(FlightClientError, match="get_flight_info only"):
        client.explain("demo", "definitions", since=1)


def test_a_flight_info_of_a_difference_names_both_snapshots(client):
    found = client.read("demo", "definitions", since=1, streams=2).read_all()
    assert found.schema.names[0] == "change"
    assert found.num_rows
