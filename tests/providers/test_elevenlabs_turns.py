"""Where answers and caller turns begin and end, as our codec tells it from ElevenLabs' messages."""

import base64
import json

import pytest

from providers import session as p
from tests.providers.elevenlabs_wire import (
    FRAME,
    audio,
    complete,
    interruption,
    opened,
    read,
    score,
    sound,
    transcript,
    words,
)

# ---- answers


def test_audio_after_an_interruption() -> None:
    for late_id, kept in ((4, False), (5, False), (6, True)):
        codec = opened()
        read(codec, words(5, "One."), audio(5), interruption(5))
        assert bool(codec.decode(audio(late_id))) is kept


def test_an_interruption_with_the_id_of_the_answer_to_come() -> None:
    codec = opened()
    read(codec, words(5, "One."), audio(5))
    codec.encode(p.Respond("Say two."))
    cut = codec.decode(interruption(7))
    assert cut[0] == p.AnswerInterrupted()
    assert not [event for event in cut if isinstance(event, p.CallerSpeechStarted)]
    assert read(codec, audio(5)) == []
    events = read(codec, words(7, "Two."), audio(7), complete(7))
    assert sound(events, "e1.a2") == base64.b64decode(FRAME)


def test_new_words_with_the_id_of_the_answer_that_was_dropped() -> None:
    codec = opened()
    read(codec, words(5, "One."), audio(5), interruption(5))
    assert read(codec, words(5, "One."), audio(5)) == []
    assert sound(read(codec, words(5, "Two."), audio(5)), "e1.a2") == base64.b64decode(FRAME)


def test_a_message_of_ours_does_not_cut_what_the_caller_still_hears() -> None:
    codec = opened()
    read(codec, words(1, "One."), audio(1), complete(1))
    codec.encode(p.Respond())
    assert codec.decode(interruption(1)) == ()
    assert p.AnswerInterrupted() in codec.decode(interruption(2))


def test_the_caller_may_cut_an_answer_that_is_complete_here() -> None:
    codec = opened()
    read(codec, words(1, "One."), audio(1), complete(1))
    assert codec.decode(interruption(1)) == (p.CallerSpeechStarted("e1.c1", 0), p.AnswerInterrupted())


def test_audio_with_a_new_id_is_a_new_answer_where_ids_name_answers() -> None:
    events = read(opened(), audio(1), audio(1), audio(4), audio(4))
    assert {e.item_id for e in events if isinstance(e, p.AgentAudio)} == {"e1.a1", "e1.a2"}
    events = read(opened(), audio(1), audio(2), audio(3), words(4, "Words."), audio(4))
    assert {e.item_id for e in events if isinstance(e, p.AgentAudio)} == {"e1.a1", "e1.a2"}


def test_words_that_grow_are_one_answer() -> None:
    events = read(opened(), words(1, "One."), words(1, "One. Two."), audio(1), words(1, "One."), complete(1))
    assert [e.text for e in events if isinstance(e, p.AgentText)] == ["One. Two."]


def test_a_correction_names_the_answer_of_its_id() -> None:
    codec = opened()
    read(codec, words(5, "One."), audio(5), interruption(5), words(7, "Two."), audio(7))

    def corrected(event_id: int) -> str:
        event = {"original_agent_response": "x", "corrected_agent_response": "On...", "event_id": event_id}
        return json.dumps({"type": "agent_response_correction", "agent_response_correction_event": event})

    assert codec.decode(corrected(5)) == (p.AgentTextCorrected("e1.a1", "On..."),)
    assert codec.decode(corrected(9)) == (p.AgentTextCorrected("e1.a2", "On..."),)
    assert opened().decode(corrected(1)) == ()


def test_a_late_complete_does_not_end_the_next_answer() -> None:
    codec = opened()
    events = read(codec, words(1, "One."), audio(1), words(4, "Two."), audio(4), complete(1))
    assert [e.response_id for e in events if isinstance(e, p.ResponseEnded)] == ["e1.r1"]


# ---- the caller


def test_a_turn_without_a_word_is_given_up() -> None:
    codec = opened()
    assert read(codec, score(0.9), score(0.9)) == [p.CallerSpeechStarted("e1.c1", 0)]
    ended = []
    for _ in range(160):
        codec.encode_audio(FRAME)
        ended += codec.decode(score(0.1))
    assert ended == [p.CallerSpeechStopped("e1.c1", 0), p.CallerText("e1.c1", None)]


def test_a_turn_with_words_waits_for_its_transcript() -> None:
    codec = opened()
    read(codec, score(0.9), score(0.9), transcript("My number is", tentative=True))
    for _ in range(600):
        codec.encode_audio(FRAME)
        assert codec.decode(score(0.1)) == ()
    assert codec.decode(transcript("My number is 5.")) == (
        p.CallerSpeechStopped("e1.c1", 0),
        p.CallerText("e1.c1", "My number is 5."),
    )


@pytest.mark.parametrize("nothing", ["", " ", "..."])
def test_a_transcript_of_silence(nothing: str) -> None:
    codec = opened()
    assert codec.decode(transcript(nothing)) == ()
    read(codec, score(0.9), score(0.9))
    assert codec.decode(transcript(nothing))[-1] == p.CallerText("e1.c1", None)


def test_our_own_message_told_back_is_no_turn() -> None:
    codec = opened()
    codec.encode(p.Respond("Say goodbye."))
    assert codec.decode(transcript("(Say goodbye.)")) == ()
    assert codec.decode(transcript("(Say goodbye.)"))[-1] == p.CallerText("e1.c1", "(Say goodbye.)")
