"""What ends or stirs a conversation by itself: pings, silence, and the time it may take.

Source: agent.asyncapi.yaml ("PingData", "ErrorType") and elevenlabs-python 2.78.0, `types/turn_config.py` and
`types/conversation_config_output.py`, read 2026-11.
"""

import asyncio
from typing import Any

from bench.simulators.elevenlabs.channel import MAX_DURATION, Channel
from bench.simulators.elevenlabs.config import ElevenLabsConfig
from bench.simulators.elevenlabs.conversation_log import ConversationLog
from bench.simulators.elevenlabs.failures import ConversationFailure
from bench.simulators.elevenlabs.playback import Playback
from bench.simulators.elevenlabs.reply_desk import ReplyDesk
from bench.simulators.pulse import Pulse
from bench.simulators.speech.turns import TurnKeeper

Json = dict[str, Any]


class Attention:
    """When the client and the caller were last heard of.

    Args:
        changed: beats whenever that changes.
    """

    def __init__(self, changed: Pulse) -> None:
        self.changed = changed
        self.caller_speaks = False
        self.input_at_s = self.quiet_from_s = asyncio.get_running_loop().time()

    def note_input(self) -> None:
        """The client sent audio, text or a sign of activity."""
        self.input_at_s = asyncio.get_running_loop().time()

    def note_caller(self, speaks: bool) -> None:
        """The caller began or stopped speaking, or did something else that counts as being there."""
        self.caller_speaks = speaks
        self.quiet_from_s = asyncio.get_running_loop().time()
        self.changed.beat()


class Pings:
    """Asks every so often whether the client is there.

    Args:
        channel: asks.
        config: how often, and how long to wait for an answer.
        log: knows how many are unanswered.
    """

    def __init__(self, channel: Channel, config: ElevenLabsConfig, log: ConversationLog) -> None:
        self._channel = channel
        self._config = config
        self._log = log
        self._unanswered: dict[int, float] = {}
        self._round_trip_ms: int | None = None

    def take_pong(self, event_id: int) -> None:
        """The client answered; an answer to nothing is passed over."""
        sent_at_s = self._unanswered.pop(event_id, None)
        if sent_at_s is not None:
            self._round_trip_ms = round((asyncio.get_running_loop().time() - sent_at_s) * 1000)
        self._log.unanswered_pings = len(self._unanswered)

    async def run(self) -> None:
        """Ping until the conversation ends."""
        loop, event_id = asyncio.get_running_loop(), 0
        while True:
            await asyncio.sleep(self._config.ping_every_s)
            oldest_s, patience_s = (
                min(self._unanswered.values(), default=loop.time()),
                self._config.pong_timeout_s,
            )
            if patience_s is not None and loop.time() - oldest_s >= patience_s:
                message = f"The client has answered no ping for {patience_s:g} seconds."
                await self._channel.fail(ConversationFailure(1002, "websocket_disconnect", message))
            if self._channel.mute or "ping" not in self._channel.wanted:
                continue
            event_id += 1
            self._unanswered[event_id] = loop.time()
            self._log.unanswered_pings = len(self._unanswered)
            ping = {"event_id": event_id, "ping_ms": self._round_trip_ms}
            await self._channel.send("ping", ping_event=ping)


async def watch_input(channel: Channel, attention: Attention, timeout_s: float) -> None:
    """End the conversation when nothing has come from the user for so long."""
    loop = asyncio.get_running_loop()
    while loop.time() < (due_s := attention.input_at_s + timeout_s):
        await attention.changed.wait(due_s)
    message = f"No user input received for {timeout_s:g} seconds."
    await channel.fail(ConversationFailure(1002, "transport_receive_timeout", message))


async def watch_duration(channel: Channel, settings: Json) -> None:
    """End the conversation when it has lasted as long as the agent allows."""
    await asyncio.sleep(settings["conversation"]["max_duration_seconds"])
    await channel.fail(MAX_DURATION)


class SilenceWatch:
    """Has the agent speak up, or hang up, when the caller says nothing.

    Args:
        channel: hangs up.
        settings: the agent's conversation config.
        attention: when the caller was last heard.
        playback: when the agent was.
        replies: speaks up.
        turns: what it says then.
    """

    def __init__(
        self,
        channel: Channel,
        settings: Json,
        attention: Attention,
        playback: Playback,
        replies: ReplyDesk,
        turns: TurnKeeper,
    ) -> None:
        self._channel = channel
        self._turn = settings["turn"]
        self._attention = attention
        self._playback = playback
        self._replies = replies
        self._turns = turns
        self._stirred_at_s = 0.0
        self._waits_for_first_word = not settings["agent"]["first_message"]

    async def run(self) -> None:
        """Watch until the conversation ends."""
        loop = asyncio.get_running_loop()
        while True:
            if self._attention.caller_speaks or self._replies.active:
                self._waits_for_first_word = False
                await self._attention.changed.wait()
                continue
            caller_quiet_s, both_quiet_s = self._quiet_from()
            hang_up_at_s = _after(caller_quiet_s, self._turn["silence_end_call_timeout"])
            stir_at_s = _after(both_quiet_s, self._patience_s())
            if hang_up_at_s is not None and loop.time() >= hang_up_at_s:
                self._channel.end(1000, "The caller has been silent for too long.", "agent")
            if stir_at_s is not None and loop.time() >= stir_at_s:
                self._speak_up(loop.time())
                continue
            due_s = min((at_s for at_s in (hang_up_at_s, stir_at_s) if at_s is not None), default=None)
            await self._attention.changed.wait(due_s)

    def _quiet_from(self) -> tuple[float, float]:
        """Return since when nobody has spoken, and since when the agent has not tried to stir the caller."""
        both = max(self._attention.quiet_from_s, self._playback.ends_at_s)
        return both, max(both, self._stirred_at_s)

    def _patience_s(self) -> float:
        first_s = self._turn.get("initial_wait_time")
        return float(first_s if self._waits_for_first_word and first_s else self._turn["turn_timeout"])

    def _speak_up(self, now_s: float) -> None:
        self._stirred_at_s = now_s
        self._waits_for_first_word = False
        planned = self._turns.answer_idle()
        if planned.reply.items:
            self._replies.start(planned)


def _after(from_s: float, timeout_s: float) -> float | None:
    return None if timeout_s < 0 else from_s + timeout_s
