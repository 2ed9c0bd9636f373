"""The agent's voice: whole frames, marks often enough, bounded before the call, silent after a cut."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call.actions import Action, Clear, SendAudio, SendMark
from gateway.call.agent_voice import BUFFER_LIMIT_BYTES, MARK_EVERY_BYTES, AgentVoice
from media.errors import MediaError
from media.mulaw import FRAME_BYTES, SILENCE
from media.playback import CutItem


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def speech(ms: int, level: int = 0x2A) -> str:
    return b64(bytes([level]) * (ms * 8))


def audio_of(actions: list[Action]) -> bytes:
    return b"".join(base64.b64decode(x.payload) for x in actions if isinstance(x, SendAudio))


def marks_of(actions: list[Action]) -> list[str]:
    return [x.name for x in actions if isinstance(x, SendMark)]


def started() -> AgentVoice:
    voice = AgentVoice()
    assert list(voice.start(0)) == []
    return voice


def spoken(voice: AgentVoice, item: str, ms: int, now_ms: float = 0) -> list[Action]:
    """One item, written at once and to its end."""
    return [*voice.audio(item, speech(ms), now_ms), *voice.audio_done(item, now_ms)]


def echo_all(voice: AgentVoice, actions: list[Action], now_ms: float) -> None:
    for name in marks_of(actions):
        assert voice.echoed(name, now_ms)


# ---- marks

deltas = st.lists(
    st.tuples(st.integers(0, 1200), st.integers(0, 150), st.booleans()), min_size=1, max_size=25
)


@given(deltas)
def test_all_of_it_leaves_in_frames_with_a_mark_every_100_ms_and_one_at_the_end_of_each_item(
    parts: list[tuple[int, int, bool]],
) -> None:
    voice, now_ms, item = started(), 0, 0
    actions: list[Action] = []
    wanted = b""
    for size_bytes, later_ms, ends in parts:
        now_ms += later_ms
        data = bytes((len(wanted) + n) % 251 for n in range(size_bytes))
        actions += voice.audio(f"item_{item}", b64(data), now_ms)
        wanted += data
        if ends:
            actions += voice.audio_done(f"item_{item}", now_ms)
            wanted += bytes([SILENCE]) * (-len(wanted) % FRAME_BYTES)
            assert audio_of(actions) == wanted
            assert not actions or isinstance(actions[-1], SendMark)
            item += 1
    actions += voice.answer_done(now_ms)
    wanted += bytes([SILENCE]) * (-len(wanted) % FRAME_BYTES)
    assert audio_of(actions) == wanted
    assert voice.sent_bytes == len(wanted)
    unmarked = 0
    for action in actions:
        match action:
            case SendAudio(payload=payload):
                size_bytes = len(base64.b64decode(payload))
                assert size_bytes % FRAME_BYTES == 0
                assert unmarked < MARK_EVERY_BYTES, "a mark is due before more audio"
                unmarked += size_bytes
            case SendMark():
                assert unmarked, "a mark that marks nothing"
                unmarked = 0
    assert unmarked == 0
    assert voice.drained() == (not wanted)
    echo_all(voice, actions, now_ms)
    assert voice.drained()


def test_speech_the_caller_waits_for_leaves_at_once_and_later_speech_in_larger_pieces() -> None:
    voice = started()
    first = list(voice.audio("a", speech(20), 0))
    assert audio_of(first) == b"\x2a" * 160
    assert len(audio_of(list(voice.audio("a", speech(400), 1)))) == 400 * 8, "hardly anything is queued"
    assert list(voice.audio("a", speech(60), 2)) == [], "400 ms are: this waits for company"
    later = list(voice.audio("a", speech(180), 3))
    assert [len(base64.b64decode(x.payload)) for x in later if isinstance(x, SendAudio)] == [960, 960]


def test_pieces_are_timed_one_behind_the_other() -> None:
    voice = started()
    actions = spoken(voice, "a", 360, 1000)
    times = [
        (x.play_at_ms, len(base64.b64decode(x.payload)) / 8) for x in actions if isinstance(x, SendAudio)
    ]
    at_ms = 1000.0
    for play_at_ms, length_ms in times:
        assert play_at_ms == at_ms
        at_ms += length_ms
    assert at_ms == 1360


def test_an_item_that_begins_before_the_last_said_it_was_done_ends_the_last() -> None:
    voice = started()
    list(voice.audio("a", speech(15), 0))
    actions = list(voice.audio("b", speech(20, 0x33), 1))
    assert audio_of(actions) == b"\x2a" * 120 + bytes([SILENCE]) * 40 + b"\x33" * 160
    assert len(marks_of(actions)) == 1
    assert list(voice.audio_done("a", 2)) == [], "an item that is over already"
    assert len(marks_of(list(voice.audio_done("b", 2)))) == 1


def test_rubbish_is_refused() -> None:
    voice = started()
    with pytest.raises(MediaError):
        list(voice.audio("a", "AAA*", 0))


# ---- before the caller is there


def test_what_is_said_while_it_rings_is_heard_from_the_first_sample() -> None:
    voice = AgentVoice()
    assert spoken(voice, "a", 250) + spoken(voice, "b", 90) == []
    assert not voice.drained()
    actions = list(voice.start(0))
    assert audio_of(actions) == b"\x2a" * 2000 + bytes([SILENCE]) * 80 + b"\x2a" * 720 + bytes([SILENCE]) * 80
    assert not voice.drained()
    echo_all(voice, actions, 360)
    assert voice.drained()
    assert voice.heard_ms("a", 360) == 250


def test_an_answer_over_before_the_call_is_marked_to_its_end_though_no_item_said_so() -> None:
    voice = AgentVoice()
    list(voice.audio("a", speech(1005), 0))
    assert list(voice.answer_done(0)) == []
    assert list(voice.answer_done(0)) == []
    actions = list(voice.start(0))
    assert audio_of(actions).startswith(b"\x2a" * 1005 * 8)
    echo_all(voice, actions, 2000)
    assert voice.drained()


def test_two_minutes_are_kept_and_no_more() -> None:
    voice = AgentVoice()
    for second in range(150):
        assert list(voice.audio("a", speech(1000, second % 100), 0)) == []
    list(voice.audio("a", speech(20, 0x7B), 0))
    list(voice.audio_done("a", 0))
    sound = audio_of(list(voice.start(0)))
    assert len(sound) == BUFFER_LIMIT_BYTES
    assert sound == b"".join(bytes([second % 100]) * 8000 for second in range(120)), "the beginning, unbroken"


def test_items_that_say_nothing_are_not_kept() -> None:
    voice = AgentVoice()
    for number in range(100):
        list(voice.audio_done(f"item_{number}", 0))
        list(voice.audio(f"item_{number}", "", 0))
    assert voice.drained()
    assert list(voice.start(0)) == []


def test_a_cut_before_the_call_leaves_nothing_to_play() -> None:
    voice = AgentVoice()
    spoken(voice, "a", 500)
    assert voice.cut(0) == ([], ())
    assert spoken(voice, "a", 500) == []
    assert voice.drained()
    assert list(voice.start(0)) == []


# ---- falling silent


def test_after_a_cut_nothing_is_said_until_the_next_answer() -> None:
    voice = started()
    actions = list(voice.audio("a", speech(1010), 0))
    old_marks = marks_of(actions)
    assert voice.echoed(old_marks[0], 110)
    cut_actions, items = voice.cut(400)
    assert cut_actions == [Clear(400)]
    ((item_id, heard_ms, sent_ms),) = [(x.item_id, x.heard_ms, x.sent_ms) for x in items]
    assert (item_id, sent_ms) == ("a", len(audio_of(actions)) // 8)
    assert 100 <= heard_ms <= 400
    assert voice.drained()
    assert not any(voice.echoed(name, 420) for name in old_marks)

    assert spoken(voice, "a", 300, 450) == []
    assert list(voice.answer_done(460)) == []
    assert spoken(voice, "b", 300, 470) == [], "a second item of the same answer"
    voice.unmute()
    again = spoken(voice, "c", 30, 800)
    assert audio_of(again) == b"\x2a" * 240 + bytes([SILENCE]) * 80, "nothing of the old answer"
    assert [x.play_at_ms for x in again if isinstance(x, SendAudio)] == [800, 820]
    assert not set(marks_of(again)) & set(old_marks)


def test_the_same_item_may_go_on_after_a_cut_when_the_next_answer_says_so() -> None:
    voice = started()
    list(voice.audio("a", speech(500), 0))
    voice.cut(100)
    voice.unmute()
    actions = spoken(voice, "a", 100, 200)
    assert len(audio_of(actions)) == 800
    assert len(marks_of(actions)) == 1


def test_a_cut_when_all_was_heard_clears_nothing_but_mutes_what_is_still_to_come() -> None:
    voice = started()
    actions = spoken(voice, "a", 200)
    echo_all(voice, actions, 210)
    assert voice.cut(300) == ([], ())
    assert spoken(voice, "a", 200, 310) == []


def test_a_cut_names_each_item_not_heard_to_its_end() -> None:
    voice = started()
    actions = [x for item in ("a", "b", "c") for x in spoken(voice, item, 200)]
    for name in marks_of(actions)[:2]:
        voice.echoed(name, 200)
    _, items = voice.cut(260)
    assert items == (CutItem("b", 60, 200), CutItem("c", 0, 200))
    assert voice.cut(270) == ([], ())
