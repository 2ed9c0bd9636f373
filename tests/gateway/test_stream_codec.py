"""Twilio's media stream messages as the gateway reads and writes them, whole, broken and made up.

Golden: `golden/media-stream-whole.jsonl` (the text and the fields it holds) and
`golden/media-stream-broken.jsonl` (the text and the reason it is refused). Source: Twilio, "Media Streams —
WebSocket Messages", read 2026-11-24.
"""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.stream import messages as m

GOLDEN = Path(__file__).parent / "golden"
SID = "MZ18ad3ab5a668481ce02b83e7395059f0"
MEDIA = '{"event":"media","streamSid":"MZ1","media":{"payload":"%s","timestamp":"0"}}'
KINDS = {"Connected", "Start", "Media", "Dtmf", "Mark", "Stop"}
REASONS = {"not_json", "unknown_type", "malformed", "too_large"}


def golden(name: str) -> list[dict[str, Any]]:
    lines = (GOLDEN / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


WHOLE = golden("media-stream-whole.jsonl")
BROKEN = golden("media-stream-broken.jsonl")


@pytest.mark.parametrize("capture", WHOLE, ids=lambda capture: capture["fields"]["kind"])
def test_a_whole_message_gives_its_fields(capture: dict[str, Any]) -> None:
    message = m.decode(capture["text"])
    assert not isinstance(message, m.Unusable)
    assert {"kind": type(message).__name__, **fields_of(message)} == capture["fields"]


def fields_of(struct: msgspec.Struct) -> dict[str, Any]:
    return {
        name: fields_of(value) if isinstance(value, msgspec.Struct) else value
        for name, value in msgspec.structs.asdict(struct).items()
    }


def test_every_message_type_has_a_capture() -> None:
    assert {capture["fields"]["kind"] for capture in WHOLE} == KINDS
    assert {cls.__name__ for cls in m.Message.__args__} == KINDS


@pytest.mark.parametrize("capture", BROKEN, ids=lambda capture: f"{capture['why']}-{capture['text'][:40]!r}")
def test_a_broken_message_is_refused_with_its_reason(capture: dict[str, str]) -> None:
    assert m.decode(capture["text"]) == m.Unusable(capture["why"])


def padded(size_bytes: int, letter: str = "a") -> str:
    """A valid mark of a given size in UTF-8."""
    shell = '{"event":"mark","streamSid":"MZ1","mark":{"name":"%s"}}'
    room = size_bytes - len(shell % "")
    assert room % len(letter.encode()) == 0
    return shell % (letter * (room // len(letter.encode())))


@pytest.mark.parametrize("letter", ["a", "ß", "𝄞"])
def test_the_size_limit_counts_bytes(letter: str) -> None:
    fits = padded(m.MAX_MESSAGE_BYTES - (m.MAX_MESSAGE_BYTES - 53) % len(letter.encode()), letter)
    assert len(fits.encode()) <= m.MAX_MESSAGE_BYTES
    assert isinstance(m.decode(fits), m.Mark)
    over = padded(len(fits.encode()) + 4, letter)
    assert len(over.encode()) > m.MAX_MESSAGE_BYTES
    assert m.decode(over) == m.Unusable("too_large")


def test_nesting_without_end_is_survived() -> None:
    deep = "[" * 30_000
    assert isinstance(m.decode(deep), m.Unusable)
    assert isinstance(m.decode(f'{{"event":"mark","streamSid":"MZ1","more":{deep}'), m.Unusable)
    closed = "[" * 30_000 + "]" * 30_000
    assert isinstance(m.decode(f'{{"event":"unheard-of","more":{closed}}}'), m.Unusable)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
rubbish = st.one_of(
    st.text(st.characters()),
    json_values.map(json.dumps),
    st.builds(
        lambda event, sid, body, key: json.dumps({"event": event, "streamSid": sid, key: body}),
        st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop", "other"]),
        st.text() | json_values,
        json_values,
        st.sampled_from(["start", "media", "dtmf", "mark", "stop"]),
    ),
    st.builds(
        lambda capture, at, put: capture["text"][:at] + put + capture["text"][at + 1 :],
        st.sampled_from(WHOLE),
        st.integers(0, 400),
        st.text(max_size=3),
    ),
)


@given(rubbish)
@example("\ud800")
@example('{"event":"mark","streamSid":"MZ1","mark":{"name":"\ud800"}}')
@example('{"event":"mark","streamSid":"MZ1","mark":{"name":"\\ud800"}}')
@example('{"event":"start","streamSid":"MZ1","start":{"mediaFormat":{"sampleRate":1e999}}}')
def test_decode_never_raises(text: str) -> None:
    message = m.decode(text)
    if isinstance(message, m.Unusable):
        assert message.why in REASONS
    else:
        assert type(message).__name__ in KINDS


@given(st.text(st.sampled_from("AZaz09+/=-_\n\"' \\{}é"), max_size=24))
@example("0000=")
@example("0000====")
def test_what_passes_as_audio_can_be_decoded(payload: str) -> None:
    message = m.decode(
        json.dumps({**json.loads(MEDIA % ""), "media": {"payload": payload, "timestamp": "0"}})
    )
    if isinstance(message, m.Media):
        assert message.media.payload == payload
        base64.b64decode(payload, validate=True)
        assert len(payload) % 4 == 0
    else:
        assert message == m.Unusable("malformed")


@given(st.binary(max_size=200))
def test_audio_of_any_length_passes(sound: bytes) -> None:
    message = m.decode(MEDIA % base64.b64encode(sound).decode())
    assert isinstance(message, m.Media)
    assert base64.b64decode(message.media.payload, validate=True) == sound


@pytest.mark.parametrize("sound", [b"", b"\xff", bytes(range(256)), b"\x7f" * 160])
def test_media_for_the_caller(sound: bytes) -> None:
    payload = base64.b64encode(sound).decode()
    text = m.encode_media(SID, payload)
    assert text == f'{{"event":"media","streamSid":"{SID}","media":{{"payload":"{payload}"}}}}'
    assert json.loads(text) == {"event": "media", "streamSid": SID, "media": {"payload": payload}}


@pytest.mark.parametrize("name", ["0:1", "12:999", "farewell"])
def test_a_mark_for_the_caller(name: str) -> None:
    text = m.encode_mark(SID, name)
    assert text == f'{{"event":"mark","streamSid":"{SID}","mark":{{"name":"{name}"}}}}'
    assert json.loads(text) == {"event": "mark", "streamSid": SID, "mark": {"name": name}}
    # Twilio's echo of it is the same message with a number.
    assert m.decode(text) == m.Mark(SID, m.MarkDetail(name))


def test_a_clear_for_the_caller() -> None:
    text = m.encode_clear(SID)
    assert text == f'{{"event":"clear","streamSid":"{SID}"}}'
    assert json.loads(text) == {"event": "clear", "streamSid": SID}


@given(st.from_regex(r"\A[A-Za-z0-9]{1,64}\Z"), st.binary(max_size=400))
def test_what_is_written_is_json_for_every_stream_that_was_accepted(sid: str, sound: bytes) -> None:
    detail = {"callSid": "CA1", "accountSid": "AC1"}
    media_format = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    start = {"event": "start", "streamSid": sid, "start": {**detail, "mediaFormat": media_format}}
    accepted = m.decode(json.dumps(start))
    assert isinstance(accepted, m.Start)
    payload = base64.b64encode(sound).decode()
    written = json.loads(m.encode_media(accepted.stream_sid, payload))
    assert written == {"event": "media", "streamSid": sid, "media": {"payload": payload}}
    assert json.loads(m.encode_clear(accepted.stream_sid))["streamSid"] == sid
