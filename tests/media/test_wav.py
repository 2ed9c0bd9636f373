"""WAV files: whole, continued, killed in mid-write, and not ours at all."""

import io
import struct
import tracemalloc
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import mulaw
from media.errors import MediaError
from media.mulaw import SILENCE
from media.wav import HEADER_BYTES, MAX_DATA_BYTES, Sound, StereoWriter, header, read_wav, repair

CALLER = bytes(range(1, 161))
AGENT = bytes(range(255, 95, -1))


def chunks(data: bytes) -> dict[bytes, bytes]:
    """Take a RIFF file apart as the specification says, checking every size on the way."""
    assert data[:4] == b"RIFF"
    assert data[8:12] == b"WAVE"
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    found: dict[bytes, bytes] = {}
    position = 12
    while position < len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        body = data[position + 8 : position + 8 + size]
        assert len(body) == size
        found[name] = body
        position += 8 + size + size % 2
    assert position == len(data)
    return found


def recorded(frames: int = 10) -> io.BytesIO:
    """A finished recording of some frames on both sides."""
    file = io.BytesIO()
    writer = StereoWriter(file)
    for number in range(frames):
        writer.put_caller(CALLER, number * 20)
        writer.put_agent(AGENT, number * 20)
    assert writer.finish(frames * 20) == frames * 20
    return file


def test_the_file_is_as_specified() -> None:
    found = chunks(recorded(10).getvalue())
    assert list(found) == [b"fmt ", b"fact", b"data"]
    assert struct.unpack("<HHIIHHH", found[b"fmt "]) == (7, 2, 8000, 16_000, 2, 8, 0)
    assert struct.unpack("<I", found[b"fact"]) == (1600,)
    assert found[b"data"][0::2] == CALLER * 10
    assert found[b"data"][1::2] == AGENT * 10


def test_settled_audio_is_on_disk_before_the_end() -> None:
    file = io.BytesIO()
    writer = StereoWriter(file)
    writer.put_caller(CALLER * 50, 0)
    writer.settle(500)
    assert len(file.getvalue()) == HEADER_BYTES + 2 * 4000
    writer.settle(400)
    assert len(file.getvalue()) == HEADER_BYTES + 2 * 4000
    assert writer.finish(250) == 500
    chunks(file.getvalue())


def test_an_empty_call() -> None:
    file = io.BytesIO()
    assert StereoWriter(file).finish(0) == 0
    assert read_wav(io.BytesIO(file.getvalue())) == Sound(8000, 2, "mulaw", b"")


def test_drops_and_cuts_pass_through() -> None:
    file = io.BytesIO()
    writer = StereoWriter(file)
    writer.put_agent(AGENT * 10, 0)
    writer.cut_agent(20)
    writer.settle(100)
    writer.put_caller(CALLER, 0)
    assert writer.dropped_bytes == 160
    writer.finish(100)
    assert chunks(file.getvalue())[b"data"][1::2] == AGENT + bytes([SILENCE]) * 640


def test_a_resumed_call_continues_its_file() -> None:
    file = recorded(10)
    writer = StereoWriter(file, start_ms=300)
    writer.put_caller(CALLER, 310)
    assert writer.finish(340) == 340
    left = chunks(file.getvalue())[b"data"][0::2]
    assert left == CALLER * 10 + bytes([SILENCE]) * 880 + CALLER + bytes([SILENCE]) * 80


def test_a_call_resumed_late_in_its_life_without_a_file_begins_with_silence() -> None:
    file = io.BytesIO()
    writer = StereoWriter(file, start_ms=3_600_000)  # further ahead than audio may be placed
    writer.put_caller(CALLER, 3_600_000)
    assert writer.finish(3_600_020) == 3_600_020
    assert writer.dropped_bytes == 0
    assert chunks(file.getvalue())[b"data"][-320::2] == CALLER


def test_a_gap_of_hours_is_not_one_block_of_memory() -> None:
    class Sink(io.BytesIO):
        """Forgets all but its length and its header."""

        length = 0

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.length += len(data)
            return len(data)

        def seek(self, position: int, whence: int = 0) -> int:
            return self.length

    sink = Sink()
    writer = StereoWriter(sink)
    tracemalloc.start()
    writer.settle(3 * 3_600_000)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sink.length == HEADER_BYTES + 3 * 3600 * 16_000
    assert peak_bytes < 8_000_000


@given(st.integers(0, 400), st.booleans())
def test_a_killed_writer_leaves_a_file_that_can_be_repaired(killed_at: int, patched: bool) -> None:
    whole = recorded(1).getvalue() if patched else header(0) + recorded(1).getvalue()[HEADER_BYTES:]
    file = io.BytesIO(whole[:killed_at])
    duration_ms = repair(file)
    data = file.getvalue()
    pairs = max(0, min(killed_at, len(whole)) - HEADER_BYTES) // 2
    assert duration_ms == pairs // 8
    assert chunks(data)[b"data"] == whole[HEADER_BYTES : HEADER_BYTES + 2 * pairs]
    repair(file)
    assert file.getvalue() == data


def test_a_valid_file_is_not_touched() -> None:
    whole = recorded(10).getvalue()

    class ReadOnly(io.BytesIO):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            raise AssertionError("a valid file is rewritten")

    file = ReadOnly(whole)
    assert repair(file) == 200
    assert file.getvalue() == whole


def mono_wav() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes(b"\x01\x02" * 320)
    return file.getvalue()


@pytest.mark.parametrize(
    "foreign", [mono_wav(), b"ID3 something else", b"\x00" * 100, b"RIFFxxxxWAVEjunk" + b"\x00" * 60]
)
def test_a_foreign_file_is_refused_and_left_alone(foreign: bytes) -> None:
    for act in (repair, StereoWriter):
        file = io.BytesIO(foreign)
        with pytest.raises(MediaError):
            act(file)
        assert file.getvalue() == foreign


def test_a_wav_file_has_a_largest_size() -> None:
    header(MAX_DATA_BYTES // 2)
    with pytest.raises(MediaError):
        header(MAX_DATA_BYTES // 2 + 1)
    with pytest.raises(MediaError):
        header(-1)
    writer = StereoWriter(io.BytesIO())
    writer._sample_frames = MAX_DATA_BYTES // 2 - 80
    writer.settle(10)
    with pytest.raises(MediaError, match="largest size"):
        writer.settle(20)


# ---- reading


def test_reads_pcm16_as_the_standard_library_writes_it() -> None:
    sound = read_wav(io.BytesIO(mono_wav()))
    assert sound == Sound(16_000, 1, "pcm16", b"\x01\x02" * 320)
    assert sound.duration_ms == 20
    assert sound.channel_pcm16(0) == sound.data


def test_reads_a_recording_and_takes_the_channels_apart() -> None:
    file = recorded(10)
    file.seek(0)
    sound = read_wav(file)
    assert sound.duration_ms == 200
    assert sound.channel_pcm16(0) == mulaw.decode(CALLER * 10)
    assert sound.channel_pcm16(1) == mulaw.decode(AGENT * 10)
    with pytest.raises(MediaError):
        sound.channel_pcm16(2)


def test_stereo_pcm16_channels() -> None:
    sound = Sound(8000, 2, "pcm16", bytes([1, 2, 11, 12, 3, 4, 13, 14]))
    assert sound.channel_pcm16(0) == bytes([1, 2, 3, 4])
    assert sound.channel_pcm16(1) == bytes([11, 12, 13, 14])


def test_unknown_chunks_are_passed_over_and_a_stream_never_finished_is_read_to_its_end() -> None:
    fmt = struct.pack("<HHIIHH", 1, 1, 8000, 16_000, 2, 16)
    data = (
        b"RIFF\xff\xff\xff\xffWAVE"
        + struct.pack("<4sI", b"LIST", 3)
        + b"abc\x00"
        + struct.pack("<4sI", b"fmt ", 16)
        + fmt
        + struct.pack("<4sI", b"data", 0xFFFFFFFF)
        + b"\x01\x02\x03\x04\x05"
    )
    assert read_wav(io.BytesIO(data)).data == b"\x01\x02\x03\x04"


def broken(**fields: int) -> bytes:
    values = {"tag": 1, "channels": 1, "rate": 8000, "frame": 2, "bits": 16, **fields}
    fmt = struct.pack(
        "<HHIIHH", values["tag"], values["channels"], values["rate"], 0, values["frame"], values["bits"]
    )
    return (
        b"RIFF\x00\x00\x00\x00WAVE" + struct.pack("<4sI", b"fmt ", 16) + fmt + struct.pack("<4sI", b"data", 0)
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"RIFX\x00\x00\x00\x00WAVE",
        b"RIFF\x00\x00\x00\x00WAVE",
        b"RIFF\x00\x00\x00\x00WAVEdata\x00\x00\x00\x00",
        b"RIFF\x00\x00\x00\x00WAVEfmt \x02\x00\x00\x00\x01\x00data\x00\x00\x00\x00",
        broken(tag=3),
        broken(bits=8),
        broken(channels=0, frame=0),
        broken(channels=6, frame=12),
        broken(frame=4),
        broken(rate=0),
    ],
)
def test_what_is_no_wav_file(data: bytes) -> None:
    with pytest.raises(MediaError):
        read_wav(io.BytesIO(data))


@given(st.binary(max_size=200), st.integers(0, 60))
def test_rubbish_never_raises_anything_else(rubbish: bytes, kept: int) -> None:
    data = mono_wav()[:kept] + rubbish
    try:
        read_wav(io.BytesIO(data))
    except MediaError:
        pass
