"""The carrier's side of the gateway: forged, repeated, rubbish and missing messages."""

import asyncio
import base64
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from bench.scenarios.caller import HangUp, Listen, Say, Wait
from store import call_events as e
from store import calls, jobs, media_tokens
from store.call_rows import Call, NewCall
from store.schema import calls as calls_table
from tests.gateway.whole_call import (
    AUTH_TOKEN,
    CHAT,
    GREETING,
    NUMBER,
    QUESTION,
    House,
    agent,
    caller,
    house,
    says,
)

pytestmark = [pytest.mark.virtual_time(wall=True), pytest.mark.whole_call]

INCOMING = {
    "CallSid": "CA" + "1" * 32,
    "AccountSid": "AC" + "0" * 32,
    "From": "+15557654321",
    "To": NUMBER,
    "CallStatus": "ringing",
    "Direction": "inbound",
}


async def count_calls(home: House) -> int:
    async with home.service.database.read() as conn:
        return len((await conn.execute(calls_table.select())).all())


async def only_call(home: House) -> Call:
    async with home.service.database.read() as conn:
        found = await calls.find_by_carrier_sid(conn, INCOMING["CallSid"])
    assert found is not None
    return found


class Carrier:
    """A media stream client by hand."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.received: list[dict[str, Any]] = []

    async def send(self, message: object) -> None:
        await self.ws.send_str(message if isinstance(message, str) else json.dumps(message))

    async def start(self, call_sid: str = INCOMING["CallSid"], stream_sid: str = "MZ1") -> None:
        detail = {
            "streamSid": stream_sid,
            "accountSid": "AC0",
            "callSid": call_sid,
            "tracks": ["inbound"],
            "customParameters": {},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        start = {"event": "start", "sequenceNumber": "1", "start": detail, "streamSid": stream_sid}
        await self.send(start)

    async def media(self, at_ms: int, stream_sid: str = "MZ1") -> None:
        payload = base64.b64encode(b"\xff" * 160).decode()
        media = {"track": "inbound", "chunk": "1", "timestamp": str(at_ms), "payload": payload}
        await self.send({"event": "media", "sequenceNumber": "2", "media": media, "streamSid": stream_sid})

    async def until_closed(self, limit_s: float = 60) -> None:
        async with asyncio.timeout(limit_s):
            async for message in self.ws:
                self.received.append(json.loads(message.data))


def stream_path(twiml: str) -> str:
    found = re.search(r'url="ws://[^/]+(/twilio/media/[^"]+)"', twiml)
    assert found, twiml
    return found.group(1)


def ws_signature(home: House, path: str) -> dict[str, str]:
    url = "ws" + home.public_url.removeprefix("http") + path
    return {"x-twilio-signature": RequestValidator(AUTH_TOKEN).compute_signature(url, {})}


async def connect(home: House, client: aiohttp.ClientSession, path: str) -> Carrier:
    headers = ws_signature(home, path)
    return Carrier(await client.ws_connect(home.public_url + path, headers=headers))


@pytest.mark.parametrize(
    "path",
    [
        "/twilio/voice/{number}",
        *(f"/twilio/calls/call_x/{w}" for w in ("next", "status", "amd", "recording")),
    ],
)
async def test_every_webhook_refuses_what_is_not_signed(tmp_path: Path, path: str) -> None:
    async with house(tmp_path) as home:
        path = path.format(number=home.number_id)
        status, _ = await home.post(path, INCOMING, signed=False)
        assert status == 403
        url = home.public_url + path
        forged = RequestValidator("another-token").compute_signature(url, INCOMING)
        changed = RequestValidator(AUTH_TOKEN).compute_signature(url, INCOMING | {"From": "+15550000000"})
        async with aiohttp.ClientSession() as client:
            for signature in (forged, changed, ""):
                headers = {"X-Twilio-Signature": signature}
                async with client.post(url, data=INCOMING, headers=headers) as answer:
                    assert answer.status == 403
        assert await count_calls(home) == 0
        assert home.openai.sessions == []


async def test_an_unknown_number_gets_a_spoken_apology(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        status, twiml = await home.post("/twilio/voice/num_nothing", INCOMING)
        assert status == 200
        assert "not in service" in twiml
        assert "<Hangup" in twiml
        assert await count_calls(home) == 0


async def test_a_webhook_asked_twice_is_one_call_with_one_provider_session(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        path = f"/twilio/voice/{home.number_id}"
        async with asyncio.TaskGroup() as both:
            first = both.create_task(home.post(path, INCOMING))
            second = both.create_task(home.post(path, INCOMING))
        assert stream_path(first.result()[1]) != stream_path(second.result()[1])
        assert await count_calls(home) == 1
        await asyncio.sleep(1)
        assert len(home.openai.sessions) == 1


async def test_the_media_socket_wants_a_fresh_token_and_a_signature(tmp_path: Path) -> None:
    async with house(tmp_path) as home, aiohttp.ClientSession() as client:
        _, twiml = await home.post(f"/twilio/voice/{home.number_id}", INCOMING)
        path = stream_path(twiml)

        async def refused(path: str, headers: dict[str, str]) -> bool:
            try:
                await client.ws_connect(home.public_url + path, headers=headers)
            except aiohttp.WSServerHandshakeError as error:
                return error.status == 403
            return False

        assert await refused(path, {})
        assert await refused(path, {"x-twilio-signature": "rubbish"})
        made_up = "/twilio/media/" + "A" * 43
        assert await refused(made_up, ws_signature(home, made_up))
        carrier = await connect(home, client, path)
        assert await refused(path, ws_signature(home, path)), "a token opens one socket"
        await carrier.ws.close()
        row = await only_call(home)
        async with home.service.database.write() as conn:
            stale = await media_tokens.issue(conn, row.org_id, row.id, ttl_s=-1)
        assert await refused(f"/twilio/media/{stale}", ws_signature(home, f"/twilio/media/{stale}"))


async def test_a_signature_over_the_url_with_a_slash_is_accepted(tmp_path: Path) -> None:
    async with house(tmp_path) as home, aiohttp.ClientSession() as client:
        _, twiml = await home.post(f"/twilio/voice/{home.number_id}", INCOMING)
        path = stream_path(twiml)
        headers = ws_signature(home, path + "/")
        await (await client.ws_connect(home.public_url + path, headers=headers)).close()


RUBBISH: list[tuple[object, str]] = [
    ("", "not_json"),
    ("not json", "not_json"),
    ("[" * 5000, "malformed"),
    ('{"event":"media"}', "malformed"),
    ({"event": "media", "streamSid": "MZ1", "media": {"payload": '","x":"', "timestamp": "1"}}, "malformed"),
    ({"event": "media", "streamSid": "MZ1", "media": {"payload": "AAAA", "timestamp": "-1"}}, "malformed"),
    ({"event": "dtmf", "streamSid": "MZ1", "dtmf": {"digit": "55"}}, "malformed"),
    ({"event": "surprise", "streamSid": "MZ1"}, "unknown_type"),
    ({"no": "event"}, "unknown_type"),
    ("[1, 2]", "malformed"),
    ({"event": "mark", "streamSid": "MZ9", "mark": {"name": "0.1"}}, "wrong_stream"),
    ({"event": "stop", "streamSid": "MZ9"}, "wrong_stream"),
    ({"event": "connected", "padding": "x" * 70_000}, "too_large"),
]


async def test_rubbish_on_the_stream_is_counted_and_never_fatal(tmp_path: Path) -> None:
    async with house(tmp_path) as home, aiohttp.ClientSession() as client:
        _, twiml = await home.post(f"/twilio/voice/{home.number_id}", INCOMING)
        carrier = await connect(home, client, stream_path(twiml))
        await carrier.media(0)  # before start
        await carrier.start(call_sid="CA" + "9" * 32)
        await carrier.start()
        await carrier.start()
        for message, _ in RUBBISH:
            await carrier.send(message)
        await carrier.ws.send_bytes(b"\x00\x01")
        await carrier.media(20)
        await carrier.send({"event": "stop", "streamSid": "MZ1", "stop": {}})
        await carrier.until_closed()
        row = await only_call(home)
        await home.service.event_log.flush()
        log = await home.log(row)
        ended = next(x.event for x in log if isinstance(x.event, e.StreamEnded))
        expected: dict[str, int] = {"out_of_order": 2, "wrong_call": 1, "not_text": 1}
        for _, why in RUBBISH:
            expected[why] = expected.get(why, 0) + 1
        assert ended.rejected == expected
        assert ended.frames_in == 1


async def test_a_stream_that_never_starts_is_closed_after_ten_seconds(tmp_path: Path) -> None:
    async with house(tmp_path) as home, aiohttp.ClientSession() as client:
        _, twiml = await home.post(f"/twilio/voice/{home.number_id}", INCOMING)
        carrier = await connect(home, client, stream_path(twiml))
        began = asyncio.get_running_loop().time()
        await carrier.send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        await carrier.until_closed()
        assert 9.99 <= asyncio.get_running_loop().time() - began < 12  # sums of floats
        await asyncio.sleep(1)
        row = await only_call(home)
        assert (row.disposition, row.disposition_reason) == ("interrupted", "no_start")


async def test_a_stream_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    async with house(tmp_path) as home, aiohttp.ClientSession() as client:
        _, twiml = await home.post(f"/twilio/voice/{home.number_id}", INCOMING)
        carrier = await connect(home, client, stream_path(twiml))
        await carrier.start()
        await carrier.media(0)
        await carrier.until_closed(60)
        await asyncio.sleep(1)
        assert (await only_call(home)).disposition_reason == "stalled"


async def test_a_lost_stream_is_resumed_where_it_stopped(tmp_path: Path) -> None:
    async with house(tmp_path, agent(says(QUESTION), says(QUESTION))) as home:
        call = await home.dial_in(caller(Listen(), Say(QUESTION), Listen(), Wait(4000), HangUp()))
        await asyncio.sleep(6)
        (session,) = [home.service.live.get(call_id) for call_id in home.service.live.ids]
        assert session is not None
        session.stop()  # as when the process is told to stop
        row = await home.call_over(call)
        log = await home.log(row)
        assert row.resumes == 1
        counts = [x.event for x in log if isinstance(x.event, e.UsageReported)]
        assert row.usage is not None
        assert row.usage["cost_cents"] == counts[-1].call_cost_cents, "both streams, each once"
        assert counts[-1].call_cost_cents == pytest.approx(sum(c.cost_cents or 0 for c in counts), abs=1e-3)
        assert row.disposition == "caller_hangup"
        kinds = [x.type for x in log]
        assert kinds.index("call.ended") < kinds.index("call.resumed") < kinds.index("stream.started", 5)
        assert kinds[-1] == "call.ended"
        items = [x["item"] for x in home.openai.sessions[1].received_of("conversation.item.create")]
        said = [(item["role"], item["content"][0]["text"]) for item in items]
        assert said[:2] == [("assistant", GREETING.text), ("user", "words 1")]
        turns = [x.event.turn_id for x in log if isinstance(x.event, e.TranscriptFinal)]
        assert len(set(turns)) == len(turns), "turns go on counting"
        starts = [x.event.started_ms for x in log if isinstance(x.event, e.TranscriptFinal)]
        assert starts == sorted(starts), "the clock goes on"
        assert call.heard_say == []


async def test_a_call_is_resumed_twice_at_most(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        call = await home.dial_in(caller(Wait(60_000), HangUp()))
        for _ in range(3):
            await asyncio.sleep(3)
            for call_id in home.service.live.ids:
                session = home.service.live.get(call_id)
                assert session is not None
                session.stop()
        row = await home.call_over(call)
        assert row.resumes == 2
        assert any("something went wrong" in said for said in call.heard_say)


async def test_status_callbacks_are_idempotent_and_order_free(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await home.post(f"/twilio/voice/{home.number_id}", INCOMING)
        row = await only_call(home)
        path = f"/twilio/calls/{row.id}/status"
        reports = [
            {"CallStatus": "completed", "SequenceNumber": "3", "CallDuration": "7"},
            {"CallStatus": "ringing", "SequenceNumber": "1"},
            {"CallStatus": "completed", "SequenceNumber": "3", "CallDuration": "7"},
            {"CallStatus": "in-progress", "SequenceNumber": "2"},
            {"CallStatus": "sideways", "SequenceNumber": "x"},
        ]
        for report in reports:
            status, body = await home.post(path, INCOMING | report)
            assert (status, body) == (204, "")
        await asyncio.sleep(2)
        row = await only_call(home)
        log = await home.log(row)
        assert row.status == "completed"
        assert [x.type for x in log].count("call.ended") == 1
        assert [x.event.status for x in log if isinstance(x.event, e.CarrierStatusReported)] == ["completed"]
        assert home.service.live.count == 0


async def test_callbacks_for_calls_we_do_not_know_change_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        for what in ("status", "amd", "recording"):
            status, _ = await home.post(f"/twilio/calls/call_none/{what}", INCOMING)
            assert status == 204
        status, twiml = await home.post("/twilio/calls/call_none/next", INCOMING)
        assert (status, "<Hangup" in twiml) == (200, True)


async def place(home: House, to: str) -> str:
    """Queue an outbound call as the control API does; its id."""
    async with home.service.database.write() as conn:
        new = NewCall(
            direction="outbound",
            status="queued",
            from_number=NUMBER,
            to_number=to,
            number_id=home.number_id,
            flow_id=home.flow_id,
            task_context={"appointment": "Tuesday"},
        )
        call = await calls.create_call(conn, home.org_id, new)
        await jobs.enqueue(conn, home.org_id, "place_call", {"call_id": call.id})
    return call.id


async def by_id(home: House, call_id: str) -> Call:
    async with home.service.database.read() as conn:
        found = await calls.get_call(conn, home.org_id, call_id)
    assert found is not None
    return found


async def until_ended(home: House, call_id: str) -> Call:
    async with asyncio.timeout(200):
        while (row := await by_id(home, call_id)).ended_at is None or home.service.live.count:
            await asyncio.sleep(0.5)
    return row


async def test_an_outbound_call_is_dialled_answered_and_told_its_task(tmp_path: Path) -> None:
    async with house(tmp_path, CHAT) as home:
        home.twilio.callees["+15557770000"] = caller(Listen(), Say(QUESTION), Listen(), Wait(2000), HangUp())
        row = await until_ended(home, await place(home, "+15557770000"))
        log = await home.log(row)
        kinds = [x.type for x in log]
        assert row.disposition == "caller_hangup"
        assert row.answered_by == "human"
        assert row.answered_at is not None
        assert {"call.dialled", "stream.started", "carrier.answered_by"} <= set(kinds)
        session = home.openai.sessions[0].received_of("session.update")[0]["session"]
        assert '"appointment": "Tuesday"' in session["instructions"]
        assert home.transcript(log)[:2] == [("agent", GREETING.text), ("caller", QUESTION.text)]


@pytest.mark.parametrize(("pickup", "disposition"), [("busy", "busy"), ("no-answer", "no_answer")])
async def test_an_outbound_call_nobody_takes(tmp_path: Path, pickup: str, disposition: str) -> None:
    from bench.scenarios.caller import CallerScript, IsBusy, NeverAnswers

    async with house(tmp_path) as home:
        chosen = IsBusy() if pickup == "busy" else NeverAnswers()
        home.twilio.callees["+15557770000"] = CallerScript(pickup=chosen)
        row = await until_ended(home, await place(home, "+15557770000"))
        assert (row.status, row.disposition) == (pickup, disposition)
        assert home.openai.sessions == []


async def test_an_outbound_call_the_carrier_refuses(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        async with home.service.database.write() as conn:
            new = NewCall(
                direction="outbound", status="queued", from_number="+1999", to_number="nonsense",
                flow_id=home.flow_id,
            )  # fmt: skip
            call = await calls.create_call(conn, home.org_id, new)
            await jobs.enqueue(conn, home.org_id, "place_call", {"call_id": call.id})
        row = await until_ended(home, call.id)
        assert (row.status, row.disposition) == ("failed", "not_dialled")
        assert (row.disposition_reason or "").startswith("carrier: ")
        assert home.twilio.calls == []


async def test_a_call_cut_off_while_dialling_is_not_dialled_again(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        async with home.service.database.write() as conn:
            new = NewCall(
                direction="outbound", status="queued", from_number=NUMBER, to_number="+15557770000",
                flow_id=home.flow_id, node_id="node_dead",
            )  # fmt: skip
            call = await calls.create_call(conn, home.org_id, new)
            await jobs.enqueue(conn, home.org_id, "place_call", {"call_id": call.id})
        row = await until_ended(home, call.id)
        assert row.disposition == "not_dialled"
        assert home.twilio.calls == []
