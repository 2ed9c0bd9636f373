"""One performance of the demonstration, from an empty directory to the verdict."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import aiohttp

from bench.scenarios.scenario import Scenario
from bench.simulators.twilio.call import SimulatedCall
from hum.demo.client import ApiClient, StreamedEvent
from hum.demo.screen import Screen
from hum.demo.script import expected_turns
from hum.demo.stage import CALLER, Stage, stage
from hum.demo.verdict import Evidence, problems
from hum.furnish import NUMBER
from providers.directory import PROVIDERS

CALL_LIMIT_S = 150.0
_PRODUCTS = {"openai": "OpenAI Realtime", "gemini": "Gemini Live", "elevenlabs": "ElevenLabs Agents"}


async def perform(
    scenario: Scenario,
    data_dir: Path,
    port: int,
    screen: Screen,
    *,
    stay: asyncio.Event | None,
    provider: str = PROVIDERS[0],
) -> bool:
    """Play the scenario through a real service and judge what it left behind.

    Args:
        scenario: Both sides of the call.
        data_dir: An empty directory for the database and the recording.
        port: Where the service should listen.
        screen: Where to show it.
        stay: Keep the service up until this is set; None to end after the verdict.
        provider: Which speech provider is simulated.

    Returns:
        Whether all is as it should be.
    """
    turns = expected_turns(scenario)
    screen.say(f"starting HUM between a simulated phone company and a simulated {_PRODUCTS[provider]} …")
    async with stage(scenario, provider, data_dir, port) as ready, aiohttp.ClientSession() as http:
        screen.say(f"HUM is ready at {ready.service.url}")
        client = ApiClient(http, ready.service.url, ready.api_key)
        screen.title(f"{CALLER} calls {NUMBER}")
        evidence = await _call(scenario, ready, client, screen)
        found = problems(evidence, turns)
        screen.verdict(found, _figures(evidence))
        if stay is not None:
            screen.further(ready.service.url, ready.api_key, evidence.call.get("id", ""))
            screen.say("\nHUM stays up until you press Ctrl-C.")
            await stay.wait()
    return not found


async def _call(scenario: Scenario, ready: Stage, client: ApiClient, screen: Screen) -> Evidence:
    streamed: list[StreamedEvent] = []
    call_id = ""
    call = await ready.twilio.dial_in(NUMBER, scenario.caller, from_number=CALLER)
    try:
        async with asyncio.timeout(CALL_LIMIT_S):
            call_id = await _call_id(client, call)
            async with aclosing(client.follow(call_id)) as events:
                async for event in events:
                    streamed.append(event)
                    screen.show(event)
            await call.wait_over()
    except TimeoutError:
        screen.say(f"the call did not end within {CALL_LIMIT_S:g} s")
    return await _evidence(client, call_id, call, streamed)


async def _call_id(client: ApiClient, call: SimulatedCall) -> str:
    """Our id of the call, as soon as the carrier has told the service about it."""
    while True:
        items = (await client.get("/api/calls")).get("items", [])
        if items:
            return str(items[0]["id"])
        if call.over:
            return ""
        await asyncio.sleep(0.05)


async def _evidence(
    client: ApiClient, call_id: str, call: SimulatedCall, streamed: list[StreamedEvent]
) -> Evidence:
    middle = len(streamed) // 2
    replayed: list[StreamedEvent] = []
    if streamed and streamed[-1].name == "end":
        async with aclosing(client.follow(call_id, after=middle)) as events:
            replayed = [event async for event in events]
    stream = call.streams[0] if call.streams else None
    return Evidence(
        call=await client.get(f"/api/calls/{call_id}"),
        recording=await client.download(f"/api/calls/{call_id}/recording"),
        streamed=streamed,
        replayed=replayed,
        replayed_after=middle,
        said=stream.said_sound() if stream else b"",
        heard=stream.heard_sound() if stream else b"",
    )


def _figures(evidence: Evidence) -> str:
    call = evidence.call
    seconds = (call.get("duration_ms") or 0) / 1000
    turns = len(call.get("transcript") or [])
    events, size_kb = call.get("events", 0), len(evidence.recording) // 1000
    return (
        f"{seconds:.1f} s of conversation, {turns} turns, {events} events, {size_kb} kB of stereo recording"
    )
