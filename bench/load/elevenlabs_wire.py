"""ElevenLabs Agents as far as load needs it: an agent that is made over REST, a signed URL, a conversation.

Source: elevenlabs-python 2.78, `conversational_ai/*/raw_client.py` and `conversation.py`, read 2026-11;
`bench.simulators.elevenlabs` is the thorough reading.
"""

import json
from collections.abc import Sequence

from aiohttp import web

from bench.load.frames import SpeechFrames
from bench.load.wire import Reaction, Stamp

_AUDIO = '{"user_audio_chunk":"'
_SPEECH = '{"type":"audio","audio_event":{"event_id":1,"audio_base_64":"%s"}}'


class ElevenLabsWire:
    """Conversations whose agent speaks its first message for ever.

    Args:
        sound: what callers and agents say, mu-law.
    """

    socket_path = "/v1/convai/conversation"

    def __init__(self, sound: bytes) -> None:
        self.frames = SpeechFrames(sound)
        self._tools = 0

    def add_to(self, app: web.Application) -> None:
        """See `ProviderWire`: agents, tools, signed URLs."""
        app.router.add_get("/v1/convai/agents", self._no_agents)
        app.router.add_post("/v1/convai/agents/create", self._make_agent)
        app.router.add_get("/v1/convai/tools", self._no_tools)
        app.router.add_post("/v1/convai/tools", self._make_tool)
        app.router.add_get("/v1/convai/conversation/get-signed-url", self._sign)

    async def _no_agents(self, _request: web.Request) -> web.Response:
        return web.json_response({"agents": [], "next_cursor": None, "has_more": False})

    async def _make_agent(self, _request: web.Request) -> web.Response:
        return web.json_response({"agent_id": "agent_bench"})

    async def _no_tools(self, _request: web.Request) -> web.Response:
        return web.json_response({"tools": [], "next_cursor": None, "has_more": False})

    async def _make_tool(self, request: web.Request) -> web.Response:
        self._tools += 1
        made = {"id": f"tool_{self._tools}", "tool_config": (await request.json())["tool_config"]}
        access = {"is_creator": True, "creator_name": "", "creator_email": "", "role": "admin"}
        usage = {"total_calls": 0, "avg_latency_secs": 0.0}
        return web.json_response(made | {"access_info": access, "usage_stats": usage})

    async def _sign(self, request: web.Request) -> web.Response:
        url = f"ws://{request.host}{self.socket_path}?agent_id=agent_bench&conversation_signature=bench"
        return web.json_response({"signed_url": url})

    def opening(self) -> Sequence[str]:
        """See `ProviderWire`: the client speaks first."""
        return ()

    def heard(self, text: str) -> Sequence[Stamp] | None:
        """See `ProviderWire`."""
        return (self.frames.read_one(text, len(_AUDIO)),) if text.startswith(_AUDIO) else None

    def react(self, number: int, text: str) -> Reaction:
        """See `ProviderWire`."""
        message = json.loads(text)
        match message.get("type"):
            case "conversation_initiation_client_data":
                return Reaction(_begun(number), speaks=True)
            case kind:
                return Reaction(unexpected=str(kind))

    def speech(self, number: int, frame: int) -> str:
        """See `ProviderWire`."""
        return _SPEECH % self.frames.payload(number, frame)


def _begun(number: int) -> tuple[str, str]:
    metadata = {
        "conversation_id": f"conv_{number}",
        "agent_output_audio_format": "ulaw_8000",
        "user_input_audio_format": "ulaw_8000",
    }
    words = {"event_id": 1, "agent_response": "Hello."}
    return (
        json.dumps(
            {"type": "conversation_initiation_metadata", "conversation_initiation_metadata_event": metadata}
        ),
        json.dumps({"type": "agent_response", "agent_response_event": words}),
    )
