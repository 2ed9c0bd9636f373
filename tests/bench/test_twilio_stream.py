"""The media stream client: pacing, playback, marks, clear, and what it says about our messages."""

import pytest

from bench.scenarios.caller import CallerScript, HangUp, Say, Wait
from bench.simulators.twilio import NumberConfig, TwilioConfig, TwilioSimulator
from bench.sound import mulaw
from tests.bench.service import MediaSocket, ToyService, connect, twiml
from tests.bench.sounds import clip

pytestmark = pytest.mark.virtual_time

NUMBER = "+15550100001"


def config(service: ToyService, **more: object) -> TwilioConfig:
    number = NumberConfig(NUMBER, voice_url=f"{service.url}/voice", status_callback=f"{service.url}/status")
    return TwilioConfig(numbers=(number,), **more)  # type: ignore[arg-type]


async def test_pacing_is_exact_and_the_caller_is_heard_to_the_sample() -> None:
    words = clip(730, 7)
    async with ToyService(media=MediaSocket.drain) as service:
        service.answers["/voice"] = twiml(connect(service.stream_url, call_id="call_1"))
        async with TwilioSimulator(config(service)) as twilio:
            script = CallerScript((Wait(333), Say(words), Wait(600), HangUp()))
            call = await twilio.dial_in(NUMBER, script)
            await call.finished()
        media = service.sockets[0]
        frames = media.of("media")
        assert [int(m["sequenceNumber"]) for m in media.messages[1:]] == list(range(1, len(media.messages)))
        assert [int(m["media"]["chunk"]) for m in frames] == list(range(1, len(frames) + 1))
        assert [int(m["media"]["timestamp"]) for m in frames] == [20 * i for i in range(len(frames))]
        arrivals = [
            at for at, m in zip(media.arrivals_s, media.messages, strict=True) if m["event"] == "media"
        ]
        start = arrivals[0]
        assert [round((at - start) * 1000, 6) for at in arrivals] == [20.0 * i for i in range(len(frames))]
        said = media.said()
        begin = said.find(words.sound[:400])
        assert begin >= 0
        assert said[begin : begin + len(words.sound)] == words.sound
        assert set(said[:begin]) == {mulaw.SILENCE_BYTE}
        assert media.messages[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        assert media.messages[1]["start"]["customParameters"] == {"call_id": "call_1"}
        assert media.messages[-1]["event"] == "stop"
        assert call.status == "completed"
        assert call.ended_by == "caller"
