"""What the HTTP port refuses: bad requests with a code, other sites, other hosts, changes."""

import json

import pytest
from web_server import running_web

from flight_server.serving.limits import Limits

TABLE = "/v1/seeded/cst_name_refs"
REFUSED = [
    ("/v1/nope/cst_name_refs", {}, 404, "unknown_repo"),
    ("/v1/seeded/nope", {}, 404, "unknown_dataset"),
    (TABLE, {"snapshot": "99"}, 404, "unknown_snapshot"),
    (TABLE, {"columns": "nope"}, 400, "unknown_column"),
    (TABLE, {"columns": "path,path"}, 400, "bad_request"),
    (TABLE, {"where": "path ="}, 400, "invalid_filter"),
    (TABLE, {"where": "{"}, 400, "bad_request"),
    (TABLE, {"limit": "-1"}, 400, "bad_request"),
    (TABLE, {"limit": "٣"}, 400, "bad_request"),
    (TABLE, {"limit": "9" * 5000}, 400, "bad_request"),
    (TABLE, {"parts": "0-9999999999"}, 400, "bad_request"),
    (TABLE, {"parts": "x"}, 400, "bad_request"),
    (TABLE, {"order": "random"}, 400, "bad_request"),
    (TABLE, {"colums": "path"}, 400, "bad_request"),
    (TABLE, {"limit": ["1", "2"]}, 400, "bad_request"),
    (TABLE, {"format": "xls"}, 406, "not_acceptable"),
    ("/v1/..%2f..%2fetc/passwd", {}, 404, "unknown_path"),
    ("/v1/%2e%2e/x", {}, 400, "invalid_name"),
    ("/v2", {}, 404, "unknown_path"),
    ("/v1/sq%00l/x", {}, 400, "invalid_name"),
]


@pytest.mark.parametrize(("path", "parameters", "status", "code"), REFUSED)
def test_a_bad_request_is_told_why(web, path, parameters, status, code):
    answer = web.http.get(path, params=parameters)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "Traceback" not in answer.text
    assert ".py" not in answer.json()["message"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_nothing_is_changed_over_http(web, method):
    answer = web.http.request(method, "/v1/seeded")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert web.client.repos() == ["seeded"]


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "", "[::1", "0x7f000001.x"]
)
def test_a_name_that_is_not_loopback_is_refused(web, host):
    answer = web.http.get(TABLE, headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]:9", "127.9.9.9"])
def test_the_names_of_loopback_are_served(web, host):
    assert web.http.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_other_sites_are_refused(web, headers):
    for answer in (web.http.get(TABLE, headers=headers), web.http.post("/v1/sql", json={}, headers=headers)):
        assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
        assert "access-control-allow-origin" not in answer.headers


def test_a_query_is_declared_as_json(web):
    body = json.dumps({"sql": "select 1"}).encode()
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = web.http.post("/v1/sql", content=body, headers={"Content-Type": content_type})
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_request"),
        (b"[]", 400, "bad_request"),
        (b"\xff", 400, "bad_request"),
        (b'{"sql": "selec"}', 400, "invalid_sql"),
        (b'{"sql": "copy (select 1) to \'/tmp/x\'"}', 400, "sql_not_allowed"),
        (b'{"sql": "select 1", "file": "x"}', 400, "bad_request"),
        (b"[" * 100_000, 400, "bad_request"),
        (b"x" * 3_000_000, 413, "too_large"),
    ],
)
def test_a_bad_query_is_told_why(web, body, status, code):
    answer = web.http.post("/v1/sql", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_full_server_says_when_to_come_back(tmp_path):
    limits = Limits(streams=1, wait_seconds=0.1)
    with running_web(tmp_path, limits) as web, web.http.stream("GET", TABLE) as answer:
        assert answer.status_code == 200, answer.read()
        chunks = answer.iter_raw()  # held: the connection closes with it
        next(chunks)
        refused = web.http.get(TABLE)
        assert (refused.status_code, refused.json()["code"]) == (503, "busy")
        assert int(refused.headers["retry-after"]) >= 1
