"""The provider sessions of one call: who speaks, who stands by, who comes next."""

from collections import Counter
from dataclasses import dataclass, field

from providers.session import Capabilities

ATTEMPTS = 2
"""How often one provider is tried while nothing has answered."""

RENEW_AHEAD = 0.1
"""The part of a session's life that is left when the next one is opened: 6 minutes of an hour."""

SHORTEST_LIFE_S = 30.0
"""A session said to last less than this has a provider whose clock is not ours: its usual limit counts."""

INCIDENT_LIMIT_S = 10.0
"""How long a caller is kept waiting for any provider to answer."""


@dataclass(slots=True)
class Session:
    """One provider session as the core sees it.

    Attributes:
        number: Counts the call's sessions from 1.
        capabilities: What its provider can do.
        asked_s: When it was asked for.
        continues: It goes on with a conversation.
        resumed: It was opened with a handle of `SessionResumable`.
        opened: It is ready to talk.
        model: What the provider calls it.
        first_passed_ms: Stream time of the first caller audio it got: its zero.
        handle: Continues it in another session, as of `handle_turns`.
        handle_turns: How many turns of the conversation the handle knows.
        billed_until_s: Up to when its time has been counted.
        lasts_s: How long it may last from `asked_s`, or None where nothing limits it.
    """

    number: int
    capabilities: Capabilities
    asked_s: float
    continues: bool = False
    resumed: bool = False
    opened: bool = False
    model: str = ""
    first_passed_ms: int | None = None
    handle: str | None = None
    handle_turns: int = 0
    billed_until_s: float | None = None
    lasts_s: float | None = field(init=False)

    def __post_init__(self) -> None:
        self.lasts_s = self.capabilities.session_limit_s

    def told_to_last(self, lasts_s: float | None) -> None:
        """Its provider says how long it will last: it may be less than usual, never more."""
        if lasts_s is not None and lasts_s >= SHORTEST_LIFE_S:
            self.lasts_s = lasts_s if self.lasts_s is None else min(self.lasts_s, lasts_s)

    @property
    def renew_at_s(self) -> float | None:
        """When another is to be opened in its place."""
        return None if self.lasts_s is None else self.asked_s + self.lasts_s * (1 - RENEW_AHEAD)

    @property
    def provider(self) -> str:
        """The provider's name."""
        return self.capabilities.name


@dataclass(slots=True)
class LineUp:
    """Who is tried, in which order, after a failure.

    Attributes:
        order: The providers of the call, first the one preferred.
        incident_s: When the failure being mended began; None while all is well.
    """

    order: tuple[str, ...]
    incident_s: float | None = None
    _failed_s: float = -INCIDENT_LIMIT_S
    _attempts: Counter[str] = field(default_factory=Counter)

    def failed(self, provider: str, now_s: float, *, retryable: bool) -> None:
        """A session of this provider failed; one that no retry can mend is not tried again."""
        if now_s - self._failed_s > INCIDENT_LIMIT_S:
            self.mended()  # what came after the last failure worked, though it had nothing to say
        self._failed_s = now_s
        if self.incident_s is None:
            self.incident_s = now_s
        self._attempts[provider] = self._attempts[provider] + 1 if retryable else ATTEMPTS

    def mended(self) -> None:
        """A provider answers: what failed before is forgotten."""
        self.incident_s = None
        self._attempts.clear()

    def next_after(self, provider: str, now_s: float) -> str | None:
        """Who is tried now: the untried in order, then once more those worth it; None when nobody is."""
        if self.incident_s is not None and now_s - self.incident_s > INCIDENT_LIMIT_S:
            return None
        at = self.order.index(provider) + 1 if provider in self.order else 0
        circle = self.order[at:] + self.order[:at]
        candidates = [name for name in circle if self._attempts[name] < ATTEMPTS]
        return min(candidates, key=lambda name: self._attempts[name], default=None)

    def last_resort(self, provider: str) -> bool:
        """Whether a provider is tried for want of a better one, its circuit open or not."""
        return self._attempts[provider] == ATTEMPTS - 1
