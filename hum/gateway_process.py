"""A service in a process of its own, on a core of its own, for the benchmarks."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from hum.settings import child_environment

START_LIMIT_S = 30.0
_LAG = re.compile(r'hum_loop_lag_seconds\{quantile="([0-9.]+)"\} ([0-9.e+-]+)')


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where it listens, and its process."""

    url: str
    pid: int

    async def loop_lag_ms(self) -> dict[str, float]:
        """How late its event loop was over the last minute."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/metrics") as answer:
            found = dict(_LAG.findall(await answer.text()))
        names = {"0.5": "p50", "0.99": "p99", "1.0": "max"}
        return {name: round(1000 * float(found[quantile]), 3) for quantile, name in names.items()}


def take_cores() -> tuple[int, int]:
    """Leave the first core to the gateway.

    Returns:
        That core, and how many there are.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[1:])
    return cores[0], len(cores)


@asynccontextmanager
async def gateway_process(directory: str, changes: dict[str, str], core: int) -> AsyncIterator[Gateway]:
    """Start `hum serve`; leaving the block stops it.

    Args:
        directory: Where its data lies.
        changes: Variables of its environment.
        core: Where it runs.
    """
    local = {"HUM_HOST": "127.0.0.1", "HUM_DATA_DIR": directory}
    env = child_environment(local | changes, without=("HUM_PUBLIC_URL", "HUM_SECRET_KEY"))
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
        yield Gateway(line.split()[-1], process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def commit() -> str:
    """The commit measured, as far as it is known; `+` when the files differ from it."""
    directory = str(Path(__file__).parent)
    asked = subprocess.run(
        ["git", "-C", directory, "describe", "--always", "--exclude=*", "--dirty=+"],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or "unknown"
