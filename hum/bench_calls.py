"""`hum bench calls`: paced calls through a gateway in its own process, on its own core."""

import asyncio
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.load.run import provider_listening, run_load
from bench.scenarios.loader import load_named
from hum.demo.script import expected_turns
from hum.furnish import furnish
from hum.gateway_process import commit, gateway_process, take_cores
from hum.simulated import access_environment
from store.database import Database
from store.flows import FlowFields
from store.migrate import upgrade

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "bench-auth-token"
TALKS_ON = '{"interruption": {"threshold_dbfs": -10, "min_speech_ms": 1000}}'
"""Both speak all the time: nobody is to fall silent."""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class GatewayMeter:
    """Reads what the gateway's process has used.

    Args:
        pid: The process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.idle_rss_mb = self._rss_mb()
        self._cpu_s = {"begin": 0.0, "end": 0.0}
        self.rss_mb = 0.0

    def mark(self, edge: str) -> None:
        """Note the counters at the begin or end of the window."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rsplit(")", 1)[1].split()
        self._cpu_s[edge] = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
        self.rss_mb = self._rss_mb()

    def _rss_mb(self) -> float:
        status = Path(f"/proc/{self._pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        return int(found.group(1)) / 1024 if found else 0.0

    @property
    def cpu_s(self) -> float:
        """CPU time used in the window."""
        return self._cpu_s["end"] - self._cpu_s["begin"]


async def bench_calls(calls: int, seconds: float, provider: str) -> dict[str, Any]:
    """Measure.

    Args:
        calls: How many at once.
        seconds: Length of the steady window.
        provider: Which provider to simulate.

    Returns:
        The figures as one JSON-ready object.
    """
    sound = await asyncio.to_thread(_speech)
    core, cores = take_cores()
    with tempfile.TemporaryDirectory(prefix="hum-bench-") as directory:
        url = f"sqlite:///{directory}/hum.db"
        await asyncio.to_thread(upgrade, url)
        number_id = await _seed(url)
        async with (
            provider_listening(provider, calls, sound) as (load, provider_url),
            gateway_process(directory, _environment(url, provider, provider_url), core) as gateway,
        ):
            meter = GatewayMeter(gateway.pid)
            voice_url = f"{gateway.url}/twilio/voice/{number_id}"
            figures = await run_load(load, seconds, voice_url, AUTH_TOKEN, meter.mark)
            lag = await gateway.loop_lag_ms()
    return {
        "calls": calls,
        "seconds": seconds,
        **figures,
        "loop_lag_ms": lag,
        "cpu_ms_per_call_s": round(1000 * meter.cpu_s / (calls * seconds), 3),
        "rss_mb_per_call": round((meter.rss_mb - meter.idle_rss_mb) / calls, 3),
        "rss_mb_idle": round(meter.idle_rss_mb, 1),
        "cores": cores,
        "provider": provider,
        "python": sys.version.split()[0],
        "commit": await asyncio.to_thread(commit),
    }


def _speech() -> bytes:
    turns = expected_turns(load_named("opening-hours"))
    return b"".join(turn.clip.sound for turn in turns)


def _environment(url: str, provider: str, provider_url: str) -> dict[str, str]:
    return {
        "HUM_DATABASE_URL": url,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "HUM_TWILIO_URL": "http://127.0.0.1:9",  # nobody: nothing here hangs up by REST
        **access_environment(provider, "bench", provider_url),
    }


async def _seed(url: str) -> str:
    database = await Database.open(url)
    try:
        flow = FlowFields(name="Bench", greeting="Hello.", announce_recording=0, speech_json=TALKS_ON)
        return (await furnish(database, "Bench", flow)).number_id
    finally:
        await database.close()
