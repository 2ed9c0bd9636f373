"""The shell around a call core: reads sockets, carries out actions, decides nothing.

A session starts at the carrier's first webhook, so that the provider is ready when the media stream arrives.
One task group owns the call: the provider's reader, the recorder, the alarms. The media socket is read by
the task of its own request (`attend`), as aiohttp demands; everything it hears goes through the same core.
"""

import asyncio
from dataclasses import dataclass

import structlog

from flows.call_plan import CallPlan
from gateway.alarms import Alarms
from gateway.call import actions as a
from gateway.call.core import CallCore
from gateway.call.inputs import (
    CallerAudio,
    CarrierEnded,
    Digit,
    Input,
    MarkEchoed,
    MessageRejected,
    ProviderSaid,
    StopRequested,
    StreamLost,
    StreamStarted,
    StreamStopped,
    Timer,
    TimerFired,
)
from gateway.call.state import Phase, Resumption
from gateway.closing import close_stream, finish_call, store_next_step
from gateway.provider_sessions import ProviderSessions
from gateway.recording import CallRecording
from gateway.services import GatewayServices
from gateway.stream import messages as m
from gateway.stream.socket import START_TIMEOUT_S, MediaSocket
from media.errors import MediaError
from providers.session import ErrorReported, Event
from store.call_rows import Call
from store.errors import StoreError

HOUSEKEEPING_S = 1.0
STALL_LIMIT_S = 10.0

_log = structlog.get_logger()


class _CallOver(Exception):
    """Ends the task group of a call whose core has finished."""


@dataclass(frozen=True, slots=True)
class SessionStart:
    """What a session needs to know about its call."""

    call: Call
    plan: CallPlan
    resumption: Resumption | None = None


class CallSession:
    """One live call in this process.

    Args:
        services: The gateway's parts.
        start: The call and its plan.
    """

    def __init__(self, services: GatewayServices, start: SessionStart) -> None:
        self._services = services
        self.begun_with = start
        self.call = start.call
        self._loop = asyncio.get_running_loop()
        providers = services.providers.line_up(start.plan.providers)
        self._core = CallCore(start.plan, providers, services.prices, self._loop.time(), start.resumption)
        self._providers = ProviderSessions(services, start.plan, self._provider_said, self._flush)
        self._clock_base_ms = start.resumption.clock_ms if start.resumption else 0
        self._started_s = 0.0
        self._recording: CallRecording | None = None
        self._media: MediaSocket | None = None
        self._media_gone = asyncio.Event()
        self._alarms = Alarms(self._alarm)
        self._wake = asyncio.Event()
        self._leaving = asyncio.Event()  # the stream is to be closed, or the call has finished
        self._finished = asyncio.Event()
        self._done = asyncio.Event()
        self._ending: a.Ending | None = None
        self._closing: a.NextStep | None = None

    # The call's life

    async def run(self) -> None:
        """Carry the call from its first webhook to its last event."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._providers.run_in(tasks)
                self._do(self._core.start())
                tasks.create_task(self._flush_after_alarms(), name=f"alarms {self.call.id}")
                tasks.create_task(self._keep_house(), name=f"housekeeping {self.call.id}")
                await self._leaving.wait()
                await self._close_stream()
                await self._finished.wait()
                raise _CallOver
        except* _CallOver:
            pass
        finally:
            self._alarms.cancel_all()
        await self._finish()

    async def _close_stream(self) -> None:
        if self._closing is not None:
            try:
                await store_next_step(self._services, self.call, self._closing)
            except StoreError:  # the carrier will be told to resume; the caller is not left hanging
                _log.exception("next_step_not_stored", call_id=self.call.id)
        if self._media is not None:
            hang_up = isinstance(self._closing, a.HangUp)
            await close_stream(self._services, self.call, self._media, self._media_gone, hang_up=hang_up)

    async def _finish(self) -> None:
        if self._ending is not None:
            await finish_call(self._services, self.call, self._ending, self._recording)
        self._done.set()

    async def abandon(self) -> None:
        """Our own fault ended the call: the caller hears an apology, the record says so."""
        self._closing, reason = a.Apologise(), "internal_error"
        self._ending = a.Ending("failed", "failed", reason, int(self._now_ms()) if self._started_s else 0)
        try:
            await self._close_stream()
            await finish_call(self._services, self.call, self._ending, self._recording)
        finally:
            self._done.set()

    async def done(self) -> None:
        """Wait until the call's record is complete."""
        await self._done.wait()

    @property
    def waiting(self) -> bool:
        """Whether the media stream has not arrived yet."""
        return self._core.phase is Phase.WAITING

    def stop(self) -> None:
        """The process is about to end."""
        self._feed(StopRequested())
        self._wake.set()

    def carrier_ended(self, status: str) -> None:
        """The carrier says the call is over."""
        self._feed(CarrierEnded(status))
        self._wake.set()

    def stream_lost(self) -> None:
        """The carrier says the stream is over; our socket has not noticed."""
        self._feed(StreamLost("connection_lost"))
        self._wake.set()

    # The carrier's media socket

    async def attend(self, media: MediaSocket) -> None:
        """Read the call's media socket to its end, in the task of its request."""
        if self._media is not None:
            self._services.metrics.webhooks_refused.labels("second_stream").inc()
            return
        self._media = media
        try:
            await self._read(media)
        except TimeoutError:
            self._feed(StreamLost("no_start"))
        finally:
            self._media_gone.set()
            self._feed(StreamStopped() if media.stopped else StreamLost("connection_lost"))
            self._wake.set()

    def _begin(self, stream_sid: str) -> None:
        self._started_s = self._loop.time()
        path = self._services.recordings_dir / self.call.org_id / f"{self.call.id}.wav"
        self._recording = CallRecording(path, self._clock_base_ms)
        self._feed(StreamStarted(stream_sid))

    async def _read(self, media: MediaSocket) -> None:
        base_ms = self._clock_base_ms
        async with asyncio.timeout(START_TIMEOUT_S) as limit:
            async for message in media.messages():
                match message:
                    case m.Media(media=audio):
                        timestamp_ms = int(audio.timestamp)
                        if self._recording is not None:
                            self._recording.caller(audio.payload, base_ms + timestamp_ms)
                        self._feed(CallerAudio(audio.payload, timestamp_ms))
                    case m.Mark(mark=mark):
                        self._feed(MarkEchoed(mark.name))
                    case m.Dtmf(dtmf=dtmf):
                        self._feed(Digit(dtmf.digit))
                    case m.Start(stream_sid=stream_sid):
                        limit.reschedule(None)
                        self._begin(stream_sid)
                    case m.Unusable(why=why):
                        self._services.metrics.stream_messages_rejected.labels(why).inc()
                        self._feed(MessageRejected(why))
                await self._flush()

    # Inputs in, actions out

    def _feed(self, happened: Input) -> None:
        now_s = self._loop.time()
        try:
            actions = self._core.feed(happened, now_s)
        except MediaError as error:  # the provider's audio is not what it says
            broken = ErrorReported("unreadable_audio", str(error), retryable=False, fatal=True)
            number = happened.session if isinstance(happened, ProviderSaid) else 1
            actions = self._core.feed(ProviderSaid(broken, number), now_s)
        self._do(actions)

    def _provider_said(self, session: int, event: Event) -> None:
        self._feed(ProviderSaid(event, session))

    def _do(self, actions: list[a.Action]) -> None:
        for action in actions:
            match action:
                case a.PassAudio(payload=payload):
                    self._providers.put_audio(payload)
                case a.SendAudio() | a.SendMark() | a.Clear():
                    self._send_to_caller(action)
                case a.ToProvider(command=command):
                    self._providers.put(command)
                case a.Append(event=event):
                    self._services.metrics.count_event(event)
                    self._providers.note(event)
                    self._services.event_log.append(self.call.org_id, self.call.id, event)
                case a.SetTimer(timer=timer, at_s=at_s):
                    self._alarms.set(timer, at_s)
                case a.OpenSession():
                    self._providers.open(action)
                case a.UseSession(number=number):
                    self._providers.use(number)
                case a.CloseSession(number=number):
                    self._providers.close(number)
                    self._wake.set()  # the task that reports may be the one that ends
                case a.CloseStream(next_step=next_step):
                    self._closing = next_step
                    self._leaving.set()
                case a.Finish(ending=ending):
                    self._ending = ending
                    self._finished.set()
                    self._leaving.set()

    def _send_to_caller(self, action: a.SendAudio | a.SendMark | a.Clear) -> None:
        media, recording = self._media, self._recording
        if media is None or recording is None:
            return
        match action:
            case a.SendAudio(payload=payload, play_at_ms=at_ms):
                media.outbox.put(m.encode_media(media.stream_sid, payload))
                recording.agent(payload, self._clock_base_ms + at_ms)
            case a.SendMark(name=name):
                media.outbox.put(m.encode_mark(media.stream_sid, name))
            case a.Clear(at_ms=at_ms):
                media.outbox.drop()
                media.outbox.put(m.encode_clear(media.stream_sid))
                recording.cut(self._clock_base_ms + at_ms)

    async def _flush(self) -> None:
        if self._media is not None:
            await self._media.outbox.flush()
        await self._providers.flush()

    # Alarms and housekeeping

    def _alarm(self, timer: Timer) -> None:
        self._feed(TimerFired(timer))
        self._wake.set()

    async def _flush_after_alarms(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._flush()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            if self._media is not None and not self._media_gone.is_set() and _stalled(self._media):
                self._feed(StreamLost("stalled"))
            await self._providers.keep_house()
            if self._recording is not None:
                await self._recording.settle(self._now_ms())

    def _now_ms(self) -> float:
        return self._clock_base_ms + (self._loop.time() - self._started_s) * 1000


def _stalled(media: MediaSocket) -> bool:
    return max(media.silent_s(), media.outbox.stalled_s()) > STALL_LIMIT_S or media.outbox.closed
