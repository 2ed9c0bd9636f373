"""What our Gemini Live codec makes of turns and answers the provider tells of in passing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import session as p
from tests.providers.gemini_wire import DONE, FRAME, START, STOP, activity, content, kinds, opened, sound

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
    wordless: set[str] = set()
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
            case p.CallerText(item_id=item, text=str()) if item in wordless:
                wordless.remove(item)  # late, once
            case p.CallerSpeechStopped(item_id=item) | p.CallerText(item_id=item):
                if isinstance(event, p.CallerText) and event.text is None:
                    wordless.add(item)
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


def test_words_that_come_after_their_turn_was_given_up_are_told_late() -> None:
    codec = opened()
    codec.decode(START)
    codec.decode(STOP)
    assert p.CallerText("g1.c1", None) in codec.decode(sound(generationComplete=True, turnComplete=True))
    assert not codec.decode(content(inputTranscription={"text": "Are you "}))
    last = codec.decode(content(inputTranscription={"text": "open?", "finished": True}))
    assert list(last) == [p.CallerText("g1.c1", "Are you open?")]
    assert not codec.decode(content(inputTranscription={"text": "again", "finished": True}))


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


def test_words_behind_the_end_of_their_answer_are_not_the_next_ones() -> None:
    codec = opened()
    for text in (
        sound(),
        content(generationComplete=True),
        content(outputTranscription={"text": "late"}),
        DONE,
    ):
        codec.decode(text)
    assert "AgentTextDelta" not in kinds(codec.decode(sound()))


def test_words_marked_as_the_last_are_not_when_others_follow_before_the_turn_is_over() -> None:
    codec = opened()
    last = content(inputTranscription={"text": "One.", "finished": True})
    for text in (START, last, content(inputTranscription={"text": " Two"})):
        assert "CallerText" not in kinds(codec.decode(text))
    assert kinds(codec.decode(STOP)) == ["CallerSpeechStopped"]
    assert codec.decode(content(inputTranscription={"finished": True}))[-1] == p.CallerText(
        "g1.c1", "One. Two"
    )


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
