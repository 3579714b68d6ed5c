"""Requests over HTTP that are wrong in every way: each gets a status, and nothing of the server's insides."""

import json
import re
from urllib.parse import quote, urlencode

from fuzz_inputs import COLUMNS, DATASETS, REPOS, altered, encoded, filter_texts, fuzzing, seeds, sql_texts, values
from fuzzed_server import LEAKS
from hypothesis import given
from hypothesis import strategies as st

PATHS = ["/v1/sql", "/v1", "/metrics", "/v1/seeded/cst_defs?limit=1"]
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
names = st.sampled_from([*REPOS, *DATASETS]) | st.text(max_size=12)
parameters = st.dictionaries(
    st.sampled_from(["columns", "where", "limit", "parts", "order", "snapshot", "kinds", "props", "format", "x"]),
    filter_texts | st.sampled_from([*COLUMNS, "0-3", "1-", "-", "jsonl", "csv", "9" * 30, "canonical", "{}"]),
    max_size=4,
)


def check(answer: bytes) -> None:
    """The answer has a status that a client understands; errors have a code that is not the server's fault."""
    statuses = STATUS.findall(answer)
    assert statuses or not answer
    for status in statuses:
        assert status not in (b"500", b"502"), answer[:2000]
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head[:16]:
        assert not LEAKS.search(body.decode(errors="replace")), body[:2000]


def request(method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    lines = {"Host": "127.0.0.1", "Connection": "close", "Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode(errors="replace") + body


@fuzzing
@given(names, names, parameters, st.sampled_from(["*/*", "text/csv", "application/vnd.apache.parquet", "x", ";q=,"]))
def test_urls(server, repo, dataset, given_parameters, accept):
    path = f"/v1/{quote(repo, safe='')}/{quote(dataset, safe='')}?{urlencode(given_parameters, errors='replace')}"
    check(server.send_http(request("GET", path, {"Accept": accept})))


@fuzzing
@given(
    st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "X"]),
    st.sampled_from(["/v1/sql", "/v1", "/metrics", "/v1/seeded/cst_defs?limit=1"]),
    seeds,
)
def test_altered_requests(server, method, path, seed):
    body = json.dumps({"sql": "select 1"}).encode()
    for data in altered(request(method, path, {"Content-Type": "application/json"}, body), seed):
        check(server.send_http(data))


@fuzzing
@given(sql_texts, values, seeds)
def test_bodies(server, query, given_parameters, seed):
    for body in altered(encoded({"sql": query, "repo": "seeded", "parameters": given_parameters}), seed):
        check(server.send_http(request("POST", "/v1/sql", {"Content-Type": "application/json"}, body)))


@fuzzing
@given(st.binary(max_size=400))
def test_noise(server, noise):
    check(server.send_http(noise))
