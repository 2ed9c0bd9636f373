"""Media Streams messages on the wire: what Twilio sends, and a strict reading of what it is sent.

Source: Twilio docs, "Media Streams: WebSocket messages", read 2026-11. Counters are JSON strings; every
message but `connected` has `sequenceNumber` and a top-level `streamSid`. Of what Twilio is sent, an unknown
type, a missing or extra field, a wrong streamSid or text that is not JSON is warning 31951.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONNECTED = json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})


@dataclass(frozen=True, slots=True)
class MediaIn:
    """Sound to play, mu-law."""

    sound: bytes


@dataclass(frozen=True, slots=True)
class MarkIn:
    """A mark to return when what was sent before it has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class ClearIn:
    """Empty the playback buffer."""


@dataclass(frozen=True, slots=True)
class BadIn:
    """A message Twilio would warn about (31951), and why."""

    reason: str


MessageIn = MediaIn | MarkIn | ClearIn | BadIn

_BODY_KEY: dict[str, tuple[str, str]] = {"media": ("media", "payload"), "mark": ("mark", "name")}


def read(text: str | bytes, stream_sid: str) -> MessageIn:
    """Read one message from the service, strictly.

    Args:
        text: the WebSocket message; bytes mean it came as a binary frame.
        stream_sid: the only acceptable streamSid.
    """
    if isinstance(text, bytes):
        return BadIn("binary message")
    try:
        message = json.loads(text)
    except ValueError:
        return BadIn("not JSON")
    if not isinstance(message, dict):
        return BadIn("not a JSON object")
    event = message.get("event")
    if message.get("streamSid") != stream_sid:
        return BadIn(f"wrong streamSid {message.get('streamSid')!r}")
    if event == "clear":
        return _only(message, {"event", "streamSid"}) or ClearIn()
    if event not in _BODY_KEY:
        return BadIn(f"unknown event {event!r}")
    return _read_body(message, *_BODY_KEY[event])


def _read_body(message: dict[str, Any], key: str, field: str) -> MessageIn:
    body = message.get(key)
    if not isinstance(body, dict):
        return BadIn(f"{key}: missing or not an object")
    value = body.get(field)
    if not isinstance(value, str):
        return BadIn(f"{key}.{field}: missing or not a string")
    bad = _only(message, {"event", "streamSid", key}) or _only(body, {field})
    if bad is not None:
        return bad
    if key == "mark":
        return MarkIn(value)
    try:
        return MediaIn(base64.b64decode(value, validate=True))
    except binascii.Error:
        return BadIn("media.payload: not base64")


def _only(body: Mapping[str, Any], allowed: set[str]) -> BadIn | None:
    extra = sorted(body.keys() - allowed)
    return BadIn(f"extra field {extra[0]!r}") if extra else None


class Outgoing:
    """Builds the messages of one stream, numbering them.

    Args:
        stream_sid: this stream's SID.
        account_sid: the account's.
        call_sid: the call's.
    """

    def __init__(self, stream_sid: str, account_sid: str, call_sid: str) -> None:
        self._stream_sid = stream_sid
        self._account_sid = account_sid
        self._call_sid = call_sid
        self._sequence = 0
        self._chunk = 0

    def start(self, parameters: tuple[tuple[str, str], ...]) -> str:
        """Return the `start` message with the stream's custom parameters."""
        return self._message(
            "start",
            start={
                "accountSid": self._account_sid,
                "streamSid": self._stream_sid,
                "callSid": self._call_sid,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": dict(parameters),
            },
        )

    def media(self, timestamp_ms: int, sound: bytes) -> str:
        """Return a `media` message; `timestamp_ms` counts from the stream's start."""
        self._sequence += 1
        self._chunk += 1
        payload = base64.b64encode(sound).decode()
        # 50 a second per call: built by hand, byte for byte what json.dumps would give.
        return (
            f'{{"event": "media", "sequenceNumber": "{self._sequence}", "media": {{"track": "inbound", '
            f'"chunk": "{self._chunk}", "timestamp": "{timestamp_ms}", "payload": "{payload}"}}, '
            f'"streamSid": "{self._stream_sid}"}}'
        )

    def dtmf(self, digit: str) -> str:
        """Return a `dtmf` message for one key."""
        return self._message("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    def mark(self, name: str) -> str:
        """Return the echo of a mark."""
        return self._message("mark", mark={"name": name})

    def stop(self) -> str:
        """Return the `stop` message."""
        return self._message("stop", stop={"accountSid": self._account_sid, "callSid": self._call_sid})

    def _message(self, event: str, **body: object) -> str:
        self._sequence += 1
        return json.dumps(
            {"event": event, "sequenceNumber": str(self._sequence), **body, "streamSid": self._stream_sid}
        )
