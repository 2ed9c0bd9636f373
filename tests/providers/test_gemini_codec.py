"""Gemini Live messages as our codec reads and writes them, held against the official SDK's own types.

Golden: `golden/gemini/current.jsonl` and `older.jsonl`, each one session, message by message, with the events
each becomes (older models say nothing about voice activity); `broken.jsonl`, messages and what is wrong.
"""

import base64
import contextlib
import itertools
import json
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from google.genai import types
from google.genai._live_converters import _LiveServerMessage_from_mldev
from hypothesis import example, given
from hypothesis import strategies as st

from media import mulaw
from media.resample import Resampler
from providers import session as p
from providers.errors import ProtocolError, ProviderError
from providers.gemini import messages as m
from providers.gemini.codec import GeminiCodec

Json = dict[str, Any]

GOLDEN = Path(__file__).parent / "golden" / "gemini"
CONFIG = p.SessionConfig("Answer for a dentist.", "Kore")
FRAME = base64.b64encode(bytes(800)).decode()
"""100 ms of caller audio."""


def golden(name: str) -> list[Json]:
    return [json.loads(line) for line in (GOLDEN / name).read_text(encoding="utf-8").splitlines()]


CURRENT, OLDER, BROKEN = golden("current.jsonl"), golden("older.jsonl"), golden("broken.jsonl")


def fresh(config: p.SessionConfig = CONFIG) -> GeminiCodec:
    return GeminiCodec(config, api_key="secret-key")


def opened(config: p.SessionConfig = CONFIG) -> GeminiCodec:
    codec = fresh(config)
    assert list(codec.decode('{"setupComplete":{}}')) == [p.SessionOpened("", "gemini-3.8-live")]
    return codec


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def content(**fields: Any) -> str:
    return json.dumps({"serverContent": fields})


def sound(data: bytes = bytes(480), mime: str | None = "audio/pcm;rate=24000", **fields: Any) -> str:
    blob = {"data": b64(data)} | ({"mimeType": mime} if mime is not None else {})
    return content(modelTurn={"parts": [{"inlineData": blob}]}, **fields)


def activity(kind: str, **fields: Any) -> str:
    return json.dumps({"voiceActivity": {"type": kind, **fields}})


def kinds(events: Any) -> list[str]:
    return [type(event).__name__ for event in events]


START, STOP, DONE = activity("ACTIVITY_START"), activity("ACTIVITY_END"), content(turnComplete=True)


# ---- reading


@pytest.mark.parametrize("session", [CURRENT, OLDER], ids=["current", "older"])
def test_a_whole_session(session: list[Json]) -> None:
    codec = fresh()
    for capture in session:
        if "voiceActivity" in capture["text"] or "inputTranscription" in capture["text"]:
            codec.encode_audio(FRAME)
        if "asked" in capture:
            codec.encode(p.Respond())
        events = [{"kind": type(event).__name__, **asdict(event)} for event in codec.decode(capture["text"])]
        assert events == capture["events"], capture["text"]
    assert not codec.unknown


@pytest.mark.parametrize("capture", [*CURRENT, *OLDER], ids=lambda capture: capture["text"][:40])
def test_the_captures_are_what_the_sdk_reads(capture: Json) -> None:
    message = json.loads(capture["text"])
    converted = _LiveServerMessage_from_mldev(message)
    assert len(converted) == len(message)
    types.LiveServerMessage.model_validate(converted)  # forbids what it does not know


def test_every_field_of_a_message_is_one_we_know() -> None:
    listed = {field.alias for field in types.LiveServerMessage.model_fields.values()}
    assert listed == m.KNOWN_FIELDS | m.IGNORED_FIELDS
    assert not m.KNOWN_FIELDS & m.IGNORED_FIELDS


def test_every_event_this_provider_has_comes_from_a_capture() -> None:
    seen = {event["kind"] for capture in [*CURRENT, *OLDER] for event in capture["events"]}
    never = {"SessionClosed", "ItemAdded", "AgentTextCorrected", "ErrorReported"}
    assert seen == {cls.__name__ for cls in p.Event.__args__} - never


@pytest.mark.parametrize("capture", BROKEN, ids=lambda capture: f"{capture['why']}-{capture['text'][:30]!r}")
@pytest.mark.parametrize("make", [fresh, opened])
def test_a_broken_message_breaks_the_protocol(make: Any, capture: Json) -> None:
    codec = make()
    with pytest.raises(ProtocolError) as raised:
        codec.decode(capture["text"])
    assert (raised.value.code, raised.value.retryable) == ("protocol_error", False)
    assert not codec.unknown


def test_messages_we_do_not_know_are_counted_and_never_fatal() -> None:
    codec = opened()
    for text in ('{"telepathy":{"serverContent":1}}', '{"telepathy":7,"mood":[]}', "{}", '{"goAway":null}'):
        assert not codec.decode(text)
    assert not codec.decode(activity("ACTIVITY_PAUSE"))
    assert codec.unknown == {"telepathy": 2, "mood": 1, "voiceActivity:ACTIVITY_PAUSE": 1}


def paths(value: Any, upto: tuple[Any, ...] = ()) -> Any:
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, child in children:
        yield (*upto, key)
        yield from paths(child, (*upto, key))


NEEDED = {("toolCall", "functionCalls", "id"), ("toolCall", "functionCalls", "name")}


@pytest.mark.parametrize("null", [True, False], ids=["null", "missing"])
def test_what_is_optional_may_be_absent(null: bool) -> None:
    tried = 0
    for capture in [*CURRENT, *OLDER]:
        for path in paths(json.loads(capture["text"])):
            named = tuple(key for key in path if isinstance(key, str))
            inner = message = json.loads(capture["text"])
            for key in path[:-1]:
                inner = inner[key]
            if named in NEEDED or (null and isinstance(inner, list)):
                continue
            if null:
                inner[path[-1]] = None
            else:
                del inner[path[-1]]
            opened().decode(json.dumps(message))
            tried += 1
    assert tried > 150


# ---- sound

SPEECH = random.Random(9).randbytes(9601)


@given(st.lists(st.integers(0, len(SPEECH)), max_size=10))
def test_however_the_agents_sound_is_cut_it_is_the_same(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(SPEECH)]
    codec = opened()
    texts = [sound(SPEECH[a:b]) for a, b in itertools.pairwise(edges)]
    events = [event for text in [*texts, content(generationComplete=True)] for event in codec.decode(text)]
    heard = b"".join(base64.b64decode(e.payload) for e in events if isinstance(e, p.AgentAudio))
    resampler = Resampler(24_000, 8000)
    assert heard == mulaw.encode(resampler.push(SPEECH) + resampler.flush())
    assert kinds(events)[-3:] == ["AgentAudioDone", "AgentText", "ResponseEnded"]


@given(st.lists(st.integers(0, 2401), max_size=10))
def test_however_the_callers_sound_is_cut_it_is_the_same(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), 2401]
    codec, sent = opened(), b""
    for a, b in itertools.pairwise(edges):
        message = types.LiveClientMessage.model_validate_json(codec.encode_audio(b64(SPEECH[a:b])))
        assert message.realtime_input is not None
        assert message.realtime_input.audio is not None
        assert message.realtime_input.audio.mime_type == "audio/pcm;rate=16000"
        sent += message.realtime_input.audio.data or b""
    assert sent == Resampler(8000, 16_000).push(mulaw.decode(SPEECH[:2401]))
    (started,) = codec.decode(START)
    assert started == p.CallerSpeechStarted("g1.c1", 300)


def test_the_tail_of_an_answer_stays_out_of_the_next() -> None:
    codec, again = opened(), opened()
    list(codec.decode(sound(SPEECH[:4801])))
    list(codec.decode(content(interrupted=True)))
    list(codec.decode(DONE))
    first = [e.payload for e in again.decode(sound(SPEECH)) if isinstance(e, p.AgentAudio)]
    assert [e.payload for e in codec.decode(sound(SPEECH)) if isinstance(e, p.AgentAudio)] == first


@pytest.mark.parametrize(
    "mime", [None, "audio/pcm", "audio/PCM; rate=24000", "audio/pcm;channels=1;rate=24000"]
)
def test_the_sound_we_expect(mime: str | None) -> None:
    spoken = [e for e in opened().decode(sound(bytes(480), mime)) if isinstance(e, p.AgentAudio)]
    assert [len(base64.b64decode(each.payload)) for each in spoken] == [80]


def test_another_rate_is_converted() -> None:
    *_, spoken = opened().decode(sound(bytes(480), "audio/pcm;rate=16000"))
    assert isinstance(spoken, p.AgentAudio)
    assert len(base64.b64decode(spoken.payload)) == 120


@pytest.mark.parametrize(
    "mime", ["audio/pcm;rate=44100", "audio/opus", "image/png", "", "audio/pcm;rate=x", "audio/pcm;rate=²4"]
)
def test_another_sound_ends_the_session(mime: str) -> None:
    with pytest.raises(ProviderError) as raised:
        opened().decode(sound(bytes(480), mime))
    assert (raised.value.code, raised.value.retryable) == ("format_mismatch", False)


# ---- turns and answers

MOVES = [
    START,
    STOP,
    DONE,
    sound(),
    sound(outputTranscription={"text": " word"}),
    content(outputTranscription={"text": " word"}),
    content(inputTranscription={"text": " said"}),
    content(inputTranscription={"text": " said", "finished": True}),
    content(inputTranscription={"finished": True}),
    content(interrupted=True),
    content(interrupted=True, turnComplete=True),
    content(generationComplete=True),
    sound(generationComplete=True, turnComplete=True),
    content(turnComplete=True, turnCompleteReason="RESPONSE_REJECTED"),
    '{"toolCall":{"functionCalls":[{"id":"fc-1","name":"look_up"}]}}',
    "Respond",
]


@given(st.lists(st.sampled_from(MOVES), max_size=40))
def test_turns_and_answers_are_whole_whatever_comes(moves: list[str]) -> None:
    codec = opened()
    events: list[p.Event] = []
    for move in moves:
        if move == "Respond":
            codec.encode(p.Respond("Say hello."))
        else:
            events += codec.decode(move)
    on: str | None = None
    steps: dict[str, list[str]] = {}
    for event in events:
        kind = type(event).__name__
        match event:
            case p.ResponseStarted(response_id=on_now):
                assert on is None
                assert on_now not in steps
                on = on_now
                steps[on] = []
            case p.ResponseEnded(response_id=ended):
                assert ended == on
                assert steps.get(ended.replace("r", "a"), ["AgentText"])[-1] == "AgentText"
                on = None
            case p.AgentAudio(item_id=item) | p.AgentTextDelta(item_id=item):
                assert on == item.replace("a", "r")
                assert "AgentAudioDone" not in steps.setdefault(item, [])
                steps[item].append(kind)
            case p.AgentAudioDone(item_id=item) | p.AgentText(item_id=item):
                assert on == item.replace("a", "r")
                assert kind not in steps[item]
                steps[item].append(kind)
            case p.CallerSpeechStarted(item_id=item):
                assert all(s[-1] == "CallerText" for name, s in steps.items() if ".c" in name)
                steps[item] = [kind]
            case p.CallerSpeechStopped(item_id=item) | p.CallerText(item_id=item):
                assert kind not in steps[item]
                assert kind != "CallerText" or "CallerSpeechStopped" in steps[item]
                steps[item].append(kind)
            case p.CallerTextDelta(item_id=item):
                assert "CallerText" not in steps[item]
            case p.ToolRequested():
                assert on is not None


def test_sessions_of_a_call_name_their_items_apart() -> None:
    codec = opened(p.SessionConfig("", "", number=3))
    events = [event for text in (START, STOP, sound()) for event in codec.decode(text)]
    named = {getattr(event, "item_id", None) or getattr(event, "response_id", None) for event in events}
    assert named == {"g3.c1", "g3.r1", "g3.a1"}


def test_words_that_follow_a_settled_turn_open_no_other() -> None:
    codec = opened()
    for text in (START, STOP, content(inputTranscription={"text": "Hi", "finished": True})):
        codec.decode(text)
    assert not codec.decode(content(inputTranscription={"text": " there"}))


def test_a_turn_over_without_words_has_none() -> None:
    codec = opened()
    for text in (START, STOP, sound(), content(generationComplete=True)):
        codec.decode(text)
    assert list(codec.decode(DONE)) == [p.CallerText("g1.c1", None)]


def test_the_end_of_an_interrupted_answer_settles_nothing_of_the_turn_that_did_it() -> None:
    codec = opened()
    for text in (sound(), START, content(interrupted=True), STOP):
        codec.decode(text)
    assert not codec.decode(DONE)
    assert kinds(codec.decode(content(inputTranscription={"text": "No"}))) == ["CallerTextDelta"]


def test_what_we_interrupt_ourselves_is_no_turn_of_the_callers() -> None:
    codec = opened()
    codec.decode(sound())
    codec.encode(p.Respond("Say goodbye."))
    assert "CallerSpeechStarted" not in kinds(codec.decode(content(interrupted=True)))
    codec.decode(DONE)
    codec.decode(sound())
    assert kinds(codec.decode(content(interrupted=True)))[:2] == ["CallerSpeechStarted", "AnswerInterrupted"]


def test_an_answer_nobody_asked_for_answers_a_turn_not_told() -> None:
    codec = opened()
    started, stopped, answer, _ = codec.decode(sound())
    assert (started, stopped) == (p.CallerSpeechStarted("g1.c1", 0), p.CallerSpeechStopped("g1.c1", 0))
    assert answer == p.ResponseStarted("g1.r1")
    tool = '{"toolCall":{"functionCalls":[{"id":"fc-1","name":"look_up"}]}}'
    assert kinds(opened().decode(tool))[:3] == [
        "CallerSpeechStarted",
        "CallerSpeechStopped",
        "ResponseStarted",
    ]
    codec = opened()
    codec.encode(p.Respond())
    for text in (tool, sound()):  # what is said about a result, or beside it, is no answer to another turn
        assert "CallerSpeechStarted" not in kinds(codec.decode(text))


def test_words_during_an_answer_that_goes_on_are_no_speech_that_cuts_in() -> None:
    codec = opened()
    codec.encode(p.Respond())
    codec.decode(sound())
    late = content(inputTranscription={"text": " Hello?", "finished": True})
    assert not codec.decode(late)
    codec.decode(content(generationComplete=True))
    assert not codec.decode(late)
    codec.decode(content(interrupted=True))
    assert list(codec.decode(content(inputTranscription={"text": " Stop."}))) == [
        p.CallerSpeechStarted("g1.c1", 0),
        p.CallerTextDelta("g1.c1", " Hello?"),
        p.CallerTextDelta("g1.c1", " Hello?"),
        p.CallerTextDelta("g1.c1", " Stop."),
    ]


def test_an_offset_ahead_of_what_was_sent_is_not_believed() -> None:
    codec = opened()
    codec.encode_audio(FRAME)
    assert list(codec.decode(activity("ACTIVITY_START", audioOffset="3600s"))) == [
        p.CallerSpeechStarted("g1.c1", 100)
    ]
    assert list(codec.decode(activity("ACTIVITY_END", audioOffset="-0.5s"))) == [
        p.CallerSpeechStopped("g1.c1", 0)
    ]


@pytest.mark.parametrize(
    ("reason", "retryable"), [("MALFORMED_FUNCTION_CALL", True), ("PROHIBITED_INPUT_CONTENT", False)]
)
def test_a_turn_that_failed(reason: str, retryable: bool) -> None:
    failed = content(turnComplete=True, turnCompleteReason=reason)
    (_, ended) = opened().decode(failed)
    assert isinstance(ended, p.ResponseEnded)
    assert (ended.status, ended.error_code, ended.retryable) == ("failed", reason.lower(), retryable)
    codec = opened()
    codec.decode(sound())
    *_, ended = codec.decode(failed)
    assert isinstance(ended, p.ResponseEnded)
    assert (ended.status, ended.error_code, ended.retryable) == ("incomplete", reason.lower(), retryable)
    assert not codec.decode(content(turnComplete=True, turnCompleteReason="NEED_MORE_INPUT"))


def test_the_tokens_of_every_message_count() -> None:
    codec = opened()
    usage = {
        "promptTokenCount": 40,
        "responseTokenCount": 30,
        "thoughtsTokenCount": 5,
        "toolUsePromptTokenCount": 2,
        "promptTokensDetails": [
            {"modality": "AUDIO", "tokenCount": 25},
            {"modality": "TEXT", "tokenCount": 5},
            {"modality": "VIDEO", "tokenCount": 3},
            {"modality": "DOCUMENT", "tokenCount": 4},
            {"tokenCount": 1},
        ],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 9}],
    }
    counted = p.UsageCounted(
        42,
        35,
        {
            "input_audio_tokens": 25,
            "input_text_tokens": 12,
            "input_image_tokens": 3,
            "output_audio_tokens": 30,
            "input_cached_audio_tokens": 9,
            "output_text_tokens": 5,
        },
    )
    for _ in range(2):
        assert list(codec.decode(json.dumps({"usageMetadata": usage}))) == [counted]
    assert not codec.decode('{"usageMetadata":{"totalTokenCount":0}}')


def test_a_session_opens_once() -> None:
    assert not opened().decode('{"setupComplete":{"sessionId":"again"}}')


# ---- rubbish

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
objects = st.dictionaries(st.sampled_from(sorted(m.KNOWN_FIELDS)) | st.text(max_size=6), json_values).map(
    json.dumps
)


def swapped(event: Json, at: int, value: Any) -> str:
    """Replace one of a message's values, however deep."""
    all_paths = list(paths(event))
    path = all_paths[at % len(all_paths)]
    inner = event
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return json.dumps(event)


bent = st.builds(
    lambda capture, at, value: swapped(json.loads(capture["text"]), at, value),
    st.sampled_from(CURRENT),
    st.integers(0, 200),
    json_values,
)


@given(objects | bent | st.text(st.characters()))
@example("\ud800")
@example('{"serverContent":{"inputTranscription":{"text":"\ud800"}}}')
@example('{"serverContent":{"inputTranscription":{"text":"\\ud800"}}}')
@example('{"more":' + "[" * 30_000 + "]" * 30_000 + "}")
@example('{"goAway":{"timeLeft":"' + "9" * 400 + 's"}}')
@example('{"toolCall":{"functionCalls":[{"id":"a","name":"b","args":1e999}]}}')
def test_reading_raises_nothing_but_our_own_error(text: str) -> None:
    for codec in (fresh(), opened()):
        with contextlib.suppress(ProviderError):
            assert all(isinstance(event, p.Event) for event in codec.decode(text))
