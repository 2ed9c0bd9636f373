"""Microseconds of small things, measured in turn.

Every item runs a little in each round, so that a noisy machine disturbs all alike; the best round counts.
Figures of two runs compare only through a reference measured in both.
"""

import time
from collections.abc import Callable

ROUNDS = 15
ROUND_S = 0.01
"""How long each item runs in each round."""

Item = tuple[Callable[[], object], int]
"""A thing to measure, and how many units one call of it handles."""


def measure(items: dict[str, Item]) -> dict[str, float]:
    """Measure all items against each other.

    Returns:
        Microseconds per unit by name.
    """
    best_s = dict.fromkeys(items, float("inf"))
    for _ in range(ROUNDS):
        for name, (call, units) in items.items():
            calls = 0
            started_s = now_s = time.perf_counter()
            while now_s - started_s < ROUND_S:
                for _ in range(20):
                    call()
                calls += 20
                now_s = time.perf_counter()
            best_s[name] = min(best_s[name], (now_s - started_s) / calls / units)
    return {name: round(value_s * 1e6, 3) for name, value_s in best_s.items()}
