"""ElevenLabs Agents messages as our codec reads and writes them.

Golden: `golden/elevenlabs/whole.jsonl` is one conversation, message by message, with the events each becomes
(20 ms of caller audio go out before each); `golden/elevenlabs/broken.jsonl` is messages and what is wrong
with them. What the official SDK has types for is checked against them.
"""

import base64
import contextlib
import json
import typing
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from elevenlabs.types import ClientEvent
from hypothesis import example, given
from hypothesis import strategies as st

from providers import session as p
from providers.elevenlabs import messages as m
from providers.elevenlabs.codec import FINAL_ERRORS, ElevenLabsCodec
from providers.errors import ProtocolError, ProviderError
from tests.providers.elevenlabs_wire import (
    FRAME,
    audio,
    complete,
    fresh,
    metadata,
    opened,
    read,
    sound,
    transcript,
)

with warnings.catch_warnings():  # the SDK names a class websockets has given up
    warnings.simplefilter("ignore", DeprecationWarning)
    from elevenlabs.conversational_ai import conversation as sdk

Json = dict[str, Any]

GOLDEN = Path(__file__).parent / "golden" / "elevenlabs"


def golden(name: str) -> list[Json]:
    return [json.loads(line) for line in (GOLDEN / name).read_text(encoding="utf-8").splitlines()]


WHOLE = golden("whole.jsonl")
BROKEN = golden("broken.jsonl")
SDK_EVENTS = frozenset(typing.get_args(typing.get_args(ClientEvent)[0]))


# ---- reading


def test_a_whole_conversation() -> None:
    codec = fresh()
    for capture in WHOLE:
        codec.encode_audio(FRAME)
        events = [{"kind": type(event).__name__, **asdict(event)} for event in codec.decode(capture["text"])]
        assert events == capture["events"], capture["why"]
    assert not codec.unknown


def test_every_type_we_know_has_a_capture_and_is_a_type_of_the_sdk() -> None:
    assert {json.loads(capture["text"])["type"] for capture in WHOLE} == m.KNOWN_TYPES
    assert SDK_EVENTS | {"error"} == m.KNOWN_TYPES | m.IGNORED_TYPES
    assert not m.KNOWN_TYPES & m.IGNORED_TYPES
    assert set(m.CLIENT_EVENTS) == m.KNOWN_TYPES - {"error"}


class Handler:
    """Takes what the SDK makes of a message."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.said.append((name, *args))


@pytest.mark.parametrize("capture", WHOLE, ids=lambda capture: capture["why"])
def test_the_sdk_reads_the_captures(capture: Json) -> None:
    # It has no types for these messages, only the code that picks them apart: a wrong key would raise.
    conversation = sdk.BaseConversation.__new__(sdk.BaseConversation)
    conversation._conversation_id, conversation._last_interrupt_id = None, 0
    message, handler = json.loads(capture["text"]), Handler()
    conversation._handle_message_core(message, handler)
    silent = {"conversation_initiation_metadata", "vad_score", "tentative_user_transcript", "error"}
    silent |= {"agent_response_complete", "client_error"}
    assert bool(handler.said) != (message["type"] in silent)


def test_types_we_do_not_know_are_counted_and_those_we_ignore_are_not() -> None:
    codec = opened()
    for kind in [*m.IGNORED_TYPES, "queue_status", "queue_status", ""]:
        assert codec.decode(json.dumps({"type": kind, "audio_event": 7})) == ()
    assert codec.unknown == {"queue_status": 2, "": 1}


@pytest.mark.parametrize("capture", BROKEN, ids=lambda capture: capture["why"])
@pytest.mark.parametrize("make", [fresh, opened])
def test_a_broken_message_breaks_the_protocol(
    make: typing.Callable[[], ElevenLabsCodec], capture: Json
) -> None:
    codec = make()
    with pytest.raises(ProtocolError) as raised:
        codec.decode(capture["text"])
    assert (raised.value.code, raised.value.retryable) == ("protocol_error", False)
    assert not codec.unknown


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = [json.loads(capture["text"]) for capture in WHOLE]


@st.composite
def spoiled(draw: st.DrawFn) -> str:
    message = json.loads(json.dumps(draw(st.sampled_from(MESSAGES))))
    key = next(name for name in message if name != "type")
    where = draw(st.sampled_from([message, *([message[key]] if message[key] else [])]))
    where[draw(st.sampled_from(sorted(where)))] = draw(JSON)
    return json.dumps(message)


@given(st.lists(spoiled() | st.sampled_from([c["text"] for c in WHOLE]) | st.text(), max_size=12))
@example(['{"type":"audio","audio_event":{"event_id":1,"audio_base_64":"\\u0000!"}}'])
def test_rubbish_raises_nothing_but_our_errors(texts: list[str]) -> None:
    for codec in (fresh(), opened(), opened("pcm_16000", "pcm_24000")):
        for text in texts:
            with contextlib.suppress(ProviderError):
                codec.decode(text)
            codec.encode_audio(FRAME)
            codec.replies()


@given(st.lists(st.sampled_from([c["text"] for c in WHOLE[1:]]), max_size=30))
def test_whatever_the_order_items_and_turns_are_whole(texts: list[str]) -> None:
    codec = opened()
    open_answer: str | None = None
    done: set[str] = set()
    caller: str | None = None
    for text in texts:
        codec.encode_audio(FRAME)
        for event in codec.decode(text):
            match event:
                case p.ResponseStarted(response_id=response_id):
                    assert open_answer is None
                    open_answer = response_id
                case p.ResponseEnded(response_id=response_id):
                    assert open_answer == response_id
                    open_answer = None
                case p.AgentAudio(item_id=item_id) | p.AgentTextDelta(item_id=item_id):
                    assert open_answer is not None
                    assert item_id not in done
                case p.AgentAudioDone(item_id=item_id):
                    assert item_id not in done
                    done.add(item_id)
                case p.CallerSpeechStarted(item_id=item_id):
                    assert caller is None
                    caller = item_id
                case p.CallerTextDelta(item_id=item_id) | p.CallerSpeechStopped(item_id=item_id):
                    assert caller == item_id
                case p.CallerText(item_id=item_id):
                    assert caller == item_id
                    caller = None
                case _:
                    pass


# ---- audio


@pytest.mark.parametrize("audio_format", ["pcm_22050", "pcm_44100", "pcm_48000", "mp3_44100", ""])
@pytest.mark.parametrize("side", [0, 1])
def test_a_format_we_cannot_take_is_refused(audio_format: str, side: int) -> None:
    formats = ["ulaw_8000", "ulaw_8000"]
    formats[side] = audio_format
    with pytest.raises(ProviderError, match=f"confirmed {audio_format}$") as raised:
        fresh().decode(metadata(*formats))
    assert (raised.value.code, raised.value.retryable) == ("format_mismatch", False)


@given(st.text("ABCabc019+/", min_size=1))
def test_mulaw_passes_unread_both_ways(payload: str) -> None:
    codec = opened()
    assert codec.encode_audio(payload) == f'{{"user_audio_chunk":"{payload}"}}'
    assert codec.decode(audio(1, payload))[-1] == p.AgentAudio("e1.a1", payload)


@given(
    st.binary(max_size=3000),
    st.lists(st.integers(1, 500)),
    st.sampled_from(["pcm_8000", "pcm_16000", "pcm_24000"]),
)
def test_any_cut_of_the_audio_gives_the_same_sound(pcm16: bytes, cuts: list[int], audio_format: str) -> None:
    def played(pieces: list[bytes]) -> tuple[bytes, str]:
        codec = opened(audio_format, audio_format)
        events = read(codec, *(audio(1, base64.b64encode(piece).decode()) for piece in pieces), complete(1))
        sent = [json.loads(codec.encode_audio(base64.b64encode(piece).decode())) for piece in pieces]
        heard = b"".join(base64.b64decode(each["user_audio_chunk"]) for each in sent)
        return sound(events, "e1.a1"), heard.hex()

    pieces, rest = [], pcm16
    for size in cuts:
        pieces.append(rest[:size])
        rest = rest[size:]
    assert played([*pieces, rest]) == played([pcm16])


def test_what_was_sent_counts_in_time() -> None:
    codec = opened()
    for _ in range(50):
        codec.encode_audio(FRAME)
    codec.encode_audio(base64.b64encode(b"\xff" * 79).decode())
    (started, *_) = codec.decode(transcript("Hello"))
    assert started == p.CallerSpeechStarted("e1.c1", 1009)


# ---- errors


def test_errors_end_the_session_and_some_cannot_be_mended() -> None:
    for kind in [*sorted(FINAL_ERRORS), "transport_receive_timeout", "max_duration_exceeded", "llm_error"]:
        text = json.dumps(
            {"type": "error", "error_event": {"code": 1002, "error_type": kind, "reason": "why"}}
        )
        assert opened().decode(text) == (
            p.ErrorReported(kind, "why", retryable=kind not in FINAL_ERRORS, fatal=True),
        )
    assert opened().decode('{"type":"client_error"}') == (
        p.ErrorReported("unknown_error", "", retryable=True, fatal=True),
    )


# ---- writing


def sent(codec: ElevenLabsCodec, command: p.Command) -> list[Json]:
    return [json.loads(text) for text in codec.encode(command)]


def test_the_opening_is_what_the_sdk_sends() -> None:
    config = p.SessionConfig(
        "Say {{this}}.", "cjVigY5qzO86Huf0OWax", greeting="Hello!", language="de", model="gpt-5-mini"
    )
    (text,) = fresh(config).opening()
    ours = json.loads(text)
    assert ours["conversation_config_override"] == {
        "agent": {
            "prompt": {"prompt": "Say { {this}}.", "llm": "gpt-5-mini"},
            "first_message": "Hello!",
            "language": "de",
        },
        "tts": {"voice_id": "cjVigY5qzO86Huf0OWax"},
    }
    conversation = sdk.BaseConversation.__new__(sdk.BaseConversation)
    conversation.user_id = None
    conversation.config = sdk.ConversationInitiationData(
        conversation_config_override=ours["conversation_config_override"]
    )
    theirs = json.loads(conversation._create_initiation_message())
    del theirs["source_info"]
    assert ours == theirs


@pytest.mark.parametrize(
    "config", [p.SessionConfig("Do.", "ash", greeting="Hi", continues=True), p.SessionConfig("Do.", "ash")]
)
def test_nothing_is_said_first_by_a_session_that_continues_or_has_no_greeting(
    config: p.SessionConfig,
) -> None:
    (text,) = fresh(config).opening()
    agent = json.loads(text)["conversation_config_override"]["agent"]
    assert agent == {"prompt": {"prompt": "Do."}, "first_message": ""}


def test_every_command() -> None:
    codec = opened()
    assert sent(codec, p.AppendAudio(FRAME)) == [{"user_audio_chunk": FRAME}]
    for command, text in ((p.Respond("Ask again."), "(Ask again.)"), (p.Respond(), "(continue)")):
        assert sent(codec, command) == [sdk.UserMessageClientToOrchestratorEvent(text).to_dict()]
    assert sent(codec, p.CommitAudio()) == sent(codec, p.CancelAnswer()) == sent(codec, p.Remember(())) == []
    (kept,) = sent(codec, p.Truncate("e1.a1", 700, 'Hello "you"'))
    assert kept == sdk.ContextualUpdateClientToOrchestratorEvent(kept["text"]).to_dict()
    assert '"Hello \\"you\\""' in kept["text"]
    assert "anything" in sent(codec, p.Truncate("e1.a1", 0))[0]["text"]
    turns = (p.HistoryTurn("agent", "Hello."), p.HistoryTurn("caller", 'I am "Zoë".'))
    (history,) = sent(codec, p.Remember(turns))
    assert history == sdk.ContextualUpdateClientToOrchestratorEvent(history["text"]).to_dict()
    assert json.loads(history["text"][history["text"].index("[") :]) == [
        {"said_by": "agent", "text": "Hello."},
        {"said_by": "caller", "text": 'I am "Zoë".'},
    ]
    assert [json.loads(text) for text in codec.keep_alive()] == [
        sdk.UserActivityClientToOrchestratorEvent().to_dict()
    ]


@pytest.mark.parametrize(
    ("output", "instructions", "result"),
    [
        ('{"ok": true}', None, '{"ok": true}'),
        ('{"ok": true}', "Be brief.", '{"ok": true, "instructions": "Be brief."}'),
        ("[1]", "Be brief.", '{"result": [1], "instructions": "Be brief."}'),
        ("no JSON", "Be brief.", '{"result": "no JSON", "instructions": "Be brief."}'),
    ],
)
def test_a_tool_result(output: str, instructions: str | None, result: str) -> None:
    (message,) = sent(opened(), p.AnswerTool("call_1", output, respond=True, instructions=instructions))
    assert message == {
        "type": "client_tool_result",
        "tool_call_id": "call_1",
        "result": result,
        "is_error": False,
    }


def test_every_ping_gets_one_pong() -> None:
    codec = opened()
    for number in (3, 4):
        assert codec.decode(json.dumps({"type": "ping", "ping_event": {"event_id": number}})) == ()
    assert [json.loads(text) for text in codec.replies()] == [
        {"type": "pong", "event_id": 3},
        {"type": "pong", "event_id": 4},
    ]
    assert not codec.replies()


def test_the_address_is_kept_out_of_sight() -> None:
    target = fresh().target()
    assert (target.url, target.headers) == ("wss://eleven/?signature=secret", {})
