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
from tests.providers.gemini_wire import (
    DONE,
    FRAME,
    START,
    activity,
    b64,
    content,
    fresh,
    kinds,
    opened,
    sound,
)

Json = dict[str, Any]

GOLDEN = Path(__file__).parent / "golden" / "gemini"


def golden(name: str) -> list[Json]:
    return [json.loads(line) for line in (GOLDEN / name).read_text(encoding="utf-8").splitlines()]


CURRENT, OLDER, BROKEN = golden("current.jsonl"), golden("older.jsonl"), golden("broken.jsonl")


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
