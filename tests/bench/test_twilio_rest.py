"""The REST API of the simulated Twilio, driven by the official SDK."""

import asyncio
import base64
import contextlib
import io
import wave
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.rest import Client

from bench.scenarios.caller import Answers, CallerScript, CannotBeReached, IsBusy, NeverAnswers, Say, Wait
from bench.simulators.twilio import MachineDetection, NumberConfig, RestFault, TwilioConfig, TwilioSimulator
from bench.simulators.twilio.rest_messages import segments
from bench.sound import mulaw
from tests.bench.service import MediaSocket, ToyService, connect, twiml
from tests.bench.sounds import clip

pytestmark = [
    pytest.mark.virtual_time,
    # twilio 9.13 hands aiohttp its deprecated BasicAuth object.
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

NUMBER = "+15550100001"
CALLEE = "+15550100099"


@contextlib.asynccontextmanager
async def sdk(twilio: TwilioSimulator, token: str | None = None) -> AsyncIterator[Client]:
    """The SDK's client, pointed at the simulator."""
    async with AsyncTwilioHttpClient() as http:
        client = Client(twilio.config.account_sid, token or twilio.config.auth_token, http_client=http)
        client.api.base_url = twilio.url
        yield client


def config(**more: Any) -> TwilioConfig:
    return TwilioConfig(numbers=(NumberConfig(NUMBER, voice_url="http://127.0.0.1:1/voice"),), **more)


async def refused(awaitable: Any) -> tuple[int, int | None]:
    with pytest.raises(TwilioRestException) as caught:
        await awaitable
    return caught.value.status, caught.value.code


async def test_an_outbound_call_from_create_to_completed() -> None:
    script = CallerScript((Wait(2000), Say(clip(500)), Wait(500)), pickup=Answers(1500))
    async with ToyService() as service:
        service.answers["/answered"] = twiml("<Say>Hello there.</Say>", '<Pause length="3"/>')
        async with TwilioSimulator(config(callees={CALLEE: script})) as twilio, sdk(twilio) as client:
            made = await client.calls.create_async(
                to=CALLEE,
                from_=NUMBER,
                url=f"{service.url}/answered",
                status_callback=f"{service.url}/status",
                status_callback_event=["initiated", "ringing", "answered", "completed"],
            )
            assert (made.status, made.direction, made.to, made._from) == (
                "queued",
                "outbound-api",
                CALLEE,
                NUMBER,
            )
            assert made.duration is None
            call = await twilio.wait_for_call()
            await call.finished()
            fetched = await client.calls(made.sid).fetch_async()
            assert (fetched.status, fetched.duration) == ("completed", "4")
            assert fetched.end_time is not None
            assert fetched.start_time is not None
            assert round((fetched.end_time - fetched.start_time).total_seconds()) == 4
        statuses = service.all("/status")
        assert [a.params["CallStatus"] for a in statuses] == [
            "initiated",
            "ringing",
            "in-progress",
            "completed",
        ]
        assert [a.params["SequenceNumber"] for a in statuses] == ["0", "1", "2", "3"]
        assert statuses[-1].params["CallDuration"] == "4"
        assert "CallDuration" not in statuses[0].params
        assert {a.params["CallbackSource"] for a in statuses} == {"call-progress-events"}
        answered = service.last("/answered").params
        assert (answered["CallStatus"], answered["Direction"]) == ("in-progress", "outbound-api")
        assert call.heard_say == ["Hello there."]


@pytest.mark.parametrize(
    ("pickup", "status"),
    [
        (IsBusy(), "busy"),
        (NeverAnswers(), "no-answer"),
        (CannotBeReached(), "failed"),
        (Answers(9000), "no-answer"),
    ],
)
async def test_calls_that_are_not_answered(pickup: Any, status: str) -> None:
    callees = {CALLEE: CallerScript(pickup=pickup)}
    async with (
        ToyService() as service,
        TwilioSimulator(config(callees=callees)) as twilio,
        sdk(twilio) as client,
    ):
        made = await client.calls.create_async(
            to=CALLEE,
            from_=NUMBER,
            url=f"{service.url}/x",
            timeout=5,
            status_callback=f"{service.url}/status",
        )
        await twilio.calls[0].finished()
        fetched = await client.calls(made.sid).fetch_async()
        assert fetched.status == status
        assert fetched.start_time is None
        assert [a.params["CallStatus"] for a in service.asked] == [status]
        assert service.asked[0].params["CallDuration"] == "0"


async def test_hang_up_cancel_and_21220() -> None:
    async with ToyService(media=MediaSocket.drain) as service:
        document = twiml(connect(service.stream_url))
        async with TwilioSimulator(config()) as twilio, sdk(twilio) as client:
            ringing = await client.calls.create_async(to=CALLEE, from_=NUMBER, twiml=document)
            assert (await client.calls(ringing.sid).update_async(status="canceled")).status == "canceled"
            talking = await client.calls.create_async(to=CALLEE, from_=NUMBER, twiml=document)
            call = await twilio.wait_for_call(2)
            await call.wait_stream()
            assert (await client.calls(talking.sid).update_async(status="canceled")).status == "in-progress"
            assert (await client.calls(talking.sid).update_async(status="completed")).status == "completed"
            await call.finished()
            assert call.ended_by == "service"
            assert call.streams[0].closed_by == "network"
            assert 31921 not in call.codes
            assert await refused(client.calls(talking.sid).update_async(status="completed")) == (400, 21220)
            assert await refused(client.calls(talking.sid).update_async(twiml=document)) == (400, 21220)
            assert await refused(client.calls("CA" + "0" * 32).update_async(status="completed")) == (
                404,
                20404,
            )
            assert await refused(client.calls("CA" + "0" * 32).fetch_async()) == (404, 20404)
        assert service.sockets[0].messages[-1]["event"] == "stop"


async def test_a_call_in_progress_is_sent_elsewhere() -> None:
    async with ToyService(media=MediaSocket.drain) as service:
        service.answers["/elsewhere"] = twiml("<Say>Second.</Say>", "<Hangup/>")
        document = twiml(connect(service.stream_url, action=f"{service.url}/action"), "<Say>Never.</Say>")
        async with TwilioSimulator(config()) as twilio, sdk(twilio) as client:
            made = await client.calls.create_async(to=CALLEE, from_=NUMBER, twiml=document)
            call = twilio.calls[0]
            await call.wait_stream()
            await asyncio.sleep(1)
            await client.calls(made.sid).update_async(
                twiml=twiml("<Say>First.</Say>", '<Pause length="60"/>')
            )
            await asyncio.sleep(3)
            assert call.heard_say == ["First."]
            await client.calls(made.sid).update_async(url=f"{service.url}/elsewhere")
            await call.finished()
        assert call.heard_say == ["First.", "Second."]
        assert "/action" not in service.paths()
        assert service.sockets[0].messages[-1]["event"] == "stop"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "", "from_": NUMBER, "url": "http://127.0.0.1:1/"}, 21201),
        ({"to": "12", "from_": NUMBER, "url": "http://127.0.0.1:1/"}, 21211),
        ({"to": CALLEE, "from_": "", "url": "http://127.0.0.1:1/"}, 21213),
        ({"to": CALLEE, "from_": "+15550009999", "url": "http://127.0.0.1:1/"}, 21210),
        ({"to": CALLEE, "from_": NUMBER}, 21205),
        (
            {
                "to": CALLEE,
                "from_": NUMBER,
                "twiml": "<Response/>",
                "status_callback": "http://127.0.0.1:1/",
                "status_callback_event": ["finished"],
            },
            21626,
        ),
    ],
)
async def test_calls_that_are_refused(fields: dict[str, Any], code: int) -> None:
    async with TwilioSimulator(config()) as twilio, sdk(twilio) as client:
        assert await refused(client.calls.create_async(**fields)) == (400, code)
        assert not twilio.calls


async def test_authentication_is_checked() -> None:
    async with TwilioSimulator(config()) as twilio:
        async with sdk(twilio, token="wrong") as client:
            assert await refused(client.incoming_phone_numbers("PN1").fetch_async()) == (401, 20003)
        async with aiohttp.ClientSession() as session:
            for header in ("", "Basic !!!", "Bearer x", "Basic " + base64.b64encode(b"\xff:\xff").decode()):
                answer = await session.get(
                    f"{twilio.url}/2010-04-01/Accounts/{twilio.config.account_sid}/Calls.json",
                    headers={"Authorization": header},
                )
                assert answer.status == 401
                body = await answer.json()
                assert body["more_info"] == "https://www.twilio.com/docs/errors/20003"
                assert body["status"] == 401


async def test_lists_are_paged_newest_first() -> None:
    async with TwilioSimulator(config()) as twilio, sdk(twilio) as client:
        sids = [
            (await client.calls.create_async(to=CALLEE, from_=NUMBER, twiml=twiml("<Hangup/>"))).sid
            for _ in range(7)
        ]
        listed = await client.calls.list_async(page_size=3)
        assert [call.sid for call in listed] == sids[::-1]
        page = await client.calls.page_async(page_size=3)
        assert len([call async for call in _each(page)]) == 3
        assert page.next_page_url is not None
        for call in twilio.calls:
            await call.finished()
        assert len(await client.calls.list_async(status="completed", to=CALLEE)) == 7
        assert await client.calls.list_async(status="busy") == []


async def _each(page: Any) -> AsyncIterator[Any]:
    for element in page:
        yield element


async def test_numbers_are_bought_configured_and_given_back() -> None:
    async with TwilioSimulator(config()) as twilio, sdk(twilio) as client:
        bought = await client.incoming_phone_numbers.create_async(
            phone_number="+15550200002", voice_url="https://calls.example.com/twilio/voice/number_1"
        )
        assert bought.voice_url == "https://calls.example.com/twilio/voice/number_1"
        changed = await client.incoming_phone_numbers(bought.sid).update_async(
            friendly_name="Front desk", status_callback="https://calls.example.com/status", sms_url=""
        )
        assert (changed.friendly_name, changed.voice_url) == ("Front desk", bought.voice_url)
        assert [n.sid for n in await client.incoming_phone_numbers.list_async(phone_number="+1555020*")] == [
            bought.sid
        ]
        assert len(await client.incoming_phone_numbers.list_async()) == 2
        assert await refused(client.incoming_phone_numbers.create_async(phone_number="+15550200002")) == (
            400,
            21422,
        )
        assert await refused(client.incoming_phone_numbers(bought.sid).update_async(voice_url="nowhere")) == (
            400,
            21502,
        )
        assert await client.incoming_phone_numbers(bought.sid).delete_async()
        assert await refused(client.incoming_phone_numbers(bought.sid).fetch_async()) == (404, 20404)


async def test_a_live_recording_has_caller_left_and_the_other_side_right() -> None:
    words, answer = clip(700, 3), clip(900, 4)

    async def media(socket: MediaSocket) -> None:
        await socket.until("media", 20)
        await socket.media(answer.sound)
        await socket.drain()

    script = CallerScript((Wait(1000), Say(words), Wait(1000)), pickup=Answers(0))
    async with ToyService(media=media) as service:
        document = twiml(connect(service.stream_url))
        async with TwilioSimulator(config(callees={CALLEE: script})) as twilio, sdk(twilio) as client:
            made = await client.calls.create_async(to=CALLEE, from_=NUMBER, twiml=document)
            call = twilio.calls[0]
            await call.wait_stream()
            recording = await client.calls(made.sid).recordings.create_async(
                recording_channels="dual", recording_status_callback=f"{service.url}/recorded"
            )
            assert (recording.status, recording.channels) == ("in-progress", 2)
            await asyncio.sleep(4)
            await client.calls(made.sid).update_async(status="completed")
            await call.finished()
            done = await client.recordings(recording.sid).fetch_async()
            assert (done.status, done.duration) == ("completed", "4")
            async with aiohttp.ClientSession() as session:
                url = service.last("/recorded").params["RecordingUrl"]
                assert (await session.get(url)).status == 401
                account = twilio.config.account_sid
                auth = base64.b64encode(f"{account}:{twilio.config.auth_token}".encode()).decode()
                got = await session.get(f"{url}.wav", headers={"Authorization": f"Basic {auth}"})
                body = await got.read()
        with wave.open(io.BytesIO(body)) as file:
            assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
            frames = file.readframes(file.getnframes())
        left = b"".join(frames[i : i + 2] for i in range(0, len(frames), 4))
        right = b"".join(frames[i + 2 : i + 4] for i in range(0, len(frames), 4))
        assert left.find(mulaw.decode(words.sound).tobytes()) >= 0
        assert right.find(mulaw.decode(answer.sound).tobytes()) >= 0


@pytest.mark.parametrize("wait", [False, True])
async def test_answering_machine_detection(wait: bool) -> None:
    finding = MachineDetection("machine_end_beep", after_ms=2500)
    callees = {CALLEE: CallerScript(pickup=Answers(0))}
    async with ToyService() as service:
        service.answers["/answered"] = twiml('<Pause length="5"/>')
        async with (
            TwilioSimulator(config(callees=callees, machine_detection=finding)) as twilio,
            sdk(twilio) as client,
        ):
            await client.calls.create_async(
                to=CALLEE,
                from_=NUMBER,
                url=f"{service.url}/answered",
                machine_detection="DetectMessageEnd",
                async_amd="false" if wait else "true",
                async_amd_status_callback=f"{service.url}/amd",
            )
            await twilio.calls[0].finished()
            assert (await client.calls.list_async())[0].answered_by == "machine_end_beep"
        if wait:
            assert service.last("/answered").params["AnsweredBy"] == "machine_end_beep"
            assert "/amd" not in service.paths()
        else:
            assert "AnsweredBy" not in service.last("/answered").params
            told = service.last("/amd")
            assert told.params["AnsweredBy"] == "machine_end_beep"
            assert told.params["MachineDetectionDuration"] == "2500"
            assert round(told.at_s - service.last("/answered").at_s, 3) == 2.5


async def test_messages_are_sent_and_reported() -> None:
    async with ToyService() as service, TwilioSimulator(config()) as twilio, sdk(twilio) as client:
        made = await client.messages.create_async(
            to=CALLEE,
            from_=NUMBER,
            body="Your appointment is on Saturday.",
            status_callback=f"{service.url}/sms",
        )
        assert (made.status, made.num_segments, made.direction) == ("queued", "1", "outbound-api")
        await asyncio.sleep(1.5)
        assert [a.params["MessageStatus"] for a in service.all("/sms")] == ["sent", "delivered"]
        fetched = await client.messages(made.sid).fetch_async()
        assert fetched.status == "delivered"
        assert fetched.date_sent is not None
        assert [m.sid for m in await client.messages.list_async(to=CALLEE)] == [made.sid]
        twilio.network.books.opted_out.add((NUMBER, CALLEE))
        assert await refused(client.messages.create_async(to=CALLEE, from_=NUMBER, body="Again")) == (
            400,
            21610,
        )
        assert await refused(client.messages.create_async(to=CALLEE, from_=NUMBER, body="")) == (400, 21602)
        assert await refused(client.messages.create_async(to=CALLEE, from_=NUMBER, body="x" * 1601)) == (
            400,
            21617,
        )
        assert await refused(client.messages.create_async(to=CALLEE, from_="+15550009999", body="x")) == (
            400,
            21606,
        )


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("ж" * 70, 1),
        ("ж" * 71, 2),
    ],
)
def test_segments(body: str, count: int) -> None:
    assert segments(body) == count


async def test_scripted_failures_and_bugs_are_not_hidden() -> None:
    faults = (RestFault("/Calls", 503, 20503, times=2), RestFault("/Messages", 429, 20429))
    async with TwilioSimulator(config(rest_faults=faults)) as twilio, sdk(twilio) as client:
        for _ in range(2):
            assert await refused(client.calls("CA1").fetch_async()) == (503, 20503)
        assert await refused(client.calls("CA1").fetch_async()) == (404, 20404)
        assert await refused(client.messages("SM1").fetch_async()) == (429, 20429)
    with pytest.raises(ExceptionGroup, match="crashed"):
        await _crash()


async def _crash() -> None:
    async with TwilioSimulator(config()) as twilio, sdk(twilio) as client:
        twilio.network.books.calls["CA1"] = None  # type: ignore[assignment]
        assert await refused(client.calls.list_async()) == (500, 20500)
