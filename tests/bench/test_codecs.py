"""The codec benchmark measures everything it names; how fast is not a test's business."""

import json

import pytest

from bench import codecs


def test_one_json_object_with_every_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "ROUNDS", 1)
    monkeypatch.setattr(codecs, "ROUND_S", 1e-9)
    report = json.loads(json.dumps(codecs.run_codecs()))
    measured = report["us_per_frame"]
    pairs = [f"{from_hz}_{to_hz}" for from_hz, to_hz in codecs.PAIRS_HZ]
    for suffix in ("", "_chunked"):
        assert {f"resample_{pair}{suffix}" for pair in pairs} <= measured.keys()
        assert {f"ratecv_{pair}{suffix}" for pair in pairs} <= report["reference_us_per_frame"].keys()
    assert {"mulaw_decode", "mulaw_encode", "payload_cutter", "energy_gate"} <= measured.keys()
    assert all(value > 0 for value in [*measured.values(), *report["reference_us_per_frame"].values()])
