"""`hum serve` in a process of its own, between simulators that run in the test."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.scenarios.agent import AgentScript
from bench.simulators.openai import OpenAISimulator
from bench.simulators.twilio import NumberConfig, TwilioSimulator
from hum.furnish import NUMBER, furnish
from store import calls
from store.call_rows import Call
from store.database import Database
from store.event_log import LoggedEvent
from store.event_rows import read_events
from store.flows import FlowFields
from store.migrate import upgrade


@dataclass
class Served:
    """A service that can be stopped, killed and started again."""

    twilio: TwilioSimulator
    env: dict[str, str]
    database_url: str
    data_dir: Path
    number_id: str
    org_id: str
    url: str = ""
    process: asyncio.subprocess.Process | None = None
    errors: list[str] = field(default_factory=list)

    async def start(self) -> None:
        """Start the service and point the number at it."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hum", "serve", "--port", "0",
            env=self.env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            line = (await self.process.stdout.readline()).decode()
        assert line.startswith("HUM is ready at "), line
        self.url = line.split()[-1]
        voice_url = f"{self.url}/twilio/voice/{self.number_id}"
        self.twilio.add_number(NumberConfig(NUMBER, voice_url=voice_url))

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def says(self, words: str) -> None:
        """Wait until the service writes a line with these words to standard error."""
        assert self.process is not None
        assert self.process.stderr is not None
        async with asyncio.timeout(20):
            while words not in (await self.process.stderr.readline()).decode():
                pass

    async def ended(self, limit_s: float = 20) -> int:
        assert self.process is not None
        async with asyncio.timeout(limit_s):
            return await self.process.wait()

    async def records(self) -> list[tuple[Call, list[LoggedEvent]]]:
        """Every call with its log, read from the database beside the service."""
        database = await Database.open(self.database_url)
        try:
            async with database.read() as conn:
                rows = await calls.list_calls(conn, self.org_id, calls.CallFilter(), None, 100)
                return [(row, await read_events(conn, self.org_id, row.id, 0, 1000)) for row in rows]
        finally:
            await database.close()


@asynccontextmanager
async def served(tmp_path: Path, script: AgentScript) -> AsyncIterator[Served]:
    """Simulators, a seeded database and a running service; killed at the end if still there."""
    url = f"sqlite:///{tmp_path / 'hum.db'}"
    await asyncio.to_thread(upgrade, url)
    org_id, number_id = await _seed(url)
    async with TwilioSimulator() as twilio, OpenAISimulator(script=script) as openai:
        env = os.environ | {
            "HUM_DATABASE_URL": url,
            "HUM_DATA_DIR": str(tmp_path),
            "TWILIO_ACCOUNT_SID": twilio.config.account_sid,
            "TWILIO_AUTH_TOKEN": twilio.config.auth_token,
            "HUM_TWILIO_URL": twilio.url,
            "OPENAI_API_KEY": openai.config.api_key,
            "HUM_OPENAI_URL": openai.url,
        }
        service = Served(twilio, env, url, tmp_path, number_id, org_id)
        await service.start()
        try:
            yield service
        finally:
            if service.process is not None and service.process.returncode is None:
                service.process.kill()
                await service.process.wait()


async def _seed(url: str) -> tuple[str, str]:
    database = await Database.open(url)
    try:
        flow = FlowFields(name="Front desk", greeting="Hello.", announce_recording=0)
        made = await furnish(database, "Willow Creek Dental", flow)
        return made.org_id, made.number_id
    finally:
        await database.close()
