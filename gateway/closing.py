"""The end of a call on our side: the stream closed, the recording completed, the record finished."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import structlog

from carrier.errors import CarrierError
from gateway.call.actions import Ending, NextStep
from gateway.recording import CallRecording, Recorded
from gateway.services import GatewayServices
from gateway.stream.socket import MediaSocket
from gateway.usage import store_usage
from store import calls
from store.bus import call_topic
from store.call_events import CallEnded, RecordingFailed, RecordingFinished
from store.call_rows import Call
from store.call_rows import Ending as StoredEnding
from store.errors import DatabaseFull, DatabaseLocked, DatabaseUnavailable
from store.event_log import append_now
from store.times import utc_now

HANG_UP_WAIT_S = 5.0
"""How long the carrier may take to stop the stream after it was asked to hang up."""

STORE_LIMIT_S = 60.0
"""How long the record of a call that is over waits for a database that cannot be written."""
_FIRST_RETRY_S = 0.1
_LONGEST_RETRY_S = 2.0

T = TypeVar("T")
_log = structlog.get_logger()


async def store_next_step(services: GatewayServices, call: Call, next_step: NextStep) -> None:
    """Store what follows the stream, before it closes: the carrier asks at once."""
    async with services.database.write() as conn:
        await calls.update_call(conn, call.org_id, call.id, next_step=msgspec.to_builtins(next_step))


async def close_stream(
    services: GatewayServices, call: Call, media: MediaSocket, media_gone: asyncio.Event, *, hang_up: bool
) -> None:
    """Close the media stream.

    Args:
        services: The gateway's parts.
        call: The call.
        media: The socket.
        media_gone: Set once the socket has been read to its end.
        hang_up: The call ends with the stream: ask the carrier to end both. When we close first it notes an
            error (31921) even for a clean close.
    """
    if hang_up and not media_gone.is_set():
        await _hang_up(services, call, media_gone)
    await media.close()


async def _hang_up(services: GatewayServices, call: Call, media_gone: asyncio.Event) -> None:
    if services.carrier is None or call.carrier_call_sid is None:
        return
    try:
        await services.carrier.hang_up(call.carrier_call_sid)
        async with asyncio.timeout(HANG_UP_WAIT_S):
            await media_gone.wait()
    except (CarrierError, TimeoutError) as error:
        _log.warning("hang_up_by_rest_failed", call_id=call.id, error=str(error))


async def finish_call(
    services: GatewayServices, call: Call, ending: Ending, recording: CallRecording | None
) -> None:
    """Complete the recording and the record. A call that goes on elsewhere stays in progress."""
    if recording is not None:
        await _finish_recording(services, call, ending, recording)
    services.metrics.calls_ended.labels(ending.disposition).inc()
    await services.event_log.flush()
    if ending.status == "in-progress":
        await _patiently(call, lambda: _note_usage(services, call))
        return
    stored = StoredEnding(
        status=ending.status,
        disposition=ending.disposition,
        reason=ending.reason,
        ended_at=utc_now(),
        duration_ms=ending.duration_ms,
    )
    await _patiently(call, lambda: end_call(services, call, stored))


async def _patiently(call: Call, store: Callable[[], Awaitable[T]]) -> T:
    """Repeat a write, one that bears it, while the database is locked, full or away.

    Raises:
        StoreError: It still was after a minute, or refused for another reason.
    """
    loop = asyncio.get_running_loop()
    give_up_s = loop.time() + STORE_LIMIT_S
    pause_s = _FIRST_RETRY_S
    while True:
        try:
            return await store()
        except (DatabaseLocked, DatabaseFull, DatabaseUnavailable) as error:
            if loop.time() >= give_up_s:
                raise
            _log.warning("call_record_delayed", call_id=call.id, error=str(error))
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_RETRY_S)


async def end_call(services: GatewayServices, call: Call, ending: StoredEnding) -> bool:
    """Finish a call's row, what it used included, and write its last event, together and once."""
    async with services.database.write() as conn:
        ended = await calls.finish_call(conn, call.org_id, call.id, ending)
        if ended:
            now = await calls.get_call(conn, call.org_id, call.id)
            status = now.status if now else ending.status
            event = CallEnded(
                status=status,
                disposition=ending.disposition,
                reason=ending.reason,
                duration_ms=ending.duration_ms or 0,
            )
            await store_usage(conn, call.org_id, call.id)
            await append_now(conn, call.org_id, call.id, [event], ending.ended_at)
    if ended:
        services.bus.ring(call_topic(call.id))
    return ended


async def _note_usage(services: GatewayServices, call: Call) -> None:
    async with services.database.write() as conn:
        await store_usage(conn, call.org_id, call.id)


async def _finish_recording(
    services: GatewayServices, call: Call, ending: Ending, recording: CallRecording
) -> None:
    recorded = await recording.finish(ending.duration_ms)
    if recorded is None:
        reason = recording.failed or "unknown"
        _log.error("recording_failed", call_id=call.id, error=reason)
        services.event_log.append(call.org_id, call.id, RecordingFailed(reason=reason))
        return
    await _patiently(call, lambda: _store_recording(services, call, recorded))
    finished = RecordingFinished(duration_ms=recorded.duration_ms, size_bytes=recorded.size_bytes)
    services.event_log.append(call.org_id, call.id, finished)


async def _store_recording(services: GatewayServices, call: Call, recorded: Recorded) -> None:
    async with services.database.write() as conn:
        await calls.update_call(
            conn,
            call.org_id,
            call.id,
            recording_path=str(recorded.path.relative_to(services.recordings_dir)),
            recording_duration_ms=recorded.duration_ms,
            recording_bytes=recorded.size_bytes,
        )
