"""What happened in one provider session, for assertions."""

from dataclasses import dataclass, field
from typing import Any

from bench.sound import mulaw

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Logged:
    """An event with the loop time at which it was received or sent."""

    at_s: float
    event: Json

    @property
    def type(self) -> str:
        """The event's type; empty for rubbish."""
        return str(self.event.get("type", ""))


@dataclass(slots=True)
class SessionLog:
    """One connection.

    Args:
        number: counts the simulator's connections from 1.
        model: from the URL.
        headers: of the upgrade request, names in lower case; the key is kept out.
    """

    number: int
    model: str
    headers: dict[str, str]
    received: list[Logged] = field(default_factory=list)
    """Client events in order; appended audio is kept apart."""
    sent: list[Logged] = field(default_factory=list)
    """Server events in order; an audio delta has `bytes` in place of its `delta`."""
    audio: bytearray = field(default_factory=bytearray)
    """The caller's sound as received, as mu-law."""
    audio_arrivals: list[tuple[float, int]] = field(default_factory=list)
    """(loop time, mu-law bytes) of every append."""
    rejections: list[str] = field(default_factory=list)
    """Messages of every error event sent because of a client event."""
    close_code: int | None = None
    ended_by: str = ""
    """`client`, `server` or a fault's name."""

    def received_of(self, kind: str) -> list[Json]:
        """Return the client events of a type."""
        return [logged.event for logged in self.received if logged.type == kind]

    def sent_of(self, kind: str) -> list[Json]:
        """Return the server events of a type."""
        return [logged.event for logged in self.sent if logged.type == kind]

    @property
    def audio_ms(self) -> float:
        """How much of the caller's sound was received."""
        return len(self.audio) / mulaw.BYTES_PER_MS
