"""Circuits: a provider that keeps failing is left alone for a while, so that calls go elsewhere at once.

A circuit is *closed* while its provider works, *open* after it has failed too often, and *half open* when the
cool-down is over: then one call tries, and what becomes of it decides. Pure logic over a clock it is given;
what counts as a failure is the caller's business.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

CircuitState = Literal["closed", "half_open", "open"]

FAILURES = 5
"""So many failures, no success between them, open a circuit."""
WINDOW_S = 60.0
"""They count when the first is no longer ago than this."""
COOL_DOWN_S = 15.0
"""How long a circuit stays open the first time."""
MAX_COOL_DOWN_S = 120.0
"""How long it stays open at most; each probe that fails doubles the time up to this."""
PROBE_S = 10.0
"""A probe that has not reported for so long is forgotten (its call ended meanwhile), and another may try."""


@dataclass(slots=True)
class _Circuit:
    """One provider's. Without trouble there is none."""

    failed_at_s: deque[float] = field(default_factory=lambda: deque(maxlen=FAILURES))
    opened: bool = False
    cool_down_s: float = COOL_DOWN_S
    cooled_at_s: float = 0.0
    probe_until_s: float | None = None

    def state(self, now_s: float) -> CircuitState:
        if not self.opened:
            return "closed"
        return "open" if now_s < self.cooled_at_s else "half_open"

    def probe(self, now_s: float) -> bool:
        if self.probe_until_s is not None and now_s < self.probe_until_s:
            return False
        self.probe_until_s = now_s + PROBE_S
        return True

    def open(self, now_s: float, cool_down_s: float) -> None:
        self.opened = True
        self.cool_down_s = cool_down_s
        self.cooled_at_s = now_s + cool_down_s
        self.probe_until_s = None

    def count(self, now_s: float) -> None:
        self.failed_at_s.append(now_s)
        if len(self.failed_at_s) == FAILURES and now_s - self.failed_at_s[0] <= WINDOW_S:
            self.open(now_s, COOL_DOWN_S)


class Circuits:
    """The circuits of all providers, shared by the calls of one process.

    Args:
        clock: Seconds that never go back, e.g. `time.monotonic`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._troubled: dict[str, _Circuit] = {}

    def allow(self, provider: str, *, last_resort: bool = False) -> bool:
        """Ask whether a session may be opened now; whoever is allowed reports what became of it.

        Args:
            provider: Its name.
            last_resort: There is nowhere else to go: always allowed. On a circuit that is half open such a
                call is the probe, if there is none yet.
        """
        circuit = self._troubled.get(provider)
        if circuit is None:
            return True
        now_s = self._clock()
        match circuit.state(now_s):
            case "closed":
                return True
            case "open":
                return last_resort
            case "half_open":
                return circuit.probe(now_s) or last_resort

    def succeeded(self, provider: str) -> None:
        """A session works: the circuit is closed, whatever it was, and all failures are forgotten."""
        self._troubled.pop(provider, None)

    def failed(self, provider: str) -> None:
        """A session could not be opened, or broke, by the provider's fault.

        On an open circuit this changes nothing: sessions opened before may go on breaking.
        """
        circuit = self._troubled.setdefault(provider, _Circuit())
        now_s = self._clock()
        match circuit.state(now_s):
            case "closed":
                circuit.count(now_s)
            case "open":
                pass
            case "half_open":
                circuit.open(now_s, min(MAX_COOL_DOWN_S, 2 * circuit.cool_down_s))

    def state(self, provider: str) -> CircuitState:
        """The state of a provider's circuit now."""
        circuit = self._troubled.get(provider)
        return "closed" if circuit is None else circuit.state(self._clock())

    def states(self, names: Iterable[str]) -> dict[str, CircuitState]:
        """The state of each of these providers now, in their order."""
        return {name: self.state(name) for name in names}
