"""`hum bench barge-in`: callers who cut in, through a gateway in its own process, in real time."""

import asyncio
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.barge_in.caller import CuttingCaller
from bench.barge_in.judging import Outcomes, Reported, judge
from bench.scenarios.agent import AgentScript, Reply, Speak, Turn
from bench.scenarios.caller import BargeIn, CallerScript, Say
from bench.scenarios.clip import Clip
from bench.scenarios.loader import load_named
from bench.simulators.twilio import NumberConfig, TwilioSimulator
from hum.furnish import NUMBER, furnish
from hum.gateway_process import commit, gateway_process, take_cores
from hum.simulated import access_environment, simulated_provider
from store import call_events, calls
from store.database import Database
from store.event_rows import read_events
from store.flows import FlowFields
from store.migrate import upgrade

CALLS = 10
SEED = 20_261_124
STAGGER_S = 0.37
MAX_CALL_MS = 60 * 60_000
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Material:
    """What is said: one long answer, and what callers cut in with."""

    answer: Clip
    cuts: tuple[Clip, ...]

    @classmethod
    def load(cls) -> "Material":
        """Read the recordings from the disk."""
        scenario = load_named("opening-hours")
        answers = [x.clip for turn in scenario.agent.turns for x in turn.reply.items if isinstance(x, Speak)]
        said = tuple(step.clip for step in scenario.caller.steps if isinstance(step, Say | BargeIn))
        return cls(max(answers, key=lambda clip: clip.duration_ms), said)

    def agent(self, cuts: int) -> AgentScript:
        """An agent that gives the long answer to everything, greeting included."""
        reply = Reply((Speak(self.answer),))
        return AgentScript(prompted=(reply,), turns=tuple(Turn("words", reply) for _ in range(cuts + 1)))


async def bench_barge_in(cuts: int, provider: str) -> dict[str, Any]:
    """Measure.

    Args:
        cuts: How many times callers cut in, over all calls.
        provider: Which provider to simulate.

    Returns:
        The figures as one JSON-ready object.
    """
    material = await asyncio.to_thread(Material.load)
    core, _ = take_cores()
    with tempfile.TemporaryDirectory(prefix="hum-bench-") as directory:
        url = f"sqlite:///{directory}/hum.db"
        await asyncio.to_thread(upgrade, url)
        org_id, number_id = await _seed(url, material)
        callers = await _carry(directory, url, core, provider, number_id, material, cuts)
        outcomes = await _judge(url, org_id, callers, material.answer.duration_ms)
    streams = [stream for caller in callers for stream in caller.call.streams]
    lateness_ms = max((stream.worst_lateness_ms for stream in streams), default=0.0)
    return {
        "provider": provider,
        **outcomes.figures(),
        "calls": len(callers),
        "carrier_lateness_max_ms": round(lateness_ms, 3),
        "commit": await asyncio.to_thread(commit),
    }


async def _seed(url: str, material: Material) -> tuple[str, str]:
    database = await Database.open(url)
    try:
        flow = FlowFields(name="Bench", greeting=material.answer.text, announce_recording=0)
        made = await furnish(database, "Bench", flow)
        return made.org_id, made.number_id
    finally:
        await database.close()


async def _carry(
    directory: str, url: str, core: int, provider: str, number_id: str, material: Material, cuts: int
) -> list[CuttingCaller]:
    shares = [cuts // CALLS + (number < cuts % CALLS) for number in range(min(CALLS, cuts))]
    script = CallerScript(max_call_ms=MAX_CALL_MS)
    answer_ms = material.answer.duration_ms
    async with (
        TwilioSimulator() as twilio,
        simulated_provider(provider, material.agent(max(shares))) as speech,
    ):
        environment = {
            "HUM_DATABASE_URL": url,
            "TWILIO_ACCOUNT_SID": twilio.config.account_sid,
            "TWILIO_AUTH_TOKEN": twilio.config.auth_token,
            "HUM_TWILIO_URL": twilio.url,
            **access_environment(provider, speech.config.api_key, speech.url),
        }
        async with gateway_process(directory, environment, core) as gateway:
            twilio.add_number(NumberConfig(NUMBER, voice_url=f"{gateway.url}/twilio/voice/{number_id}"))
            callers = []
            async with asyncio.TaskGroup() as tasks:
                for number, share in enumerate(shares):
                    call = await twilio.dial_in(NUMBER, script)
                    draw = random.Random(SEED + number)
                    callers.append(CuttingCaller(call, material.cuts, answer_ms, draw))
                    tasks.create_task(callers[-1].run(share), name=f"caller {number}")
                    await asyncio.sleep(STAGGER_S)
            for caller in callers:
                await caller.call.finished()
    return callers


async def _judge(url: str, org_id: str, callers: Sequence[CuttingCaller], answer_ms: int) -> Outcomes:
    """Judge after the service has stopped, and so written all it knows."""
    outcomes = Outcomes()
    database = await Database.open(url)
    try:
        for caller in callers:
            if not caller.call.streams:
                outcomes.unanswered += 1
                continue
            reports = await _reports(database, org_id, caller.call.sid)
            judge(caller, caller.call.streams[0], answer_ms, reports, outcomes)
    finally:
        await database.close()
    return outcomes


async def _reports(database: Database, org_id: str, carrier_sid: str) -> list[Reported]:
    reports: list[Reported] = []
    async with database.read() as conn:
        call = await calls.find_by_carrier_sid(conn, carrier_sid)
        after = 0
        while call is not None and (page := await read_events(conn, org_id, call.id, after, _PAGE)):
            after = page[-1].seq
            events = [logged.event for logged in page]
            reports += [Reported(e.at_ms, e.heard_ms) for e in events if isinstance(e, call_events.BargeIn)]
    return reports
