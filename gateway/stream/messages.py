"""What Twilio sends on a media stream, as typed messages.

Source: Twilio, "Media Streams — WebSocket Messages", read 2026-11-24. Counters and timestamps are JSON
strings; every message but `connected` carries `streamSid`. Extra fields are ignored.
"""

import re
from dataclasses import dataclass

import msgspec

_SID = re.compile(r"[A-Za-z0-9]{1,64}", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)
"""With a length of whole groups of four, what a decoder takes."""


class Connected(msgspec.Struct, frozen=True, tag_field="event", tag="connected"):
    """The socket is open; `start` follows."""

    protocol: str = "Call"
    version: str = ""


class MediaFormat(msgspec.Struct, frozen=True, rename="camel"):
    """The audio of the stream: mu-law, 8 kHz, mono."""

    encoding: str
    sample_rate: int
    channels: int


class StartDetail(msgspec.Struct, frozen=True, rename="camel"):
    """Who is on the stream. `custom_parameters` are those of our TwiML."""

    call_sid: str
    account_sid: str
    media_format: MediaFormat
    custom_parameters: dict[str, str] = {}


class Start(msgspec.Struct, frozen=True, tag_field="event", tag="start", rename="camel"):
    """The stream begins."""

    stream_sid: str
    start: StartDetail


class MediaDetail(msgspec.Struct, frozen=True):
    """20 ms of caller audio; `timestamp` in ms since the stream began."""

    payload: str
    timestamp: str
    track: str = "inbound"


class Media(msgspec.Struct, frozen=True, tag_field="event", tag="media", rename="camel"):
    """Caller audio."""

    stream_sid: str
    media: MediaDetail


class DtmfDetail(msgspec.Struct, frozen=True):
    """A key: 0-9, *, #, A-D."""

    digit: str


class Dtmf(msgspec.Struct, frozen=True, tag_field="event", tag="dtmf", rename="camel"):
    """The caller pressed a key."""

    stream_sid: str
    dtmf: DtmfDetail


class MarkDetail(msgspec.Struct, frozen=True):
    """The name we gave the mark."""

    name: str


class Mark(msgspec.Struct, frozen=True, tag_field="event", tag="mark", rename="camel"):
    """All audio queued before this mark has been played, or was dropped by a clear."""

    stream_sid: str
    mark: MarkDetail


class Stop(msgspec.Struct, frozen=True, tag_field="event", tag="stop", rename="camel"):
    """The stream is over: the caller hung up, or the call moved on."""

    stream_sid: str


Message = Media | Mark | Dtmf | Connected | Start | Stop


@dataclass(frozen=True, slots=True)
class Unusable:
    """A message we do not act on, and why: `not_json`, `unknown_type`, `malformed`, `too_large`,
    `wrong_stream`, `wrong_call`, `out_of_order`, `not_text`.
    """

    why: str


_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_event_decoder = msgspec.json.Decoder(dict[str, object])
_KNOWN = frozenset({"media", "mark", "dtmf", "connected", "start", "stop"})

MAX_MESSAGE_BYTES = 65_536


def decode(text: str) -> Message | Unusable:
    """Read one message; never raises."""
    if _is_too_large(text):
        return Unusable("too_large")
    try:
        message = _decoder.decode(text)
    except msgspec.ValidationError:
        return Unusable(_why_invalid(text))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Unusable("not_json")
    match message:
        # The payload is spliced into provider messages as text, so it must be base64 and nothing else.
        case Media(media=media) if not _is_base64(media.payload) or not _is_count(media.timestamp):
            return Unusable("malformed")
        # The same holds for the stream's id, which is spliced into everything we send back.
        case Start(stream_sid=sid) if not _SID.fullmatch(sid):
            return Unusable("malformed")
        case Dtmf(dtmf=dtmf) if len(dtmf.digit) != 1 or dtmf.digit not in "0123456789*#ABCD":
            return Unusable("malformed")
        case _:
            return message


def _is_too_large(text: str) -> bool:
    if len(text) > MAX_MESSAGE_BYTES or text.isascii():
        return len(text) > MAX_MESSAGE_BYTES
    return len(text.encode(errors="replace")) > MAX_MESSAGE_BYTES


def _is_base64(text: str) -> bool:
    return len(text) % 4 == 0 and _BASE64.fullmatch(text) is not None


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


def _why_invalid(text: str) -> str:
    try:
        event = _event_decoder.decode(text).get("event")
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return "malformed"
    return "malformed" if isinstance(event, str) and event in _KNOWN else "unknown_type"


def encode_media(stream_sid: str, payload: str) -> str:
    """Audio for the caller: base64 of mu-law of any length."""
    return f'{{"event":"media","streamSid":"{stream_sid}","media":{{"payload":"{payload}"}}}}'


def encode_mark(stream_sid: str, name: str) -> str:
    """A mark, echoed once the audio before it has been played; `name` is ours and needs no escaping."""
    return f'{{"event":"mark","streamSid":"{stream_sid}","mark":{{"name":"{name}"}}}}'


def encode_clear(stream_sid: str) -> str:
    """Drop what has not been played; all outstanding marks come back at once."""
    return f'{{"event":"clear","streamSid":"{stream_sid}"}}'
