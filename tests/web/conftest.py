import pytest
from web_server import WebServer, running_web


@pytest.fixture(scope="session")
def web(tmp_path_factory) -> WebServer:
    """A server with both ports, which the tests leave as it is."""
    with running_web(tmp_path_factory.mktemp("store")) as server:
        yield server
