"""What the gateway counts; served at /metrics, described in docs/operations.md."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class GatewayMetrics:
    """The gateway's instruments on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.live_calls = Gauge("hum_live_calls", "Calls being carried by this process.", registry=registry)
        self.calls_ended = Counter(
            "hum_calls_ended", "Conversations that ended, by disposition.", ["disposition"], registry=registry
        )
        self.webhooks_refused = Counter(
            "hum_webhooks_refused", "Carrier requests refused, by reason.", ["reason"], registry=registry
        )
        self.stream_messages_rejected = Counter(
            "hum_stream_messages_rejected",
            "Media stream messages that could not be used, by reason.",
            ["reason"],
            registry=registry,
        )
        self.provider_messages_unknown = Counter(
            "hum_provider_messages_unknown",
            "Provider messages of a type we do not know, and errors we ignore, by type.",
            ["provider", "type"],
            registry=registry,
        )
        self.provider_opening_seconds = Histogram(
            "hum_provider_opening_seconds",
            "Time from the start of a call until its provider session was ready.",
            buckets=(0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0),
            registry=registry,
        )
        self.calls_reconciled = Counter(
            "hum_calls_reconciled", "Calls a dead process left open, finished later.", registry=registry
        )

    def count_unknown(self, provider: str, kinds: Mapping[str, int]) -> None:
        """Count what a provider session said that meant nothing to us."""
        for kind, count in kinds.items():
            self.provider_messages_unknown.labels(provider, kind).inc(count)
