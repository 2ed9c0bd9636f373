"""The energy gate: when speech begins and ends, and what is neither."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.energy import FLOOR_DBFS, EnergyGate, SpeechBegan, SpeechCeased, SpeechEdge, level_dbfs
from media.errors import MediaError
from media.mulaw import SILENCE
from tests.media.signals import mulaw_tone

LOUD = mulaw_tone(20)
QUIET = mulaw_tone(20, amplitude=40)
SILENT = bytes([SILENCE]) * 160


def run(gate: EnergyGate, pattern: str, at_ms: int = 0) -> list[SpeechEdge]:
    """Feed frames: `#` loud, `.` quiet, space lost."""
    edges: list[SpeechEdge] = []
    for sign in pattern:
        if sign != " ":
            edges += gate.feed(LOUD if sign == "#" else QUIET, at_ms)
        at_ms += 20
    return edges


def test_levels() -> None:
    assert level_dbfs(SILENT) == FLOOR_DBFS
    assert level_dbfs(b"") == FLOOR_DBFS
    assert level_dbfs(mulaw_tone(1000, amplitude=32767)) == pytest.approx(
        20 * math.log10(math.sqrt(0.5)), abs=0.2
    )
    assert level_dbfs(mulaw_tone(1000, amplitude=3276.7)) == pytest.approx(-23, abs=0.2)
    assert level_dbfs(b"\x00\x80" * 400) == pytest.approx(20 * math.log10(32124 / 32768), abs=0.01)


def test_speech_is_dated_back_to_its_first_and_last_loud_frame() -> None:
    gate = EnergyGate(min_speech_ms=60, hangover_ms=100)
    assert run(gate, "..##") == []
    assert not gate.speaking
    assert run(gate, "#", 80) == [SpeechBegan(40)]
    assert gate.speaking
    assert run(gate, "###....", 100) == []  # ends at 160, quiet for 80
    assert run(gate, ".", 240) == [SpeechCeased(160)]
    assert not gate.speaking


def test_a_click_is_no_speech() -> None:
    assert run(EnergyGate(min_speech_ms=60, hangover_ms=100), "#.##.#..##." * 10) == []


def test_a_pause_for_breath_is_no_end() -> None:
    edges = run(EnergyGate(min_speech_ms=60, hangover_ms=100), "####....####....####......")
    assert edges == [SpeechBegan(0), SpeechCeased(400)]


def test_lost_frames_count_as_quiet() -> None:
    gate = EnergyGate(min_speech_ms=60, hangover_ms=100)
    assert run(gate, "## ##") == []  # the gap breaks the run
    assert run(gate, "#", 100) == [SpeechBegan(60)]
    assert run(gate, "     #", 120) == [
        SpeechCeased(120)
    ]  # 100 ms without a frame: over before the next began
    assert run(gate, "##", 240) == [SpeechBegan(220)]


def test_time_passes_without_audio() -> None:
    gate = EnergyGate(min_speech_ms=20, hangover_ms=400)
    assert run(gate, "#") == [SpeechBegan(0)]
    assert gate.advance(419) == ()
    assert gate.advance(420) == (SpeechCeased(20),)
    assert gate.advance(10_000) == ()


def test_zero_minimum_and_zero_hangover() -> None:
    gate = EnergyGate(min_speech_ms=0, hangover_ms=0)
    assert run(gate, "#.#") == [SpeechBegan(0), SpeechCeased(20), SpeechBegan(40)]


def test_threshold_is_where_it_says() -> None:
    for amplitude, speaks in ((1100, True), (900, False)):  # -32.5 and -34.2 dBFS
        gate = EnergyGate(threshold_dbfs=-33.4, min_speech_ms=20)
        gate.feed(mulaw_tone(200, amplitude), 0)
        assert gate.speaking is speaks


@given(st.text(alphabet="#. ", max_size=120), st.integers(0, 10), st.integers(0, 10))
def test_edges_alternate_and_never_lie_ahead(pattern: str, minimum: int, hangover: int) -> None:
    edges = run(EnergyGate(min_speech_ms=20 * minimum, hangover_ms=20 * hangover), pattern, at_ms=1000)
    assert [type(edge) for edge in edges] == ([SpeechBegan, SpeechCeased] * len(edges))[: len(edges)]
    times = [edge.at_ms for edge in edges]
    assert times == sorted(times)
    assert all(1000 <= at <= 1000 + 20 * len(pattern) for at in times)
    for edge in edges:
        index = (edge.at_ms - 1000) // 20
        assert pattern[index if isinstance(edge, SpeechBegan) else index - 1] == "#"


@given(st.text(alphabet="#.", min_size=1, max_size=60))
def test_one_long_chunk_is_like_its_frames(pattern: str) -> None:
    frames, whole = EnergyGate(), EnergyGate()
    audio = b"".join(LOUD if sign == "#" else QUIET for sign in pattern)
    assert run(frames, pattern) == list(whole.feed(audio, 0))


@pytest.mark.parametrize(
    "bad", [{"threshold_dbfs": 1}, {"threshold_dbfs": -97}, {"min_speech_ms": -1}, {"hangover_ms": -1}]
)
def test_settings_out_of_range(bad: dict[str, float]) -> None:
    with pytest.raises(MediaError):
        EnergyGate(**bad)


def test_a_dip_before_speech_has_lasted_long_enough_is_no_new_start() -> None:
    def began(gap_ms: int) -> list[int]:
        gate = EnergyGate(-38, 40, gap_ms=gap_ms)
        edges = []
        for at_ms, level in ((0, 5000), (10, 5000), (20, 0), (30, 5000), (40, 5000), (50, 5000)):
            edges += [edge.at_ms for edge in gate.feed_rms(level, at_ms, at_ms + 10)]
        return edges

    assert began(10) == [0]
    assert began(0) == []
