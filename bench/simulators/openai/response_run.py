"""One response of the model, from response.created to response.done.

Order of events and shapes. Source: OpenAI API reference, "Realtime server events", and openai-python 3.54.0,
read 2026-11: output_item.added, conversation.item.added, content_part.added, transcript and audio deltas,
output_audio.done, output_audio_transcript.done, content_part.done, conversation.item.done, output_item.done.
A response that is cut short still sends all the closing events; its item is `incomplete`.
"""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any

from bench.scenarios.agent import CallTool, FailResponse, Moment, Reply, Speak
from bench.simulators.openai.channel import Channel
from bench.simulators.openai.config import OpenAIConfig
from bench.simulators.openai.conversation import Conversation, Item
from bench.simulators.openai.settings import SessionSettings
from bench.simulators.openai.usage import Usage, text_tokens, usage_json
from bench.simulators.speech.faults import FaultPlan
from bench.simulators.speech.ids import IdSource
from bench.simulators.speech.speech_plan import Chunk, plan_speech
from bench.sound import mulaw

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ResponseOrder:
    """What a response is to be.

    Args:
        reply: what the scenario has the model do.
        moment: `greeting` or `answer`, for faults.
        turn: the caller's turn answered, from 1.
        modality: `audio` or `text`.
        metadata: given by the client, returned to it.
        in_conversation: False for a response outside the conversation.
        max_output_tokens: where it is cut off; None: nowhere.
    """

    reply: Reply
    moment: Moment = "answer"
    turn: int | None = None
    modality: str = "audio"
    metadata: Json | None = None
    in_conversation: bool = True
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Workshop:
    """What a response works with: the parts of its session."""

    channel: Channel
    conversation: Conversation
    settings: SessionSettings
    ids: IdSource
    config: OpenAIConfig
    faults: FaultPlan
    conversation_id: str


@dataclass(slots=True)
class _Outcome:
    status: str = "in_progress"
    reason: str | None = None
    error: Json | None = None


@dataclass(slots=True)
class ResponseRun:
    """A response in progress.

    Args:
        shop: the session's parts.
        order: what it is to be.
    """

    shop: Workshop
    order: ResponseOrder
    id: str = ""
    audio_ms: float = 0.0
    _output: list[Item] = field(default_factory=list)
    _outcome: _Outcome = field(default_factory=_Outcome)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _due_s: float = 0.0

    def __post_init__(self) -> None:
        self.id = self.shop.ids.new("resp")

    def cancel(self, reason: str) -> None:
        """Cut it short: `turn_detected` or `client_cancelled`."""
        self._end("cancelled", reason)

    async def run(self) -> None:
        """Send the whole response.

        Raises:
            SessionEnded: the session ended meanwhile.
        """
        context = self.shop.conversation.tokens()
        await self._send("response.created", response=self._view())
        await self._send("rate_limits.updated", rate_limits=_rate_limits())
        self._due_s = asyncio.get_running_loop().time() + self.order.reply.thinks_ms / 1000
        await self._wait_until(self._due_s)
        for index, item in enumerate(self.order.reply.items):
            if self._stop.is_set():
                break
            match item:
                case Speak(clip=clip):
                    await self._speak(index, clip.text, clip.sound)
                case CallTool(tool=tool, arguments=arguments):
                    await self._call_tool(index, tool, json.dumps(dict(arguments)))
        await self._maybe_fail()
        self._end("completed", None)
        await self._send("response.done", response=self._view(self._usage(context)))

    def _end(self, status: str, reason: str | None) -> None:
        if not self._stop.is_set():
            self._outcome = _Outcome(status, reason)
            self._stop.set()

    async def _speak(self, index: int, words: str, sound: bytes) -> None:
        is_audio = self.order.modality == "audio"
        item = self._new_item({"type": "message", "role": "assistant", "content": []})
        await self._add_item(index, item)
        if is_audio:
            part = {"type": "audio", "transcript": ""}
            item.body["content"] = [{"type": "output_audio", "transcript": ""}]
        else:
            part = {"type": "text", "text": ""}
            item.body["content"] = [{"type": "output_text", "text": ""}]
        place = {"response_id": self.id, "item_id": item.id, "output_index": index, "content_index": 0}
        await self._send("response.content_part.added", **place, part=part)
        said = await (self._send_sound if is_audio else self._send_text)(item, place, words, sound)
        item.text_tokens = text_tokens(said)
        key = "transcript" if is_audio else "text"
        item.body["content"][0][key] = said
        if is_audio:
            await self._send("response.output_audio.done", **place)
            await self._send("response.output_audio_transcript.done", **place, transcript=said)
        else:
            await self._send("response.output_text.done", **place, text=said)
        await self._send("response.content_part.done", **place, part={**part, key: said})
        await self._finish_item(index, item)

    async def _send_sound(self, item: Item, place: Json, words: str, sound: bytes) -> str:
        said = ""
        for chunk in plan_speech(words, sound, self.shop.config.chunk_bytes):
            await self._maybe_fail()
            await self._wait_until(self._due_s)
            if self._stop.is_set():
                break
            for word in chunk.words:
                said += word
                await self._send("response.output_audio_transcript.delta", **place, delta=word)
            await self._send_chunk(item, place, chunk)
        return said

    async def _send_chunk(self, item: Item, place: Json, chunk: Chunk) -> None:
        is_pcm = self.shop.settings.output_format["type"] == "audio/pcm"
        delta = base64.b64encode(mulaw.to_pcm24k(chunk.sound) if is_pcm else chunk.sound).decode()
        await self._send("response.output_audio.delta", **place, delta=delta)
        item.audio_ms += chunk.duration_ms
        item.audio_tokens = int(item.audio_ms // 50)
        self.audio_ms += chunk.duration_ms
        self._due_s += chunk.duration_ms / 1000 / self.shop.config.speed
        limit = self.order.max_output_tokens
        if limit is not None and item.audio_tokens >= limit:
            self._end("incomplete", "max_output_tokens")

    async def _send_text(self, _item: Item, place: Json, words: str, _sound: bytes) -> str:
        said = ""
        for word in words.split(" "):
            await self._maybe_fail()
            if self._stop.is_set():
                break
            delta = word if not said else f" {word}"
            said += delta
            await self._send("response.output_text.delta", **place, delta=delta)
        return said

    async def _call_tool(self, index: int, tool: str, arguments: str) -> None:
        call_id = self.shop.ids.new("call")
        body = {"type": "function_call", "name": tool, "call_id": call_id, "arguments": ""}
        item = self._new_item(body)
        await self._add_item(index, item)
        place = {"response_id": self.id, "item_id": item.id, "output_index": index, "call_id": call_id}
        half = len(arguments) // 2
        for piece in (arguments[:half], arguments[half:]):
            if piece:
                await self._send("response.function_call_arguments.delta", **place, delta=piece)
        await self._send("response.function_call_arguments.done", **place, name=tool, arguments=arguments)
        item.body["arguments"] = arguments
        item.text_tokens = text_tokens(tool + arguments)
        await self._finish_item(index, item)

    def _new_item(self, body: Json) -> Item:
        item_id = self.shop.ids.new("item")
        item = Item({"id": item_id, "object": "realtime.item", **body, "status": "in_progress"})
        self._output.append(item)
        return item

    async def _add_item(self, index: int, item: Item) -> None:
        await self._send(
            "response.output_item.added", response_id=self.id, output_index=index, item=item.view()
        )
        if self.order.in_conversation:
            previous = self.shop.conversation.add(item)
            await self._send("conversation.item.added", previous_item_id=previous, item=item.view())

    async def _finish_item(self, index: int, item: Item) -> None:
        item.body["status"] = "incomplete" if self._stop.is_set() else "completed"
        if self.order.in_conversation:
            previous = self._previous_of(item)
            await self._send("conversation.item.done", previous_item_id=previous, item=item.view())
        await self._send(
            "response.output_item.done", response_id=self.id, output_index=index, item=item.view()
        )

    def _previous_of(self, item: Item) -> str | None:
        items = self.shop.conversation.items
        index = items.index(item) if item in items else 0
        return items[index - 1].id if index else None

    async def _maybe_fail(self) -> None:
        action = self.shop.faults.due(self.order.moment, self.order.turn, self.audio_ms)
        match action:
            case None:
                pass
            case FailResponse(type=kind, code=code, message=message):
                self._end("failed", None)
                self._outcome.error = {"type": kind, "code": code, "message": message}
            case _:
                await self.shop.channel.suffer(action)

    async def _wait_until(self, due_s: float) -> None:
        try:
            async with asyncio.timeout_at(due_s):
                await self._stop.wait()
        except TimeoutError:
            pass

    async def _send(self, kind: str, **body: Any) -> None:
        await self.shop.channel.send(kind, **body)

    def _usage(self, context: tuple[int, int]) -> Json:
        output = Usage(
            audio=sum(item.audio_tokens for item in self._output),
            text=sum(item.text_tokens for item in self._output),
        )
        return usage_json(Usage(*context), output, self.shop.settings)

    def _view(self, usage: Json | None = None) -> Json:
        outcome = self._outcome
        details: Json | None = None
        if outcome.status in ("cancelled", "incomplete"):
            details = {"type": outcome.status, "reason": outcome.reason}
        elif outcome.status == "failed":
            details = {"type": "failed", "error": outcome.error}
        settings = self.shop.settings
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": outcome.status,
            "status_details": details,
            "output": [item.view() for item in self._output],
            "conversation_id": self.shop.conversation_id if self.order.in_conversation else None,
            "output_modalities": [self.order.modality],
            "max_output_tokens": self.order.max_output_tokens or "inf",
            "audio": {"output": {"format": settings.output_format, "voice": _voice_name(settings.voice)}},
            "metadata": self.order.metadata,
            "usage": usage,
        }


def _voice_name(voice: Any) -> str:
    return str(voice["id"]) if isinstance(voice, dict) else str(voice)


def _rate_limits() -> list[Json]:
    return [
        {"name": "requests", "limit": 20_000, "remaining": 19_999, "reset_seconds": 0.003},
        {"name": "tokens", "limit": 15_000_000, "remaining": 14_995_000, "reset_seconds": 0.02},
    ]
