"""What follows the media stream: the one answer to every "and now?" of the carrier.

The carrier asks when a stream ends (Connect action), when a transfer has been tried (Dial action), when a
message has been recorded (Record action) and when an outbound call is answered. The call's stored next step
and the parameters decide; a call without a next step was lost on our side and is resumed.
"""

from collections.abc import Mapping

import msgspec
import structlog

from carrier import twiml
from gateway.arrival import RESTARTING, SOMETHING_WENT_WRONG, connect_caller, load_plan, resume
from gateway.call.actions import Apologise, Connect, HangUp, NextStep, Resume, TakeVoicemail, TransferTo
from gateway.closing import end_call
from gateway.live_calls import LiveCalls
from gateway.services import GatewayServices
from gateway.session import SessionStart
from store import calls
from store.call_events import CallEvent, CallResumed, TransferEnded, TransferStarted
from store.call_rows import Call
from store.call_rows import Ending as StoredEnding
from store.event_log import append_now
from store.times import utc_now

MAX_RESUMES = 2
LEAVE_A_MESSAGE = "Please leave a message after the tone. Hang up when you are done."
MESSAGE_TAKEN = "Thank you. Your message has been recorded. Goodbye."
NOBODY_THERE = "We are sorry, nobody can take your call right now."

_log = structlog.get_logger()


async def what_follows(
    services: GatewayServices, live: LiveCalls, call: Call, form: Mapping[str, str]
) -> str:
    """Answer the carrier.

    Args:
        services: The gateway's parts.
        live: The calls of this process.
        call: The call asked about.
        form: The carrier's parameters.

    Returns:
        TwiML.
    """
    if "DialCallStatus" in form:
        if call.ended_at is not None:  # told twice
            return twiml.hang_up()
        return await _after_transfer(services, call, form["DialCallStatus"])
    if "RecordingUrl" in form:
        await _end(services, call, "voicemail")
        return twiml.say_and_hang_up(MESSAGE_TAKEN)
    session = live.get(call.id)
    if session is not None and session.waiting:  # the stream has not arrived: show the carrier the way again
        return await connect_caller(services, live, session.begun_with, announcement=None)
    return await _after_stream(services, live, call, form)


async def _answered(services: GatewayServices, live: LiveCalls, call: Call, form: Mapping[str, str]) -> str:
    if call.ended_at is not None:  # given up before it was answered
        return twiml.hang_up()
    plan = await load_plan(services, call)
    changes: dict[str, object] = {"next_step": None}
    if call.carrier_call_sid is None and form.get("CallSid"):
        # Whoever dialled died before noting the sid; with it the job knows that the phone rang.
        changes["carrier_call_sid"] = form["CallSid"]
    async with services.database.write() as conn:
        call = await calls.update_call(conn, call.org_id, call.id, **changes)
    if plan is None:
        await _end(services, call, "not_in_service", status="failed", reason="no_flow")
        return twiml.hang_up()
    if live.stopping:
        return twiml.say_and_hang_up(RESTARTING)
    return await connect_caller(services, live, SessionStart(call, plan), announcement=plan.announcement)


async def _after_stream(
    services: GatewayServices, live: LiveCalls, call: Call, form: Mapping[str, str]
) -> str:
    session = live.get(call.id)
    if session is not None:
        session.stream_lost()  # unless it knows already
        await session.done()
        call = await _fresh(services, call)
    in_progress = form.get("CallStatus") == "in-progress"
    if not in_progress:
        return twiml.hang_up()
    match _next_step(call):
        case HangUp():
            return twiml.hang_up()
        case Connect():
            return await _answered(services, live, call, form)
        case Apologise():
            return twiml.say_and_hang_up(SOMETHING_WENT_WRONG)
        case TakeVoicemail():
            return _voicemail(services, call, LEAVE_A_MESSAGE)
        case TransferTo(target=target, number_e164=number):
            await _log_event(services, call, TransferStarted(target=target))
            caller_id = call.to_number if call.direction == "inbound" else call.from_number
            return twiml.dial(number, services.call_url(call.id, "next"), caller_id=caller_id)
        case Resume():
            return await _resume(services, live, call)


def _next_step(call: Call) -> NextStep:
    if call.next_step is None:
        return Resume()
    try:
        step: NextStep = msgspec.convert(call.next_step, NextStep)
    except msgspec.ValidationError:
        _log.error("next_step_unreadable", call_id=call.id)
        return Apologise()
    return step


async def _resume(services: GatewayServices, live: LiveCalls, call: Call) -> str:
    if live.stopping:
        return twiml.say_and_hang_up(RESTARTING)
    async with services.database.write() as conn:
        reopened = await calls.reopen_call(conn, call.org_id, call.id, MAX_RESUMES)
        if reopened is not None:
            await calls.update_call(conn, call.org_id, call.id, next_step=None)
            event = CallResumed(attempt=reopened.resumes)
            await append_now(conn, call.org_id, call.id, [event], utc_now())
    if reopened is None:
        return twiml.say_and_hang_up(SOMETHING_WENT_WRONG)
    return await resume(services, live, reopened)


async def _after_transfer(services: GatewayServices, call: Call, status: str) -> str:
    step = _next_step(call)
    target = step.target if isinstance(step, TransferTo) else ""
    await _log_event(services, call, TransferEnded(target=target, status=status))
    if status in ("completed", "answered"):
        await _end(services, call, "transferred")
        return twiml.hang_up()
    plan = await load_plan(services, call)
    if plan is not None and plan.takes_voicemail:
        async with services.database.write() as conn:
            step_taken = msgspec.to_builtins(TakeVoicemail())
            await calls.update_call(conn, call.org_id, call.id, next_step=step_taken)
        return _voicemail(services, call, f"{NOBODY_THERE} {LEAVE_A_MESSAGE}")
    await _end(services, call, "transfer_failed", reason=status)
    return twiml.say_and_hang_up(NOBODY_THERE)


def _voicemail(services: GatewayServices, call: Call, prompt: str) -> str:
    return twiml.voicemail(
        prompt, services.call_url(call.id, "next"), recording_url=services.call_url(call.id, "recording")
    )


async def _fresh(services: GatewayServices, call: Call) -> Call:
    async with services.database.read() as conn:
        return await calls.get_call(conn, call.org_id, call.id) or call


async def _log_event(services: GatewayServices, call: Call, event: CallEvent) -> None:
    services.event_log.append(call.org_id, call.id, event)
    await services.event_log.flush()


async def _end(
    services: GatewayServices,
    call: Call,
    disposition: str,
    *,
    status: str = "completed",
    reason: str = "",
) -> None:
    now = utc_now()
    since = call.answered_at or now
    ending = StoredEnding(
        status="failed" if status == "failed" else "completed",
        disposition=disposition,
        reason=reason,
        ended_at=now,
        duration_ms=int((now - since).total_seconds() * 1000),
    )
    await end_call(services, call, ending)
