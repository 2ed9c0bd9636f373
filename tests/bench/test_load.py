"""The load generator: with each provider, through the running service, every frame arrives."""

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.load import carrier_side, pace, provider_side, run
from bench.load.provider_side import PROVIDERS, provider_wire
from bench.load.run import provider_listening, run_load
from hum import bench_calls
from hum.furnish import furnish
from hum.service import running_service
from hum.settings import Settings
from hum.simulated import access_settings
from providers.directory import PROVIDERS as OURS
from store.flows import FlowFields
from tests.bench.sounds import clip

TOKEN = "load-token"


def test_every_provider_of_ours_has_a_load_generator_and_no_other() -> None:
    assert set(PROVIDERS) == set(OURS)
    with pytest.raises(ValueError, match="parrot"):
        provider_wire("parrot", clip(100, 1).sound)


@pytest.fixture
def loop_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The generator on the test's clock; what it froze for the measurement is free again afterwards."""
    for module in (pace, run, carrier_side, provider_side):
        monkeypatch.setattr(module, "now_s", lambda: asyncio.get_running_loop().time())
    yield
    gc.unfreeze()


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.whole_call
@pytest.mark.virtual_time(wall=True)
@pytest.mark.usefixtures("loop_clock")
async def test_every_frame_arrives_once(provider: str, tmp_path: Path) -> None:
    async with provider_listening(provider, 2, clip(900, 5).sound) as (load, provider_url):
        settings = Settings(
            port=0,
            data_dir=tmp_path,
            twilio_account_sid=bench_calls.ACCOUNT_SID,
            twilio_auth_token=TOKEN,
            twilio_url="http://127.0.0.1:9",
            **access_settings(provider, "bench", provider_url),
        )
        async with running_service(settings, drain_s=0) as service:
            flow = FlowFields(
                name="Bench", greeting="Hello.", announce_recording=0, speech_json=bench_calls.TALKS_ON
            )
            number_id = (await furnish(service.database, "Bench", flow)).number_id
            edges: list[str] = []
            figures = await run_load(
                load, 0.5, f"{service.url}/twilio/voice/{number_id}", TOKEN, edges.append
            )
    assert edges == ["begin", "end"]
    assert figures["errors"] == []
    assert (figures["frames_lost"], figures["frames_repeated"]) == (0, 0)
    assert figures["frames_sent"] == 2 * 2 * 25
