"""How late the event loop runs what is due: the first sign of a process that does too much."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily

INTERVAL_S = 0.05
WINDOW = 1_200
"""Samples kept: the last minute."""

QUANTILES = (0.5, 0.99, 1.0)


class LoopLag:
    """Samples the lag of the running loop and serves its quantiles as a metric.

    Args:
        registry: Where the metric is served.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._samples_s: deque[float] = deque(maxlen=WINDOW)
        registry.register(self)

    async def run(self) -> None:
        """Sample for ever."""
        while True:
            due_s = time.perf_counter() + INTERVAL_S  # finer than the loop's own clock
            await asyncio.sleep(INTERVAL_S)
            self._samples_s.append(max(0.0, time.perf_counter() - due_s))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the quantiles over the last minute."""
        family = GaugeMetricFamily(
            "hum_loop_lag_seconds",
            "Lateness of the event loop over the last minute, by quantile.",
            labels=["quantile"],
        )
        ordered = sorted(self._samples_s)
        for quantile in QUANTILES:
            value = ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] if ordered else 0.0
            family.add_metric([str(quantile)], value)
        yield family
