"""A call arrives: who it is for, what it should do, and the way to our media stream."""

from collections.abc import Mapping

import structlog

from carrier import twiml
from flows.call_plan import CallPlan, plan_call
from flows.document import FlowError
from gateway.call.state import Resumption
from gateway.closing import end_call
from gateway.live_calls import LiveCalls
from gateway.services import GatewayServices
from gateway.session import SessionStart
from gateway.usage import add_up
from providers.session import HistoryTurn
from store import calls, flows, media_tokens, numbers, orgs
from store.call_events import CallReceived, TranscriptFinal, UsageReported
from store.call_rows import Call, NewCall
from store.call_rows import Ending as StoredEnding
from store.errors import Conflict
from store.event_log import append_now
from store.event_rows import read_events_of
from store.numbers import Number
from store.times import utc_now

NOT_IN_SERVICE = "We are sorry, this number is not in service. Goodbye."
SOMETHING_WENT_WRONG = "We are sorry, something went wrong. Please call again in a moment. Goodbye."
RESTARTING = "We are sorry, we cannot take your call right now. Please call again in a minute. Goodbye."

_log = structlog.get_logger()


async def receive_call(
    services: GatewayServices, live: LiveCalls, number_id: str, form: Mapping[str, str]
) -> str:
    """Answer the carrier's webhook for an incoming call; asking again gives the same call.

    Args:
        services: The gateway's parts.
        live: The calls of this process.
        number_id: Our id of the number called.
        form: The carrier's parameters.

    Returns:
        TwiML.
    """
    async with services.database.read() as conn:
        number = await numbers.find_number_any_org(conn, number_id)
    if number is None:
        _log.warning("call_to_unknown_number", number_id=number_id)
        return twiml.say_and_hang_up(NOT_IN_SERVICE)
    if not form.get("CallSid"):
        _log.warning("call_without_sid", number_id=number.id)
        return twiml.hang_up()
    if live.stopping:
        return twiml.say_and_hang_up(RESTARTING)
    call = await _record_arrival(services, number, form)
    if call.ended_at is not None:
        return twiml.hang_up()
    plan = await load_plan(services, call)
    if plan is None:
        await _end_unserved(services, call)
        return twiml.say_and_hang_up(NOT_IN_SERVICE)
    return await connect_caller(services, live, SessionStart(call, plan), announcement=plan.announcement)


async def _record_arrival(services: GatewayServices, number: Number, form: Mapping[str, str]) -> Call:
    sid = form["CallSid"]
    async with services.database.read() as conn:
        known = await calls.find_by_carrier_sid(conn, sid)
    if known is not None:
        return known
    received = CallReceived(
        from_number=form.get("From", ""), to_number=form.get("To", number.e164), flow_id=number.flow_id
    )
    new = NewCall(
        direction="inbound",
        status="ringing",
        from_number=received.from_number,
        to_number=received.to_number,
        number_id=number.id,
        flow_id=number.flow_id,
        carrier_call_sid=sid,
        node_id=services.node_id,
    )
    try:
        async with services.database.write() as conn:
            call = await calls.create_call(conn, number.org_id, new)
            await append_now(conn, number.org_id, call.id, [received], call.created_at)
            return call
    except Conflict:  # the carrier asked twice at once
        async with services.database.read() as conn:
            known = await calls.find_by_carrier_sid(conn, sid)
        if known is None:
            raise
        return known


async def load_plan(services: GatewayServices, call: Call) -> CallPlan | None:
    """The plan of a call from its flow as it is now; None when it has no usable flow."""
    if call.flow_id is None:
        return None
    async with services.database.read() as conn:
        flow = await flows.get_flow(conn, call.org_id, call.flow_id)
        org = await orgs.get_org(conn, call.org_id)
    if flow is None:
        return None
    org_providers = org.providers if org is not None else None
    try:
        return plan_call(flow, call.task_context, org_providers=org_providers or ())
    except FlowError as error:
        _log.error("flow_unreadable", flow_id=flow.id, problems=str(error))
        return None


async def _end_unserved(services: GatewayServices, call: Call) -> None:
    ending = StoredEnding(
        status="failed", disposition="not_in_service", reason="no_flow", ended_at=utc_now(), duration_ms=0
    )
    await end_call(services, call, ending)


async def connect_caller(
    services: GatewayServices, live: LiveCalls, start: SessionStart, *, announcement: str | None
) -> str:
    """Open the provider while the phone still rings, and tell the carrier where our media stream is."""
    call = start.call
    async with services.database.write() as conn:
        token = await media_tokens.issue(conn, call.org_id, call.id)
        if call.node_id != services.node_id:
            await calls.update_call(conn, call.org_id, call.id, node_id=services.node_id)
    if live.get(call.id) is None:
        live.start(start)
    return twiml.connect_stream(
        services.stream_url(token), services.call_url(call.id, "next"), announcement=announcement
    )


async def resume(services: GatewayServices, live: LiveCalls, call: Call) -> str:
    """Bring the caller of an interrupted call back to the agent, who knows what was said."""
    plan = await load_plan(services, call)
    if plan is None or live.stopping:
        return twiml.say_and_hang_up(SOMETHING_WENT_WRONG)
    start = SessionStart(call, plan, await _resumption(services, call))
    return await connect_caller(services, live, start, announcement=None)


async def _resumption(services: GatewayServices, call: Call) -> Resumption:
    """Where a call stands, by its log: its clock, what was said and what it has cost."""
    types = (TranscriptFinal.type_name(), UsageReported.type_name())
    async with services.database.read() as conn:
        logged = await read_events_of(conn, call.org_id, call.id, types)
    said: dict[str, TranscriptFinal] = {}
    counts: list[UsageReported] = []
    for each in logged:
        match each.event:
            case TranscriptFinal() as turn:
                said[turn.turn_id] = turn
            case UsageReported() as count:
                counts.append(count)
            case _:
                pass
    since = call.answered_at or call.created_at
    # The wall clock may have been set back meanwhile; the call's clock never goes back.
    said_until_ms = max((turn.ended_ms for turn in said.values()), default=0)
    return Resumption(
        clock_ms=max(said_until_ms, int((utc_now() - since).total_seconds() * 1000)),
        turns=len(said),
        history=tuple(_heard(turn) for turn in said.values() if turn.text),
        cost_cents=add_up(counts).get("cost_cents", 0.0),
    )


def _heard(turn: TranscriptFinal) -> HistoryTurn:
    return HistoryTurn(turn.party, turn.text if turn.heard_text is None else turn.heard_text)
