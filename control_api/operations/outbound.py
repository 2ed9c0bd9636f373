"""Outbound calls: accepted here, dialled by the job loop."""

from typing import Any

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from control_api.call_models import CallList, CallOut, call_out
from control_api.errors import BadInput, Detail, Unavailable
from control_api.fields import E164, Input, NonEmptyText, Text, absent
from control_api.idempotency import UsedMeanwhile, key_of, refuse_other_request, request_fingerprint
from control_api.operation import ApiRequest, operation
from jobs.kinds import PLACE_CALL
from store import calls, flows, idempotency, jobs, numbers
from store.bus import JOBS_TOPIC, call_topic
from store.call_events import CallQueued
from store.event_log import append_now
from store.flows import StoredFlow
from store.numbers import Number
from store.times import utc_now

LATEST = 200


class OutboundCallInput(Input):
    """Whom to call, and what for."""

    flow_id: NonEmptyText = Field(description="Flow that carries the call")
    to: E164
    task_context: dict[str, Any] = absent(description="What this call is about; the agent is told")
    caller_id_number_id: Text | None = Field(
        default=None, description="Number to call from; the flow's otherwise"
    )
    force: bool = absent(description="Place the call although a rule would hold it back")


@operation("listOutboundCalls", role="viewer")
async def list_outbound_calls(request: ApiRequest) -> CallList:
    """The latest 200; `GET /api/calls?direction=outbound` pages through all."""
    async with request.services.database.read() as conn:
        found = await calls.list_outbound(conn, request.org_id, None, LATEST)
        ids = [call.id for call in found]
        read = await calls.read_among(conn, request.org_id, ids, request.actor.id)
    public_url = request.services.public_url
    return CallList(
        items=[call_out(call, public_url, read=call.id in read) for call in found], next_cursor=None
    )


@operation("createOutboundCall", role="operator")
async def create_outbound_call(request: ApiRequest, *, body: OutboundCallInput) -> CallOut:
    """The call is queued and dialled at once; watch it at its event stream.

    It is placed from the number given, else from the flow's, else from the org's oldest. With an
    Idempotency-Key the same request sent again within 24 h is answered from the first and dials nothing.
    """
    key = key_of(request.http)
    if not request.services.place_calls_configured:
        raise Unavailable(
            "carrier_not_configured", "No carrier credentials are configured, so no call can be placed."
        )
    try:
        out = await _create(request, body, key)
    except UsedMeanwhile:
        out = await _create(request, body, key)
    request.services.bus.ring(call_topic(out.id))
    request.services.bus.ring(JOBS_TOPIC)
    return out


async def _create(request: ApiRequest, body: OutboundCallInput, key: str | None) -> CallOut:
    fingerprint = request_fingerprint(body.given())
    now = utc_now()
    async with request.services.database.write() as conn:
        if key is not None:
            kept = await idempotency.find(conn, request.org_id, "createOutboundCall", key, now)
            if kept is not None:
                refuse_other_request(kept.request_sha256, fingerprint)
                return CallOut.model_validate_json(kept.reply)
        out = await _queue(conn, request, body)
        if key is not None:
            reply = idempotency.KeptReply(fingerprint, 200, out.model_dump_json())
            if not await idempotency.keep(conn, request.org_id, "createOutboundCall", key, reply, now):
                raise UsedMeanwhile
    return out


async def _queue(conn: AsyncConnection, request: ApiRequest, body: OutboundCallInput) -> CallOut:
    """Write the call, its first event and the job that dials it."""
    flow = await flows.get_flow(conn, request.org_id, body.flow_id)
    if flow is None:
        raise _invalid("flow_id", "the org has no such flow", "unknown_flow")
    number = await _caller_id(conn, request.org_id, body, flow)
    now = utc_now()
    call = await calls.create_call(
        conn,
        request.org_id,
        calls.NewCall(
            direction="outbound",
            status="queued",
            from_number=number.e164,
            to_number=body.to,
            number_id=number.id,
            flow_id=flow.id,
            flow_version=flow.version,
            task_context=body.given().get("task_context"),
            created_at=now,
        ),
    )
    await append_now(conn, request.org_id, call.id, [CallQueued(to_number=body.to, flow_id=flow.id)], now)
    await jobs.enqueue(conn, request.org_id, PLACE_CALL, {"call_id": call.id}, key=call.id, now=now)
    return call_out(call, request.services.public_url, read=False)


async def _caller_id(conn: AsyncConnection, org_id: str, body: OutboundCallInput, flow: StoredFlow) -> Number:
    number_id = body.caller_id_number_id or flow.caller_id_number_id
    if number_id is not None:
        number = await numbers.get_number(conn, org_id, number_id)
        if number is None:
            raise _invalid("caller_id_number_id", "the org has no such number", "unknown_number")
        return number
    owned = await numbers.list_numbers(conn, org_id)
    if not owned:
        raise _invalid("caller_id_number_id", "the org has no number to call from", "no_number")
    return owned[0]


def _invalid(path: str, message: str, code: str) -> BadInput:
    return BadInput("The call cannot be placed like this.", [Detail(path, message, code)])
