"""Messages of ElevenLabs Agents, and codecs to read them."""

import base64
import json
from typing import Any

from providers import session as p
from providers.elevenlabs.codec import ElevenLabsCodec

Json = dict[str, Any]

CONFIG = p.SessionConfig("Answer for a dentist.", "marin", greeting="Hello!")
FRAME = base64.b64encode(b"\xff" * 160).decode()


def fresh(config: p.SessionConfig = CONFIG) -> ElevenLabsCodec:
    return ElevenLabsCodec(config, url="wss://eleven/?signature=secret")


def metadata(output: str = "ulaw_8000", heard: str = "ulaw_8000") -> str:
    event = {
        "conversation_id": "conv_1",
        "agent_output_audio_format": output,
        "user_input_audio_format": heard,
    }
    return json.dumps(
        {"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": event}
    )


def opened(
    output: str = "ulaw_8000", heard: str = "ulaw_8000", config: p.SessionConfig = CONFIG
) -> ElevenLabsCodec:
    codec = fresh(config)
    assert codec.decode(metadata(output, heard)) == (p.SessionOpened("conv_1", config.model or "default"),)
    return codec


def audio(event_id: int, payload: str = FRAME, characters: str | None = None) -> str:
    event: Json = {"event_id": event_id, "audio_base_64": payload}
    if characters is not None:
        times = [0] * len(characters)
        event["alignment"] = {
            "chars": list(characters),
            "char_start_times_ms": times,
            "char_durations_ms": times,
        }
    return json.dumps({"type": "audio", "audio_event": event})


def words(event_id: int, text: str) -> str:
    event = {"agent_response": text, "event_id": event_id}
    return json.dumps({"type": "agent_response", "agent_response_event": event})


def complete(event_id: int) -> str:
    event = {"event_id": event_id}
    return json.dumps({"type": "agent_response_complete", "agent_response_complete_event": event})


def interruption(event_id: int) -> str:
    return json.dumps({"type": "interruption", "interruption_event": {"event_id": event_id}})


def transcript(text: str, event_id: int = 2, *, tentative: bool = False) -> str:
    kind, key = ("user_transcript", "user_transcription_event")
    if tentative:
        kind, key = ("tentative_user_transcript", "tentative_user_transcription_event")
    return json.dumps({"type": kind, key: {"user_transcript": text, "event_id": event_id}})


def score(value: float) -> str:
    return json.dumps({"type": "vad_score", "vad_score_event": {"vad_score": value}})


def read(codec: ElevenLabsCodec, *texts: str) -> list[p.Event]:
    return [event for text in texts for event in codec.decode(text)]


def sound(events: list[p.Event], item_id: str) -> bytes:
    pieces = [e.payload for e in events if isinstance(e, p.AgentAudio) and e.item_id == item_id]
    return b"".join(base64.b64decode(piece) for piece in pieces)
