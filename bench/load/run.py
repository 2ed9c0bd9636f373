"""One measurement: calls ramped up, a steady window, hung up, counted."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from bench.load.carrier_side import LoadCall
from bench.load.lane import Lane, latencies_ms, spread
from bench.load.pace import Pacer, now_s
from bench.load.provider_side import ProviderSide, provider_wire
from bench.load.wire import ProviderWire

LATE_MS = 20.0
RAMP_S = 0.05
SETTLE_S = 2.0
DRAIN_S = 1.0


@dataclass(slots=True)
class Load:
    """Everything of one run that both sides share."""

    calls: int
    wire: ProviderWire
    pacer: Pacer
    up: list[Lane] = field(init=False)
    down: list[Lane] = field(init=False)
    provider: ProviderSide = field(init=False)

    def __post_init__(self) -> None:
        self.up = [Lane() for _ in range(self.calls)]
        self.down = [Lane() for _ in range(self.calls)]
        self.provider = ProviderSide(self.wire, self.up, self.down, self.pacer)


@asynccontextmanager
async def provider_listening(provider: str, calls: int, sound: bytes) -> AsyncIterator[tuple[Load, str]]:
    """Start the provider's end; yields the load and the provider's base URL.

    Args:
        provider: whose protocol it speaks.
        calls: how many calls there will be.
        sound: what everybody says, mu-law.
    """
    load = Load(calls, provider_wire(provider, sound), Pacer())
    app = web.Application()
    load.provider.add_to(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield load, f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def run_load(
    load: Load, seconds: float, voice_url: str, auth_token: str, at_edge: Callable[[str], None]
) -> dict[str, Any]:
    """Carry the calls and measure.

    Args:
        load: what `provider_listening` gave.
        seconds: length of the steady window.
        voice_url: the gateway's webhook.
        auth_token: what the gateway checks signatures with.
        at_edge: told "begin" and "end" of the window, to read the gateway's counters.

    Returns:
        Figures as plain data.
    """
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http, asyncio.TaskGroup() as tasks:
        pacing = tasks.create_task(load.pacer.run(), name="pacer")
        calls = [
            LoadCall(number, http, voice_url, auth_token, load.wire.frames, load.up, load.down, load.pacer)
            for number in range(load.calls)
        ]
        for call in calls:
            tasks.create_task(call.run(), name="call")
            await asyncio.sleep(RAMP_S)
        await asyncio.sleep(SETTLE_S)
        gc.collect()
        gc.freeze()
        load.pacer.lateness_s.clear()
        at_edge("begin")
        begin_s = now_s()
        await asyncio.sleep(seconds)
        end_s = now_s()
        at_edge("end")
        lateness_ms = [1000 * late_s for late_s in load.pacer.lateness_s]
        await asyncio.sleep(DRAIN_S)
        for call in calls:
            await call.hang_up()
        pacing.cancel()
    errors = [error for call in calls for error in call.errors] + load.provider.errors
    return _figures(load, begin_s, end_s) | {
        "generator_lateness_ms": spread(lateness_ms),
        "errors": sorted(set(errors)),
    }


def _figures(load: Load, begin_s: float, end_s: float) -> dict[str, Any]:
    up_ms, up_lost = latencies_ms(load.up, begin_s, end_s)
    down_ms, down_lost = latencies_ms(load.down, begin_s, end_s)
    both = [*up_ms, *down_ms]
    return {
        "frames_sent": len(both) + up_lost + down_lost,
        "frames_lost": up_lost + down_lost,
        "frames_late": int((up_ms > LATE_MS).sum() + (down_ms > LATE_MS).sum()),
        "frames_repeated": sum(lane.repeated for lane in (*load.up, *load.down)),
        "added_latency_ms": spread(both),
        "added_latency_up_ms": spread(up_ms),
        "added_latency_down_ms": spread(down_ms),
    }
