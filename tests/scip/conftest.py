from collections.abc import Iterator
from pathlib import Path

import pytest
from scip_repo import HERE, ZOO_INDEX, Repo, served

from flight_client import Client


@pytest.fixture(scope="session")
def scip_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with served(tmp_path_factory.mktemp("scip")) as connected:
        yield connected


@pytest.fixture
def repo(scip_client: Client, tmp_path: Path) -> Repo:
    root = tmp_path / "source"
    root.mkdir()
    return Repo(scip_client, tmp_path.name, root)


@pytest.fixture(scope="session")
def zoo(scip_client: Client, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """The package of this folder with the index that scip-python made of it."""
    made = Repo(scip_client, "zoo", tmp_path_factory.mktemp("zoo") / "source")
    made.write({str(path.relative_to(HERE)): path.read_bytes() for path in (HERE / "zoo").rglob("*.py")})
    made.put(ZOO_INDEX)
    return made
