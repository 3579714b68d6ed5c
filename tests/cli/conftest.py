import pytest
from cli_process import serving


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """The store of the session's server."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def demo(store):
    """A server with the demo repo, which the tests leave as it is."""
    with serving("demo", "--store", store) as server:
        yield server
