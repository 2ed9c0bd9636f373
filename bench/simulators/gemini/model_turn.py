"""One turn of the model, from its first thought to turnComplete.

Order of messages. Source: google-genai 3.4.0, `LiveServerContent`, and Live API guide, read 2026-11: content,
generationComplete when all is generated, turnComplete when it is assumed to have been played; a turn that is
interrupted goes interrupted, turnComplete, without generationComplete. While a (blocking) tool call waits for
its response the turn stays open; an interruption then cancels the call first. Usage comes with turnComplete
or in a message of its own, in turn; generating a tool call is billed by itself.
"""

import asyncio
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from bench.scenarios.agent import CallTool, FailResponse, Reply, ReplyItem, Speak
from bench.scenarios.clip import Clip
from bench.simulators.gemini.channel import Channel
from bench.simulators.gemini.config import GeminiConfig
from bench.simulators.gemini.context import Context, text_tokens
from bench.simulators.gemini.setup import Setup
from bench.simulators.gemini.speech_messages import audio_contents, text_content
from bench.simulators.gemini.tool_calls import ToolCalls
from bench.simulators.speech.faults import FaultPlan
from bench.simulators.speech.speech_plan import plan_speech
from bench.simulators.speech.turns import PlannedReply

Json = dict[str, Any]
Outcome = Literal["completed", "interrupted", "failed"]

_REJECTED = "RESPONSE_REJECTED"
_THOUGHT = "The caller wants to know; an answer is at hand."
_MS_PER_TOKEN = 40


@dataclass(frozen=True, slots=True)
class Workshop:
    """What the model works with: the parts of its session."""

    channel: Channel
    config: GeminiConfig
    setup: Setup
    context: Context
    faults: FaultPlan
    tools: ToolCalls


@dataclass(slots=True)
class ModelTurn:
    """A turn in progress.

    Args:
        shop: the session's parts.
        planned: what it is to be.
        number: counts the model's turns on this connection; decides how messages are bundled.
    """

    shop: Workshop
    planned: PlannedReply
    number: int
    spoken_ms: float = 0.0
    _outcome: Outcome = "completed"
    _reason: str = _REJECTED
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _exhausted: bool = False
    _cancelled: list[str] = field(default_factory=list)
    _chunks: int = 0
    _due_s: float = 0.0
    _played_s: float = 0.0
    _billed_ms: float = 0.0
    _written: str = ""
    _thoughts: str = ""

    def interrupt(self) -> None:
        """Cut it short."""
        self._end("interrupted")
        self._cancelled += self.shop.tools.cancel()

    async def run(self) -> None:
        """Send the whole turn.

        Raises:
            SessionEnded: the session ended meanwhile.
        """
        await self._play(self.planned.reply)
        if self._outcome == "completed":
            await self._complete()
        if cancelled := self._cancelled + self.shop.tools.cancel():
            await self.shop.channel.send({"toolCallCancellation": {"ids": cancelled}})
        match self._outcome:
            case "completed":
                await self._close({})
            case "interrupted":
                await self.shop.channel.content(interrupted=True)
                await self._close({})
            case "failed":
                await self._close({"turnCompleteReason": self._reason})

    @property
    def _over(self) -> bool:
        return self._exhausted or self._stop.is_set()

    def _end(self, outcome: Outcome) -> None:
        if not self._stop.is_set():
            self._outcome = outcome
            self._stop.set()

    async def _play(self, reply: Reply) -> None:
        self._due_s = asyncio.get_running_loop().time() + reply.thinks_ms / 1000
        await self._wait_until(self._due_s)
        if self.shop.setup.thinks_aloud and not self._stop.is_set():
            self._thoughts += _THOUGHT
            await self.shop.channel.content(**text_content(_THOUGHT, thought=True))
        called = False
        for is_call, items in groupby(reply.items, lambda item: isinstance(item, CallTool)):
            if self._over:
                break
            called = called or is_call
            await self._produce([*items])
        await self._maybe_fail()
        if called and await self._has_results() and reply.then is not None:
            await self._play(reply.then)

    async def _produce(self, items: list[ReplyItem]) -> None:
        if calls := [item for item in items if isinstance(item, CallTool)]:
            await self._call(calls)
        for item in items:
            if isinstance(item, Speak):
                await self._say(item.clip)

    async def _say(self, clip: Clip) -> None:
        if self.shop.setup.modality == "TEXT":
            await self._write(clip.text)
            return
        words = f" {clip.text}" if self.spoken_ms else clip.text
        for chunk in plan_speech(words, clip.sound, self.shop.config.chunk_bytes):
            await self._maybe_fail()
            await self._wait_until(self._due_s)
            if self._over:
                return
            for content in audio_contents(chunk, self._chunks, self.shop.setup.transcribes_output):
                await self.shop.channel.content(**content)
            self._chunks += 1
            self._account(chunk.duration_ms)

    def _account(self, duration_ms: float) -> None:
        now_s = asyncio.get_running_loop().time()
        self.spoken_ms += duration_ms
        self._due_s += duration_ms / 1000 / self.shop.config.speed
        self._played_s = max(self._played_s, now_s) + duration_ms / 1000
        self._mind_limit(int(self.spoken_ms // _MS_PER_TOKEN))

    async def _write(self, words: str) -> None:
        for word in words.split(" "):
            await self._maybe_fail()
            if self._over:
                return
            piece = f" {word}" if self._written else word
            self._written += piece
            await self.shop.channel.content(**text_content(piece))
            self._mind_limit(text_tokens(self._written))

    def _mind_limit(self, tokens: int) -> None:
        limit = self.shop.setup.max_output_tokens
        if limit is not None and tokens >= limit:
            self._exhausted = True

    async def _call(self, calls: list[CallTool]) -> None:
        await self.shop.channel.send({"toolCall": {"functionCalls": self.shop.tools.issue(calls)}})
        self._written += "".join(f"{call.tool}{dict(call.arguments)}" for call in calls)
        await self.shop.channel.send({"usageMetadata": self._use()})

    async def _has_results(self) -> bool:
        """Wait for the responses to the tool calls; False when the turn ends before."""
        if not self._over:
            await self.shop.tools.none_open.wait()
        return not self._over

    async def _complete(self) -> None:
        transcribed = self.shop.setup.transcribes_output and self.spoken_ms > 0
        finished: Json = {"outputTranscription": {"finished": True}} if transcribed else {}
        if finished and self.number % 2:
            await self.shop.channel.content(**finished)
            finished = {}
        await self.shop.channel.content(**finished, generationComplete=True)
        await self._wait_until(self._played_s)

    async def _close(self, more: Json) -> None:
        status = {"interactionStatus": "IDLE"} if self.shop.config.interaction_status else {}
        done: Json = {"serverContent": {"turnComplete": True, **more, **status}}
        usage: Json = {"usageMetadata": self._use()}
        if self.number % 2:
            await self.shop.channel.send({**done, **usage})
        else:
            await self.shop.channel.send(done)
            await self.shop.channel.send(usage)

    def _use(self) -> Json:
        shop = self.shop
        standing = text_tokens(shop.setup.instruction) + text_tokens(shop.setup.tools)
        fresh_ms, self._billed_ms = self.spoken_ms - self._billed_ms, self.spoken_ms
        usage = shop.context.use(fresh_ms, self._written, self._thoughts, standing)
        self._written = self._thoughts = ""
        if shop.setup.compresses is not None:
            shop.context.compress(*shop.setup.compresses)
        return usage

    async def _maybe_fail(self) -> None:
        action = self.shop.faults.due(self.planned.moment, self.planned.turn, self.spoken_ms)
        match action:
            case None:
                pass
            case FailResponse(code=code):
                self._reason = code or _REJECTED
                self._end("failed")
            case _:
                await self.shop.channel.suffer(action)

    async def _wait_until(self, due_s: float) -> None:
        try:
            async with asyncio.timeout_at(due_s):
                await self._stop.wait()
        except TimeoutError:
            pass
