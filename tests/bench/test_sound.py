"""Mu-law, WAV files, the time line and the playback buffer, as properties where there are any."""

import io
import struct
import warnings
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bench.simulators.twilio.playback import MAX_BUFFERED_SAMPLES, Playback
from bench.sound import mulaw
from bench.sound.errors import AudioFileError
from bench.sound.timeline import Timeline
from bench.sound.wav import mulaw_file, pcm_file, read_bytes, read_file
from tests.bench.sounds import noise, tone

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # part of the standard library until 3.12
    import audioop

EVERY_BYTE = bytes(range(256))
EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)


def test_decoding_is_g711() -> None:
    assert mulaw.decode(EVERY_BYTE).astype("<i2").tobytes() == audioop.ulaw2lin(EVERY_BYTE, 2)


def test_encoding_is_the_nearest_code_and_comes_back() -> None:
    encoded = mulaw.encode(EVERY_SAMPLE)
    decoded = mulaw.decode(encoded).astype(int)
    step = np.maximum(8, np.abs(EVERY_SAMPLE.astype(int)) // 16 + 16)
    assert np.all(np.abs(np.clip(EVERY_SAMPLE.astype(int), -32124, 32124) - decoded) <= step)
    again = mulaw.encode(mulaw.decode(EVERY_BYTE))
    assert again == bytes([0xFF if byte == 0x7F else byte for byte in EVERY_BYTE])  # both are zero


def test_levels() -> None:
    assert mulaw.level(mulaw.silence(100)) == 0
    assert mulaw.level(b"") == 0
    assert mulaw.level(tone(100, amplitude=10_000)) == pytest.approx(7071, rel=0.02)
    levels = mulaw.window_levels(mulaw.silence(20) + tone(25), 160)
    assert len(levels) == 3
    assert levels[0] == 0
    assert levels[1] > 5000
    assert 0 < levels[2] < levels[1]  # the rest of the last window counts as silence


@settings(deadline=None)
@given(st.binary(max_size=600))
def test_pcm_at_24_khz_keeps_every_third_sample(sound: bytes) -> None:
    pcm = np.frombuffer(mulaw.to_pcm24k(sound), dtype="<i2")
    assert len(pcm) == 3 * len(sound)
    assert np.array_equal(pcm[::3], mulaw.decode(sound))
    assert len(mulaw.from_pcm24k(pcm.astype("<i2").tobytes())) == len(sound)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_mulaw_wav_comes_back(sound: bytes) -> None:
    assert read_bytes(mulaw_file(sound), "x") == sound


@settings(deadline=None)
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=2))
def test_pcm_wav_is_what_the_standard_library_reads(channels: list[bytes]) -> None:
    with wave.open(io.BytesIO(pcm_file(channels))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (len(channels), 8000, 2)
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, len(channels))
    for index, channel in enumerate(channels):
        assert np.array_equal(frames[: len(channel), index], mulaw.decode(channel))
        assert not frames[len(channel) :, index].any()
    if len(channels) == 1:
        encoded_again = mulaw.encode(mulaw.decode(channels[0]))
        assert read_bytes(pcm_file(channels), "x") == encoded_again


def _wav(tag: int, channels: int, rate: int, bits: int) -> bytes:
    header = struct.pack(
        "<HHIIHH", tag, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits
    )
    body = b"WAVE" + b"fmt " + struct.pack("<I", 16) + header + b"data" + struct.pack("<I", 4) + b"\0" * 4
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not a WAV"),
        (b"ID3\x04 not at all", "not a WAV"),
        (b"RIFF\x04\0\0\0WAVE", "without a format"),
        (_wav(1, 2, 8000, 16), "2 channel"),
        (_wav(1, 1, 44100, 16), "44100 Hz"),
        (_wav(1, 1, 8000, 8), "8 bits"),
        (_wav(6, 1, 8000, 8), "format 6"),
        (_wav(7, 1, 8000, 8)[:-9], "without data|without a format"),
    ],
)
def test_files_that_cannot_be_used_say_why(data: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "voice.wav"
    path.write_bytes(data)
    with pytest.raises(AudioFileError, match=rf"voice\.wav: .*{complaint}|{complaint}"):
        read_file(path)
    with pytest.raises(AudioFileError, match="gone"):
        read_file(tmp_path / "gone.wav")


# ---- the time line

PIECES = st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=300)), max_size=12)


@settings(deadline=None)
@given(PIECES, st.integers(0, 4000), st.integers(0, 1500), st.integers(0, 1500))
def test_a_time_line_is_what_was_placed(
    pieces: list[tuple[int, bytes]], cut: int, start: int, length: int
) -> None:
    line = Timeline()
    model = bytearray()
    for at, sound in pieces:
        begin = line.place(at, sound)
        assert begin == max(at, len(model))
        if sound:
            model += bytes([0xFF]) * (begin - len(model)) + sound
    assert line.end == len(model)
    removed = line.cut(cut)
    assert removed == max(0, len(model) - cut)
    if removed:
        del model[cut:]
    padded = bytes(model) + bytes([0xFF]) * 8000
    assert line.render(start, start + length) == padded[start : start + length]


def test_what_can_be_heard() -> None:
    line = Timeline()
    line.place(0, mulaw.silence(100) + noise(200) + mulaw.silence(100))
    line.place(8000, noise(100))
    assert line.audible_end(10_000) == 8800
    assert line.audible_end(7_000) == 2400
    assert line.audible_end(800) is None
    assert line.audible_in(0, 10_000) == 2400
    assert line.audible_in(1000, 1400) == 400
    assert line.when_audible_for(0, 1600) == 2400
    assert line.when_audible_for(0, 2000) == 8400
    assert line.when_audible_for(0, 2401) is None
    line.cut(8200)
    assert line.audible_in(0, 10_000) == 1800
    assert line.reserve(0, 800) == 8200
    assert line.audible_end(10_000) == 9000
    assert set(line.render(8200, 9000)) == {mulaw.SILENCE_BYTE}


# ---- the playback buffer


class PlaybackMachine(RuleBasedStateMachine):
    """The buffer against the plainest of models: a list of sounds that is played sample by sample."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000
        self.heard = Timeline()
        self.playback = Playback(self.heard, self.now)
        self.waiting: list[bytes | str] = []
        self.played = bytearray()
        self.returned: list[str] = []
        self.expected: list[str] = []
        self.count = 0

    def _advance(self, samples: int) -> None:
        for _ in range(samples):
            self._return_marks()
            byte = mulaw.SILENCE_BYTE
            if self.waiting:
                head = self.waiting[0]
                assert isinstance(head, bytes)
                byte = head[0]
                self.waiting[:1] = [head[1:]] if len(head) > 1 else []
            self.played.append(byte)
        self._return_marks()

    def _return_marks(self) -> None:
        while self.waiting and isinstance(self.waiting[0], str):
            self.expected.append(self.waiting.pop(0))  # type: ignore[arg-type]

    @rule(sound=st.binary(min_size=1, max_size=120))
    def media(self, sound: bytes) -> None:
        assert self.playback.enqueue(self.now, sound) == 0
        self.waiting.append(sound)

    @rule()
    def mark(self) -> None:
        self.count += 1
        self.playback.mark(self.now, f"m{self.count}")
        self.waiting.append(f"m{self.count}")
        self._return_marks()

    @rule()
    def clear(self) -> None:
        # Marks that are due are returned as played before anything else happens.
        self.returned += self.playback.due_marks(self.now)
        cleared = self.playback.clear(self.now)
        assert cleared.dropped == sum(len(each) for each in self.waiting if isinstance(each, bytes))
        self.expected += [each for each in self.waiting if isinstance(each, str)]
        self.returned += cleared.marks
        self.waiting.clear()

    @rule(samples=st.integers(1, 200))
    def time_passes(self, samples: int) -> None:
        self.now += samples
        self._advance(samples)

    @invariant()
    def agrees(self) -> None:
        self.returned += self.playback.due_marks(self.now)
        assert self.returned == self.expected
        waiting = sum(len(each) for each in self.waiting if isinstance(each, bytes))
        assert self.playback.buffered(self.now) == waiting
        assert self.heard.render(1000, self.now) == bytes(self.played)


TestPlayback = PlaybackMachine.TestCase
TestPlayback.settings = settings(deadline=None, max_examples=60)


def test_overflow_keeps_the_first_ten_minutes() -> None:
    playback = Playback(Timeline(), 0)
    chunk = bytes([mulaw.SILENCE_BYTE]) * (MAX_BUFFERED_SAMPLES // 4)
    assert [playback.enqueue(0, chunk) for _ in range(5)] == [0, 0, 0, 0, len(chunk)]
    playback.mark(0, "end")
    assert playback.next_mark() == MAX_BUFFERED_SAMPLES
    assert playback.enqueue(8000, chunk) == len(chunk) - 8000
    playback.stop(16_000)
    assert playback.played(16_000) == 16_000
    assert playback.due_marks(10**9) == []
