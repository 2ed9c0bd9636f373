"""Reading scenarios: what comes with HUM, and errors that name the file and the place in it."""

from pathlib import Path

import numpy as np
import pytest

from bench.scenarios import make_speech
from bench.scenarios.agent import CallTool, CloseSocket, Fault, Refuse, Reply, Speak, StayMute
from bench.scenarios.caller import Answers, BargeIn, CallerStep, HangUpMidWord, IsBusy, Press, Say
from bench.scenarios.clip import Clip
from bench.scenarios.errors import ScenarioError, ScenarioUnavailableError
from bench.scenarios.loader import (
    SPEECH_FILE,
    SPEECH_FOLDER,
    load_file,
    load_named,
    read_yaml,
    scenario_names,
)
from bench.simulators.speech.voice_activity import SpeechStarted, VoiceActivity
from bench.sound import mulaw
from bench.sound.wav import mulaw_file
from tests.bench.sounds import noise

AGENT = "agent: {prompted: [[say: greeting]]}\n"
CALLER = "caller: {steps: [listen]}\n"


def write(folder: Path, text: str, name: str = "call.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_scenario_and_every_variant_can_be_read() -> None:
    names = scenario_names()
    assert {
        "opening-hours",
        "caller-hangs-up",
        "silent-caller",
        "provider-dies",
        "dtmf",
        "real-voice",
        "take-message",
        "transfer",
    } <= set(names)
    for name in names:
        try:
            scenario = load_named(name)
        except ScenarioUnavailableError:
            continue
        assert scenario.about
        for variant in scenario.variants:
            varied = load_named(f"{name}:{variant}")
            assert varied.name == f"{name}:{variant}"
            assert varied.about != scenario.about
            assert (varied.agent, varied.caller) != (scenario.agent, scenario.caller)


def test_every_clip_listed_has_its_recording_and_no_other_lies_about() -> None:
    clips = read_yaml(SPEECH_FILE)["clips"]
    assert {path.stem for path in SPEECH_FOLDER.glob("*.wav")} == set(clips)
    assert sum(path.stat().st_size for path in SPEECH_FOLDER.glob("*.wav")) < 600_000
    used = "\n".join(path.read_text() for path in SPEECH_FILE.parent.glob("*.yaml") if path != SPEECH_FILE)
    assert [name for name in clips if name not in used] == []


def clips_of(steps: tuple[CallerStep, ...]) -> list[Clip]:
    return [step.clip for step in steps if isinstance(step, Say | BargeIn | HangUpMidWord)]


@pytest.mark.parametrize("name", scenario_names())
def test_each_utterance_of_a_caller_is_one_turn_to_a_voice_activity_detector(name: str) -> None:
    try:
        scenario = load_named(name)
    except ScenarioUnavailableError as error:
        pytest.skip(str(error))
    for clip in clips_of(scenario.caller.steps):
        activity = VoiceActivity()
        activity.silence_ms = 300
        noticed = activity.feed(mulaw.silence(500) + clip.sound + mulaw.silence(500))
        assert [isinstance(event, SpeechStarted) for event in noticed] == [True, False], clip.name


def test_a_document_is_read_as_written(tmp_path: Path) -> None:
    (tmp_path / "hi.wav").write_bytes(mulaw_file(noise(500)))
    path = write(
        tmp_path,
        """
about: Everything once.
clips:
  hi: {text: "Hi.", file: hi.wav}
agent:
  prompted: [[say: hi]]
  turns:
    - hears: "Hi."
      transcript: after
      reply:
        thinks_ms: 50
        items: [{say: hi}, {call: look_up, arguments: {day: Saturday}}]
        then: [say: hi]
  faults:
    - {at: upgrade, refuse: {status: 429}, sessions: 1}
    - {at: answer, turn: 2, after_ms: 100, close: }
    - {at: session, stay_mute: }
caller:
  pickup: {answers_after_ms: 10}
  gives_up_after_ms: 4000
  steps:
    - press: "1*#"
    - barge_in: {clip: hi, after_ms: 20}
    - hang_up_mid_word: {clip: hi, after_ms: 30}
  dials: [{status: busy}]
variants:
  engaged: {caller: {pickup: {busy_after_ms: 5}}}
""",
    )
    scenario = load_file(path)
    hi = Clip("hi", "Hi.", noise(500))
    (turn,) = scenario.agent.turns
    assert (turn.hears, turn.transcript) == ("Hi.", "after")
    assert turn.reply == Reply(
        (Speak(hi), CallTool("look_up", {"day": "Saturday"})), thinks_ms=50, then=Reply((Speak(hi),))
    )
    assert scenario.agent.faults == (
        Fault("upgrade", Refuse(429), sessions=1),
        Fault("answer", CloseSocket(), turn=2, after_ms=100),
        Fault("session", StayMute()),
    )
    assert scenario.caller.steps == (Press("1*#"), BargeIn(hi, 20), HangUpMidWord(hi, 30))
    assert scenario.caller.pickup == Answers(10)
    assert scenario.caller.dials[0].status == "busy"


def test_a_variant_replaces_values_and_keeps_the_rest(tmp_path: Path) -> None:
    text = (
        "about: A.\n" + AGENT + "caller: {steps: [listen], max_call_ms: 9000}\nvariants:\n"
        "  fast: {caller: {max_call_ms: 5}, about: B.}\n  busy: {caller: {pickup: {busy_after_ms: 1}}}\n"
    )
    path = write(tmp_path, text)
    assert load_file(path).variants == ("fast", "busy")
    fast = load_named(f"{path}:fast")
    assert (fast.about, fast.caller.max_call_ms, len(fast.caller.steps)) == ("B.", 5, 1)
    assert load_file(path, "busy").caller.pickup == IsBusy(1)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("about: [", "call.yaml: not YAML"),
        ("- a list", "call.yaml: expected a mapping, found a list"),
        ("about: A.\n" + CALLER, "call.yaml: missing key 'agent'"),
        ("about: A.\n" + AGENT, "call.yaml: missing key 'caller'"),
        (AGENT + CALLER, "call.yaml: missing key 'about'"),
        ("about: 7\n" + AGENT + CALLER, "call.yaml: about: expected text, found a number"),
        ("abuot: A.\n" + AGENT + CALLER, "call.yaml: unknown key 'abuot'"),
        ("about: A.\n" + AGENT + "caller: {}", "call.yaml: caller: missing key 'steps'"),
        ("about: A.\n" + AGENT + "caller: {steps: {}}", "caller.steps: expected a list, found a mapping"),
        ("about: A.\n" + AGENT + "caller: {steps: [sing]}", "caller.steps[0]: 'sing' is not one of listen"),
        (
            "about: A.\n" + AGENT + "caller: {steps: [{say: x, listen: }]}",
            "caller.steps[0]: a step has exactly one",
        ),
        ("about: A.\n" + AGENT + "caller: {steps: [{say: nobody}]}", "steps[0].say: no clip named 'nobody'"),
        (
            "about: A.\n" + AGENT + "caller: {steps: [listen, {wait_ms: long}]}",
            "steps[1].wait_ms: expected a whole",
        ),
        ("about: A.\n" + AGENT + "caller: {steps: [{wait_ms: -1}]}", "steps[0].wait_ms: -1 is not between 0"),
        ("about: A.\n" + AGENT + 'caller: {steps: [{press: "12x"}]}', "steps[0].press: keys are"),
        (
            "about: A.\n" + AGENT + "caller: {steps: [{press: 12}]}",
            "steps[0].press: expected text, found a number",
        ),
        (
            "about: A.\n"
            + AGENT
            + "caller: {steps: [{hang_up_mid_word: {clip: greeting, after_ms: 60000}}]}",
            "hang_up_mid_word: after_ms 60000 is past the end of greeting",
        ),
        ("about: A.\n" + AGENT + "caller: {steps: [], pickup: {}}", "caller.pickup: exactly one of"),
        ("about: A.\nagent: {turns: [{reply: []}]}\n" + CALLER, "agent.turns[0]: missing key 'hears'"),
        ("about: A.\nagent: {turns: [{hears: x}]}\n" + CALLER, "agent.turns[0]: missing key 'reply'"),
        ("about: A.\nagent: {prompted: [[{}]]}\n" + CALLER, "agent.prompted[0][0]: an item has either"),
        (
            "about: A.\nagent: {prompted: [[{call: x, arguments: {at: 2026-01-01}}]]}\n" + CALLER,
            "agent.prompted[0][0].arguments: not JSON",
        ),
        (
            "about: A.\nagent: {faults: [{at: answer}]}\n" + CALLER,
            "agent.faults[0]: a fault has exactly one of",
        ),
        (
            "about: A.\nagent: {faults: [{at: lunch, reset: }]}\n" + CALLER,
            "faults[0].at: 'lunch' is not one of",
        ),
        ("about: A.\nagent: {faults: [{at: answer, refuse: }]}\n" + CALLER, "'refuse' is for the upgrade"),
        (
            "about: A.\nagent: {faults: [{at: upgrade, expire: }]}\n" + CALLER,
            "'expire' cannot happen at the upgrade",
        ),
        (
            "about: A.\nagent: {faults: [{at: session, fail_response: }]}\n" + CALLER,
            "is for a greeting or an answer",
        ),
        (
            "about: A.\nagent: {faults: [{at: answer, close: {code: 99}}]}\n" + CALLER,
            "close.code: 99 is not between",
        ),
        (
            "about: A.\nclips: {x: {text: X, file: x.wav}}\nagent: {prompted: [[say: x]]}\n" + CALLER,
            "x.wav: No such file",
        ),
    ],
)
def test_errors_say_where(tmp_path: Path, text: str, complaint: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ScenarioError) as caught:
        load_file(path)
    assert complaint in str(caught.value)
    assert not isinstance(caught.value, ScenarioUnavailableError)


def test_names_that_are_none_list_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"no scenario 'nonsense'; there are .*opening-hours"):
        load_named("nonsense")
    with pytest.raises(ScenarioError, match=r"no variant 'x'; there are .*reset"):
        load_named("provider-dies:x")
    with pytest.raises(ScenarioError, match="no scenario 'speech'"):
        load_named("speech")
    with pytest.raises(ScenarioError, match="no scenario"):
        load_named(str(tmp_path / "gone.yaml"))


def test_recordings_that_are_not_installed_are_named(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "about: A.\nneeds: the sounds of nowhere\nclips: {x: {text: X, file: /nowhere/x.wav}}\n"
        "agent: {prompted: [[say: x]]}\n" + CALLER,
    )
    with pytest.raises(ScenarioUnavailableError, match=r"/nowhere/x\.wav is not there: install the sounds"):
        load_file(path)


def test_speech_is_made_even_and_without_long_pauses() -> None:
    rate, seconds = 22_050, 3
    source = np.zeros(rate * seconds)
    time = np.arange(rate // 2) / rate
    word = 900 * np.sin(2 * 3.14159 * 500 * time)
    source[rate // 4 : rate // 4 + len(word)] = word
    source[2 * rate : 2 * rate + len(word)] = word
    shaped = make_speech.shape(make_speech.resample(source, rate))
    sound = mulaw.encode(shaped.astype("int16"))
    assert len(sound) / 8 == pytest.approx(500 + 500 + 160 + 2 * 40, abs=40)
    activity = VoiceActivity()
    activity.silence_ms = 300
    assert len(activity.feed(sound + mulaw.silence(400))) == 2
    loud = mulaw.window_levels(sound, 80)
    assert loud.max() == pytest.approx(3000, rel=0.1)
