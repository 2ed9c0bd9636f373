"""What the gateway counts of its providers; served at /metrics, described in docs/operations.md."""

from collections.abc import Mapping, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from providers.circuit import Circuits


class ProviderMetrics:
    """The instruments that tell how the speech providers do."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.messages_unknown = Counter(
            "hum_provider_messages_unknown",
            "Provider messages of a type we do not know, and errors we ignore, by type.",
            ["provider", "type"],
            registry=registry,
        )
        self.opening_seconds = Histogram(
            "hum_provider_opening_seconds",
            "Time from asking for a provider session until it was ready.",
            buckets=(0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0),
            registry=registry,
        )
        self.failures = Counter(
            "hum_provider_failures",
            "Provider sessions that could not be opened or used, by provider and cause.",
            ["provider", "code"],
            registry=registry,
        )
        self.replacements = Counter(
            "hum_provider_replacements",
            "Provider sessions replaced in mid-call, by who took over from whom, and whether it was planned.",
            ["provider", "by", "planned"],
            registry=registry,
        )
        self.circuit = Gauge(
            "hum_provider_circuit_state",
            "Whether a provider is used: 0 closed (used), 1 half open (being probed), 2 open (avoided).",
            ["provider"],
            registry=registry,
        )
        self.cost_cents = Counter(
            "hum_provider_cost_cents",
            "What the providers' counts cost, in US cents.",
            ["provider"],
            registry=registry,
        )

    def watch_circuits(self, circuits: Circuits, providers: Sequence[str]) -> None:
        """Show the circuits of these providers as they are whenever somebody looks."""
        for name in providers:
            self.circuit.labels(name).set_function(partial(_circuit_value, circuits, name))

    def count_unknown(self, provider: str, kinds: Mapping[str, int]) -> None:
        """Count what a provider session said that meant nothing to us."""
        for kind, count in kinds.items():
            self.messages_unknown.labels(provider, kind).inc(count)


def _circuit_value(circuits: Circuits, provider: str) -> float:
    return {"closed": 0.0, "half_open": 1.0, "open": 2.0}[circuits.state(provider)]
