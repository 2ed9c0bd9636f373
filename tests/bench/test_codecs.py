"""The codec benchmark measures everything it names; how fast is not a test's business."""

import json
import sys

import pytest

from bench import codecs, interleaved, provider_codecs
from providers.capabilities import CAPABILITIES


def test_one_json_object_with_every_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interleaved, "ROUNDS", 1)
    monkeypatch.setattr(interleaved, "ROUND_S", 1e-9)
    report = json.loads(json.dumps(codecs.run_codecs()))
    measured = report["us_per_frame"]
    pairs = [f"{from_hz}_{to_hz}" for from_hz, to_hz in codecs.PAIRS_HZ]
    for suffix in ("", "_chunked"):
        assert {f"resample_{pair}{suffix}" for pair in pairs} <= measured.keys()
        assert {f"ratecv_{pair}{suffix}" for pair in pairs} <= report["reference_us_per_frame"].keys()
    assert {"mulaw_decode", "mulaw_encode", "payload_cutter", "energy_gate"} <= measured.keys()
    assert all(value > 0 for value in [*measured.values(), *report["reference_us_per_frame"].values()])
    events = report["us_per_audio_event"]
    sides = {f"{provider}_{side}" for provider in CAPABILITIES for side in ("in", "out")}
    assert sides | {f"{side}_sdk" for side in sides} <= events.keys()
    assert all(value > 0 for value in events.values())


def test_an_sdk_that_is_not_installed_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interleaved, "ROUNDS", 1)
    monkeypatch.setattr(interleaved, "ROUND_S", 1e-9)
    for name in ("openai.resources.realtime.realtime", "google.genai.live"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "elevenlabs.conversational_ai.conversation", None)
    measured = provider_codecs.run_provider_codecs()
    assert measured.keys() == {f"{provider}_{side}" for provider in CAPABILITIES for side in ("in", "out")}
