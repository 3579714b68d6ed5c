"""Health and metrics, as probes and Prometheus ask for them."""

import shutil
import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families
from web_server import running_web

TABLE = "/v1/seeded/cst_name_refs"


def values(web) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(web.http.get("/metrics").text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def test_a_server_is_alive_and_ready(web):
    assert (web.http.get("/healthz").status_code, web.http.get("/readyz").status_code) == (200, 200)


def test_a_store_that_is_gone_is_not_ready(tmp_path):
    with running_web(tmp_path / "store") as web:
        shutil.rmtree(tmp_path / "store")
        answer = web.http.get("/readyz")
        assert (answer.status_code, answer.text.splitlines()[0]) == (
            503,
            "the store can't be written: No such file or directory",
        )
        assert str(tmp_path) not in answer.text


def test_a_full_disk_is_not_ready(web, monkeypatch):
    monkeypatch.setattr("flight_server.web.health.LEAST_FREE_BYTES", 1 << 60)
    assert web.http.get("/readyz").status_code == 503


def test_while_a_server_drains_it_is_alive_not_ready_and_ends_its_streams(tmp_path):
    with running_web(tmp_path) as web, web.http.stream("GET", TABLE, params={"format": "csv"}) as answer:
        chunks = answer.iter_raw()
        received = len(next(chunks))
        stopping = threading.Thread(target=web.flight.stop)
        stopping.start()
        while not web.service.calls.is_draining:
            pass
        assert (web.http.get("/healthz").status_code, web.http.get("/readyz").status_code) == (200, 503)
        refused = web.http.get(TABLE)
        assert (refused.status_code, refused.json()["code"]) == (503, "stopping")
        received += sum(map(len, chunks))  # the rest comes whole
        assert received > 10_000_000
        stopping.join(20)
        assert not stopping.is_alive()


def test_calls_are_counted(web):
    before = values(web)
    web.http.get(TABLE, params={"limit": 3})
    web.http.get(TABLE, params={"columns": "nope"})
    web.client.read("seeded", "cst_name_refs", limit=5).read_all()
    after = values(web)

    def grown(name, *labels):
        return after.get((f"flight_server_{name}", *labels), 0) - before.get((f"flight_server_{name}", *labels), 0)

    path = "GET /v1/REPO/DATASET"
    assert grown("calls_total", path, "complete") == 1
    assert grown("calls_total", path, "unknown_column") == 1
    assert grown("rows_total", path) == 3
    assert grown("rows_total", "do_get") == 5
    assert grown("bytes_total", "do_get") > 0
    assert grown("call_seconds_count", "do_get") == 1
    assert after["flight_server_commits_total",] >= 1


def test_the_cache_is_measured(web):
    before = values(web)
    for _ in range(2):
        web.client.read("seeded", "call_graph").read_all()
    after = values(web)
    assert after["flight_server_cache_misses_total",] > before["flight_server_cache_misses_total",]
    assert after["flight_server_cache_hits_total",] > before["flight_server_cache_hits_total",]
    assert after["flight_server_resolution_seconds_total",] >= 0


def test_no_metric_names_a_repo(web):
    web.http.get("/v1/secret-repo/x")
    text = web.http.get("/metrics").text
    assert "seeded" not in text
    assert "secret-repo" not in text


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=1.0.0", "text/plain", ""])
def test_metrics_in_the_formats_of_prometheus(web, accept):
    answer = web.http.get("/metrics", headers={"Accept": accept})
    assert "flight_server_running_calls" in answer.text
    assert ("openmetrics" in accept) == answer.headers["content-type"].startswith("application/openmetrics-text")
