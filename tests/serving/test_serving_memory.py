"""A result of a whole repo is refused if the machine has too little memory to compute it."""

from pathlib import Path

import pytest
from serving_store import DEMO, PIPELINE, ingested, rows_of, service_over

from arrowdsl.plan.nodes import Scope
from flight_server.serving import estimates
from flight_server.serving.estimates import computation_bytes, kernel_bytes
from flight_server.serving.request_errors import TooLargeError


def test_a_kernel_over_a_repo_is_refused_before_it_starts_and_all_else_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_over(tmp_path)
    ingested(service, DEMO)
    monkeypatch.setattr(estimates, "machine_bytes", lambda: 1024)
    with pytest.raises(TooLargeError, match="resolution of demo"):
        rows_of(service, "call_graph")
    assert rows_of(service, "callsite_qname_candidates").num_rows
    monkeypatch.undo()
    assert rows_of(service, "call_graph").num_rows


def test_the_need_grows_with_the_rows_that_the_kernel_reads(tmp_path: Path) -> None:
    service = service_over(tmp_path)
    ingested(service, DEMO)
    snapshot = service.store.snapshot("demo")
    plan = PIPELINE["resolution"].plans[Scope.FIXPOINT]
    needed = kernel_bytes(plan, snapshot)
    assert needed > snapshot.rows("flow_calls") + snapshot.rows("flow_copies")
    assert computation_bytes(PIPELINE["resolution"], Scope.FIXPOINT, plan, snapshot, "global") == needed
