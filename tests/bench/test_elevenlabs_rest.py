"""The REST side of the simulated Agents platform, through the official SDK."""

import contextlib
import warnings
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from elevenlabs import AsyncElevenLabs
    from elevenlabs.core.api_error import ApiError
    from elevenlabs.errors import UnprocessableEntityError
    from elevenlabs.types import (
        AgentConfig,
        AgentConfigOverrideConfig,
        AgentPlatformSettingsRequestModel,
        AsrConversationalConfig,
        AuthSettings,
        ConversationalConfig,
        ConversationConfigClientOverrideConfigInput,
        ConversationConfigOutput,
        ConversationInitiationClientDataConfigInput,
        PromptAgentApiModelOutput,
        ToolRequestModel,
        ToolRequestModelToolConfig_Client,
        TtsConversationalConfigOutput,
        TurnConfig,
    )

from bench.scenarios.agent import AgentScript, Reply, Speak, Turn
from bench.simulators.elevenlabs import ElevenLabsConfig, ElevenLabsSimulator
from bench.simulators.elevenlabs.agent_config import CLIENT_EVENTS
from bench.sound import mulaw
from tests.bench.elevenlabs_client import agent, client_tool, closed, connect, talk
from tests.bench.sounds import clip, noise

pytestmark = pytest.mark.virtual_time

GREETING = clip(3000, 11, "Willow Creek Dental, how can I help?")
ANSWER = clip(1000, 12, "Yes, from nine to one.")
SCRIPT = AgentScript(
    prompted=(Reply((Speak(GREETING),), thinks_ms=0),),
    turns=(Turn("Are you open?", Reply((Speak(ANSWER),), thinks_ms=0)),),
)


@contextlib.asynccontextmanager
async def account(api_key: str = "xi-simulated") -> AsyncIterator[tuple[ElevenLabsSimulator, Any]]:
    """A simulator and the SDK's client for it."""
    async with (
        ElevenLabsSimulator(ElevenLabsConfig(), SCRIPT) as elevenlabs,
        httpx.AsyncClient() as http,
    ):
        yield elevenlabs, AsyncElevenLabs(base_url=elevenlabs.url, api_key=api_key, httpx_client=http)


def check_whole(model: BaseModel) -> None:
    """Nothing the SDK has no field for, at any depth, and every field of the type it should be."""
    assert not model.model_extra, f"{type(model).__name__} has no {model.model_extra}"
    type(model).model_validate(model.model_dump(by_alias=True, warnings="error"), strict=False)
    for _, value in model:
        for element in value if isinstance(value, list) else [value]:
            if isinstance(element, BaseModel):
                check_whole(element)


async def refusal(error: type[ApiError], request: Any) -> tuple[int | None, Any]:
    """Make a request that is refused; returns its status and `detail`."""
    with pytest.raises(error) as caught:
        await request
    return caught.value.status_code, caught.value.body["detail"]


FRONT_DESK = ConversationalConfig(
    asr=AsrConversationalConfig(user_input_audio_format="ulaw_8000", keywords=["Willow"]),
    tts=TtsConversationalConfigOutput(agent_output_audio_format="ulaw_8000", voice_id="v1"),
    turn=TurnConfig(turn_timeout=10, turn_eagerness="eager"),
    conversation=ConversationConfigOutput(client_events=list(CLIENT_EVENTS), max_duration_seconds=300),
    agent=AgentConfig(
        first_message="Hello!",
        language="en",
        prompt=PromptAgentApiModelOutput(prompt="Be kind.", llm="gpt-5"),
    ),
)
LOCKED = AgentPlatformSettingsRequestModel(
    auth=AuthSettings(enable_auth=True),
    overrides=ConversationInitiationClientDataConfigInput(
        conversation_config_override=ConversationConfigClientOverrideConfigInput(
            agent=AgentConfigOverrideConfig(first_message=True)
        )
    ),
)


async def test_an_agent_is_made_read_and_changed() -> None:
    async with account() as (elevenlabs, sdk):
        agents = sdk.conversational_ai.agents
        made = await agents.create(
            conversation_config=FRONT_DESK, platform_settings=LOCKED, name="Desk", tags=["hum"]
        )
        check_whole(made)
        read = await agents.get(made.agent_id)
        check_whole(read)
        config = read.conversation_config
        assert (read.name, read.tags) == ("Desk", ["hum"])
        assert config.asr.user_input_audio_format == config.tts.agent_output_audio_format == "ulaw_8000"
        assert config.tts.stability == 0.5  # a default
        assert config.agent.prompt.llm == "gpt-5"
        assert read.platform_settings.overrides.conversation_config_override.agent.first_message is True
        changed = await agents.update(
            made.agent_id,
            conversation_config=ConversationalConfig(turn=TurnConfig(turn_timeout=20)),
            name="New",
        )
        check_whole(changed)
        assert changed.name == "New"
        assert changed.conversation_config.turn.turn_timeout == 20
        assert changed.conversation_config.turn.turn_eagerness == "eager"
        assert changed.platform_settings.auth.enable_auth is True
        await agents.delete(made.agent_id)
        assert (await refusal(ApiError, agents.get(made.agent_id)))[0] == 404
        assert [status for _, _, status in elevenlabs.requests] == [200, 200, 200, 200, 404]


async def test_agents_are_listed_in_pages() -> None:
    async with account() as (_, sdk):
        agents = sdk.conversational_ai.agents
        for number in range(5):
            await agents.create(conversation_config=ConversationalConfig(), name=f"Desk {number}")
        await agents.create(conversation_config=ConversationalConfig(), name="Other")
        names, cursor = [], None
        for _ in range(3):
            page = await agents.list(page_size=2, search="desk", cursor=cursor)
            check_whole(page)
            names += [each.name for each in page.agents]
            cursor = page.next_cursor
            assert page.has_more is (cursor is not None)
        assert names == ["Desk 4", "Desk 3", "Desk 2", "Desk 1", "Desk 0"]
        assert cursor is None
        assert (await refusal(UnprocessableEntityError, agents.list(page_size=101)))[0] == 422
        assert (await refusal(ApiError, agents.list(cursor="?")))[0] == 400


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"asr": {"user_input_audio_format": "mp3"}}, "asr.user_input_audio_format"),
        ({"tts": {"agent_output_audio_format": "ulaw_16000"}}, "tts.agent_output_audio_format"),
        ({"conversation": {"client_events": ["everything"]}}, "conversation.client_events.0"),
        ({"conversation": {"max_duration_seconds": "long"}}, "conversation.max_duration_seconds"),
        ({"turn": {"turn_eagerness": "very"}}, "turn.turn_eagerness"),
        ({"agent": {"prompt": {"prompt": 5}}}, "agent.prompt.prompt"),
        (
            {"agent": {"prompt": {"tools": [{"type": "client", "name": "two words"}]}}},
            "agent.prompt.tools.0.name",
        ),
    ],
)
async def test_a_configuration_that_will_not_do(config: dict[str, Any], place: str) -> None:
    async with account() as (_, sdk):
        status, detail = await refusal(
            UnprocessableEntityError, sdk.conversational_ai.agents.create(conversation_config=config)
        )
        assert (status, ".".join(detail[0]["loc"])) == (422, f"body.conversation_config.{place}")


async def test_tools_stand_alone_or_in_the_agent() -> None:
    async with account() as (_, sdk):
        tools, agents = sdk.conversational_ai.tools, sdk.conversational_ai.agents
        request = ToolRequestModel(
            tool_config=ToolRequestModelToolConfig_Client(
                name="book", description="Books.", expects_response=True, response_timeout_secs=30
            )
        )
        tool = await tools.create(request=request)
        check_whole(tool)
        assert (await tools.get(tool.id)).tool_config.name == "book"
        listed = await tools.list(search="boo")
        check_whole(listed)
        assert [each.id for each in listed.tools] == [tool.id]
        by_id = {"agent": {"prompt": {"tool_ids": [tool.id]}}}
        made = await agents.create(conversation_config=by_id)
        prompt = (await agents.get(made.agent_id)).conversation_config.agent.prompt
        assert (prompt.tool_ids, [each.name for each in prompt.tools]) == ([tool.id], ["book"])
        inline = {"agent": {"prompt": {"tools": [client_tool("note")]}}}
        other = await agents.create(conversation_config=inline)
        read = await agents.get(other.agent_id)
        check_whole(read)
        assert [each.name for each in read.conversation_config.agent.prompt.tools] == ["note"]
        both = {"agent": {"prompt": {"tools": [client_tool("note")], "tool_ids": [tool.id]}}}
        status, detail = await refusal(ApiError, agents.create(conversation_config=both))
        assert (status, detail["status"]) == (400, "both_tools_and_tool_ids_provided")
        nowhere = {"agent": {"prompt": {"tool_ids": ["tool_nowhere"]}}}
        assert (await refusal(ApiError, agents.create(conversation_config=nowhere)))[0] == 404
        assert (await refusal(ApiError, tools.delete(tool.id)))[0] == 409
        await tools.delete(tool.id, force=True)
        assert (await agents.get(made.agent_id)).conversation_config.agent.prompt.tool_ids == []


async def test_the_key_is_wanted_and_paths_are_known() -> None:
    async with account(api_key="wrong") as (elevenlabs, sdk):
        status, detail = await refusal(ApiError, sdk.conversational_ai.agents.list())
        assert (status, detail["status"]) == (401, "invalid_api_key")
        async with httpx.AsyncClient(base_url=elevenlabs.url, headers={"xi-api-key": "xi-simulated"}) as http:
            assert (await http.get("/v1/convai/nothing")).status_code == 404
            assert (await http.put("/v1/convai/agents")).status_code == 405
            for body in (b"nonsense", b"[]", b"{}"):
                assert (await http.post("/v1/convai/agents/create", content=body)).status_code == 422
            assert (await http.get("/v1/convai/conversation/get-signed-url")).status_code == 422


async def test_a_signed_url_opens_one_conversation_after_another() -> None:
    async with account() as (elevenlabs, sdk):
        conversations = sdk.conversational_ai.conversations
        agent_id = agent(elevenlabs, auth=True)
        signed = await conversations.get_signed_url(agent_id=agent_id)
        check_whole(signed)
        assert signed.signed_url.startswith(f"{elevenlabs.url.replace('http', 'ws')}/v1/convai/conversation?")
        for _ in range(2):
            async with connect(elevenlabs, url=signed.signed_url) as client:
                await client.start()
        once = await conversations.get_signed_url(agent_id=agent_id, include_conversation_id=True)
        for works in (True, False):
            async with connect(elevenlabs, url=once.signed_url) as client:
                if works:
                    conversation_id = (await client.start())["conversation_id"]
                    assert conversation_id in once.signed_url
                else:
                    assert (await closed(client))[0] == 1008
        missing = conversations.get_signed_url(agent_id="agent_nobody")
        assert (await refusal(ApiError, missing))[0] == 404


async def test_a_conversation_can_be_read_back() -> None:
    async with account() as (elevenlabs, sdk):
        conversations = sdk.conversational_ai.conversations
        async with talk(elevenlabs, prompt={"prompt": "Be kind." * 50}) as client:
            conversation_id = (await client.start(user_id="u1"))["conversation_id"]
            await client.until("audio", 4)
            running = await conversations.get(conversation_id)
            check_whole(running)
            assert running.status == "in-progress"
            await client.speak(mulaw.silence(500) + noise(500, 5) + mulaw.silence(700))
            await client.until("agent_response_complete")
            await client.read_for(28)
        await client.connection.wait_closed()
        done = await conversations.get(conversation_id)
        check_whole(done)
        assert (done.status, done.user_id, done.agent_name) == ("done", "u1", "Front desk")
        said = [(line.role, line.message, line.interrupted) for line in done.transcript]
        assert [role for role, _, _ in said] == ["agent", "user", "agent"]
        assert said[0][1].endswith("...")
        assert said[0][2] is True
        assert said[1:] == [("user", "Are you open?", None), ("agent", ANSWER.text, None)]
        metadata = done.metadata
        assert 29 <= metadata.call_duration_secs <= 31
        assert metadata.cost_fiat == pytest.approx(metadata.call_duration_secs / 60 * 0.08, rel=0.05)
        assert metadata.cost == metadata.charging.call_charge + metadata.charging.llm_charge > 0
        assert metadata.charging.asr_usage.total_audio_input_seconds == pytest.approx(1.7)
        assert metadata.authorization_method == "public"
        assert metadata.error is None
        assert (await refusal(ApiError, conversations.get("conv_nowhere")))[0] == 404


async def test_a_conversation_that_failed_says_so() -> None:
    async with account() as (elevenlabs, sdk):
        async with talk(elevenlabs) as client:
            conversation_id = (await client.start())["conversation_id"]
            await client.send(type="nonsense")
            await closed(client)
        read = await sdk.conversational_ai.conversations.get(conversation_id)
        check_whole(read)
        assert (read.status, read.metadata.error.code) == ("failed", 1008)
