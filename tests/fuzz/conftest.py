import pytest
from fuzzed_server import FuzzedServer, fuzzed_server


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> FuzzedServer:
    """A server in a process of its own. When the tests have ended it must be as it was, and have logged no fault."""
    with fuzzed_server(tmp_path_factory.mktemp("store")) as running:
        yield running
