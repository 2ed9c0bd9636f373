"""Prices: the figures, what is made of a session's use, which entry a model finds, files that are none."""

import json
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.capabilities import CAPABILITIES
from providers.errors import PriceError
from providers.openai.codec import DEFAULT_MODEL
from providers.prices import PriceTable

TABLE = PriceTable.load(None)
MODELS = [
    ("openai", "gpt-realtime-2.1"),
    ("openai", "gpt-realtime-2.1-mini"),
    ("openai", "gpt-realtime-2"),
    ("openai", "gpt-realtime-1.5"),
    ("gemini", "gemini-3.8-live"),
    ("gemini", "gemini-3.1-flash-live-preview"),
    ("elevenlabs", "any"),
]
MODALITIES = ["text", "audio", "image"]


def cents(provider: str, model: str, *, tokens_in: int = 0, tokens_out: int = 0, **details: int) -> Any:
    return TABLE.cost_cents(
        provider, model, details=details, input_tokens=tokens_in, output_tokens=tokens_out
    )


def test_the_table_is_dated_and_every_entry_has_a_source() -> None:
    assert date.fromisoformat(TABLE.as_of) >= date(2026, 11, 24)
    entries = json.loads(files("providers").joinpath("prices.json").read_bytes())["entries"]
    assert all(entry["source"].strip() for entry in entries)
    assert {entry["provider"] for entry in entries} == set(CAPABILITIES)


def test_the_model_we_ask_for_has_a_price() -> None:
    assert cents("openai", DEFAULT_MODEL, tokens_in=1) is not None


@pytest.mark.parametrize(
    ("provider", "model", "detail", "usd_per_million"),
    [
        ("openai", "gpt-realtime-2.1", "input_text_tokens", 4),
        ("openai", "gpt-realtime-2.1", "output_text_tokens", 24),
        ("openai", "gpt-realtime-2.1", "input_audio_tokens", 32),
        ("openai", "gpt-realtime-2.1", "output_audio_tokens", 64),
        ("openai", "gpt-realtime-2", "output_text_tokens", 24),
        ("openai", "gpt-realtime-2", "output_audio_tokens", 64),
        ("openai", "gpt-realtime-1.5", "output_text_tokens", 16),
        ("openai", "gpt-realtime-1.5", "input_audio_tokens", 32),
        ("openai", "gpt-realtime-2.1-mini", "input_text_tokens", 0.6),
        ("openai", "gpt-realtime-2.1-mini", "output_text_tokens", 2.4),
        ("openai", "gpt-realtime-2.1-mini", "input_audio_tokens", 10),
        ("openai", "gpt-realtime-2.1-mini", "output_audio_tokens", 20),
        ("gemini", "gemini-3.8-live", "input_text_tokens", 0.75),
        ("gemini", "gemini-3.8-live", "input_audio_tokens", 3),
        ("gemini", "gemini-3.8-live", "input_image_tokens", 1),
        ("gemini", "gemini-3.8-live", "output_text_tokens", 4.5),
        ("gemini", "gemini-3.1-flash-live-preview", "output_audio_tokens", 12),
    ],
)
def test_a_million_tokens(provider: str, model: str, detail: str, usd_per_million: float) -> None:
    assert cents(provider, model, **{detail: 1_000_000}) == pytest.approx(usd_per_million * 100)


@pytest.mark.parametrize(
    ("model", "text", "audio"), [("gpt-realtime-2.1", 0.4, 0.4), ("gpt-realtime-2.1-mini", 0.06, 0.3)]
)
def test_the_cached_part_has_a_rate_of_its_own(model: str, text: float, audio: float) -> None:
    million = 1_000_000
    for modality, rate in (("text", text), ("audio", audio)):
        counts = {f"input_{modality}_tokens": million, f"input_cached_{modality}_tokens": million}
        assert cents("openai", model, **counts) == pytest.approx(rate * 100)


def test_a_response_of_openai_to_the_cent() -> None:
    # 40 text at 4, 60 cached at .4, 100 audio at 32, 900 cached at .4; out 20 text at 24, 200 audio at 64
    assert cents(
        "openai",
        "gpt-realtime-2.1",
        tokens_in=1_100,
        tokens_out=220,
        input_text_tokens=100,
        input_cached_text_tokens=60,
        input_audio_tokens=1_000,
        input_cached_audio_tokens=900,
        output_text_tokens=20,
        output_audio_tokens=200,
    ) == pytest.approx((160 + 24 + 3_200 + 360 + 480 + 12_800) / 10_000)


def test_gemini_has_no_discount_for_what_is_cached() -> None:
    plain = cents("gemini", "gemini-3.8-live", input_audio_tokens=1_000)
    assert plain == pytest.approx(0.3)
    assert plain == cents(
        "gemini", "gemini-3.8-live", input_audio_tokens=1_000, input_cached_audio_tokens=1_000
    )


def test_tokens_in_no_detail_are_text() -> None:
    model = ("openai", "gpt-realtime-2.1")
    assert cents(*model, tokens_in=1_000, tokens_out=100) == pytest.approx(
        cents(*model, input_text_tokens=1_000, output_text_tokens=100)
    )
    assert cents(*model, tokens_in=1_000, input_audio_tokens=400) == pytest.approx(
        cents(*model, input_text_tokens=600, input_audio_tokens=400)
    )
    assert cents(*model, tokens_in=1_000, input_cached_text_tokens=1_000) == pytest.approx(0.04)


def test_minutes() -> None:
    assert cents("openai", "gpt-realtime-2.1", transcription_ms=60_000) == pytest.approx(0.45)
    assert cents("elevenlabs", "gpt-any", session_ms=90_000) == pytest.approx(12)
    assert cents("openai", "gpt-realtime-2.1", session_ms=3_600_000) == 0
    assert cents("gemini", "gemini-3.8-live", transcription_ms=60_000) == 0
    assert [TABLE.by_time(*model) for model in MODELS] == [False] * 6 + [True]
    assert not TABLE.by_time("openai", "unknown")


def test_a_dated_version_costs_what_its_model_costs() -> None:
    use = {"tokens_in": 1_000, "output_audio_tokens": 1_000}
    for name in ("gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-2"):
        assert cents("openai", f"{name}-2026-08-01", **use) == cents("openai", name, **use)
    assert cents("openai", "gpt-realtime-2.1-mini", **use) < cents("openai", "gpt-realtime-2.1", **use)


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-realtime-2.5"),
        ("openai", "gpt-realtime"),
        ("openai", "gpt-realtime-2.10"),
        ("openai", ""),
        ("gemini", "gpt-realtime-2.1"),
        ("gemini", "gemini-3.8"),
        ("nobody", "gpt-realtime-2.1"),
        ("", ""),
    ],
)
def test_what_is_not_listed_has_no_price(provider: str, model: str) -> None:
    assert cents(provider, model, tokens_in=1_000) is None


counts = st.integers(0, 10**7)
names = [f"input_{m}_tokens" for m in MODALITIES] + [f"output_{m}_tokens" for m in MODALITIES]
names += [f"input_cached_{m}_tokens" for m in MODALITIES] + ["transcription_ms", "session_ms", "new_tokens"]
uses = st.dictionaries(st.sampled_from(names), counts)


@given(st.sampled_from(MODELS), uses, counts, counts, st.sampled_from(names), counts)
def test_more_use_never_costs_less_and_a_cached_token_never_more(
    model: tuple[str, str], use: dict[str, int], tokens_in: int, tokens_out: int, more: str, by: int
) -> None:
    whole = {  # sums that contain what the details count, as providers send them
        "tokens_in": tokens_in + sum(use.get(f"input_{m}_tokens", 0) for m in MODALITIES),
        "tokens_out": tokens_out + sum(use.get(f"output_{m}_tokens", 0) for m in MODALITIES),
    }
    cost = cents(*model, **whole, **use)
    assert cost >= 0
    added = use | {more: use.get(more, 0) + by}
    changed = cents(*model, **whole, **added)
    if more.startswith("input_cached"):
        assert changed <= cost * (1 + 1e-9)
    elif more.endswith("_ms"):
        assert changed >= cost
    uncached = {name: count for name, count in use.items() if "cached" not in name}
    assert cents(*model, **whole, **uncached) >= cost * (1 - 1e-9)


def own_file(tmp_path: Path, entries: list[dict[str, Any]], as_of: str = "2027-01-31") -> Path:
    path = tmp_path / "own.json"
    path.write_text(json.dumps({"as_of": as_of, "entries": entries}))
    return path


def test_a_file_of_ones_own_replaces_single_entries(tmp_path: Path) -> None:
    path = own_file(
        tmp_path,
        [
            {
                "provider": "openai",
                "model": "gpt-realtime-2.1",
                "source": "our contract",
                "usd_per_million": {"input_text_tokens": 1},
            },
            {
                "provider": "elevenlabs",
                "model": "big",
                "source": "x",
                "usd_per_minute": {"session": 1.5},
            },
        ],
    )
    table = PriceTable.load(path)

    def cost(provider: str, model: str, **details: int) -> float | None:
        return table.cost_cents(provider, model, details=details, input_tokens=0, output_tokens=0)

    assert table.as_of == "2027-01-31"
    assert cost("openai", "gpt-realtime-2.1-2027-01-01", input_text_tokens=10_000) == pytest.approx(1)
    # replaced whole: nothing of the old entry shines through; audio without a figure costs as text does
    assert cost("openai", "gpt-realtime-2.1", input_audio_tokens=10_000) == pytest.approx(1)
    assert cost("openai", "gpt-realtime-2.1", output_audio_tokens=10_000, transcription_ms=60_000) == 0
    assert cost("openai", "gpt-realtime-2.1-mini", input_text_tokens=1_000_000) == pytest.approx(60)
    assert cost("elevenlabs", "big", session_ms=60_000) == pytest.approx(150)
    assert cost("elevenlabs", "small", session_ms=60_000) == pytest.approx(8)


ENTRY: dict[str, Any] = {"provider": "openai", "model": "m", "source": "s"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "\ufeff{}",
        '{"as_of": "2027-01-31"}',
        json.dumps({"as_of": "soon", "entries": []}),
        json.dumps({"as_of": "2027-01-31", "entries": [], "more": 1}),
        *(
            json.dumps({"as_of": "2027-01-31", "entries": [entry]})
            for entry in (
                {"provider": "openai", "model": "m"},
                ENTRY | {"provider": ""},
                ENTRY | {"source": ""},
                ENTRY | {"usd_per_million": {"input_text_tokens": -1}},
                ENTRY | {"usd_per_million": {"input_text_tokens": "4"}},
                ENTRY | {"usd_per_million": {"input_video_tokens": 4}},
                ENTRY | {"usd_per_minute": {"hold": 1}},
                ENTRY | {"usd_per_hour": {"session": 1}},
            )
        ),
        json.dumps({"as_of": "2027-01-31", "entries": [ENTRY, ENTRY]}),
        '{"as_of": "2027-01-31", "entries": [{"provider": "a", "model": "m", "source": "s",'
        ' "usd_per_minute": {"session": 1e999}}]}',
    ],
)
def test_what_is_no_file_of_prices_is_one_line_that_names_it(text: str, tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PriceError) as caught:
        PriceTable.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe{}")
    for path in (tmp_path / "none.json", tmp_path, tmp_path / "bytes.json"):
        with pytest.raises(PriceError, match="^" + str(path)):
            PriceTable.load(path)
