"""What the gateway counts; served at /metrics, described in docs/operations.md."""

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from providers.circuit import Circuits
from store.call_events import (
    BargeIn,
    CallEvent,
    ProviderOpened,
    ProviderReplaced,
    SpeechIgnored,
    UsageReported,
)


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
            "Time from asking for a provider session until it was ready.",
            buckets=(0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0),
            registry=registry,
        )
        self.provider_failures = Counter(
            "hum_provider_failures",
            "Provider sessions that could not be opened or used, by provider and cause.",
            ["provider", "code"],
            registry=registry,
        )
        self.provider_replacements = Counter(
            "hum_provider_replacements",
            "Provider sessions replaced in mid-call, by who took over from whom, and whether it was planned.",
            ["provider", "by", "planned"],
            registry=registry,
        )
        self.provider_circuit = Gauge(
            "hum_provider_circuit_state",
            "Whether a provider is used: 0 closed (used), 1 half open (being probed), 2 open (avoided).",
            ["provider"],
            registry=registry,
        )
        self.provider_cost_cents = Counter(
            "hum_provider_cost_cents",
            "What the providers' counts cost, in US cents.",
            ["provider"],
            registry=registry,
        )
        self.barge_ins = Counter("hum_barge_ins", "Agent turns cut by the caller.", registry=registry)
        self.false_starts = Counter(
            "hum_false_starts", "Times the agent paused for a sound that was no speech.", registry=registry
        )
        self.calls_reconciled = Counter(
            "hum_calls_reconciled", "Calls a dead process left open, finished later.", registry=registry
        )

    def watch_circuits(self, circuits: Circuits, providers: Sequence[str]) -> None:
        """Show the circuits of these providers as they are whenever somebody looks."""
        values = {"closed": 0, "half_open": 1, "open": 2}
        for name in providers:
            gauge = self.provider_circuit.labels(name)
            gauge.set_function(lambda name=name: values[circuits.state(name)])  # type: ignore[misc]

    def count_event(self, event: CallEvent) -> None:
        """Count what an event of a live call says."""
        match event:
            case ProviderOpened(opened_in_ms=opened_in_ms):
                self.provider_opening_seconds.observe(opened_in_ms / 1000)
            case ProviderReplaced(provider=provider, by=by, planned=planned):
                self.provider_replacements.labels(provider, by, "yes" if planned else "no").inc()
            case UsageReported(provider=provider, cost_cents=float() as cents):
                self.provider_cost_cents.labels(provider).inc(cents)
            case BargeIn():
                self.barge_ins.inc()
            case SpeechIgnored():
                self.false_starts.inc()
            case _:
                pass

    def count_unknown(self, provider: str, kinds: Mapping[str, int]) -> None:
        """Count what a provider session said that meant nothing to us."""
        for kind, count in kinds.items():
            self.provider_messages_unknown.labels(provider, kind).inc(count)
