"""What the parts of the simulated network share: configuration, clock, webhooks, and the books."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.simulators.clock import WallClock
from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.config import TwilioConfig
from bench.simulators.twilio.sids import SidSource
from bench.simulators.twilio.webhooks import WebhookClient


@dataclass(slots=True)
class NumberRecord:
    """A phone number of the account, as REST and calls see it."""

    sid: str
    phone_number: str
    created_at: datetime
    updated_at: datetime
    settings: dict[str, str] = field(default_factory=dict)

    def setting(self, name: str) -> str:
        """Return a setting by its REST name (`VoiceUrl`, …), empty if unset."""
        return self.settings.get(name, "")


@dataclass(slots=True)
class RecordingRecord:
    """A recording: where it lies on a call's line, and its state."""

    sid: str
    call: SimulatedCall
    source: str
    channels: int
    created_at: datetime
    start_sample: int
    end_sample: int | None = None
    status: str = "in-progress"
    status_callback: str = ""
    caller_only: bool = False

    @property
    def duration_s(self) -> int:
        """Whole seconds recorded so far."""
        end = self.end_sample if self.end_sample is not None else self.call.line.now()
        return round((end - self.start_sample) / 8000)


@dataclass(slots=True)
class MessageRecord:
    """A text message."""

    sid: str
    from_number: str
    to_number: str
    body: str
    status: str
    direction: str
    created_at: datetime
    updated_at: datetime
    num_segments: int = 1
    num_media: int = 0
    messaging_service_sid: str | None = None
    error_code: int | None = None
    status_callback: str = ""


@dataclass(slots=True)
class Books:
    """Every resource of the account by SID, in order of creation."""

    calls: dict[str, SimulatedCall] = field(default_factory=dict)
    numbers: dict[str, NumberRecord] = field(default_factory=dict)
    recordings: dict[str, RecordingRecord] = field(default_factory=dict)
    messages: dict[str, MessageRecord] = field(default_factory=dict)
    opted_out: set[tuple[str, str]] = field(default_factory=set)

    def number(self, phone_number: str) -> NumberRecord | None:
        """Return the account's number with these digits, or None."""
        return next((n for n in self.numbers.values() if n.phone_number == phone_number), None)


@dataclass(slots=True)
class Network:
    """The simulated network's shared parts; `base_url` is known once the REST server listens."""

    config: TwilioConfig
    clock: WallClock
    sids: SidSource
    webhooks: WebhookClient
    books: Books
    base_url: str = ""

    def uri(self, *parts: str) -> str:
        """Return the path of a resource of the account, without extension."""
        return "/".join(("/2010-04-01/Accounts", self.config.account_sid, *parts))

    def absolute(self, path: str) -> str:
        """Return the full URL of a path on this server."""
        return self.base_url + path


Json = dict[str, Any]
