"""What each conversion of sound costs, in microseconds per 20 ms frame, beside a reference in the same run.

The reference, `audioop.ratecv`, is C without any filter: the least a resampler could cost, and too little (it
hisses). Figures of two runs compare only through it.
"""

import base64
import io
import json
import platform
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.interleaved import Item, measure
from bench.provider_codecs import run_provider_codecs
from media import mulaw
from media.energy import EnergyGate
from media.framing import FrameAssembler, PayloadCutter
from media.resample import Resampler
from media.wav import StereoWriter

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # see media/mulaw.py
    import audioop

PAIRS_HZ = ((8000, 16_000), (8000, 24_000), (16_000, 8000), (24_000, 8000))


def run_codecs() -> dict[str, Any]:
    """Measure all conversions, and the codecs of all providers.

    Returns:
        `us_per_frame` by name (`_chunked`: handed over in pieces of 100 ms), `reference_us_per_frame` by
        name, `us_per_audio_event` by name (see `provider_codecs`), and the versions they were measured with.
        JSON can carry it.
    """
    noise = np.random.default_rng(20).normal(0, 3000, 24_000).astype("<i2").tobytes()
    items = {**_sample_items(noise), **_wire_items(noise)}
    references = _reference_items(noise)
    best_us = measure({**items, **references})
    return {
        "us_per_frame": {name: best_us[name] for name in items},
        "reference_us_per_frame": {name: best_us[name] for name in references},
        "us_per_audio_event": run_provider_codecs(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _pcm(noise: bytes, rate_hz: int, frames: int) -> bytes:
    return noise[: rate_hz // 50 * 2 * frames]


def _sample_items(noise: bytes) -> dict[str, Item]:
    frame = mulaw.encode(_pcm(noise, 8000, 1))
    pcm16 = mulaw.decode(frame)
    gate = EnergyGate()
    clock_ms = iter(range(0, 1 << 60, 20))
    items: dict[str, Item] = {
        "mulaw_decode": (lambda: mulaw.decode(frame), 1),
        "mulaw_encode": (lambda: mulaw.encode(pcm16), 1),
        "energy_gate": (lambda: gate.feed(frame, next(clock_ms)), 1),
    }
    for from_hz, to_hz in PAIRS_HZ:
        for frames, suffix in ((1, ""), (5, "_chunked")):
            items[f"resample_{from_hz}_{to_hz}{suffix}"] = (_pusher(noise, from_hz, to_hz, frames), frames)
    return items


def _pusher(noise: bytes, from_hz: int, to_hz: int, frames: int) -> Callable[[], object]:
    data = _pcm(noise, from_hz, frames)
    resampler = Resampler(from_hz, to_hz)
    return lambda: resampler.push(data)


def _wire_items(noise: bytes) -> dict[str, Item]:
    audio = mulaw.encode(_pcm(noise, 8000, 30))
    whole = base64.b64encode(audio).decode()
    odd = base64.b64encode(audio + audio[:1]).decode()  # ends inside a base64 group: the joins are decoded
    cutter, odd_cutter, assembler = PayloadCutter(120), PayloadCutter(120), FrameAssembler()
    return {
        "payload_cutter": (lambda: cutter.push(whole), 30),
        "payload_cutter_joins": (lambda: odd_cutter.push(odd), 30),
        "frame_assembler": (lambda: assembler.push(audio), 30),
        "stereo_recording": (_recorder(audio[:160]), 1),
    }


def _recorder(frame: bytes) -> Callable[[], object]:
    writer = StereoWriter(io.BytesIO())
    numbers = iter(range(1 << 60))

    def record() -> None:
        number = next(numbers)
        writer.put_caller(frame, number * 20)
        writer.put_agent(frame, number * 20)
        if not number % 50:
            writer.settle(number * 20 - 2000)

    return record


def _reference_items(noise: bytes) -> dict[str, Item]:
    items: dict[str, Item] = {}
    for from_hz, to_hz in PAIRS_HZ:
        for frames, suffix in ((1, ""), (5, "_chunked")):
            items[f"ratecv_{from_hz}_{to_hz}{suffix}"] = (_ratecv(noise, from_hz, to_hz, frames), frames)
    text = base64.b64encode(mulaw.encode(_pcm(noise, 8000, 30)))
    items["base64_there_and_back"] = (lambda: base64.b64encode(base64.b64decode(text)), 30)
    return items


def _ratecv(noise: bytes, from_hz: int, to_hz: int, frames: int) -> Callable[[], object]:
    data = _pcm(noise, from_hz, frames)
    state: Any = None

    def convert() -> None:
        nonlocal state
        _, state = audioop.ratecv(data, 2, 1, from_hz, to_hz, state)

    return convert


if __name__ == "__main__":
    print(json.dumps(run_codecs(), indent=2))
