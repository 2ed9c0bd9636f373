"""What the gateway counts; served at /metrics, described in docs/operations.md."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.provider_metrics import ProviderMetrics
from store.call_events import (
    BargeIn,
    CallEvent,
    ProviderOpened,
    ProviderReplaced,
    SpeechIgnored,
    UsageReported,
)


class GatewayMetrics:
    """The gateway's instruments on one registry, those of its providers beside them."""

    def __init__(self, registry: CollectorRegistry, providers: ProviderMetrics) -> None:
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
        self.providers = providers
        self.barge_ins = Counter("hum_barge_ins", "Agent turns cut by the caller.", registry=registry)
        self.false_starts = Counter(
            "hum_false_starts", "Times the agent paused for a sound that was no speech.", registry=registry
        )
        self.calls_reconciled = Counter(
            "hum_calls_reconciled", "Calls a dead process left open, finished later.", registry=registry
        )

    def count_event(self, event: CallEvent) -> None:
        """Count what an event of a live call says."""
        match event:
            case ProviderOpened(opened_in_ms=opened_in_ms):
                self.providers.opening_seconds.observe(opened_in_ms / 1000)
            case ProviderReplaced(provider=provider, by=by, planned=planned):
                self.providers.replacements.labels(provider, by, "yes" if planned else "no").inc()
            case UsageReported(provider=provider, cost_cents=float() as cents):
                self.providers.cost_cents.labels(provider).inc(cents)
            case BargeIn():
                self.barge_ins.inc()
            case SpeechIgnored():
                self.false_starts.inc()
            case _:
                pass
