"""One simulated call: its state, what happened in it, and the ways to end or redirect it."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from bench.scenarios.caller import CallerScript
from bench.simulators.clock import WallClock
from bench.simulators.errors import SimulatorUsageError
from bench.simulators.pulse import Pulse
from bench.simulators.twilio.call_facts import (
    CallFacts,
    DialLog,
    Note,
    Source,
    Status,
    StatusSubscription,
    StepLog,
)
from bench.simulators.twilio.line import Line
from bench.simulators.twilio.poster import Poster
from bench.simulators.twilio.stream import MediaStream
from bench.simulators.twilio.stream_record import StreamRecord
from bench.simulators.twilio.webhooks import Params

_PLACES = {
    "From": (("City", "SAN FRANCISCO"), ("State", "CA"), ("Zip", "94105"), ("Country", "US")),
    "To": (("City", "PORTLAND"), ("State", "OR"), ("Zip", "97201"), ("Country", "US")),
}


class SimulatedCall:
    """A call in the simulated network.

    Args:
        facts: who calls whom.
        script: what the person on the far end does.
        clock: dates.
        poster: sends its callbacks.
        subscription: who is told about its progress.
    """

    def __init__(
        self,
        facts: CallFacts,
        script: CallerScript,
        clock: WallClock,
        poster: Poster,
        subscription: StatusSubscription | None,
    ) -> None:
        self.facts = facts
        self.script = script
        self.poster = poster
        self.clock = clock
        self.subscription = subscription
        self.status: Status = "queued" if facts.direction != "inbound" else "ringing"
        self.created_at = clock.now()
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.answered_by: str | None = None
        self.ended_by = ""
        self.notes: list[Note] = []
        self.heard_say: list[str] = []
        self.streams: list[StreamRecord] = []
        self.steps: list[StepLog] = []
        self.dials: list[DialLog] = []
        self.digits: list[str] = []
        self.live_stream: MediaStream | None = None
        self.replacement: Source | None = None
        self.on_digit: Callable[[str], None] | None = None
        self._line: Line | None = None
        self._pulse = Pulse()
        self._interrupt = asyncio.Event()
        self._over = asyncio.Event()
        self._gone = asyncio.Event()
        self._sequence = 0

    @property
    def sid(self) -> str:
        """`CA…`."""
        return self.facts.sid

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return self._over.is_set()

    @property
    def line(self) -> Line:
        """The phone line; only once the call was answered."""
        if self._line is None:
            raise SimulatorUsageError(f"call {self.sid} was never answered")
        return self._line

    @property
    def answered(self) -> bool:
        """Whether the call was ever answered."""
        return self._line is not None

    @property
    def duration_s(self) -> int:
        """Whole seconds from the answer to the end, or until now; 0 if never answered."""
        if self.started_at is None:
            return 0
        return round(((self.ended_at or self.clock.now()) - self.started_at).total_seconds())

    @property
    def codes(self) -> list[int]:
        """The error and warning codes noted, in order."""
        return [note.code for note in self.notes if note.code is not None]

    def note(self, code: int | None, text: str) -> None:
        """Note what Twilio's debugger would show."""
        self.notes.append(Note(code, text))
        self._pulse.beat()

    def params(self) -> Params:
        """Return the form parameters every voice webhook of this call carries, with its present status."""
        facts = self.facts
        named = [
            ("AccountSid", facts.account_sid),
            ("ApiVersion", "2010-04-01"),
            ("CallSid", facts.sid),
            ("CallStatus", self.status),
            ("Direction", facts.direction),
        ]
        for name, duplicate, number in (
            ("From", "Caller", facts.from_number),
            ("To", "Called", facts.to_number),
        ):
            named += [(name, number), (duplicate, number)]
            for suffix, value in _PLACES[name]:
                named += [(name + suffix, value), (duplicate + suffix, value)]
        if facts.parent_sid:
            named.append(("ParentCallSid", facts.parent_sid))
        if facts.direction == "inbound":
            named += [("CallToken", f"token-{facts.sid}"), ("StirVerstat", "TN-Validation-Passed-A")]
        return tuple(named)

    def move_to(self, status: Status, event: str) -> None:
        """Go on to a status and tell whoever subscribed to `event`."""
        self.status = status
        self._report(event)
        self._pulse.beat()

    def answer(self) -> None:
        """The far end picked up, or an incoming call is taken: the line is open from now on."""
        self._line = Line(self._pulse)
        self.started_at = self.clock.now()
        self.move_to("in-progress", "answered")

    def finish(self, status: Status, by: str) -> None:
        """End the call; only the first end counts.

        Args:
            status: the final status.
            by: `caller`, `service`, `network` or `test`.
        """
        if self.over:
            return
        self.ended_at = self.clock.now()
        self.ended_by = by
        self._over.set()
        self._interrupt.set()
        if self._line is not None:
            self._line.said.cut(self._line.now())
        self.move_to(status, "completed")

    def hang_up(self, by: str = "caller") -> None:
        """Put the phone down now."""
        self.finish("completed" if self.answered else "no-answer", by)

    def replace(self, source: Source) -> None:
        """Stop what the call is doing and go on with other TwiML."""
        self.replacement = source
        self._interrupt.set()
        self._pulse.beat()

    def take_replacement(self) -> Source | None:
        """Take the TwiML that replaces the present one, if any; the call is no longer interrupted then."""
        replacement, self.replacement = self.replacement, None
        if not self.over:
            self._interrupt.clear()
        return replacement

    @property
    def interrupted(self) -> bool:
        """Whether the present verb must stop: the call is over or goes elsewhere."""
        return self._interrupt.is_set()

    async def wait_interrupt(self) -> None:
        """Wait until the present verb must stop."""
        await self._interrupt.wait()

    async def pause(self, seconds: float) -> bool:
        """Let time pass; False as soon as the present verb must stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._interrupt.wait()
        except TimeoutError:
            return True
        return False

    async def press(self, digit: str) -> None:
        """Press a key: heard by the media stream or the verb that waits for keys."""
        self.digits.append(digit)
        if self.live_stream is not None:
            await self.live_stream.press(digit)
        elif self.on_digit is not None:
            self.on_digit(digit)

    async def wait_over(self) -> None:
        """Wait until the call has ended."""
        await self._over.wait()

    async def finished(self) -> None:
        """Wait until the call has ended and every callback about it is delivered."""
        await self._gone.wait()

    def gone(self) -> None:
        """Say that nothing more will happen in this call."""
        self._gone.set()
        self._pulse.beat()

    async def until(self, test: Callable[["SimulatedCall"], bool]) -> None:
        """Wait until something is true of the call; it is asked again whenever anything happened in it.

        Raises:
            SimulatorUsageError: the call is gone and it is still not true.
        """
        while not test(self):
            if self._gone.is_set():
                raise SimulatorUsageError(f"call {self.sid} is over and what was waited for never came")
            await self._pulse.wait()

    async def wait_stream(self, count: int = 1) -> StreamRecord:
        """Wait until the call's media stream number `count` (from 1) has started, and return it."""
        await self.until(lambda call: len(call.streams) >= count and call.streams[count - 1].started)
        return self.streams[count - 1]

    def _report(self, event: str) -> None:
        if self.subscription is None or event not in self.subscription.events:
            return
        extra = [
            ("Timestamp", self.clock.rfc2822()),
            ("CallbackSource", "call-progress-events"),
            ("SequenceNumber", str(self._sequence)),
        ]
        if event == "completed":
            extra += [("CallDuration", str(self.duration_s)), ("Duration", str(-(-self.duration_s // 60)))]
        self._sequence += 1
        self.poster.post_status(self.subscription.url, self.params() + tuple(extra), self.subscription.method)
