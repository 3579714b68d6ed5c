"""With ``--traces``, each call is a span in its caller's trace: an OTLP collector receives them."""

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from cli_process import serving
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flight_client import FlightClientError, connect

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def collector(monkeypatch):
    """The spans that a collector on a free port has received, by name."""
    spans = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
            spans.extend(
                (resource.resource, span)
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments):
            """Nothing to stderr."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield spans
        server.shutdown()


def texts(attributes) -> dict[str, str]:
    return {each.key: each.value.string_value for each in attributes}


def test_calls_are_spans_in_the_trace_of_their_caller(collector, tmp_path):
    header = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with serving("demo", "--store", tmp_path, "--traces") as server:
        http = server.read_lines(1)[0].split("/v1")[0].strip()
        started = time.time()
        with connect(server.uri, headers=header) as client:
            client.read("demo", "cst_defs").read_all()
            with pytest.raises(FlightClientError):
                client.read("demo", "nope").read_all()
        httpx.get(f"{http}/v1/demo/cst_defs", headers=header).raise_for_status()
        assert server.stop() == 0
        assert server.log() == "" or "errors" in server.log()
    mine = [span for _, span in collector if span.trace_id.hex() == TRACE]
    assert {span.name for span in mine} >= {"do_get", "GET /v1/REPO/DATASET"}
    assert {span.parent_span_id.hex() for span in mine} == {PARENT}
    by_outcome = {
        value.value.string_value: span for span in mine for value in span.attributes if value.key == "flight.outcome"
    }
    assert by_outcome["unknown_dataset"].status.code == 2
    assert by_outcome["complete"].status.code == 0
    for span in mine:
        assert started - 1 < span.start_time_unix_nano / 1e9 <= span.end_time_unix_nano / 1e9 < time.time() + 1
    names = {
        each.value.string_value
        for resource, _ in collector
        for each in resource.attributes
        if each.key == "service.name"
    }
    assert names == {"flight-server"}
    assert any(
        span.trace_id.hex() != TRACE for _, span in collector
    )  # the calls of the ingest have traces of their own
