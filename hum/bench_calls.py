"""`hum bench calls`: paced calls through a gateway in its own process, on its own core."""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bench.load.run import provider_listening, run_load
from bench.scenarios.loader import load_named
from hum.demo.script import expected_turns
from hum.furnish import furnish
from hum.settings import child_environment
from store.database import Database
from store.flows import FlowFields
from store.migrate import upgrade

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "bench-auth-token"
START_LIMIT_S = 30.0
_LAG = re.compile(r'hum_loop_lag_seconds\{quantile="([0-9.]+)"\} ([0-9.e+-]+)')
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
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:  # the gateway has the first core to itself
        os.sched_setaffinity(0, cores[1:])
    with tempfile.TemporaryDirectory(prefix="hum-bench-") as directory:
        url = f"sqlite:///{directory}/hum.db"
        await asyncio.to_thread(upgrade, url)
        number_id = await _seed(url)
        async with (
            provider_listening(calls, sound) as (load, provider_url),
            _gateway(directory, url, provider_url, cores[0]) as (gateway_url, pid),
        ):
            meter = GatewayMeter(pid)
            voice_url = f"{gateway_url}/twilio/voice/{number_id}"
            figures = await run_load(load, seconds, voice_url, AUTH_TOKEN, meter.mark)
            lag = await _loop_lag(gateway_url)
    return {
        "calls": calls,
        "seconds": seconds,
        **figures,
        "loop_lag_ms": lag,
        "cpu_ms_per_call_s": round(1000 * meter.cpu_s / (calls * seconds), 3),
        "rss_mb_per_call": round((meter.rss_mb - meter.idle_rss_mb) / calls, 3),
        "rss_mb_idle": round(meter.idle_rss_mb, 1),
        "cores": len(cores),
        "provider": provider,
        "python": sys.version.split()[0],
        "commit": await asyncio.to_thread(_commit),
    }


def _speech() -> bytes:
    turns = expected_turns(load_named("opening-hours"))
    return b"".join(turn.clip.sound for turn in turns)


async def _seed(url: str) -> str:
    database = await Database.open(url)
    try:
        flow = FlowFields(name="Bench", greeting="Hello.", announce_recording=0)
        return (await furnish(database, "Bench", flow)).number_id
    finally:
        await database.close()


@asynccontextmanager
async def _gateway(directory: str, url: str, provider_url: str, core: int) -> AsyncIterator[tuple[str, int]]:
    changes = {
        "HUM_HOST": "127.0.0.1",
        "HUM_DATA_DIR": directory,
        "HUM_DATABASE_URL": url,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "HUM_TWILIO_URL": "http://127.0.0.1:9",  # nobody: nothing here hangs up by REST
        "OPENAI_API_KEY": "bench",
        "HUM_OPENAI_URL": provider_url,
    }
    env = child_environment(changes, without=("HUM_PUBLIC_URL", "HUM_SECRET_KEY"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hum", "serve", "--port", "0", env=env, stdout=subprocess.PIPE
    )
    try:
        os.sched_setaffinity(process.pid, {core})
        assert process.stdout is not None
        async with asyncio.timeout(START_LIMIT_S):
            line = (await process.stdout.readline()).decode()
        if not line.startswith("HUM is ready at "):
            raise RuntimeError("the gateway did not start")
        yield line.split()[-1], process.pid
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def _loop_lag(gateway_url: str) -> dict[str, float]:
    async with aiohttp.ClientSession() as http, http.get(f"{gateway_url}/metrics") as answer:
        found = dict(_LAG.findall(await answer.text()))
    names = {"0.5": "p50", "0.99": "p99", "1.0": "max"}
    return {name: round(1000 * float(found[quantile]), 3) for quantile, name in names.items()}


def _commit() -> str:
    asked = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "unknown"
