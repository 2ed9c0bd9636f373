"""Our own ear: when the caller is loud, how long, and what is kept of what they said."""

from gateway.call.caller_ear import LEAD_IN_FRAMES, MEMORY_FRAMES, CallerEar
from gateway.call.inputs import CallerAudio
from media.energy import SpeechBegan, SpeechCeased, SpeechEdge
from tests.gateway.call_driver import LOUD, QUIET, speech

SOFT = 0x5A
"""A level of mu-law under the threshold, and audible."""


def hear(ear: CallerEar, frames: int, level: int, from_ms: int = 0) -> list[SpeechEdge]:
    edges: list[SpeechEdge] = []
    for frame in range(frames):
        edges += ear.hear(CallerAudio(speech(20, level), from_ms + frame * 20))
    return edges


def test_speech_begins_after_the_minimum_and_ceases_after_the_hangover() -> None:
    ear = CallerEar(-38, 40)
    assert hear(ear, 1, LOUD) == []
    assert hear(ear, 1, LOUD, 20) == [SpeechBegan(0)]
    assert ear.speaking
    assert hear(ear, 30, QUIET, 40) == [SpeechCeased(40)]


def test_only_sound_counts_as_loud_not_the_quiet_that_ends_it() -> None:
    ear = CallerEar(-38, 40)
    ear.begin_speech()
    hear(ear, 10, LOUD)
    hear(ear, 30, QUIET, 200)
    assert ear.loud_ms == 180, "from the frame on with which speech began"


def test_of_silence_the_lead_in_is_kept_and_of_sound_everything_from_there_on() -> None:
    ear = CallerEar(-38, 40)
    hear(ear, 100, QUIET)
    assert len(ear.unanswered()) == LEAD_IN_FRAMES
    hear(ear, 5, SOFT, 2_000)
    hear(ear, 100, QUIET, 2_100)
    assert len(ear.unanswered()) == LEAD_IN_FRAMES + 105, "soft speech is speech"
    ear.answered()
    assert len(ear.unanswered()) == LEAD_IN_FRAMES
    hear(ear, 10, QUIET, 4_100)
    assert len(ear.unanswered()) == LEAD_IN_FRAMES


def test_what_is_kept_is_bounded_and_the_oldest_goes() -> None:
    ear = CallerEar(-38, 40)
    hear(ear, MEMORY_FRAMES + 10, LOUD)
    kept = ear.unanswered()
    assert (len(kept), kept[0].timestamp_ms) == (MEMORY_FRAMES, 200)


def test_a_payload_that_is_no_base64_is_silence_and_passed_on() -> None:
    ear = CallerEar(-38, 40)
    assert ear.hear(CallerAudio("A", 0)) == ()
    assert ear.hear(CallerAudio("", 20)) == ()
    assert [audio.payload for audio in ear.unanswered()] == ["A", ""]
