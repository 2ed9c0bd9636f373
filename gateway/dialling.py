"""Outbound calls: the job that asks the carrier to dial.

Twilio has no idempotency key, so a call is marked before the request leaves; a job that finds the mark
without a call sid cannot know whether the phone rang, and does not dial again.
"""

from datetime import timedelta
from typing import Any

import msgspec
import structlog

from carrier.errors import CarrierError
from carrier.rest import Dialling
from gateway.call.actions import Connect
from gateway.closing import end_call
from gateway.services import GatewayServices
from store import calls
from store.bus import call_topic
from store.call_events import CallDialled
from store.call_rows import Call
from store.call_rows import Ending as StoredEnding
from store.event_log import append_now
from store.times import utc_now

TIME_LIMIT_S = 3_600
RETRY_S = 5.0

_log = structlog.get_logger()


async def place_call(services: GatewayServices, payload: Any) -> timedelta | None:
    """Dial one queued call.

    Args:
        services: The gateway's parts.
        payload: `{"call_id": ...}`.

    Returns:
        None when done, or how long to wait before trying again.
    """
    async with services.database.read() as conn:
        call = await calls.find_any_org(conn, str(payload["call_id"]))
    if call is None or call.ended_at is not None or call.carrier_call_sid is not None:
        return None
    if services.carrier is None:
        await _failed(services, call, "no carrier account is configured")
        return None
    if call.node_id is not None:
        await _failed(services, call, "a former attempt was cut off; whether the phone rang is unknown")
        return None
    await _mark(services, call, services.node_id)
    try:
        dialled = await services.carrier.place_call(_dialling(services, call))
    except CarrierError as error:
        if error.retryable:
            await _mark(services, call, None)
            return timedelta(seconds=RETRY_S)
        _log.warning("call_refused_by_carrier", call_id=call.id, code=error.code)
        await _failed(services, call, f"carrier: {error.code} {error.message}")
        return None
    await _note_dialled(services, call, dialled.sid)
    return None


def _dialling(services: GatewayServices, call: Call) -> Dialling:
    return Dialling(
        to_e164=call.to_number,
        from_e164=call.from_number,
        answer_url=services.call_url(call.id, "next"),
        status_url=services.call_url(call.id, "status"),
        amd_url=services.call_url(call.id, "amd"),
        time_limit_s=TIME_LIMIT_S,
    )


async def _mark(services: GatewayServices, call: Call, node_id: str | None) -> None:
    async with services.database.write() as conn:
        await calls.update_call(
            conn, call.org_id, call.id, node_id=node_id, next_step=msgspec.to_builtins(Connect())
        )


async def _note_dialled(services: GatewayServices, call: Call, sid: str) -> None:
    async with services.database.write() as conn:
        await calls.update_call(conn, call.org_id, call.id, carrier_call_sid=sid)
        await append_now(conn, call.org_id, call.id, [CallDialled(carrier_call_sid=sid)], utc_now())
    services.bus.ring(call_topic(call.id))


async def _failed(services: GatewayServices, call: Call, reason: str) -> None:
    ending = StoredEnding(
        status="failed", disposition="not_dialled", reason=reason, ended_at=utc_now(), duration_ms=0
    )
    await end_call(services, call, ending)
