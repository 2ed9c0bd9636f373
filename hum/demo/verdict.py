"""The verdict on a finished call, judged by what it left behind against what was said on the line.

Judged from outside, on what the control API answers and what the simulated carrier played: the call record,
the transcript, the stereo recording, the event stream.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hum.demo.client import StreamedEvent
from hum.demo.script import ExpectedTurn
from media.alignment import find
from media.errors import MediaError
from media.mulaw import BYTES_PER_MS, decode
from media.wav import read_wav

SIMILAR = 0.98
"""A recording holds a clip when they correlate so much at the best place."""

DIFFERENT = 0.6
FRAME_SAMPLES = 160
CUT_MARGIN_MS = 200
"""The moment of a cut is known to within this, so audio so near to it is not judged."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a finished call left behind.

    Attributes:
        call: The call as the API describes it.
        recording: The downloaded WAV file.
        streamed: The events as they were streamed during the call.
        replayed: The events streamed again afterwards, from `replayed_after` on.
        replayed_after: The event id the second stream went on after.
        said: What the caller said, as the carrier knows it: mu-law from the stream's start.
        heard: What the caller heard, likewise.
    """

    call: dict[str, Any]
    recording: bytes
    streamed: list[StreamedEvent]
    replayed: list[StreamedEvent]
    replayed_after: int
    said: bytes
    heard: bytes


def problems(evidence: Evidence, turns: list[ExpectedTurn]) -> list[str]:
    """Everything that is not as it should be, one sentence each; empty when all is well."""
    return [
        *_record_problems(evidence.call),
        *_transcript_problems(evidence.call, turns),
        *_recording_problems(evidence, turns),
        *_stream_problems(evidence),
    ]


def _record_problems(call: dict[str, Any]) -> Iterator[str]:
    expected = {"status": "completed", "disposition": "agent_hangup", "direction": "inbound"}
    for name, value in expected.items():
        if call.get(name) != value:
            yield f"call record: {name} is {call.get(name)!r}, not {value!r}"
    if not call.get("ended_at") or not call.get("duration_ms"):
        yield "call record: it has no end or no duration"


def _transcript_problems(call: dict[str, Any], turns: list[ExpectedTurn]) -> Iterator[str]:
    lines = call.get("transcript") or []
    read = [(line["party"], line["text"]) for line in lines]
    wanted = [(turn.party, turn.text) for turn in turns]
    if read != wanted:
        yield f"transcript: reads {read}, not {wanted}"
        return
    for line, turn in zip(lines, turns, strict=True):
        if line["interrupted"] != turn.interrupted:
            yield f"transcript: {turn.text!r} should{'' if turn.interrupted else ' not'} be interrupted"
        if turn.party == "agent" and not _heard_as_told(line["heard_ms"], turn):
            yield f"transcript: {turn.text!r} was heard for {line['heard_ms']} of {turn.clip.duration_ms} ms"


def _heard_as_told(heard_ms: int | None, turn: ExpectedTurn) -> bool:
    if heard_ms is None:
        return False
    if turn.interrupted:
        return 0 < heard_ms < turn.clip.duration_ms
    return turn.clip.duration_ms <= heard_ms <= turn.clip.duration_ms + 20


def _recording_problems(evidence: Evidence, turns: list[ExpectedTurn]) -> Iterator[str]:
    try:
        sound = read_wav(io.BytesIO(evidence.recording))
        lanes = {"caller": sound.channel_pcm16(0), "agent": sound.channel_pcm16(1)}
    except (MediaError, IndexError, ValueError) as error:
        yield f"recording: not a stereo WAV file ({error})"
        return
    truth = {"caller": decode(evidence.said), "agent": decode(evidence.heard)}
    for line, turn in zip(evidence.call.get("transcript") or [], turns, strict=False):
        clip = turn.clip.sound
        if turn.interrupted:
            heard_ms = line["heard_ms"] or 0
            clip = clip[: max(0, heard_ms - CUT_MARGIN_MS) * BYTES_PER_MS]
            unheard = turn.clip.sound[(heard_ms + CUT_MARGIN_MS) * BYTES_PER_MS :]
            if _similarity(unheard, lanes["agent"]) > DIFFERENT:
                yield f"recording: it holds the part of {turn.text!r} that was never heard"
        yield from _clip_problems(turn, clip, lanes[turn.party], truth[turn.party])


def _clip_problems(turn: ExpectedTurn, clip: bytes, lane: bytes, truth: bytes) -> Iterator[str]:
    where = "left" if turn.party == "caller" else "right"
    if not clip or len(decode(clip)) > min(len(lane), len(truth)):
        yield f"recording: the {where} channel is too short for {turn.text!r}"
        return
    recorded, real = find(decode(clip), lane), find(decode(clip), truth)
    if recorded.similarity < SIMILAR:
        yield f"recording: {turn.text!r} is not in the {where} channel (similarity {recorded.similarity:.2f})"
    elif abs(recorded.offset_samples - real.offset_samples) > 10 * FRAME_SAMPLES:
        shift_ms = (recorded.offset_samples - real.offset_samples) / BYTES_PER_MS
        yield f"recording: {turn.text!r} stands {shift_ms:.0f} ms from where it was on the line"


def _similarity(clip: bytes, lane: bytes) -> float:
    return find(decode(clip), lane).similarity if clip and 2 * len(clip) <= len(lane) else 0.0


def _stream_problems(evidence: Evidence) -> Iterator[str]:
    streamed, replayed = evidence.streamed, evidence.replayed
    ids = [event.id for event in streamed if event.id is not None]
    if not streamed or streamed[0].name != "hello":
        yield "event stream: it does not begin with hello"
    if not streamed or streamed[-1].name != "end":
        yield "event stream: it does not finish with end"
    if ids != list(range(1, evidence.call.get("events", 0) + 1)):
        yield f"event stream: ids {ids} are not 1 to {evidence.call.get('events')}"
    rest = [event for event in streamed if event.id is not None and event.id > evidence.replayed_after]
    if [event for event in replayed if event.id is not None] != rest:
        yield f"event stream: resumed after {evidence.replayed_after} it does not give the rest"
