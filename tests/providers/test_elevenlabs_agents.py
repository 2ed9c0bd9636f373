"""The agent a session needs: found, made or mended in the simulated workspace, and what a refusal becomes."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from elevenlabs import AsyncElevenLabs

from bench.simulators.elevenlabs import ElevenLabsConfig, ElevenLabsSimulator
from providers import session as p
from providers.directory import Access, ProviderDirectory
from providers.elevenlabs.agents import REQUEST_TIMEOUT_S, ElevenLabsAgents
from providers.errors import ProviderError
from tests.providers.test_elevenlabs_session import BOOK, CONFIG, SCRIPT, directory

pytestmark = pytest.mark.virtual_time(wall=True)


async def test_twenty_calls_at_once_make_one_agent() -> None:
    async with (
        ElevenLabsSimulator(ElevenLabsConfig(), SCRIPT) as simulator,
        directory(simulator) as providers,
    ):
        async with asyncio.TaskGroup() as tasks:
            codecs = [tasks.create_task(providers.codec("elevenlabs", CONFIG)) for _ in range(20)]
        assert len({codec.result().target().url for codec in codecs}) == 20
        asked = [(method, path.split("?")[0]) for method, path, _ in simulator.requests]
        assert asked.count(("POST", "/v1/convai/agents/create")) == 1
        assert asked.count(("POST", "/v1/convai/tools")) == 1
        assert asked.count(("GET", "/v1/convai/conversation/get-signed-url")) == 20


async def test_another_process_finds_the_agent_and_mends_it_only_if_it_differs() -> None:
    async with ElevenLabsSimulator(ElevenLabsConfig(), SCRIPT) as simulator:
        for spoiled in (False, True, False):
            if spoiled:
                (agent,) = simulator.workspace.agents.values()
                agent.config["turn"]["turn_eagerness"] = "patient"
                agent.config["agent"]["prompt"]["tool_ids"] = []
            simulator.requests.clear()
            async with directory(simulator) as providers:
                await providers.codec("elevenlabs", CONFIG)
            methods = [method for method, _, _ in simulator.requests]
            assert methods.count("PATCH") == int(spoiled)
        assert len(simulator.workspace.agents) == 1
        assert len(simulator.workspace.tools) == 1


async def test_what_differs_has_an_agent_of_its_own_and_shares_tools() -> None:
    async with (
        ElevenLabsSimulator(ElevenLabsConfig(), SCRIPT) as simulator,
        directory(simulator) as providers,
    ):
        eager = p.SemanticVad("high")
        other = p.ToolDefinition("book", "Books a table.", {"type": "object", "properties": {}})
        for config in (
            CONFIG,
            p.SessionConfig("Other words.", "ash", greeting="Hi", tools=(BOOK,), language="en", number=3),
            p.SessionConfig("", "marin", tools=(BOOK,), language="en", turn_detection=eager),
            p.SessionConfig("", "marin", tools=(BOOK,), language="de"),
            p.SessionConfig("", "marin", tools=(other,)),
            p.SessionConfig("", "marin"),
        ):
            await providers.codec("elevenlabs", config)
        assert len(simulator.workspace.agents) == 5
        assert len(simulator.workspace.tools) == 2


async def test_an_agent_somebody_deleted_is_made_again() -> None:
    async with (
        ElevenLabsSimulator(ElevenLabsConfig(), SCRIPT) as simulator,
        directory(simulator) as providers,
    ):
        await providers.codec("elevenlabs", CONFIG)
        simulator.workspace.agents.clear()
        await providers.codec("elevenlabs", CONFIG)
        assert len(simulator.workspace.agents) == 1


async def test_a_wrong_key() -> None:
    async with (
        ElevenLabsSimulator(ElevenLabsConfig(), SCRIPT) as simulator,
        directory(simulator, "xi-no") as made,
    ):
        with pytest.raises(ProviderError) as raised:
            await made.codec("elevenlabs", CONFIG)
        assert (raised.value.code, raised.value.retryable) == ("invalid_api_key", False)


async def test_nobody_there() -> None:
    made = ProviderDirectory({"elevenlabs": Access("xi-1", "http://127.0.0.1:1")})
    with pytest.raises(ProviderError) as raised:
        await made.codec("elevenlabs", CONFIG)
    assert (raised.value.code, raised.value.retryable) == ("unreachable", True)
    await made.close()


# ---- refusals


def answering(status: int, body: Any) -> ElevenLabsAgents:
    content = body if isinstance(body, str) else json.dumps(body)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=content)

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return ElevenLabsAgents(
        AsyncElevenLabs(api_key="xi-1", base_url="http://eleven", httpx_client=http), http
    )


@pytest.mark.parametrize(
    ("status", "body", "code", "retryable"),
    [
        (401, {"detail": {"status": "invalid_api_key"}}, "invalid_api_key", False),
        (401, {"detail": {"status": "quota_exceeded"}}, "insufficient_quota", False),
        (403, {"detail": "no"}, "forbidden", False),
        (422, {"detail": [{"msg": "no"}]}, "invalid_configuration", False),
        (429, {}, "rate_limited", True),
        (418, [], "refused", False),
        (503, "<html>", "refused", True),
        (200, "<html>", "refused", False),
        (200, {}, "protocol_error", True),
        (200, [], "protocol_error", True),
        (200, {"agents": [{"name": 5}], "has_more": "x"}, "protocol_error", True),
        (200, {"agents": ["x"], "tools": ["x"]}, "protocol_error", True),
        (200, {"agents": None, "tools": {}}, "protocol_error", True),
    ],
)
async def test_a_refusal_is_an_error_of_ours(status: int, body: Any, code: str, retryable: bool) -> None:
    agents = answering(status, body)
    with pytest.raises(ProviderError) as raised:
        await agents.signed_url(CONFIG)
    await agents.close()
    assert (raised.value.code, raised.value.retryable) == (code, retryable)


async def test_a_service_that_does_not_answer() -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        return httpx.Response(200)

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    agents = ElevenLabsAgents(AsyncElevenLabs(api_key="xi-1", base_url="http://eleven", httpx_client=http))
    started_s = asyncio.get_running_loop().time()
    with pytest.raises(ProviderError) as raised:
        await agents.signed_url(CONFIG)
    await http.aclose()
    assert (raised.value.code, raised.value.retryable) == ("open_timeout", True)
    assert asyncio.get_running_loop().time() - started_s == pytest.approx(REQUEST_TIMEOUT_S, abs=0.1)
