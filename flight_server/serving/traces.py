"""Traces for OpenTelemetry: a span for each call, in the trace that its caller names (W3C Trace Context).

It needs the extra ``otel``. Where spans go, and how many, the variables of OpenTelemetry say (``OTEL_…``).
"""

import os

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_SERVICE_NAME
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from flight_server.serving.call_log import call_fields
from flight_server.serving.running_calls import BROKEN_OFF, COMPLETE, RunningCall

NANOSECONDS = 1_000_000_000


class Traces:
    """Sends a span for each call that ends."""

    def __init__(self) -> None:
        os.environ.setdefault(OTEL_SERVICE_NAME, "flight-server")
        self._provider = TracerProvider()
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("flight_server")

    def observe(self, call: RunningCall) -> None:
        """Send the span of a call that has ended."""
        headers = {} if call.traceparent is None else {"traceparent": call.traceparent}
        start = int(call.started * NANOSECONDS)
        span = self._tracer.start_span(
            call.method,
            context=TraceContextTextMapPropagator().extract(headers),
            kind=SpanKind.SERVER,
            start_time=start,
            attributes={f"flight.{name}": value for name, value in call_fields(call).items()},
        )
        if call.outcome not in (COMPLETE, BROKEN_OFF):
            span.set_status(StatusCode.ERROR, call.outcome)
        span.end(start + int(call.seconds * NANOSECONDS))

    def stop(self) -> None:
        """Send what waits."""
        self._provider.shutdown()
