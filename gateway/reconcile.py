"""Calls that a process which died, or lost touch, left open: finished from what the carrier says.

A reconciled call whose conversation was lost ends as `interrupted`; if the carrier still has the caller on
the line and asks what follows, it is opened again and resumed.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import structlog

from carrier.errors import CarrierError, NotInProgress
from gateway.callbacks import ending_from_carrier
from gateway.closing import end_call
from gateway.live_calls import LiveCalls
from gateway.services import GatewayServices
from media.errors import MediaError
from media.wav import repair
from store import calls, nodes
from store.call_events import RecordingFinished
from store.call_rows import FINAL_STATUSES, STATUSES, Call
from store.call_rows import Ending as StoredEnding
from store.errors import StoreError
from store.times import utc_now

SWEEP_S = 60.0
BEAT_S = 5.0
UNATTENDED_AFTER = timedelta(seconds=90)

_log = structlog.get_logger()


async def adopt_orphans(services: GatewayServices, lost_nodes: Sequence[str]) -> int:
    """Finish the calls of nodes that are gone; returns how many."""
    if not lost_nodes:
        return 0
    async with services.database.read() as conn:
        orphans = await calls.unfinished_calls(conn, node_ids=lost_nodes)
    finished = 0
    for call in orphans:
        finished += await _adopt(services, call)
    return finished


async def _adopt(services: GatewayServices, call: Call) -> bool:
    if call.status == "queued":
        return False  # its job decides
    await _save_recording(services, call)
    ending = await _carrier_word(services, call)
    if ending is None:
        now = utc_now()
        since = call.answered_at or now
        ending = StoredEnding(
            status="completed",
            disposition="interrupted",
            reason="process_lost",
            ended_at=now,
            duration_ms=int((now - since).total_seconds() * 1000),
        )
    ended = await end_call(services, call, ending)
    if ended:
        services.metrics.calls_reconciled.inc()
        _log.warning("call_reconciled", call_id=call.id, disposition=ending.disposition)
    return ended


async def _carrier_word(services: GatewayServices, call: Call) -> StoredEnding | None:
    """How the call ended if the carrier knows it to be over, else None."""
    if services.carrier is None or call.carrier_call_sid is None:
        return None
    try:
        known = await services.carrier.fetch_call(call.carrier_call_sid)
    except NotInProgress:
        return None
    except CarrierError as error:
        _log.warning("carrier_not_asked", call_id=call.id, error=error.message)
        return None
    status = next((status for status in STATUSES if status == known.status), None)
    if status not in FINAL_STATUSES or status is None:
        return None
    ending = ending_from_carrier(call, status, known.duration_s)
    if ending.disposition != "abandoned" or call.answered_at is None:
        return ending
    return StoredEnding(
        status=ending.status,
        disposition="interrupted",
        reason="process_lost",
        ended_at=ending.ended_at,
        duration_ms=ending.duration_ms,
    )


async def _save_recording(services: GatewayServices, call: Call) -> None:
    """Make the recording a killed process left behind a valid file and part of the record."""
    path = services.recordings_dir / call.org_id / f"{call.id}.wav"
    try:
        duration_ms, size_bytes = await asyncio.to_thread(_repair, path)
    except FileNotFoundError:
        return
    except (OSError, MediaError) as error:
        _log.error("recording_beyond_repair", call_id=call.id, error=str(error))
        return
    async with services.database.write() as conn:
        await calls.update_call(
            conn,
            call.org_id,
            call.id,
            recording_path=str(path.relative_to(services.recordings_dir)),
            recording_duration_ms=duration_ms,
            recording_bytes=size_bytes,
        )
    finished = RecordingFinished(duration_ms=duration_ms, size_bytes=size_bytes)
    services.event_log.append(call.org_id, call.id, finished)
    await services.event_log.flush()


def _repair(path: Path) -> tuple[int, int]:
    with path.open("r+b") as file:
        duration_ms = repair(file)
    return duration_ms, path.stat().st_size


async def sweep(services: GatewayServices, live: LiveCalls) -> None:
    """Finish calls of ours that nobody attends any more and that the carrier says are over."""
    async with services.database.read() as conn:
        open_calls = await calls.unfinished_calls(conn, node_ids=[services.node_id])
    for call in open_calls:
        if call.id in live.ids or call.status == "queued" or utc_now() - call.created_at < UNATTENDED_AFTER:
            continue
        ending = await _carrier_word(services, call)
        if ending is not None:
            await end_call(services, call, ending)
        elif services.carrier is None and call.next_step is None:
            await _adopt(services, call)


async def watch(services: GatewayServices, live: LiveCalls) -> None:
    """Tell the store that this node lives, and look after calls nobody attends; runs for ever."""
    since_sweep_s = 0.0
    while True:
        await asyncio.sleep(BEAT_S)
        since_sweep_s += BEAT_S
        try:
            async with services.database.write() as conn:
                await nodes.beat(conn, services.node_id, utc_now())
            if since_sweep_s >= SWEEP_S:
                since_sweep_s = 0.0
                await _sweep_all(services, live)
        except StoreError as error:  # the database is away; the next beat tries again
            _log.warning("heartbeat_failed", error=str(error))


async def _sweep_all(services: GatewayServices, live: LiveCalls) -> None:
    async with services.database.read() as conn:
        lost = await nodes.lost_nodes(conn, utc_now())
    await adopt_orphans(services, lost)
    for node_id in lost:
        async with services.database.write() as conn:
            await nodes.stop(conn, node_id)
    await sweep(services, live)
