"""A call's events as server-sent events: resumable, bounded, ended when the right to see them ends.

Source: WHATWG HTML, section 9.2 "Server-sent events" (fields, comments, Last-Event-ID).
"""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import structlog
from aiohttp import web

from control_api.errors import ApiError, BadInput, Detail
from control_api.fields import format_time
from control_api.metrics import ApiMetrics
from control_api.operation import ApiRequest
from control_api.sign_in import require_role, sign_in
from store import calls
from store.bus import Bus, call_topic
from store.call_events import CallEnded, CallResumed
from store.calls import Call
from store.errors import StoreError
from store.event_log import LoggedEvent, UnrecognisedEvent
from store.times import utc_now

PING_S = 15.0
RECHECK_S = 30.0
SEND_LIMIT_S = 10.0
RETRY_MS = 2000
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_CATEGORIES = {
    "transcript": "transcript",
    "tool": "tool",
    "speech": "speech",
    "dtmf": "digit",
    "usage": "usage",
    "recording": "recording",
}
"""SSE event names by the first part of the event type; everything else tells the call's state."""
_log = structlog.get_logger()


class OpenStreams:
    """The streams this process has open, so that they can be ended when it stops.

    Args:
        bus: rung to wake them.
        metrics: holds the gauge of open streams.
    """

    def __init__(self, bus: Bus, metrics: ApiMetrics) -> None:
        self._bus = bus
        self._gauge = metrics.open_streams
        self._topics: Counter[str] = Counter()
        self._closing = False

    @contextlib.contextmanager
    def one(self, call_id: str) -> Iterator[None]:
        """Count a stream in for the length of the block."""
        topic = call_topic(call_id)
        self._topics[topic] += 1
        self._gauge.inc()
        try:
            yield
        finally:
            self._gauge.dec()
            self._topics[topic] -= 1
            self._topics += Counter()  # forget topics nobody streams

    def closing(self) -> bool:
        """Return whether all streams are to end."""
        return self._closing

    async def close(self, _app: web.Application) -> None:
        """End all streams; clients reconnect elsewhere and go on where they were."""
        self._closing = True
        for topic in list(self._topics):
            self._bus.ring(topic)


OPEN_STREAMS = web.AppKey("open_streams", OpenStreams)


def open_streams(http: web.Request) -> OpenStreams:
    """Return the application's open streams."""
    return http.config_dict[OPEN_STREAMS]


def starting_point(text: str | None, last_seq: int) -> int:
    """Return the number to go on after; 0 for the beginning.

    Args:
        text: what the client sent as Last-Event-ID, None or empty when nothing.
        last_seq: the call's last event number.

    Raises:
        BadInput: not a number of an event of this call.
    """
    if not text:
        return 0
    if _NUMBER.fullmatch(text) is None or int(text) > last_seq:
        detail = Detail("Last-Event-ID", "must be the id of an event of this call", "invalid_last_event_id")
        raise BadInput("Last-Event-ID is not the id of an event of this call.", [detail])
    return int(text)


class EventStream:
    """One reader of one call.

    Args:
        request: who reads.
        call: its row when the reader came.
        after: the number of the last event the reader has.
        streams: where it is counted.
    """

    def __init__(self, request: ApiRequest, call: Call, after: int, streams: OpenStreams) -> None:
        self._request = request
        self._call = call
        self._after = after
        self._streams = streams
        self._over = call.ended_at is not None
        self._loop = asyncio.get_running_loop()
        self._sent_at_s = self._checked_at_s = self._loop.time()
        self._response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )

    async def run(self) -> web.StreamResponse:
        """Send until the call is over, the reader goes, may no longer read, is too slow, or we stop."""
        with self._streams.one(self._call.id):
            try:
                await self._response.prepare(self._request.http)
                await self._send_all()
            except (ConnectionError, TimeoutError):
                self._cut()
            except StoreError as error:
                _log.warning("event_stream_cut", call_id=self._call.id, error=str(error))
                self._cut()
        return self._response

    def _cut(self) -> None:
        """Drop the connection; the reader comes back with the id of the last event it got."""
        transport = self._request.http.transport
        if transport is not None:
            transport.abort()

    async def _send_all(self) -> None:
        hello = {"call_id": self._call.id, "status": self._call.status, "after": self._after}
        await self._send(f"retry: {RETRY_MS}\n" + _event("hello", hello))
        events = self._request.services.event_log.follow(
            self._request.org_id, self._call.id, self._after, PING_S
        )
        async with contextlib.aclosing(events):
            if self._over and await self._finished():
                return
            if self._streams.closing():  # nobody rings any more for one who came this late
                return
            async for logged in events:
                if self._streams.closing() or not await self._still_allowed():
                    return
                if logged is not None:
                    await self._send_one(logged)
                elif self._loop.time() - self._sent_at_s >= PING_S:
                    await self._send(": ping\n\n")
                if (self._over or logged is None) and await self._finished():
                    return

    async def _send_one(self, logged: LoggedEvent) -> None:
        category = _CATEGORIES.get(logged.type.split(".")[0], "state")
        await self._send(_event(category, event_data(logged), logged.seq))
        self._after = logged.seq
        match logged.event:
            case CallEnded():
                self._over = True
            case CallResumed():
                self._over = False
            case _:
                pass

    async def _finished(self) -> bool:
        """Send `end` and say so when the call is over and the reader has everything."""
        if self._after < self._call.last_event_seq:
            return False  # as far as known there is more: no need to look
        async with self._request.services.database.read() as conn:
            call = await calls.get_call(conn, self._request.org_id, self._call.id)
        if call is None:
            return True
        self._call = call
        if self._after < call.last_event_seq or not (self._over or call.ended_at is not None):
            return False
        end = {"call_id": call.id, "status": call.status, "disposition": call.disposition}
        await self._send(_event("end", end))
        return True

    async def _still_allowed(self) -> bool:
        """Look again, every half minute, whether the reader may see this."""
        if self._loop.time() - self._checked_at_s < RECHECK_S:
            return True
        self._checked_at_s = self._loop.time()
        try:
            actor = await sign_in(self._request.http, self._request.services.database, utc_now())
            require_role(actor, "viewer")
        except ApiError:
            return False
        return actor.org_id == self._request.org_id

    async def _send(self, text: str) -> None:
        async with asyncio.timeout(SEND_LIMIT_S):
            await self._response.write(text.encode())
        self._sent_at_s = self._loop.time()


def event_data(logged: LoggedEvent) -> dict[str, Any]:
    """Return an event as its readers get it: number, time, type, and the event's own fields."""
    if isinstance(logged.event, UnrecognisedEvent):
        fields = logged.event.fields
    else:
        fields = msgspec.to_builtins(logged.event)
    return {**fields, "seq": logged.seq, "at": format_time(logged.at), "type": logged.type}


def _event(name: str, data: dict[str, Any], number: int | None = None) -> str:
    identity = "" if number is None else f"id: {number}\n"
    return f"{identity}event: {name}\ndata: {msgspec.json.encode(data).decode()}\n\n"
