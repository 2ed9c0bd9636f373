"""The demonstration's stage: a service between a simulated carrier and a simulated provider."""

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.scenarios.scenario import Scenario
from bench.simulators.openai import OpenAIConfig, OpenAISimulator
from bench.simulators.twilio import NumberConfig, TwilioConfig, TwilioSimulator
from hum.administration import create_key, create_org
from hum.demo.script import expected_turns
from hum.service import Service, running_service
from hum.settings import Settings
from store import flows, numbers
from store.flows import FlowFields

NUMBER = "+15550100200"
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
    openai: OpenAISimulator
    org_id: str
    api_key: str


@asynccontextmanager
async def stage(scenario: Scenario, data_dir: Path, port: int) -> AsyncIterator[Stage]:
    """Start everything and seed an org, a key, a flow and a number.

    Args:
        scenario: Both sides of the call.
        data_dir: Where the database and the recording go.
        port: Where to listen; another one is taken when it is in use.
    """
    async with (
        TwilioSimulator(TwilioConfig()) as twilio,
        OpenAISimulator(OpenAIConfig(), scenario.agent) as openai,
    ):
        settings = Settings(
            port=port,
            data_dir=data_dir,
            twilio_account_sid=twilio.config.account_sid,
            twilio_auth_token=twilio.config.auth_token,
            twilio_url=twilio.url,
            openai_api_key=openai.config.api_key,
            openai_url=openai.url,
        )
        async with _service(settings) as service:
            org_id, api_key = await _seed(service, twilio, scenario)
            yield Stage(service, twilio, openai, org_id, api_key)


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
    database = service.database
    org = await create_org(database, ORG, "owner@example.com")
    key = await create_key(database, org.org_id, "admin", "demo")
    greeting = expected_turns(scenario)[0].text
    flow = FlowFields(
        name="Front desk", greeting=greeting, system_prompt=PROMPT, voice="marin", announce_recording=0
    )
    async with database.write() as conn:
        stored = await flows.create_flow(conn, org.org_id, flow)
        number = await numbers.create_number(
            conn, org.org_id, "PN" + "0" * 32, NUMBER, "Main line", flow_id=stored.id
        )
    voice_url = f"{service.public_url}/twilio/voice/{number.id}"
    twilio.add_number(NumberConfig(NUMBER, voice_url=voice_url))
    return org.org_id, key
