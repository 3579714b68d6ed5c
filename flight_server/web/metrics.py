"""Metrics for Prometheus: calls as they end, and the state of the server when it is asked."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from flight_server.serving.running_calls import RunningCall
from flight_server.serving.service import Service

disable_created_metrics()  # a sample for each sample
_SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300)


class Metrics:
    """The metrics of one service, none of which names a repo or an identity: who may see them learns no name."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._calls = self._counter("calls", "Calls that have ended.", "method", "outcome")
        self._rows = self._counter("rows", "Rows sent or received.", "method")
        self._bytes = self._counter("bytes", "Bytes of rows sent or received, before compression.", "method")
        self._commits = self._counter("commits", "Commits that were acknowledged.")
        self._conflicts = self._counter("conflicts", "Commits that lost against another one.")
        self._seconds = Histogram(
            "flight_server_call_seconds", "Duration of calls.", ("method",), buckets=_SECONDS, registry=self._registry
        )
        self._registry.register(self)
        service.calls.observers.append(self.observe)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"flight_server_{name}", text, labels, registry=self._registry)

    def observe(self, call: RunningCall) -> None:
        """Count a call that has ended."""
        self._calls.labels(call.method, call.outcome).inc()
        self._rows.labels(call.method).inc(call.rows)
        self._bytes.labels(call.method).inc(call.bytes)
        self._seconds.labels(call.method).observe(call.seconds)
        if call.has_committed:
            self._commits.inc()
        elif call.outcome == "conflict":
            self._conflicts.inc()

    def collect(self) -> Iterator[Metric]:
        """The state of the server now, for the registry."""
        service = self._service
        usage, counts, artifacts = service.budget.usage(), service.result_counts, service.artifacts
        yield _gauge("running_calls", "Calls that run.", len(service.calls))
        yield _gauge("streams", "Streams that run.", usage.streams)
        yield _gauge("waiting_streams", "Streams that wait for room.", usage.waiting)
        yield _gauge("computations", "Results that are being computed.", usage.computations)
        yield _gauge("memory_bytes", "Memory that streams, computations and held results take.", usage.memory)
        yield _gauge("memory_limit_bytes", "The limit of that memory.", service.budget.limits.memory)
        yield _gauge("cache_bytes", "Cached results on disk.", artifacts.stored_bytes)
        yield _gauge("cache_limit_bytes", "The limit of the cached results.", artifacts.limit)
        yield _gauge("draining", "1 once the server stops.", int(service.calls.is_draining))
        yield _total("cache_hits", "Results found in the cache.", counts.hits)
        yield _total("cache_misses", "Results that had to be computed.", counts.misses)
        yield _total("computation_seconds", "Time spent on computing results.", counts.seconds)
        yield _total("resolution_seconds", "Time spent on resolving calls, a part of that.", counts.resolution_seconds)

    def page(self, accept: str) -> tuple[bytes, str]:
        """The metrics and their media type, in the format that a header Accept asks for."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"flight_server_{name}", text, value)


def _total(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"flight_server_{name}", text, value)
