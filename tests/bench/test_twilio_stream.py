"""The media stream client: pacing, playback, marks, clear, and what it says about our messages."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from bench.scenarios.caller import BargeIn, CallerScript, HangUp, HangUpMidWord, Listen, Press, Say, Wait
from bench.simulators.twilio import NumberConfig, SimulatedCall, TwilioConfig, TwilioSimulator
from bench.sound import mulaw
from tests.bench.service import MediaSocket, ToyService, connect, twiml
from tests.bench.sounds import clip, noise

pytestmark = pytest.mark.virtual_time

NUMBER = "+15550100001"
Media = Callable[[MediaSocket], Awaitable[None]]


def config(service: ToyService, **more: Any) -> TwilioConfig:
    number = NumberConfig(NUMBER, voice_url=f"{service.url}/voice", status_callback=f"{service.url}/status")
    return TwilioConfig(numbers=(number,), **more)


async def run(service: ToyService, script: CallerScript, *after: str, **more: Any) -> SimulatedCall:
    """Let somebody call the service, which answers with a media stream."""
    service.answers.setdefault("/voice", twiml(connect(service.stream_url), *after))
    async with TwilioSimulator(config(service, **more)) as twilio:
        call = await twilio.dial_in(NUMBER, script)
        await call.finished()
    return call


async def call_with(media: Media, *steps: Any) -> tuple[SimulatedCall, MediaSocket]:
    async with ToyService(media=media) as service:
        call = await run(service, CallerScript(steps))
        return call, service.sockets[0]


def sent_and_drained(*sounds: bytes, mark: str = "") -> Media:
    async def media(socket: MediaSocket) -> None:
        await socket.until("start")
        for sound in sounds:
            await socket.media(sound)
        if mark:
            await socket.mark(mark)
        await socket.drain()

    return media


async def test_pacing_is_exact_and_the_caller_is_heard_to_the_sample() -> None:
    words = clip(730, 7)
    async with ToyService(media=MediaSocket.drain) as service:
        service.answers["/voice"] = twiml(connect(service.stream_url, call_id="call_1"))
        call = await run(service, CallerScript((Wait(333), Say(words), Wait(600), HangUp())))
        media = service.sockets[0]
    frames = media.of("media")
    assert [int(m["sequenceNumber"]) for m in media.messages[1:]] == list(range(1, len(media.messages)))
    assert [int(m["media"]["chunk"]) for m in frames] == list(range(1, len(frames) + 1))
    assert [int(m["media"]["timestamp"]) for m in frames] == [20 * i for i in range(len(frames))]
    times = [at for at, m in zip(media.arrivals_s, media.messages, strict=True) if m["event"] == "media"]
    assert [round((at - times[0]) * 1000, 6) for at in times] == [20.0 * i for i in range(len(frames))]
    said = media.said()
    begin = said.find(words.sound[:400])
    assert said[begin : begin + len(words.sound)] == words.sound
    assert set(said[:begin]) == {mulaw.SILENCE_BYTE}
    assert media.messages[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    start = media.messages[1]["start"]
    assert start["customParameters"] == {"call_id": "call_1"}
    assert start["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    assert (start["callSid"], start["tracks"]) == (call.sid, ["inbound"])
    assert media.messages[-1]["event"] == "stop"
    assert media.messages[-1]["stop"] == {"accountSid": start["accountSid"], "callSid": call.sid}
    assert (call.status, call.ended_by, call.streams[0].closed_by) == ("completed", "caller", "network")


async def test_a_blocked_loop_makes_frames_late_but_never_lost_or_drifting() -> None:
    async with ToyService(media=MediaSocket.drain) as service:
        loop = asyncio.get_running_loop()

        async def stutter() -> None:
            await asyncio.sleep(1.0)
            loop._now_s += 0.35  # type: ignore[attr-defined]  # as if something had held the loop up

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stutter())
            call = await run(service, CallerScript((Wait(3000), HangUp())))
        media = service.sockets[0]
    times = [at for at, m in zip(media.arrivals_s, media.messages, strict=True) if m["event"] == "media"]
    first = times[0]
    assert [int(m["media"]["timestamp"]) for m in media.of("media")] == [20 * i for i in range(len(times))]
    assert 300 < call.streams[0].worst_lateness_ms < 350.001
    on_time = [at for i, at in enumerate(times) if abs(at - first - 0.02 * i) < 1e-6]
    assert len(on_time) >= len(times) - 18
    assert times[-1] - first == pytest.approx(0.02 * (len(times) - 1), abs=1e-6)


async def test_the_handshake_is_signed_over_the_public_address() -> None:
    async with ToyService(media=MediaSocket.drain) as service:
        public = "wss://calls.example.com/media/token-1"
        service.answers["/voice"] = twiml(connect(public))
        reroute = {"wss://calls.example.com": service.url.replace("http", "ws")}
        call = await run(service, CallerScript((Wait(100), HangUp())), reroute=reroute)
        signature = service.handshakes[0]["X-Twilio-Signature"]
    assert RequestValidator(TwilioConfig().auth_token).validate(public, {}, signature)
    assert call.streams[0].handshake_status == 101


async def test_marks_come_back_when_the_sound_before_them_has_been_played() -> None:
    echoed: list[tuple[str, float]] = []
    began: list[float] = []

    async def media(socket: MediaSocket) -> None:
        await socket.until("start")
        loop = asyncio.get_running_loop()
        began.append(loop.time())
        await socket.mark("nothing before it")
        await socket.media(noise(1000, 1))
        await socket.mark("one")
        await socket.media(noise(505, 2)[:4037])  # not a whole frame, not a whole millisecond
        await socket.mark("two")
        await socket.mark("two again")
        while len(echoed) < 4:
            message = await socket.read()
            assert message is not None
            if message["event"] == "mark":
                echoed.append((message["mark"]["name"], loop.time() - began[0]))

    call, _ = await call_with(media, Wait(5000))
    assert [name for name, _ in echoed] == ["nothing before it", "one", "two", "two again"]
    # Playing starts on the sample clock, at most one sample before the message arrived.
    assert [at for _, at in echoed] == pytest.approx([0.0, 1.0, 1.504625, 1.504625], abs=0.0002)
    assert [echo.why for echo in call.streams[0].mark_echoes] == ["played"] * 4
    assert call.codes == [31921]


async def test_clear_empties_the_buffer_and_returns_every_outstanding_mark_at_once() -> None:
    first, second, third = noise(400, 1), noise(3000, 2), noise(200, 3)
    back: list[tuple[str, float]] = []

    async def media(socket: MediaSocket) -> None:
        await socket.until("start")
        loop = asyncio.get_running_loop()
        start = loop.time()
        await socket.media(first)
        await socket.mark("first")
        await socket.media(second)
        await socket.mark("second")
        await socket.mark("third")
        await asyncio.sleep(1.0)
        await socket.clear()
        await socket.media(third)
        await socket.mark("after the clear")
        while len(back) < 4:
            message = await socket.read()
            assert message is not None
            if message["event"] == "mark":
                back.append((message["mark"]["name"], loop.time() - start))
        await socket.drain()

    call, _ = await call_with(media, Wait(3000), HangUp())
    stream = call.streams[0]
    # The reader slept from 0 to 1 s: the first echo waited for it in the socket.
    assert [name for name, _ in back] == ["first", "second", "third", "after the clear"]
    assert [(echo.name, echo.why) for echo in stream.mark_echoes] == [
        ("first", "played"),
        ("second", "cleared"),
        ("third", "cleared"),
        ("after the clear", "played"),
    ]
    assert [echo.at_ms for echo in stream.mark_echoes] == pytest.approx([400, 1000, 1000, 1200], abs=0.2)
    (cleared,) = stream.clears
    assert cleared.marks == ("second", "third")
    assert cleared.played == 1000 * 8
    assert cleared.dropped == 2400 * 8
    assert stream.heard_sound()[: 8 * 1200] == first + second[: 600 * 8] + third
    assert stream.playback.played(cleared.at + 200 * 8) == 1200 * 8


async def test_a_clear_with_nothing_buffered_changes_nothing() -> None:
    async def media(socket: MediaSocket) -> None:
        await socket.until("start")
        await socket.clear()
        await socket.media(noise(100, 1))
        await socket.until("media", 10)
        await socket.clear()
        await socket.drain()

    call, socket = await call_with(media, Wait(1000), HangUp())
    assert [(c.dropped, c.marks) for c in call.streams[0].clears] == [(0, ()), (0, ())]
    assert call.streams[0].heard_sound()[:800] == noise(100, 1)
    assert not socket.of("mark")


async def test_sound_that_comes_late_leaves_a_gap() -> None:
    async def media(socket: MediaSocket) -> None:
        await socket.until("start")
        await socket.media(noise(100, 1))
        await asyncio.sleep(0.25)
        await socket.media(noise(100, 2))
        await socket.drain()

    call, _ = await call_with(media, Wait(1000), HangUp())
    (gap,) = call.streams[0].playback.gaps
    assert (gap.end - gap.start) // 8 == 150
    heard = call.streams[0].heard_sound()
    assert heard[:800] == noise(100, 1)
    assert set(heard[800:2000]) == {mulaw.SILENCE_BYTE}
    assert heard[2000:2800] == noise(100, 2)


async def test_more_than_ten_minutes_is_discarded_and_noted_once() -> None:
    minute = bytes([mulaw.SILENCE_BYTE]) * 8 * 60_000
    call, _ = await call_with(sent_and_drained(*[minute] * 12, mark="end"), Wait(2000), HangUp())
    stream = call.streams[0]
    assert call.codes == [31931]
    assert stream.playback.overflowed == 2 * len(minute)
    assert stream.received_bytes == 12 * len(minute)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{not json", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"event": "mark", "streamSid": "MZ0", "mark": {"name": "x"}}', "wrong streamSid 'MZ0'"),
        ('{"event": "media", "media": {"payload": "AAAA"}}', "wrong streamSid None"),
        ('{"event": "dtmf", "streamSid": "SID", "dtmf": {"digit": "1"}}', "unknown event 'dtmf'"),
        ('{"event": "media", "streamSid": "SID"}', "media: missing or not an object"),
        ('{"event": "media", "streamSid": "SID", "media": {}}', "media.payload: missing or not a string"),
        ('{"event": "media", "streamSid": "SID", "media": {"payload": "%"}}', "media.payload: not base64"),
        (
            '{"event": "media", "streamSid": "SID", "media": {"payload": "AAAA", "track": "outbound"}}',
            "extra field 'track'",
        ),
        ('{"event": "clear", "streamSid": "SID", "clear": {}}', "extra field 'clear'"),
        ('{"event": "mark", "streamSid": "SID", "mark": {"name": 7}}', "mark.name: missing or not a string"),
    ],
)
async def test_bad_messages_are_noted_and_do_nothing(message: str, reason: str) -> None:
    async def media(socket: MediaSocket) -> None:
        await socket.until("start")
        for _ in range(2):
            await socket.socket.send_str(message.replace('"SID"', f'"{socket.sid}"'))
        await socket.drain()

    call, socket = await call_with(media, Wait(500), HangUp())
    assert [why for _, why in call.streams[0].bad_messages] == [reason, reason]
    assert call.codes == [31951]
    assert not call.streams[0].arrivals
    assert not socket.of("mark")


async def test_binary_messages_are_bad() -> None:
    async def media(socket: MediaSocket) -> None:
        await socket.until("start")
        await socket.socket.send_bytes(b'{"event": "clear"}')
        await socket.drain()

    call, _ = await call_with(media, Wait(500), HangUp())
    assert call.codes == [31951]


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_a_refused_handshake_goes_on_with_the_next_verb(status: int) -> None:
    async with ToyService(refuse_media=status) as service:
        call = await run(service, CallerScript(), "<Say>The assistant is away.</Say>")
    assert call.codes == [31920]
    assert call.streams[0].handshake_status == status
    assert not call.streams[0].started
    assert call.heard_say == ["The assistant is away."]
    assert call.status == "completed"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://127.0.0.1:1/media", 31922),
        ("ws://127.0.0.1:1/media", 31902),
        ("ws:///nowhere", 31923),
        ("wss://[::1/media", 31923),
        ("wss://127.0.0.1:99999/media", 31923),
        ("", 31923),
    ],
)
async def test_an_address_that_cannot_be_reached(url: str, code: int) -> None:
    async with ToyService() as service:
        service.answers["/voice"] = twiml(connect(url, action="/next"))
        service.answers["/next"] = twiml("<Say>Sorry.</Say>")
        call = await run(service, CallerScript())
        assert service.last("/next").params["CallStatus"] == "in-progress"
    assert call.codes == [code]
    assert call.heard_say == ["Sorry."]


async def test_a_handshake_that_never_ends() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server, ToyService() as service:
        port = server.sockets[0].getsockname()[1]
        service.answers["/voice"] = twiml(connect(f"ws://127.0.0.1:{port}/media"))
        before = asyncio.get_running_loop().time()
        call = await run(service, CallerScript(), handshake_timeout_ms=4000)
    assert call.codes == [31901]
    assert 4 <= asyncio.get_running_loop().time() - before < 6


async def test_the_service_closing_the_stream_is_noted_even_when_clean() -> None:
    async def media(socket: MediaSocket) -> None:
        await socket.until("media", 10)

    async with ToyService(media=media) as service:
        service.answers["/voice"] = twiml(connect(service.stream_url, action="/next"), "<Say>Never.</Say>")
        service.answers["/next"] = twiml("<Say>Goodbye.</Say>")
        call = await run(service, CallerScript())
        assert service.last("/next").params["CallStatus"] == "in-progress"
        assert "stop" not in {m["event"] for m in service.sockets[0].messages}
    assert call.codes == [31921]
    assert (call.streams[0].closed_by, call.streams[0].close_code) == ("service", 1000)
    assert call.heard_say == ["Goodbye."]
    assert call.ended_by == "service"


async def test_a_service_that_stops_reading_is_given_up() -> None:
    async def media(socket: MediaSocket) -> None:
        await socket.until("start")
        await asyncio.sleep(4 * 3600)

    call, _ = await call_with(media, Wait(3 * 3600 * 1000))
    # aiohttp pauses reading at 128 KiB and the kernel's buffers fill after that; then a send takes too long.
    assert 31903 in call.codes
    assert call.streams[0].closed_by == "timeout"


async def test_keys_pressed_are_sent_in_order() -> None:
    call, socket = await call_with(MediaSocket.drain, Wait(100), Press("12#"), Wait(100), HangUp())
    assert [m["dtmf"] for m in socket.of("dtmf")] == [
        {"track": "inbound_track", "digit": digit} for digit in "12#"
    ]
    assert call.digits == ["1", "2", "#"]


async def test_listening_ends_when_the_buffer_is_empty_and_it_has_been_quiet() -> None:
    # Three pieces with short pauses between them are one turn; the silence at the end does not count.
    pieces = (noise(500, 1), mulaw.silence(400), noise(500, 2), mulaw.silence(2000))
    call, _ = await call_with(sent_and_drained(*pieces), Listen(quiet_ms=600), Say(clip(300)), HangUp())
    listened, said, _ = call.steps
    assert listened.outcome == "heard"
    assert listened.ended_ms == pytest.approx(3400 + 600, abs=25)
    assert said.ended_ms - said.started_ms == 300


async def test_listening_has_a_limit() -> None:
    call, _ = await call_with(MediaSocket.drain, Listen(limit_ms=2500), HangUp())
    assert (call.steps[0].outcome, call.steps[0].ended_ms) == ("limit", 2500)


async def test_barge_in_waits_for_so_much_audible_speech() -> None:
    sounds = (mulaw.silence(1000), noise(500, 1), mulaw.silence(300), noise(5000, 2))
    call, socket = await call_with(sent_and_drained(*sounds), BargeIn(clip(200, 9), after_ms=800), HangUp())
    step = call.steps[0]
    assert step.outcome == "heard"
    assert step.ended_ms - 200 == pytest.approx(1000 + 500 + 300 + 300, abs=25)
    assert clip(200, 9).sound[:1440] in socket.said()


async def test_hanging_up_in_mid_word_cuts_the_word() -> None:
    word = clip(1000, 5)
    call, socket = await call_with(MediaSocket.drain, Wait(100), HangUpMidWord(word, after_ms=437))
    said = call.line.said
    assert said.end - said.pieces()[0][0] == 437 * 8
    begin = socket.said().find(word.sound[:80])
    assert socket.said()[begin:] == word.sound[: len(socket.said()) - begin]
    assert call.ended_by == "caller"


async def test_a_caller_does_not_stay_for_ever() -> None:
    async with ToyService(media=MediaSocket.drain) as service:
        call = await run(service, CallerScript((Wait(1000),), max_call_ms=90_000))
    assert call.duration_s == 90
    assert [note.text for note in call.notes] == ["the caller gave up: max_call_ms"]


async def test_many_calls_at_once_do_not_mix() -> None:
    async with ToyService(media=MediaSocket.drain) as service:
        service.answers["/voice"] = twiml(connect(service.stream_url))
        async with TwilioSimulator(config(service)) as twilio:
            calls = [
                await twilio.dial_in(NUMBER, CallerScript((Say(clip(500, seed)), HangUp())))
                for seed in range(1, 11)
            ]
            for call in calls:
                await call.finished()
        by_call = {socket.messages[1]["start"]["callSid"]: socket for socket in service.sockets}
    assert len(by_call) == 10
    for seed, call in enumerate(calls, 1):
        assert noise(500, seed)[: 8 * 460] in by_call[call.sid].said()


async def test_leaving_the_simulator_hangs_up() -> None:
    async with ToyService(media=MediaSocket.drain) as service:
        service.answers["/voice"] = twiml(connect(service.stream_url))
        async with TwilioSimulator(config(service)) as twilio:
            call = await twilio.dial_in(NUMBER)
            stream = await call.wait_stream()
        assert stream.closed_by == "network"
        await asyncio.sleep(0)
        assert service.sockets[0].messages[-1]["event"] == "stop"
