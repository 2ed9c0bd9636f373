"""Stamped frames: told apart as they are, and after our converters have changed their rate."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load.frames import FRAME_BYTES, SpeechFrames
from bench.load.shaped_frames import FRAME_BITS, LANE_BITS, ShapedFrames
from media.energy import level_dbfs
from providers.transcode import ToMulaw, ToPcm
from tests.bench.sounds import clip

SOUND = clip(430, 7).sound
SPEECH, SHAPED = SpeechFrames(SOUND), ShapedFrames(SOUND)
LANES = st.integers(0, (1 << LANE_BITS) - 1)
FRAMES = st.integers(0, (1 << FRAME_BITS) - 1)
STAMPS = st.lists(st.tuples(LANES, FRAMES), min_size=1, max_size=8)


@given(STAMPS)
def test_stamps_are_read_where_sound_passes_unchanged(stamps: list[tuple[int, int]]) -> None:
    payloads = [SPEECH.payload(*stamp) for stamp in stamps]
    together = base64.b64encode(b"".join(map(base64.b64decode, payloads))).decode()
    assert {len(base64.b64decode(payload)) for payload in payloads} == {FRAME_BYTES}
    assert SPEECH.read(together) == stamps
    assert [SPEECH.read_one("xyz" + payload, 3) for payload in payloads] == stamps


@given(STAMPS)
def test_shaped_stamps_pass_from_the_caller_to_the_provider(stamps: list[tuple[int, int]]) -> None:
    to_pcm = ToPcm(16_000)
    assert [SHAPED.read_pcm16k(to_pcm.convert(SHAPED.payload(*stamp))) for stamp in stamps] == [
        [stamp] for stamp in stamps
    ]


@given(STAMPS)
def test_shaped_stamps_pass_from_the_provider_to_the_caller(stamps: list[tuple[int, int]]) -> None:
    to_mulaw = ToMulaw(24_000)
    converted = [to_mulaw.convert(SHAPED.payload_pcm24k(*stamp)) for stamp in stamps]
    together = base64.b64encode(b"".join(map(base64.b64decode, converted))).decode()
    assert [SHAPED.read(payload) for payload in converted] == [[stamp] for stamp in stamps]
    assert SHAPED.read(together) == stamps


def test_sound_that_is_shifted_or_silent_has_no_stamp() -> None:
    to_mulaw = ToMulaw(24_000)
    sound = b"".join(
        base64.b64decode(to_mulaw.convert(SHAPED.payload_pcm24k(3, frame))) for frame in range(40)
    )
    for cut in (4, 40, 80):
        with pytest.raises(ValueError, match="no stamp"):
            SHAPED.read(base64.b64encode(sound[cut : cut + 30 * FRAME_BYTES]).decode())
    with pytest.raises(ValueError, match="no stamp"):
        SHAPED.read_pcm16k(base64.b64encode(bytes(4 * FRAME_BYTES)).decode())


def test_shaped_frames_are_not_loud_enough_to_interrupt_a_flow_that_demands_the_most() -> None:
    for frame in range(len(SOUND) // FRAME_BYTES):
        assert level_dbfs(base64.b64decode(SHAPED.payload(2047, frame))) < -10
