"""The recording of a call: what it holds, and that its failures stay its own."""

import asyncio
import base64
import gc
import io
import threading
from pathlib import Path

import pytest

from gateway.recording import SETTLE_DELAY_MS, CallRecording, Recorded
from media.mulaw import SILENCE, decode
from media.wav import StereoWriter, read_wav

CALLER, AGENT = 0x2A, 0xB3


def b64(ms: int, level: int) -> str:
    return base64.b64encode(bytes([level]) * (ms * 8)).decode()


def lanes(path: Path) -> tuple[bytes, bytes]:
    sound = read_wav(io.BytesIO(path.read_bytes()))
    return sound.channel_pcm16(0), sound.channel_pcm16(1)


def pcm(*parts: tuple[int, int]) -> bytes:
    """Samples of (ms, mu-law level) one behind the other."""
    return decode(b"".join(bytes([level]) * (ms * 8) for ms, level in parts))


def speak(recording: CallRecording, start_ms: int, end_ms: int, level: int = CALLER) -> None:
    """Caller audio in frames of 20 ms."""
    for at_ms in range(start_ms, end_ms, 20):
        recording.caller(b64(20, level), at_ms)


async def test_each_voice_is_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "org_1" / "call_1.wav"
    recording = CallRecording(path)
    speak(recording, 0, 200)
    recording.agent(b64(100, AGENT), 60)
    done = await recording.finish(200)
    assert done == Recorded(path, 200, path.stat().st_size)
    left, right = await asyncio.to_thread(lanes, path)
    assert left == pcm((200, CALLER))
    assert right == pcm((60, SILENCE), (100, AGENT), (40, SILENCE))


async def test_what_was_cut_is_silence_though_the_call_has_gone_on(tmp_path: Path) -> None:
    recording = CallRecording(tmp_path / "call.wav")
    recording.agent(b64(1500, AGENT), 0)
    await recording.settle(1000)
    recording.cut(400)
    recording.agent(b64(100, CALLER), 700)
    await recording.settle(5000)
    await recording.finish(5000)
    _, right = await asyncio.to_thread(lanes, tmp_path / "call.wav")
    assert right == pcm((400, AGENT), (300, SILENCE), (100, CALLER), (4200, SILENCE))


async def test_what_may_still_change_is_not_on_disk_yet(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    recording = CallRecording(path)
    speak(recording, 0, 3000)
    await recording.settle(3000)
    assert path.stat().st_size == pytest.approx((3000 - SETTLE_DELAY_MS) * 16, abs=64)
    assert await recording.finish(3000) is not None


async def test_a_call_without_a_word_has_a_recording_of_silence(tmp_path: Path) -> None:
    done = await CallRecording(tmp_path / "call.wav").finish(500)
    assert done is not None
    assert done.duration_ms == 500
    assert await asyncio.to_thread(lanes, done.path) == (pcm((500, SILENCE)), pcm((500, SILENCE)))


@pytest.mark.parametrize("killed", [False, True])
async def test_a_resumed_call_continues_its_file(tmp_path: Path, killed: bool) -> None:
    path = tmp_path / "call.wav"
    first = CallRecording(path)
    speak(first, 0, 100)
    assert await first.finish(100) is not None
    if killed:  # the sizes in the header were never put right, and half a sample frame was under way
        whole = path.read_bytes()
        await asyncio.to_thread(path.write_bytes, whole[:4] + b"\x24\0\0\0" + whole[8:] + b"\x01")
    second = CallRecording(path, 300)
    speak(second, 300, 400, AGENT)
    done = await second.finish(400)
    assert done is not None
    assert done.duration_ms == 400
    left, _ = await asyncio.to_thread(lanes, path)
    assert left == pcm((100, CALLER), (200, SILENCE), (100, AGENT))


# ---- faults


def prepared(tmp_path: Path, fault: str) -> Path:
    path = tmp_path / "recordings" / "call.wav"
    match fault:
        case "full":
            return Path("/dev/full")
        case "a file where the directory should be":
            path.parent.write_text("")
        case "a directory where the file should be":
            path.mkdir(parents=True)
        case "not ours":
            path.parent.mkdir()
            path.write_bytes(b"somebody else's" * 10)
    return path


FAULTS = ["full", "a file where the directory should be", "a directory where the file should be", "not ours"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("settled", [True, False])
async def test_a_file_that_cannot_be_written_ends_the_recording_and_nothing_else(
    tmp_path: Path, fault: str, settled: bool
) -> None:
    path = prepared(tmp_path, fault)
    recording = CallRecording(path)
    speak(recording, 0, 3000)
    if settled:
        await recording.settle(3000)
        assert recording.failed
        speak(recording, 3000, 6000)
        await recording.settle(6000)
    assert await recording.finish(6000) is None
    assert recording.failed
    assert await recording.finish(6000) is None
    if fault == "not ours":
        assert path.read_bytes() == b"somebody else's" * 10
    gc.collect()  # a file left open would be a warning here, and warnings are errors


async def test_a_disk_that_fills_up_in_mid_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "call.wav"
    recording = CallRecording(path)
    speak(recording, 0, 4000)
    await recording.settle(4000)
    kept = path.stat().st_size

    def full(self: StereoWriter, until_ms: float) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(StereoWriter, "settle", full)
        await recording.settle(5000)
    assert "No space left" in str(recording.failed)
    await recording.settle(6000)
    assert await recording.finish(7000) is None
    assert path.stat().st_size == kept, "what was written stays"


async def test_audio_that_is_not_base64_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    recording = CallRecording(tmp_path / "call.wav")
    recording.caller("A", 0)
    await recording.settle(3000)
    assert recording.failed
    assert await recording.finish(3000) is None


async def test_nothing_is_lost_or_mixed_when_the_call_ends_while_a_write_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = CallRecording(tmp_path / "call.wav")
    entered, go_on = threading.Event(), threading.Event()
    settle, inside, most = StereoWriter.settle, [0], [0]

    def slow(self: StereoWriter, until_ms: float) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        entered.set()
        assert go_on.wait(10)
        settle(self, until_ms)
        inside[0] -= 1

    monkeypatch.setattr(StereoWriter, "settle", slow)
    speak(recording, 0, 3000)
    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(recording.settle(3000), name="settle")
        assert await asyncio.to_thread(entered.wait, 10)
        writing.cancel()  # the call is over: its housekeeping ends, the thread does not
        speak(recording, 3000, 3200, AGENT)
        finishing = tasks.create_task(recording.finish(3200), name="finish")
        for _ in range(20):
            await asyncio.to_thread(int)
        go_on.set()
        done = await finishing
    assert most == [1], "one thread at a time"
    assert done is not None
    assert done.duration_ms == 3200
    left, _ = await asyncio.to_thread(lanes, done.path)
    assert left == pcm((3000, CALLER), (200, AGENT))
