"""What a call's detail makes of its log."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from control_api.call_models import TranscriptLine, transcript_of
from store import call_events as ce
from store.event_log import LoggedEvent
from tests.control_api.harness import Api

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def said(turn_id: str, text: str, **changes: object) -> ce.TranscriptFinal:
    fields = {"party": "caller", "started_ms": 0, "ended_ms": 1000} | changes
    return ce.TranscriptFinal(turn_id=turn_id, text=text, **fields)  # type: ignore[arg-type]


def lines(*events: ce.CallEvent) -> list[TranscriptLine]:
    logged = [
        LoggedEvent(call_id="call_1", seq=seq, at=AT, type=event.type_name(), event=event)
        for seq, event in enumerate(events, start=1)
    ]
    return transcript_of(logged)


async def test_a_turn_told_again_keeps_its_place_and_reads_as_told_last(api: Api):
    await api.append(
        api.ours.call_id,
        said("turn_1", "", missing=True),
        said("turn_2", "Sure.", party="agent", heard_ms=300),
        said("turn_1", "I want to book", ended_ms=1500),
        said("turn_3", "For Tuesday"),
    )
    shown = (await api.json("GET", f"/api/calls/{api.ours.call_id}"))["transcript"]
    assert [(line["turn_id"], line["text"], line["missing"]) for line in shown] == [
        ("turn_1", "I want to book", False),
        ("turn_2", "Sure.", False),
        ("turn_3", "For Tuesday", False),
    ]
    assert (shown[0]["seq"], shown[0]["ended_ms"]) == (3, 1500)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.text(max_size=3)), max_size=20))
def test_there_is_one_line_for_each_turn_in_the_order_first_told(told: list[tuple[int, str]]):
    found = lines(*[said(f"turn_{turn}", text) for turn, text in told])
    order = list(dict.fromkeys(f"turn_{turn}" for turn, _ in told))
    last = {f"turn_{turn}": text for turn, text in told}
    assert [(line.turn_id, line.text) for line in found] == [(turn, last[turn]) for turn in order]
