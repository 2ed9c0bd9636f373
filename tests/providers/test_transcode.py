"""Transcoding, held against the resampler and the mu-law codec applied to the whole sound at once."""

import base64
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import mulaw
from media.resample import Resampler
from providers.errors import ProtocolError, ProviderError
from providers.transcode import RATES_HZ, ToMulaw, ToPcm

WIDE_HZ = [rate_hz for rate_hz in RATES_HZ if rate_hz != 8000]
SOUND = random.Random(7).randbytes(2401)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(each, len(data)) for each in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@pytest.mark.parametrize("rate_hz", WIDE_HZ)
def test_caller_audio_is_expanded_and_resampled(rate_hz: int) -> None:
    expected = Resampler(8000, rate_hz).push(mulaw.decode(SOUND))
    assert len(expected) == len(SOUND) * rate_hz // 8000 * 2
    assert raw(ToPcm(rate_hz).convert(b64(SOUND))) == expected


@pytest.mark.parametrize("rate_hz", WIDE_HZ)
def test_agent_audio_is_resampled_and_compressed_tail_included(rate_hz: int) -> None:
    resampler = Resampler(rate_hz, 8000)
    pushed, tail = resampler.push(SOUND), resampler.flush()
    converter = ToMulaw(rate_hz)
    for _ in range(2):  # as new after a flush, though half a sample was left over
        assert raw(converter.convert(b64(SOUND))) == mulaw.encode(pushed)
        assert raw(converter.flush()) == mulaw.encode(tail)


def test_at_8000_hz_samples_are_only_companded() -> None:
    assert raw(ToPcm(8000).convert(b64(SOUND))) == mulaw.decode(SOUND)
    converter = ToMulaw(8000)
    for _ in range(2):
        assert raw(converter.convert(b64(SOUND))) == mulaw.encode(SOUND[:-1])
        assert converter.flush() == ""


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=12))
def test_how_audio_is_cut_changes_nothing(rate_hz: int, cuts: list[int]) -> None:
    to_pcm, to_mulaw = ToPcm(rate_hz), ToMulaw(rate_hz)
    pieces = cut(SOUND, cuts)
    assert b"".join(raw(to_pcm.convert(b64(each))) for each in pieces) == raw(
        ToPcm(rate_hz).convert(b64(SOUND))
    )
    whole = ToMulaw(rate_hz)
    expected = raw(whole.convert(b64(SOUND))) + raw(whole.flush())
    given_out = b"".join(raw(to_mulaw.convert(b64(each))) for each in pieces) + raw(to_mulaw.flush())
    assert given_out == expected


@pytest.mark.parametrize("rate_hz", [0, 11_025, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("converter", [ToPcm, ToMulaw])
def test_a_rate_we_do_not_convert_is_refused(converter: type, rate_hz: int) -> None:
    with pytest.raises(ProviderError, match=str(rate_hz)) as raised:
        converter(rate_hz)
    assert (raised.value.code, raised.value.retryable) == ("format_mismatch", False)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("rubbish", ["A", "AAA", "ÄÖÜ=", "=AAA", "AA-_", "AA A"])
def test_agent_audio_that_is_not_base64_breaks_the_protocol(rate_hz: int, rubbish: str) -> None:
    with pytest.raises(ProtocolError, match="not base64"):
        ToMulaw(rate_hz).convert(rubbish)


def test_caller_audio_that_is_not_base64_is_refused() -> None:
    for rubbish in ("A", "AAA", "ÄÖÜ="):
        with pytest.raises(ProviderError, match="not base64"):
            ToPcm(16_000).convert(rubbish)
