"""Every scenario that comes with HUM, played by both simulators through the least of gateways."""

import itertools

import numpy as np
import pytest

from bench.scenarios.agent import Speak
from bench.scenarios.errors import ScenarioUnavailableError
from bench.scenarios.loader import load_named
from bench.scenarios.scenario import Scenario
from bench.simulators.openai import OpenAIConfig, OpenAISimulator
from bench.simulators.twilio import NumberConfig, TwilioConfig, TwilioSimulator
from bench.simulators.twilio.call import SimulatedCall
from bench.sound import mulaw
from tests.bench.bridge import Bridge
from tests.bench.service import ToyService, connect, twiml

pytestmark = pytest.mark.virtual_time

NUMBER = "+15550100001"


class Played:
    """What a scenario came to."""

    def __init__(self, call: SimulatedCall, bridge: Bridge, openai: OpenAISimulator) -> None:
        self.call = call
        self.bridge = bridge
        self.log = openai.sessions[0] if openai.sessions else None
        self.openai = openai

    def of(self, kind: str) -> list[dict[str, object]]:
        return [event for event in self.bridge.events if event["type"] == kind]


async def play(scenario: Scenario, after: str = "") -> Played:
    async with OpenAISimulator(OpenAIConfig(), scenario.agent) as openai:
        bridge = Bridge(openai)
        async with ToyService(media=bridge) as service:
            service.answers["/voice"] = twiml(connect(service.stream_url), after)
            number = NumberConfig(NUMBER, voice_url=f"{service.url}/voice")
            async with TwilioSimulator(TwilioConfig(numbers=(number,))) as twilio:
                call = await twilio.dial_in(NUMBER, scenario.caller)
                await call.finished()
    return Played(call, bridge, openai)


@pytest.fixture
def scenario(request: pytest.FixtureRequest) -> Scenario:
    """The scenario named by the test's parameter, read before the loop runs."""
    try:
        return load_named(request.param)
    except ScenarioUnavailableError as error:
        pytest.skip(str(error))


def playing(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("scenario", names, indirect=True)


@playing("opening-hours")
async def test_opening_hours_is_a_natural_conversation(scenario: Scenario) -> None:
    played = await play(scenario)
    call, log = played.call, played.log
    assert log is not None
    assert 30 <= call.duration_s <= 45
    heard = [e["transcript"] for e in played.of("conversation.item.input_audio_transcription.completed")]
    assert heard == [turn.hears for turn in scenario.agent.turns]
    assert [step.outcome for step in call.steps if step.step == "listen"] == ["heard"] * 3
    statuses = [e["response"]["status"] for e in played.of("response.done")]  # type: ignore[index]
    assert statuses == ["completed"] * 5
    assert played.bridge.tool is not None
    assert played.bridge.tool["name"] == "end_call"
    # The long answer was sent whole, faster than it plays; the caller heard about four seconds of it.
    assert len(played.bridge.truncated_ms) == 1
    assert 4000 <= played.bridge.truncated_ms[0] <= 4600
    assert [cleared.dropped > 0 for cleared in call.streams[0].clears].count(True) == 1
    assert not log.rejections
    assert call.codes == [31921]


@playing("opening-hours")
async def test_each_side_hears_the_other_to_the_sample(scenario: Scenario) -> None:
    played = await play(scenario)
    stream = played.call.streams[0]
    assert played.log is not None
    assert bytes(played.log.audio) == stream.said_sound()[: len(played.log.audio)]
    heard = stream.heard_sound()
    greeting = scenario.agent.prompted[0].items[0]
    assert isinstance(greeting, Speak)
    start = heard.find(greeting.clip.sound)
    assert start >= 0
    assert set(heard[:start]) == {mulaw.SILENCE_BYTE}
    long_answer = scenario.agent.turns[1].reply.items[0]
    assert isinstance(long_answer, Speak)
    begin = heard.find(long_answer.clip.sound[:800])
    dropped = max(stream.clears, key=lambda cleared: cleared.dropped)
    cut = dropped.at - stream.start_sample
    assert heard[begin:cut] == long_answer.clip.sound[: cut - begin]
    assert dropped.dropped == len(long_answer.clip.sound) - (cut - begin)
    assert np.abs(cut - begin - played.bridge.truncated_ms[0] * mulaw.BYTES_PER_MS) <= 20 * mulaw.BYTES_PER_MS


@playing("caller-hangs-up", "caller-hangs-up:during-greeting", "caller-hangs-up:over-the-agent")
async def test_the_caller_hangs_up(scenario: Scenario) -> None:
    played = await play(scenario)
    assert played.call.status == "completed"
    assert played.call.ended_by == "caller"
    stream = played.call.streams[0]
    assert stream.closed_by == "network"
    assert played.call.codes == []
    assert played.log is not None
    assert played.log.ended_by == "client"


@playing("caller-hangs-up:before-answer")
async def test_the_caller_hangs_up_while_it_rings(scenario: Scenario) -> None:
    async with ToyService(answers={"/voice": twiml("<Say>Hello.</Say>")}) as service:
        number = NumberConfig(NUMBER, f"{service.url}/voice", status_callback=f"{service.url}/status")
        async with TwilioSimulator(TwilioConfig(numbers=(number,), ring_ms=1000)) as twilio:
            call = await twilio.dial_in(NUMBER, scenario.caller)
            await call.finished()
        assert call.status == "no-answer"
        assert not call.answered
        assert not call.heard_say
        assert [asked.params["CallStatus"] for asked in service.all("/status")] == ["no-answer"]


@playing("silent-caller", "silent-caller:hangs-up")
async def test_nobody_speaks(scenario: Scenario) -> None:
    played = await play(scenario)
    assert played.log is not None
    assert not played.of("input_audio_buffer.speech_started")
    assert set(bytes(played.log.audio)) == {mulaw.SILENCE_BYTE}
    assert played.call.duration_s == (20 if "hangs-up" in scenario.name else 60)


@playing("dtmf")
async def test_keys_are_pressed(scenario: Scenario) -> None:
    played = await play(scenario)
    digits = played.call.streams[0].digits
    assert "".join(digit for _, digit in digits) == "5309#"
    assert [round(b - a) for (a, _), (b, _) in itertools.pairwise(digits)] == [200] * 4
    assert played.bridge.tool is not None
    assert played.bridge.tool["name"] == "end_call"


@playing("take-message", "take-message:hash-key")
async def test_a_message_is_left(scenario: Scenario) -> None:
    played = await play(scenario, after='<Say>Speak now.</Say><Record action="/recorded" finishOnKey="#"/>')
    assert played.bridge.tool is not None
    assert (played.bridge.tool["name"], played.bridge.tool["arguments"]) == ("take_voicemail", "{}")
    assert played.call.heard_say == ["Speak now."]
    said = played.call.line.said
    message = next(
        s.clip for s in scenario.caller.steps if getattr(s, "clip", None) and "Anna" in s.clip.text
    )
    assert message.sound in said.render(0, said.end)


@playing("transfer", "transfer:busy", "transfer:no-answer", "transfer:failed")
async def test_a_transfer(scenario: Scenario) -> None:
    played = await play(scenario, after='<Dial timeout="10"><Number>+15550100077</Number></Dial>')
    assert played.bridge.tool is not None
    assert played.bridge.tool["arguments"] == '{"target": "front_desk"}'
    assert [dial.status for dial in played.call.dials] == [scenario.caller.dials[0].status]


@playing("real-voice")
async def test_a_real_voice(scenario: Scenario) -> None:
    played = await play(scenario)
    heard = [e["transcript"] for e in played.of("conversation.item.input_audio_transcription.completed")]
    assert heard == ["Hello world.", "One moment please.", "Thank you."]
    assert played.bridge.tool is not None


DEATHS = {
    "provider-dies": ("close", 1),
    "provider-dies:at-greeting": ("close", 0),
    "provider-dies:between-turns": ("close", 1),
    "provider-dies:reset": ("reset", 1),
    "provider-dies:expired": ("expired", 1),
    "provider-dies:quota": ("error", 0),
    "provider-dies:mute": ("client", 0),
    "provider-dies:stall": ("client", 1),
    "provider-dies:quota-in-response": ("client", 2),
    "provider-dies:harmless-error": ("client", 2),
    "provider-dies:slow": ("client", 2),
    "provider-dies:slow-upgrade": ("client", 2),
    "provider-dies:refuses": ("", 0),
    "provider-dies:bad-key": ("", 0),
    "provider-dies:refuses-once": ("", 0),
}


def test_every_death_is_played() -> None:
    document = load_named("provider-dies")
    assert set(DEATHS) == {document.name, *(f"{document.name}:{name}" for name in document.variants)}


@playing(*DEATHS)
async def test_the_provider_dies_in_every_way(scenario: Scenario) -> None:
    played = await play(scenario, after="<Say>We are sorry.</Say>")
    ended_by, turns = DEATHS[scenario.name]
    assert (played.log.ended_by if played.log else "") == ended_by
    # How far the conversation got before that; without a provider the least of gateways hangs up.
    assert len(played.of("input_audio_buffer.committed")) >= turns
    if ended_by != "client":
        assert played.call.heard_say == ["We are sorry."]
        assert played.call.ended_by == "service"
    else:
        assert played.call.ended_by == "caller"
