"""Webhooks that lack what they must have, come twice, or come after a process died in the middle."""

from pathlib import Path

import msgspec
import pytest

from gateway.call.actions import Connect, TransferTo
from gateway.dialling import place_call
from store import call_events as e
from store import calls
from store.call_rows import Call, Ending, NewCall
from store.times import utc_now
from tests.gateway.test_carrier_edges import INCOMING, by_id, count_calls
from tests.gateway.whole_call import NUMBER, House, house

pytestmark = [pytest.mark.virtual_time(wall=True), pytest.mark.whole_call]

ANSWERED = INCOMING | {"CallStatus": "in-progress", "Direction": "outbound-api"}


async def dialling(home: House) -> Call:
    """An outbound call whose process died after the carrier was asked and before it noted the answer."""
    async with home.service.database.write() as conn:
        new = NewCall(
            direction="outbound",
            status="queued",
            from_number=NUMBER,
            to_number="+15557770000",
            flow_id=home.flow_id,
            node_id="node_dead",
        )
        call = await calls.create_call(conn, home.org_id, new)
        return await calls.update_call(conn, home.org_id, call.id, next_step=msgspec.to_builtins(Connect()))


@pytest.mark.parametrize("sid", [None, ""])
async def test_an_incoming_call_without_a_sid_is_no_call(tmp_path: Path, sid: str | None) -> None:
    async with house(tmp_path) as home:
        form = {name: value for name, value in INCOMING.items() if name != "CallSid"}
        if sid is not None:
            form["CallSid"] = sid
        for _ in range(2):
            status, twiml = await home.post(f"/twilio/voice/{home.number_id}", form)
            assert (status, "<Hangup" in twiml) == (200, True)
        assert await count_calls(home) == 0


async def test_a_call_answered_before_its_dialling_was_noted_is_served_and_not_failed(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        call = await dialling(home)
        _, twiml = await home.post(f"/twilio/calls/{call.id}/next", ANSWERED)
        assert "<Stream" in twiml
        assert (await by_id(home, call.id)).carrier_call_sid == ANSWERED["CallSid"]
        session = home.service.live.get(call.id)
        assert session is not None
        await place_call(session._services, {"call_id": call.id})  # the lease of the dead process runs out
        assert (await by_id(home, call.id)).ended_at is None


async def test_a_call_given_up_before_it_was_answered_is_hung_up(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        call = await dialling(home)
        ending = Ending(status="failed", disposition="not_dialled", reason="unknown", ended_at=utc_now())
        async with home.service.database.write() as conn:
            assert await calls.finish_call(conn, home.org_id, call.id, ending)
        _, twiml = await home.post(f"/twilio/calls/{call.id}/next", ANSWERED)
        assert "<Hangup" in twiml
        assert "<Stream" not in twiml
        assert home.service.live.count == 0


async def test_the_outcome_of_a_transfer_told_twice_is_noted_once(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        call = await dialling(home)
        step = msgspec.to_builtins(TransferTo("front_desk", "+15550001111"))
        async with home.service.database.write() as conn:
            await calls.update_call(conn, home.org_id, call.id, next_step=step)
        for _ in range(2):
            form = ANSWERED | {"DialCallStatus": "completed"}
            _, twiml = await home.post(f"/twilio/calls/{call.id}/next", form)
            assert "<Hangup" in twiml
        log = await home.log(await by_id(home, call.id))
        assert [x.type for x in log if isinstance(x.event, e.TransferEnded)] == ["transfer.ended"]
