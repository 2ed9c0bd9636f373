"""What happened on one media stream: everything a test or a benchmark may want to measure afterwards."""

from dataclasses import dataclass, field

from bench.simulators.twilio.line import Line
from bench.simulators.twilio.playback import Cleared, Playback
from bench.sound import mulaw


@dataclass(frozen=True, slots=True)
class Arrival:
    """A media message that arrived: milliseconds since the stream started, and its size."""

    at_ms: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class MarkEcho:
    """A mark that was returned, because it was `played` or `cleared`."""

    name: str
    at_ms: float
    why: str


@dataclass(slots=True)
class StreamRecord:
    """The record of a stream.

    Args:
        stream_sid: `MZ…`.
        url: as given in the TwiML.
        parameters: the custom parameters given in the TwiML.
    """

    stream_sid: str
    url: str
    parameters: tuple[tuple[str, str], ...] = ()
    handshake_status: int | None = None
    frames_sent: int = 0
    worst_lateness_ms: float = 0.0
    arrivals: list[Arrival] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)
    mark_echoes: list[MarkEcho] = field(default_factory=list)
    bad_messages: list[tuple[float, str]] = field(default_factory=list)
    digits: list[tuple[float, str]] = field(default_factory=list)
    closed_by: str = ""
    close_code: int | None = None
    close_reason: str = ""
    start_sample: int = -1
    end_sample: int = -1
    _line: Line | None = None
    _playback: Playback | None = None

    def begin(self, line: Line, playback: Playback) -> None:
        """The stream started: time 0 is now."""
        self._line = line
        self._playback = playback
        self.start_sample = line.now()

    @property
    def started(self) -> bool:
        """Whether `start` was sent."""
        return self.start_sample >= 0

    @property
    def start_ms(self) -> float:
        """When the stream started, in milliseconds since the call was answered."""
        return self.start_sample / mulaw.BYTES_PER_MS

    @property
    def playback(self) -> Playback:
        """The playback buffer; only for a stream that started."""
        if self._playback is None:
            raise AttributeError("the stream never started")
        return self._playback

    @property
    def clears(self) -> list[Cleared]:
        """Every clear received, with what had been played by then (positions since the call was answered)."""
        return self._playback.clears if self._playback else []

    @property
    def received_bytes(self) -> int:
        """How much sound arrived."""
        return sum(arrival.size_bytes for arrival in self.arrivals)

    def heard_sound(self) -> bytes:
        """Return what the caller heard, as played: mu-law from the stream's start to its end (or now)."""
        if self._line is None:
            return b""
        return self._line.heard.render(self.start_sample, self._end_sample())

    def said_sound(self) -> bytes:
        """Return what the caller said, mu-law from the stream's start to its end (or now)."""
        if self._line is None:
            return b""
        return self._line.said.render(self.start_sample, self._end_sample())

    def _end_sample(self) -> int:
        assert self._line is not None
        return self.end_sample if self.end_sample >= 0 else self._line.now()
