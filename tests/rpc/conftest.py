import pytest
from rpc_server import PARTS_4, Peer, callsites, name_refs, running


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server for the tests that leave the repo ``seeded`` as it is and put into repos of their own."""
    with running(tmp_path_factory.mktemp("store")) as serving:
        peer = Peer(serving.uri)
        txn = peer.act("begin", {"repo": "seeded", "files": PARTS_4})["txn"]
        paths = [f"pkg/m{number}.py" for number in range(40)]
        peer.put_table("seeded", "cst_name_refs", name_refs((p, n) for p in paths for n in range(50)), txn=txn)
        calls = callsites((p, n, [(f"pkg.f{n % 7}", "LOCAL"), ("print", "BUILTIN")]) for p in paths for n in range(20))
        peer.put_table("seeded", "cst_callsites", calls, txn=txn)
        peer.act("commit", {"txn": txn, "rows": {"cst_name_refs": 2000, "cst_callsites": 800}})
        peer.close()
        yield serving


@pytest.fixture
def peer(server):
    connected = Peer(server.uri)
    yield connected
    connected.close()


@pytest.fixture
def repo(request):
    """A repo name of the test's own."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name)[:90]


@pytest.fixture
def unharmed(peer):
    """After whatever a test does, the server answers and the old rows are there."""
    before = peer.get("seeded", "cst_name_refs")
    stats = peer.act("stats", {"repo": "seeded"})
    yield peer
    assert peer.act("healthcheck") == {"status": "ok"}
    assert peer.get("seeded", "cst_name_refs").equals(before)
    assert peer.act("stats", {"repo": "seeded"}) == stats
