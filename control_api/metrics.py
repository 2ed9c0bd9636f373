"""The API's own metrics, beside whatever else the registry holds."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from store.event_log import EventLog

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class ApiMetrics:
    """Counts and times requests, and open event streams.

    Args:
        registry: where they are served from.
        event_log: its counters are served as well.
    """

    def __init__(self, registry: CollectorRegistry, event_log: EventLog) -> None:
        self._requests = Counter(
            "hum_api_requests",
            "API requests by operation and status",
            ["operation", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "hum_api_request_seconds",
            "Time until the answer begins",
            ["operation"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.open_streams = Gauge("hum_api_open_streams", "Event streams open now", registry=registry)
        registry.register(_EventLogCollector(event_log))

    def answered(self, operation_id: str, status: int, seconds: float) -> None:
        """Count and time one request."""
        self._requests.labels(operation_id, str(status)).inc()
        self._seconds.labels(operation_id).observe(seconds)


class _EventLogCollector(Collector):
    """Serves the event log's counters as they stand."""

    def __init__(self, event_log: EventLog) -> None:
        self._event_log = event_log

    def collect(self) -> Iterator[Metric]:
        counts = self._event_log.counts
        for name, text, value in (
            ("hum_event_log_appended", "Call events taken in", counts.appended),
            ("hum_event_log_written", "Call events written", counts.written),
            (
                "hum_event_log_dropped_partials",
                "Partial transcripts dropped for want of room",
                counts.dropped_partials,
            ),
            ("hum_event_log_grown", "Events queued past the capacity", counts.grown_past_capacity),
            ("hum_event_log_orphaned", "Events of calls that do not exist", counts.orphaned),
            ("hum_event_log_failed_writes", "Attempts to write that failed", counts.failed_writes),
        ):
            yield CounterMetricFamily(name, text, value)
        yield GaugeMetricFamily("hum_event_log_waiting", "Call events not written yet", counts.waiting)
        degraded = self._event_log.degraded is not None
        yield GaugeMetricFamily("hum_event_log_degraded", "1 while events cannot be written", int(degraded))
