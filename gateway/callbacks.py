"""What the carrier tells us about a call on the side: statuses, who answered, voicemail recordings.

Callbacks come late, twice and out of order; each changes something once or not at all.
"""

from collections.abc import Mapping

import structlog

from gateway.closing import end_call
from gateway.live_calls import LiveCalls
from gateway.services import GatewayServices
from store import calls
from store.bus import call_topic
from store.call_events import AnsweredByDetected, CarrierStatusReported, VoicemailReceived
from store.call_rows import FINAL_STATUSES, STATUSES, Call, Status
from store.call_rows import Ending as StoredEnding
from store.event_log import append_now
from store.times import utc_now

_log = structlog.get_logger()

_UNREACHED = {"busy": "busy", "no-answer": "no_answer", "canceled": "canceled", "failed": "carrier_failed"}
_AFTER = {"transfer_to": "transferred", "take_voicemail": "voicemail"}


async def status_reported(
    services: GatewayServices, live: LiveCalls, call: Call, form: Mapping[str, str]
) -> None:
    """Take a status callback."""
    status = _status(form.get("CallStatus", ""))
    if status is None:
        return
    sequence, duration_s = _count(form.get("SequenceNumber")), _count(form.get("CallDuration"))
    async with services.database.write() as conn:
        if call.carrier_call_sid is None and form.get("CallSid"):
            await calls.update_call(conn, call.org_id, call.id, carrier_call_sid=form["CallSid"])
        changed = await calls.advance_status(conn, call.org_id, call.id, status, sequence)
        if changed:
            event = CarrierStatusReported(status=status, duration_s=duration_s, sequence=sequence)
            await append_now(conn, call.org_id, call.id, [event], utc_now())
    if changed:
        services.bus.ring(call_topic(call.id))
    if status in FINAL_STATUSES:
        await _carrier_ended(services, live, call, status, duration_s)


async def _carrier_ended(
    services: GatewayServices, live: LiveCalls, call: Call, status: Status, duration_s: int | None
) -> None:
    session = live.get(call.id)
    if session is not None:
        session.carrier_ended(status)
        return
    await end_call(services, call, ending_from_carrier(call, status, duration_s))


def ending_from_carrier(call: Call, status: Status, duration_s: int | None) -> StoredEnding:
    """How a call ended, as far as the carrier's word and our stored next step tell."""
    step = call.next_step.get("step", "") if isinstance(call.next_step, dict) else ""
    disposition = _UNREACHED.get(status) or _AFTER.get(step) or "abandoned"
    return StoredEnding(
        status=status,
        disposition=disposition,
        reason=f"carrier: {status}",
        ended_at=utc_now(),
        duration_ms=duration_s * 1000 if duration_s is not None else None,
    )


async def answered_by(services: GatewayServices, call: Call, form: Mapping[str, str]) -> None:
    """Take the verdict of answering-machine detection."""
    verdict = form.get("AnsweredBy", "")[:40]
    if not verdict or call.answered_by is not None:
        return
    async with services.database.write() as conn:
        await calls.update_call(conn, call.org_id, call.id, answered_by=verdict)
        await append_now(conn, call.org_id, call.id, [AnsweredByDetected(answered_by=verdict)], utc_now())
    services.bus.ring(call_topic(call.id))


async def voicemail_recorded(services: GatewayServices, call: Call, form: Mapping[str, str]) -> None:
    """Take the news that a voicemail can be fetched."""
    sid, url = form.get("RecordingSid", ""), form.get("RecordingUrl", "")
    if form.get("RecordingStatus", "completed") != "completed" or not sid or call.voicemail:
        return
    duration_s = _count(form.get("RecordingDuration")) or 0
    event = VoicemailReceived(carrier_recording_sid=sid, recording_url=url, duration_s=duration_s)
    voicemail = {"carrier_recording_sid": sid, "recording_url": url, "duration_s": duration_s}
    async with services.database.write() as conn:
        await calls.update_call(conn, call.org_id, call.id, voicemail=voicemail)
        await append_now(conn, call.org_id, call.id, [event], utc_now())
    services.bus.ring(call_topic(call.id))


def _status(text: str) -> Status | None:
    if text == "initiated":
        return "queued"
    return next((status for status in STATUSES if status == text), None)


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None
