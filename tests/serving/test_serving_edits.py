"""An edit leaves what was computed of other parts valid: also what is computed from the whole repo."""

import shutil
from pathlib import Path

import pytest
from serving_store import DEMO, PIPELINE, ingested, service_over

from flight_client.contracts.ids import part_of_path
from flight_server.serving.request import Request
from flight_server.serving.service import Service

COPIES = 6  # of the demo repo: two parts
SERVED = [name for name, output in PIPELINE.items() if output.spec is not None and output.tags["kind"] == "output"]
EDITED = "copy0/shop/models.py"  # the other copies have files of their own, the same part has files of several


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(COPIES):
        shutil.copytree(DEMO, tmp_path / f"copy{number}", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def fingerprints(service: Service) -> dict[tuple[str, object, object], str]:
    """Of every piece of every output; the outputs from which they are computed are computed."""
    return {
        (name, piece.scope, piece.part): read.results.fingerprint(piece)
        for name in SERVED
        for read in [service.read(Request("demo", name))]
        for piece in read.pieces()
    }


def test_a_comment_on_top_of_a_module_recomputes_its_part_only(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    service = service_over(tmp_path_factory.mktemp("store"))
    ingested(service, root)
    before = fingerprints(service)
    (root / EDITED).write_bytes(b"# a comment\n" + (root / EDITED).read_bytes())
    ingested(service, root)
    changed = {key for key, value in fingerprints(service).items() if before[key] != value}
    parts = service.store.snapshot("demo").parts
    assert parts > 1
    # violations looks for the ends of all edges anew
    assert {part for name, _, part in changed if name != "violations"} == {part_of_path("demo", EDITED, parts)}
