import pytest
from wire_server import ROWS, WireServer

from flight_client import connect


@pytest.fixture(scope="module")
def server():
    with WireServer({("r", "t"): ROWS, ("r", "u"): ROWS.select(["id", "s"]), ("other", "t"): ROWS}) as running:
        yield running


@pytest.fixture
def client(server):
    server.tickets.clear()
    with connect(server.uri) as connected:
        yield connected


@pytest.fixture
def rows():
    return ROWS
