"""Calls through the simulated Twilio: TwiML, webhooks as real ones, statuses, and what goes wrong."""

import asyncio
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from bench.scenarios.caller import CallerScript, DialOutcome, HangUp, Listen, Press, Say, Wait
from bench.simulators.errors import SimulatorUsageError
from bench.simulators.twilio import Disorder, NumberConfig, SimulatedCall, TwilioConfig, TwilioSimulator
from bench.simulators.twilio.call_facts import Inline
from bench.simulators.twilio.fetching import APOLOGY
from bench.sound.wav import mulaw_file
from tests.bench.service import Answer, Asked, MediaSocket, ToyService, connect, twiml
from tests.bench.sounds import clip

pytestmark = pytest.mark.virtual_time

NUMBER = "+15550100001"
CALLER = "+15558675309"


async def place(
    service: ToyService, *steps: Any, script: CallerScript | None = None, **more: Any
) -> SimulatedCall:
    """Let somebody call the number and wait until it is all over."""
    number = NumberConfig(
        NUMBER,
        voice_url=f"{service.url}/voice",
        status_callback=f"{service.url}/status",
        voice_fallback_url=more.pop("fallback", ""),
    )
    async with TwilioSimulator(TwilioConfig(numbers=(number,), **more)) as twilio:
        call = await twilio.dial_in(NUMBER, script or CallerScript(steps))
        await call.finished()
    return call


async def test_the_voice_webhook_is_what_twilio_sends() -> None:
    async with ToyService(answers={"/voice": twiml("<Say>Hello.</Say>")}) as service:
        call = await place(service)
        asked = service.last("/voice")
    params = asked.params
    assert params["CallSid"] == call.sid
    assert re.fullmatch(r"CA[0-9a-f]{32}", params["CallSid"])
    assert re.fullmatch(r"AC[0-9a-f]{32}", params["AccountSid"])
    assert (params["From"], params["To"], params["Direction"]) == (CALLER, NUMBER, "inbound")
    assert (params["CallStatus"], params["ApiVersion"]) == ("ringing", "2010-04-01")
    assert {
        "FromCity",
        "FromState",
        "FromZip",
        "FromCountry",
        "ToCity",
        "Caller",
        "Called",
        "CallToken",
    } <= set(params)
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded; charset=UTF-8"
    assert asked.headers["I-Twilio-Idempotency-Token"]
    validator = RequestValidator(TwilioConfig().auth_token)
    assert validator.validate(f"{service.url}/voice", params, asked.headers["X-Twilio-Signature"])
    assert not validator.validate(f"{service.url}/other", params, asked.headers["X-Twilio-Signature"])
    status = service.last("/status")
    assert validator.validate(f"{service.url}/status", status.params, status.headers["X-Twilio-Signature"])
    assert [a.params["CallStatus"] for a in service.all("/status")] == ["completed"]
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000", status.params["Timestamp"])


async def test_webhooks_go_to_the_public_address_by_another_way() -> None:
    async with ToyService(answers={"/voice": twiml("<Hangup/>")}) as service:
        number = NumberConfig(NUMBER, voice_url="https://calls.example.com:8443/voice?a=1&b=%20")
        reroute = {"https://calls.example.com:8443": service.url}
        async with TwilioSimulator(TwilioConfig(numbers=(number,), reroute=reroute)) as twilio:
            await (await twilio.dial_in(NUMBER)).finished()
        asked = service.last("/voice")
    assert asked.query == "a=1&b=%20"
    assert asked.headers["Host"] == "calls.example.com"
    # Twilio leaves the port out of the signature of https voice webhooks.
    signed = RequestValidator(TwilioConfig().auth_token).compute_signature(
        "https://calls.example.com/voice?a=1&b=%20", asked.params
    )
    assert asked.headers["X-Twilio-Signature"] == signed


async def test_verbs_run_in_order_and_take_their_time() -> None:
    sound = clip(1500, 3).sound
    answers: dict[str, Answer] = {
        "/voice": twiml(
            "<Say>One two.</Say>",
            '<Pause length="2"/>',
            "<Play>sounds/hold.wav</Play>",
            "<Redirect>more?x=1</Redirect>",
            "<Say>Never.</Say>",
        ),
        "/sounds/hold.wav": web.Response(body=mulaw_file(sound), content_type="audio/wav"),
        "/more": twiml('<Say loop="2">Twice.</Say>', "<Hangup/>", "<Say>Never.</Say>"),
    }
    async with ToyService(answers=answers) as service:
        call = await place(service, say_ms_per_char=100)
        more = service.last("/more")
        started = service.last("/voice").at_s
    assert call.heard_say == ["One two.", "Twice.", "Twice."]
    assert more.at_s - started == pytest.approx(0.8 + 2 + 1.5, abs=0.01)
    assert call.line.heard.render(2800 * 8, 4300 * 8) == sound
    assert call.duration_s == round(0.8 + 2 + 1.5 + 1.2)
    assert call.codes == []


@pytest.mark.parametrize(
    ("answer", "codes", "heard"),
    [
        (web.Response(status=500), [11200], [APOLOGY]),
        (web.Response(status=404, text="<Response/>", content_type="text/xml"), [11200], [APOLOGY]),
        ("<Response><Say>Hi</Say>", [12100], [APOLOGY]),
        ("this is not XML", [12100], [APOLOGY]),
        ("<Twiml><Say>Hi</Say></Twiml>", [12102], [APOLOGY]),
        (web.json_response({"say": "Hi"}), [12300], [APOLOGY]),
        (web.Response(text="Good morning.", content_type="text/plain"), [], ["Good morning."]),
        (twiml("<Gather><Say>Hi</Say></Gather>", "<Say>Still here.</Say>"), [12200], ["Still here."]),
        (twiml('<Say volume="9">Hi.</Say>'), [12200], ["Hi."]),
        (twiml("<Connect><Say>Hi.</Say></Connect>", "<Say>On.</Say>"), [12200, 12200], ["On."]),
        (twiml("<Say>One.</Say>", "<Reject/>"), [12200], ["One."]),
        ("", [], []),
    ],
)
async def test_answers_that_are_not_quite_right(answer: Any, codes: list[int], heard: list[str]) -> None:
    async with ToyService(answers={"/voice": answer}) as service:
        call = await place(service)
    assert (call.codes, call.heard_say, call.status) == (codes, heard, "completed")


async def test_the_fallback_is_asked_with_the_reason() -> None:
    answers: dict[str, Answer] = {
        "/voice": web.Response(status=502),
        "/fallback": twiml("<Say>We are having trouble.</Say>"),
    }
    async with ToyService(answers=answers) as service:
        call = await place(service, fallback=f"{service.url}/fallback")
        asked = service.last("/fallback").params
    assert (asked["ErrorCode"], asked["ErrorUrl"]) == ("11200", f"{service.url}/voice")
    assert call.heard_say == ["We are having trouble."]


async def test_a_slow_webhook_is_given_up_after_fifteen_seconds() -> None:
    async def slow(_asked: Asked) -> str:
        await asyncio.sleep(60)
        return twiml("<Say>Too late.</Say>")

    async with ToyService(answers={"/voice": slow}) as service:
        before = asyncio.get_running_loop().time()
        call = await place(service)
        passed = asyncio.get_running_loop().time() - before
        assert len(service.all("/voice")) == 1
        await asyncio.sleep(60)
    assert call.codes == [11200]
    assert 15 <= passed < 15 + len(APOLOGY) * 0.06 + 1


@pytest.mark.parametrize(("fragment", "attempts"), [("", 2), ("#rc=4", 5), ("#rc=0", 1)])
async def test_a_connection_that_fails_is_tried_again_with_the_same_token(
    fragment: str, attempts: int
) -> None:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    number = NumberConfig(NUMBER, voice_url=f"http://127.0.0.1:{port}/voice{fragment}")
    async with TwilioSimulator(TwilioConfig(numbers=(number,))) as twilio:
        call = await twilio.dial_in(NUMBER)
        await call.finished()
        assert twilio.deliveries[0].attempts == attempts
    assert call.codes == [11205]


@pytest.mark.parametrize(("fragment", "attempts"), [("", 1), ("#rc=3&rp=5xx", 4), ("#rc=2&rp=all", 3)])
async def test_http_errors_are_tried_again_only_on_request(fragment: str, attempts: int) -> None:
    async with ToyService(answers={"/voice": lambda _: web.Response(status=503)}) as service:
        number = NumberConfig(NUMBER, voice_url=f"{service.url}/voice{fragment}")
        async with TwilioSimulator(TwilioConfig(numbers=(number,))) as twilio:
            await (await twilio.dial_in(NUMBER)).finished()
        tokens = {asked.headers["I-Twilio-Idempotency-Token"] for asked in service.all("/voice")}
        assert len(service.all("/voice")) == attempts
    assert len(tokens) == 1


async def test_redirects_are_followed_but_not_for_ever() -> None:
    answers: dict[str, Answer] = {
        "/voice": lambda _: web.Response(status=301, headers={"Location": "/moved"}),
        "/moved": twiml("<Say>Here.</Say>"),
    }
    async with ToyService(answers=answers) as service:
        call = await place(service)
        assert service.last("/moved").method == "GET"
    assert call.heard_say == ["Here."]
    async with ToyService(
        answers={"/voice": lambda _: web.Response(status=302, headers={"Location": "/voice"})}
    ) as service:
        call = await place(service)
        assert len(service.all("/voice")) == 11
    assert call.codes == [11215]


async def test_documents_that_redirect_to_each_other_end() -> None:
    async with ToyService(answers={"/voice": twiml("<Redirect>/voice</Redirect>")}) as service:
        call = await place(service)
    assert call.codes == [12400]
    assert call.status == "completed"


@pytest.mark.parametrize(("reason", "status"), [("busy", "busy"), ("rejected", "no-answer")])
async def test_reject_refuses_the_call_unanswered(reason: str, status: str) -> None:
    async with ToyService(answers={"/voice": twiml(f'<Reject reason="{reason}"/>')}) as service:
        call = await place(service, Listen())
        assert service.last("/status").params["CallStatus"] == status
    assert not call.answered
    assert call.steps == []


async def test_ringing_lasts_as_configured() -> None:
    async with ToyService(answers={"/voice": twiml("<Hangup/>")}) as service:
        before = asyncio.get_running_loop().time()
        call = await place(service, ring_ms=3500)
    assert call.line.answered_at_s - before == pytest.approx(3.5)


async def test_the_action_after_connect_is_asked_when_the_caller_hangs_up() -> None:
    async with ToyService(media=MediaSocket.drain) as service:
        service.answers["/voice"] = twiml(connect(service.stream_url, action="/next"), "<Say>Never.</Say>")
        service.answers["/next"] = twiml("<Say>Nobody hears this.</Say>")
        call = await place(service, Wait(1000), HangUp())
        assert service.last("/next").params["CallStatus"] == "completed"
        assert service.paths().index("/next") > 0
    assert call.heard_say == []
    assert call.duration_s == 1


async def test_stream_status_callbacks() -> None:
    async with ToyService(media=MediaSocket.drain) as service:
        stream = f'<Stream url="{service.stream_url}" name="main" statusCallback="/streams"/>'
        service.answers["/voice"] = twiml(f"<Connect>{stream}</Connect>")
        call = await place(service, Wait(500), HangUp())
        told = [a.params for a in service.all("/streams")]
    assert [p["StreamEvent"] for p in told] == ["stream-started", "stream-stopped"]
    assert {(p["StreamSid"], p["StreamName"]) for p in told} == {(call.streams[0].stream_sid, "main")}


async def test_a_wrong_track_is_refused() -> None:
    async with ToyService(media=MediaSocket.drain) as service:
        stream = f'<Stream url="{service.stream_url}" track="both_tracks"/>'
        service.answers["/voice"] = twiml(f"<Connect>{stream}</Connect>", "<Say>On.</Say>")
        call = await place(service)
    assert (call.codes, call.heard_say, call.streams) == ([31941], ["On."], [])


async def test_a_recording_ends_with_silence_and_can_be_fetched() -> None:
    words = clip(1200, 6)
    async with ToyService() as service:
        service.answers["/voice"] = twiml(
            '<Record action="/recorded" timeout="3" recordingStatusCallback="/stored" maxLength="60"/>'
        )
        service.answers["/recorded"] = twiml("<Say>Thank you.</Say>")
        call = await place(service, Wait(700), Say(words))
        action, stored = service.last("/recorded").params, service.last("/stored").params
    assert action["RecordingUrl"] == stored["RecordingUrl"]
    assert action["RecordingDuration"] == "5"  # 0.7 + 1.2 + 3 s of silence, rounded
    assert action["Digits"] == ""
    assert stored["RecordingStatus"] == "completed"
    assert stored["RecordingSource"] == "RecordVerb"
    assert urlsplit(action["RecordingUrl"]).path.endswith(action["RecordingSid"])
    assert call.heard_say == ["Thank you."]


@pytest.mark.parametrize(
    ("steps", "attributes", "digits", "duration"),
    [
        ((Say(clip(2000, 1)), Press("5")), "", "5", "2"),
        ((Say(clip(2000, 1)), Press("5#")), 'finishOnKey="#"', "#", "2"),
        ((Say(clip(9000, 1)),), 'maxLength="4"', "", "4"),
        ((Say(clip(2000, 1)), HangUp()), "", "hangup", "2"),
        ((Wait(60_000),), 'timeout="2"', "", "2"),
    ],
)
async def test_how_a_recording_ends(steps: Any, attributes: str, digits: str, duration: str) -> None:
    async with ToyService() as service:
        service.answers["/voice"] = twiml(f'<Record action="/recorded" {attributes}/>')
        service.answers["/recorded"] = twiml("<Hangup/>")
        await place(service, *steps)
        action = service.last("/recorded").params
    assert (action["Digits"], action["RecordingDuration"]) == (digits, duration)


@pytest.mark.parametrize(
    ("outcome", "status", "bridged"),
    [
        (DialOutcome("completed", after_ms=1000, talk_ms=5000), "completed", "true"),
        (DialOutcome("busy"), "busy", "false"),
        (DialOutcome("no-answer"), "no-answer", "false"),
        (DialOutcome("failed"), "failed", "false"),
        (DialOutcome("completed", after_ms=20_000), "no-answer", "false"),
    ],
)
async def test_dial(outcome: DialOutcome, status: str, bridged: str) -> None:
    async with ToyService() as service:
        service.answers["/voice"] = twiml(
            f'<Dial action="/dialled" timeout="10" callerId="{NUMBER}">'
            '<Number url="/whisper" statusCallback="/leg" '
            'statusCallbackEvent="initiated ringing answered completed">+15550100077</Number></Dial>',
            "<Say>Never.</Say>",
        )
        service.answers["/whisper"] = twiml("<Say>A call from the website.</Say>")
        service.answers["/dialled"] = twiml("<Say>Back again.</Say>")
        call = await place(service, script=CallerScript(dials=(outcome,)))
        action = service.last("/dialled").params
        legs = [a.params for a in service.all("/leg")]
    assert (action["DialCallStatus"], action["DialBridged"]) == (status, bridged)
    assert action["CallStatus"] == "in-progress"
    assert call.heard_say == ["Back again."]
    assert legs[-1]["CallStatus"] == status
    assert {p["ParentCallSid"] for p in legs} == {call.sid}
    assert {p["CallSid"] for p in legs} == {action["DialCallSid"]}
    assert {(p["From"], p["Direction"]) for p in legs} == {(NUMBER, "outbound-dial")}
    (dialled,) = call.dials
    assert dialled.whispered == (("A call from the website.",) if status == "completed" else ())
    if status == "completed":
        assert [p["CallStatus"] for p in legs] == ["initiated", "ringing", "in-progress", "completed"]


async def test_the_called_person_declines_and_a_conference_has_no_leg() -> None:
    async with ToyService() as service:
        service.answers["/voice"] = twiml(
            '<Dial action="/a"><Number url="/whisper">+15550100077</Number></Dial>'
        )
        service.answers["/whisper"] = twiml("<Hangup/>")
        service.answers["/a"] = twiml('<Dial action="/b"><Conference>room-1</Conference></Dial>')
        service.answers["/b"] = twiml("<Hangup/>")
        call = await place(service)
        assert service.last("/a").params["DialCallStatus"] == "no-answer"
        assert service.last("/b").params["DialCallStatus"] == "answered"
        assert "DialCallSid" not in service.last("/b").params
    assert [(d.target, d.kind) for d in call.dials] == [("+15550100077", "number"), ("room-1", "conference")]


async def test_the_caller_hangs_up_while_a_transfer_rings() -> None:
    async with ToyService() as service:
        service.answers["/voice"] = twiml('<Dial action="/dialled"><Number>+15550100077</Number></Dial>')
        script = CallerScript((Wait(500), HangUp()), dials=(DialOutcome(after_ms=8000),))
        call = await place(service, script=script)
        action = service.last("/dialled").params
    assert (action["DialCallStatus"], action["CallStatus"]) == ("canceled", "completed")
    assert call.duration_s == 0


@pytest.mark.parametrize(
    ("disorder", "sequence"),
    [
        (Disorder(), ["0", "1", "2", "3"]),
        (Disorder(duplicate=True), ["0", "0", "1", "1", "2", "2", "3", "3"]),
        (Disorder(reorder=True), ["1", "0", "3", "2"]),
        (Disorder(duplicate=True, reorder=True), ["1", "1", "0", "0", "3", "3", "2", "2"]),
    ],
)
async def test_status_callbacks_may_be_muddled(disorder: Disorder, sequence: list[str]) -> None:
    async with ToyService() as service:
        service.answers["/voice"] = twiml(
            '<Dial><Number statusCallback="/leg" statusCallbackEvent="initiated ringing answered completed">'
            "+15550100077</Number></Dial>"
        )
        await place(service, disorder=disorder)
        legs = [a.params["SequenceNumber"] for a in service.all("/leg")]
    assert legs == sequence


async def test_failed_callbacks_do_not_disturb_the_call() -> None:
    answers: dict[str, Answer] = {"/voice": twiml("<Say>Hello.</Say>"), "/status": web.Response(status=500)}
    async with ToyService(answers=answers) as service:
        call = await place(service)
    assert call.status == "completed"
    assert [failure.split(":")[0] for failure in call.poster.failures] == ["15003"]


async def test_only_numbers_with_a_voice_url_can_be_called() -> None:
    async with TwilioSimulator(TwilioConfig(numbers=(NumberConfig(NUMBER),))) as twilio:
        for number in (NUMBER, "+15550100002"):
            with pytest.raises(SimulatorUsageError, match="voice URL"):
                await twilio.dial_in(number)


async def test_waiting_for_what_never_comes_says_so() -> None:
    async with ToyService(answers={"/voice": twiml("<Hangup/>")}) as service:
        number = NumberConfig(NUMBER, voice_url=f"{service.url}/voice")
        async with TwilioSimulator(TwilioConfig(numbers=(number,))) as twilio:
            call = await twilio.dial_in(NUMBER)
            with pytest.raises(SimulatorUsageError, match="never came"):
                await call.wait_stream()


async def test_a_text_comes_in() -> None:
    async with ToyService() as service:
        number = NumberConfig(NUMBER, sms_url=f"{service.url}/sms")
        async with TwilioSimulator(TwilioConfig(numbers=(number,))) as twilio:
            message = await twilio.text_in(NUMBER, "Are you open?")
        asked = service.last("/sms")
    assert asked.params["MessageSid"] == message.sid
    assert (asked.params["Body"], asked.params["From"]) == ("Are you open?", CALLER)
    validator = RequestValidator(TwilioConfig().auth_token)
    assert validator.validate(f"{service.url}/sms", asked.params, asked.headers["X-Twilio-Signature"])


RUBBISH = ["nonsense://x/y", "http://", "http://[::1", "https://127.0.0.1:99999/"]


@pytest.mark.parametrize("url", ["", "/relative", *RUBBISH])
async def test_a_redirect_to_rubbish_from_inline_twiml(url: str) -> None:
    async with ToyService(media=MediaSocket.drain) as service:
        service.answers["/voice"] = twiml(connect(service.stream_url))
        number = NumberConfig(NUMBER, voice_url=f"{service.url}/voice")
        async with TwilioSimulator(TwilioConfig(numbers=(number,))) as twilio:
            call = await twilio.dial_in(NUMBER)
            await call.wait_stream()
            call.replace(Inline(twiml(f"<Redirect>{url}</Redirect>")))
            await call.finished()
    assert call.codes == [11100]
    assert call.heard_say == [APOLOGY]


@pytest.mark.parametrize("url", [url for url in RUBBISH if url != "http://"])  # that one means "here"
async def test_a_redirect_to_rubbish_from_a_document(url: str) -> None:
    async with ToyService(answers={"/voice": twiml(f"<Redirect>{url}</Redirect>")}) as service:
        call = await place(service)
    assert (call.codes, call.heard_say) == ([11100], [APOLOGY])
