"""A whole call in one process: the real service between the simulated carrier and the simulated provider."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
from twilio.request_validator import RequestValidator

from bench.scenarios.agent import AgentScript, CallTool, Fault, Reply, Speak, Turn
from bench.scenarios.caller import CallerScript, CallerStep, DialOutcome, HangUp, Listen, Say
from bench.scenarios.clip import Clip
from bench.simulators.elevenlabs import ElevenLabsConfig, ElevenLabsSimulator
from bench.simulators.gemini import GeminiConfig, GeminiSimulator
from bench.simulators.openai import OpenAIConfig, OpenAISimulator
from bench.simulators.twilio import NumberConfig, TwilioConfig, TwilioSimulator
from bench.simulators.twilio.call import SimulatedCall
from hum.administration import create_org
from hum.service import Service, running_service
from hum.settings import Settings
from media.wav import read_wav
from store import calls, flows, numbers
from store.call_events import TranscriptFinal
from store.call_rows import Call
from store.event_log import LoggedEvent
from store.flows import FlowFields
from tests.bench.sounds import clip

NUMBER = "+15550100200"
AUTH_TOKEN = "simulated-auth-token"

GREETING = clip(1200, 1, "Hello, this is Willow Creek Dental.")
QUESTION = clip(900, 2, "Are you open on Saturday?")
ANSWER = clip(1500, 3, "Yes, from nine to one.")
THANKS = clip(700, 4, "Thank you, bye.")
GOODBYE = clip(800, 5, "You are welcome. Goodbye!")

CHAT = AgentScript(
    prompted=(Reply((Speak(GREETING),)),),
    turns=(
        Turn("Are you open on Saturday?", Reply((Speak(ANSWER),))),
        Turn("Thank you, bye.", Reply((Speak(GOODBYE), CallTool("end_call", {})))),
    ),
)
POLITE_CALLER = CallerScript(steps=(Listen(), Say(QUESTION), Listen(), Say(THANKS), Listen(limit_ms=10_000)))


def caller(*steps: CallerStep, dials: tuple[DialOutcome, ...] = (DialOutcome(),)) -> CallerScript:
    return CallerScript(steps=steps or (Listen(), HangUp()), dials=dials)


def agent(*replies: Reply, faults: tuple[Fault, ...] = ()) -> AgentScript:
    """An agent that greets, then answers any utterance with the next reply."""
    turns = tuple(Turn(f"words {n}", reply) for n, reply in enumerate(replies, 1))
    return AgentScript(prompted=(Reply((Speak(GREETING),)),) * 3, turns=turns, faults=faults)


Provider = OpenAISimulator | GeminiSimulator | ElevenLabsSimulator
ProviderConfig = OpenAIConfig | GeminiConfig | ElevenLabsConfig

PROVIDERS = ("openai", "gemini", "elevenlabs")


@dataclass
class House:
    """Everything around a call, running."""

    service: Service
    twilio: TwilioSimulator
    providers: Mapping[str, Provider]
    org_id: str
    flow_id: str
    number_id: str
    public_url: str
    settings: Settings
    stopped: list[str] = field(default_factory=list)

    @property
    def openai(self) -> OpenAISimulator:
        provider = self.providers["openai"]
        assert isinstance(provider, OpenAISimulator)
        return provider

    async def dial_in(self, script: CallerScript) -> SimulatedCall:
        return await self.twilio.dial_in(NUMBER, script)

    async def call_over(self, call: SimulatedCall, *, limit_s: float = 120) -> Call:
        """Wait until both sides are done with the call; its record."""
        async with asyncio.timeout(limit_s):
            await call.wait_over()
            while True:
                row = await self.record(call)
                if row is not None and row.ended_at is not None and not self.service.live.count:
                    return row
                await asyncio.sleep(0.1)

    async def record(self, call: SimulatedCall) -> Call | None:
        async with self.service.database.read() as conn:
            return await calls.find_by_carrier_sid(conn, call.sid)

    async def log(self, call: Call) -> list[LoggedEvent]:
        await self.service.event_log.flush()
        return await self.service.event_log.read(call.org_id, call.id, limit=1000)

    async def lanes(self, call: Call) -> tuple[bytes, bytes]:
        """The recording's channels as PCM16: caller, agent."""
        assert call.recording_path is not None
        path = self.settings.data_dir / "recordings" / call.recording_path
        sound = read_wav(io.BytesIO(await asyncio.to_thread(path.read_bytes)))
        return sound.channel_pcm16(0), sound.channel_pcm16(1)

    def transcript(self, log: list[LoggedEvent]) -> list[tuple[str, str]]:
        finals = {x.event.turn_id: x.event for x in log if isinstance(x.event, TranscriptFinal)}
        return [(final.party, final.text) for final in finals.values()]

    async def post(self, path: str, form: dict[str, str], *, signed: bool = True) -> tuple[int, str]:
        """Ask the service as the carrier would."""
        url = self.public_url + path
        headers = {}
        if signed:
            headers["X-Twilio-Signature"] = RequestValidator(AUTH_TOKEN).compute_signature(url, form)
        async with aiohttp.ClientSession() as client, client.post(url, data=form, headers=headers) as answer:
            return answer.status, await answer.text()


@asynccontextmanager
async def house(
    tmp_path: Path,
    script: AgentScript = CHAT,
    *,
    flow: FlowFields | None = None,
    providers: Sequence[str] = ("openai",),
    scripts: Mapping[str, AgentScript] | None = None,
    openai: OpenAIConfig | None = None,
    gemini: GeminiConfig | None = None,
    elevenlabs: ElevenLabsConfig | None = None,
    twilio: TwilioConfig | None = None,
    drain_s: float = 0.0,
    openai_key: str = "sk-simulated",
) -> AsyncIterator[House]:
    """Start everything; the flow does not announce the recording unless given one that does.

    Args:
        tmp_path: Where the data lies.
        script: What each simulated provider plays ...
        flow: The flow of the number; its providers are `providers` unless it says something else.
        providers: Which there are, first the one preferred.
        scripts: ... unless it has one of its own here.
        openai: Manners of the simulated OpenAI.
        gemini: Manners of the simulated Gemini.
        elevenlabs: Manners of the simulated ElevenLabs.
        twilio: Manners of the simulated carrier.
        drain_s: How long live calls may go on when the block is left.
        openai_key: The key the service has.
    """
    async with AsyncExitStack() as stack:
        carrier = await stack.enter_async_context(TwilioSimulator(twilio))
        configs: dict[str, ProviderConfig | None] = {
            "openai": openai,
            "gemini": gemini,
            "elevenlabs": elevenlabs,
        }
        there: dict[str, Provider] = {}
        for name in providers:
            plays = (scripts or {}).get(name, script)
            there[name] = await stack.enter_async_context(simulator(name, configs[name], plays))
        keys = {name: there[name].config.api_key if name in there else None for name in PROVIDERS}
        urls = {name: there[name].url if name in there else None for name in PROVIDERS}
        settings = Settings(
            port=0,
            data_dir=tmp_path / "var",
            twilio_account_sid=carrier.config.account_sid,
            twilio_auth_token=carrier.config.auth_token,
            twilio_url=carrier.url,
            openai_api_key=openai_key if "openai" in there else None,
            openai_url=urls["openai"],
            gemini_api_key=keys["gemini"],
            gemini_url=urls["gemini"],
            elevenlabs_api_key=keys["elevenlabs"],
            elevenlabs_url=urls["elevenlabs"],
        )
        service = await stack.enter_async_context(running_service(settings, drain_s=drain_s))
        speech = json.dumps({"providers": list(providers)})
        wanted = flow or FlowFields(
            name="Front desk", greeting=GREETING.text, announce_recording=0, transfer_map_json=TRANSFERS
        )
        if wanted.speech_json is None:
            wanted = replace(wanted, speech_json=speech)
        yield await _furnish(service, carrier, there, settings, wanted)


def simulator(name: str, config: ProviderConfig | None, script: AgentScript) -> Provider:
    """The simulated provider of this name."""
    match name, config:
        case "openai", OpenAIConfig() | None:
            return OpenAISimulator(config, script)
        case "gemini", GeminiConfig() | None:
            return GeminiSimulator(config, script)
        case "elevenlabs", ElevenLabsConfig() | None:
            return ElevenLabsSimulator(config, script)
        case _:
            raise ValueError(f"no simulator for {name} with {config}")


async def _furnish(
    service: Service,
    carrier: TwilioSimulator,
    providers: Mapping[str, Provider],
    settings: Settings,
    wanted: FlowFields,
) -> House:
    org = await create_org(service.database, "Willow Creek Dental", "owner@example.com")
    async with service.database.write() as conn:
        stored = await flows.create_flow(conn, org.org_id, wanted)
        number = await numbers.create_number(
            conn, org.org_id, "PN" + "0" * 32, NUMBER, "Main line", flow_id=stored.id
        )
    voice_url = f"{service.public_url}/twilio/voice/{number.id}"
    carrier.add_number(NumberConfig(NUMBER, voice_url=voice_url))
    return House(service, carrier, providers, org.org_id, stored.id, number.id, service.public_url, settings)


TRANSFERS = '{"front_desk": "+15550001111"}'


def says(sound: Clip, *tools: CallTool, thinks_ms: int = 300) -> Reply:
    return Reply((Speak(sound), *tools), thinks_ms=thinks_ms)
