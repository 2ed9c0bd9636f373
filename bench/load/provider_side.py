"""The provider's end under load: a realtime server that takes frames and speaks without pause.

Source: OpenAI Realtime GA, the few messages a session cannot do without; the thorough reading is
`bench.simulators.openai`. After the client's first `response.create` one answer goes on for ever.
"""

import json
from typing import Any

from aiohttp import WSMsgType, web

from bench.load.frames import SpeechFrames, read_stamp
from bench.load.lane import Lane
from bench.load.pace import Pacer, now_s

_AUDIO_MARK = '"audio":"'
_DELTA = (
    '{"type":"response.output_audio.delta","event_id":"event_%d","response_id":"resp_%d",'
    '"item_id":"item_%d","output_index":0,"content_index":0,"delta":"%s"}'
)


class ProviderSide:
    """Sessions by the number of the call, which the caller's stamped frames tell.

    Args:
        frames: what every agent says.
        up: lanes of caller audio, by call; this side notes the arrivals.
        down: lanes of agent audio, by session; this side notes the sending.
        pacer: paces the agents.
    """

    def __init__(self, frames: SpeechFrames, up: list[Lane], down: list[Lane], pacer: Pacer) -> None:
        self._frames = frames
        self._up = up
        self._down = down
        self._pacer = pacer
        self._sessions = 0
        self.errors: list[str] = []

    def add_to(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_get("/v1/realtime", self._serve)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        number = self._sessions
        self._sessions += 1
        session = {"id": f"sess_{number}", "type": "realtime", "model": request.query.get("model", "")}
        await _send(ws, "session.created", session=session)
        async for message in ws:
            if message.type is not WSMsgType.TEXT:
                continue
            text: str = message.data
            if text.startswith('{"type":"input_audio_buffer.append"'):
                call, frame = read_stamp(text, text.index(_AUDIO_MARK) + len(_AUDIO_MARK))
                self._up[call].arrive(frame, now_s())
            else:
                await self._control(ws, number, session, json.loads(text))
        self._pacer.remove(-1 - number)
        return ws

    async def _control(
        self, ws: web.WebSocketResponse, number: int, session: dict[str, Any], event: dict[str, Any]
    ) -> None:
        match event["type"]:
            case "session.update":
                await _send(ws, "session.updated", session=session | event["session"])
            case "response.create":
                await self._speak(ws, number)
            case kind:
                self.errors.append(f"unexpected {kind}")

    async def _speak(self, ws: web.WebSocketResponse, number: int) -> None:
        item = {"id": f"item_{number}", "type": "message", "role": "assistant", "status": "in_progress"}
        await _send(ws, "response.created", response={"id": f"resp_{number}", "status": "in_progress"})
        await _send(ws, "conversation.item.added", item=item, previous_item_id=None)
        lane = self._down[number]

        async def tick(_due_s: float) -> None:
            frame = lane.send(now_s())
            payload = self._frames.payload(number, frame)
            if not ws.closed:
                await ws.send_str(_DELTA % (frame, number, number, payload))

        self._pacer.add(-1 - number, tick)


async def _send(ws: web.WebSocketResponse, kind: str, **fields: Any) -> None:
    await ws.send_str(json.dumps({"type": kind, "event_id": "event_x", **fields}))
