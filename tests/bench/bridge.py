"""The least of gateways: joins the simulated phone company to the simulated provider, for tests of both."""

import asyncio
import base64
import contextlib
import json
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from bench.simulators.openai import OpenAISimulator
from bench.sound import mulaw
from tests.bench.realtime_client import MODEL, PCMU_SESSION, check_strictly
from tests.bench.service import MediaSocket


class Bridge:
    """Use as the media handler of a `ToyService`."""

    def __init__(self, openai: OpenAISimulator) -> None:
        self._openai = openai
        self.tool: dict[str, Any] | None = None
        self.events: list[dict[str, Any]] = []
        self._item = ""
        self._item_started_ms = 0
        self._now_ms = 0
        self._ending = ""
        self.truncated_ms: list[int] = []

    async def __call__(self, media: MediaSocket) -> None:
        await media.until("start")
        url = self._openai.url.replace("http", "ws") + f"/v1/realtime?model={MODEL}"
        headers = {"Authorization": f"Bearer {self._openai.config.api_key}"}
        try:
            async with connect(
                url, additional_headers=headers, compression=None, proxy=None, ping_interval=None
            ) as provider:
                await provider.send(json.dumps({"type": "session.update", "session": PCMU_SESSION}))
                await provider.send(json.dumps({"type": "response.create"}))
                async with asyncio.TaskGroup() as tasks:
                    both = [
                        tasks.create_task(self._from_provider(provider, media)),
                        tasks.create_task(self._from_caller(provider, media)),
                    ]
                    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                    for task in both:
                        task.cancel()
        except* (OSError, WebSocketException):
            pass

    async def _from_caller(self, provider: ClientConnection, media: MediaSocket) -> None:
        while (message := await media.read()) is not None:
            match message["event"]:
                case "media":
                    self._now_ms = int(message["media"]["timestamp"])
                    event = {"type": "input_audio_buffer.append", "audio": message["media"]["payload"]}
                    with contextlib.suppress(ConnectionClosed):
                        await provider.send(json.dumps(event))
                case "mark" if message["mark"]["name"] == self._ending:
                    return
                case "stop":
                    return

    async def _from_provider(self, provider: ClientConnection, media: MediaSocket) -> None:
        async for text in provider:
            event = check_strictly(text)
            self.events.append(event)
            match event["type"]:
                case "response.output_audio.delta":
                    if event["item_id"] != self._item:
                        self._item, self._item_started_ms = event["item_id"], self._now_ms
                    await media.media(base64.b64decode(event["delta"]))
                case "input_audio_buffer.speech_started" if self._item:
                    await self._interrupt(provider, media)
                case "response.function_call_arguments.done":
                    self.tool = event
                case "response.done" if self.tool is not None:
                    self._ending = "farewell"
                    await media.mark(self._ending)

    async def _interrupt(self, provider: ClientConnection, media: MediaSocket) -> None:
        await media.clear()
        sent_ms = sum(
            len(base64.b64decode(event["delta"])) // mulaw.BYTES_PER_MS
            for event in self.events
            if event["type"] == "response.output_audio.delta" and event["item_id"] == self._item
        )
        heard_ms = min(self._now_ms - self._item_started_ms, sent_ms)
        if 0 < heard_ms < sent_ms:
            self.truncated_ms.append(heard_ms)
            event = {
                "type": "conversation.item.truncate",
                "item_id": self._item,
                "content_index": 0,
                "audio_end_ms": heard_ms,
            }
            await provider.send(json.dumps(event))
        self._item = ""
