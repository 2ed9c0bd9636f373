"""The demonstration's stage: a service between a simulated carrier and a simulated provider."""

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.scenarios.scenario import Scenario
from bench.simulators.twilio import NumberConfig, TwilioConfig, TwilioSimulator
from hum.administration import create_key
from hum.demo.script import expected_turns
from hum.furnish import NUMBER, furnish
from hum.service import Service, running_service
from hum.settings import Settings
from hum.simulated import SimulatedProvider, access_settings, simulated_provider
from store.flows import FlowFields

CALLER = "+15558675309"
ORG = "Willow Creek Dental"
PROMPT = (
    "You answer the phone at Willow Creek Dental, 14 Willow Street. Opening hours: Monday to Friday 8 to 6, "
    "Saturday 9 to 1. Parking is behind the building. New patients bring an insurance card and a photo ID."
)


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything ready for a call."""

    service: Service
    twilio: TwilioSimulator
    provider: SimulatedProvider
    org_id: str
    api_key: str


@asynccontextmanager
async def stage(scenario: Scenario, provider: str, data_dir: Path, port: int) -> AsyncIterator[Stage]:
    """Start everything and seed an org, a key, a flow and a number.

    Args:
        scenario: Both sides of the call.
        provider: Which speech provider is simulated.
        data_dir: Where the database and the recording go.
        port: Where to listen; another one is taken when it is in use.
    """
    async with (
        TwilioSimulator(TwilioConfig()) as twilio,
        simulated_provider(provider, scenario.agent) as speech,
    ):
        settings = Settings(
            port=port,
            data_dir=data_dir,
            twilio_account_sid=twilio.config.account_sid,
            twilio_auth_token=twilio.config.auth_token,
            twilio_url=twilio.url,
            **access_settings(provider, speech.config.api_key, speech.url),
        )
        async with _service(settings) as service:
            org_id, api_key = await _seed(service, twilio, scenario)
            yield Stage(service, twilio, speech, org_id, api_key)


@asynccontextmanager
async def _service(settings: Settings) -> AsyncIterator[Service]:
    try:
        running = running_service(settings, drain_s=0)
        service = await running.__aenter__()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        running = running_service(replace(settings, port=0), drain_s=0)
        service = await running.__aenter__()
    try:
        yield service
    finally:
        await running.__aexit__(None, None, None)


async def _seed(service: Service, twilio: TwilioSimulator, scenario: Scenario) -> tuple[str, str]:
    flow = FlowFields(
        name="Front desk",
        greeting=expected_turns(scenario)[0].text,
        system_prompt=PROMPT,
        voice="marin",
        announce_recording=0,
    )
    made = await furnish(service.database, ORG, flow)
    key = await create_key(service.database, made.org_id, "admin", "demo")
    voice_url = f"{service.public_url}/twilio/voice/{made.number_id}"
    twilio.add_number(NumberConfig(NUMBER, voice_url=voice_url))
    return made.org_id, key
