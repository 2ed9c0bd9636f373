"""One conversation's responses: at most one at a time, and how the caller interrupts it."""

import asyncio

from bench.scenarios.agent import Turn
from bench.simulators.elevenlabs.response_run import ResponseRun, Workshop
from bench.simulators.pulse import Pulse
from bench.simulators.speech.speech_plan import split_words
from bench.simulators.speech.turns import PlannedReply, TurnKeeper


class ReplyDesk:
    """Starts, interrupts and follows up responses.

    Args:
        shop: the conversation's parts.
        turns: what comes next in the scenario.
        tasks: the conversation's task group, in which responses run.
        changed: beats when a response starts or ends.
    """

    def __init__(self, shop: Workshop, turns: TurnKeeper, tasks: asyncio.TaskGroup, changed: Pulse) -> None:
        self._shop = shop
        self._turns = turns
        self._tasks = tasks
        self._changed = changed
        self._active: ResponseRun | None = None
        self._latest: ResponseRun | None = None
        self._none_active = asyncio.Event()
        self._none_active.set()

    @property
    def active(self) -> bool:
        """Whether a response is being sent or waits for a tool."""
        return self._active is not None

    @property
    def may_be_interrupted(self) -> bool:
        """Whether the caller's voice counts just now."""
        talking = self.active or self._shop.playback.playing(asyncio.get_running_loop().time())
        return not talking or self._latest is None or self._latest.may_be_interrupted

    def start(self, planned: PlannedReply, heard: Turn | None = None, is_first_message: bool = False) -> None:
        """Begin a response; none may be active.

        Args:
            planned: what it is to be.
            heard: the utterance it answers, whose transcript is still to be sent.
            is_first_message: the agent opens the conversation with it.
        """
        run = self._active = self._latest = ResponseRun(self._shop, planned, is_first_message)
        self._none_active.clear()
        self._changed.beat()
        self._tasks.create_task(self._run(run, heard), name=f"response to turn {planned.turn}")

    async def interrupt(self) -> None:
        """The caller or the client speaks up: cut the agent short, and say so if it was being heard."""
        now_s = asyncio.get_running_loop().time()
        was_playing = self._shop.playback.playing(now_s)
        if self._active is not None:
            self._active.stop()
            self._shop.tools.give_up()
            await self._none_active.wait()
        heard = self._shop.playback.cut(now_s)
        if was_playing:
            await self._announce_interruption(heard)

    async def _announce_interruption(self, heard: str) -> None:
        speech, channel = self._shop.playback.speech, self._shop.channel
        if speech is None:
            return
        await channel.send("interruption", interruption_event={"event_id": speech.event_id})
        corrected = speech.text if heard == speech.text else f"{heard.rstrip()}..."
        speech.line.update(message=corrected, original_message=speech.text, interrupted=True)
        await channel.send(
            "agent_response_correction",
            agent_response_correction_event={
                "original_agent_response": speech.text,
                "corrected_agent_response": corrected,
                "event_id": speech.event_id,
                "response_id": speech.response_id,
            },
        )

    async def _run(self, run: ResponseRun, heard: Turn | None) -> None:
        if heard is not None:
            await run.wait_for_transcript()
            if heard.transcript == "before":
                await self._transcribe(heard.hears)
        await run.run()
        if heard is not None and heard.transcript == "after":
            await self._transcribe(heard.hears)
        goes_on = not run.stopped and await self._shop.tools.wait(run.calls)
        self._active = None
        self._none_active.set()
        self._changed.beat()
        if run.ends_call:
            await self._hang_up()
        if goes_on and run.calls_tools and run.planned.reply.then is not None:
            self.start(self._turns.answer())
        await self._suffer_between_turns(run.planned.turn)

    async def _transcribe(self, text: str) -> None:
        event_id, channel = self._shop.next_event_id(), self._shop.channel
        self._shop.record.say("user", text, asyncio.get_running_loop().time())
        pieces = split_words(text, self._shop.config.tentative_transcripts + 1)
        for upto in range(1, len(pieces)):
            event = {"user_transcript": "".join(pieces[:upto]), "event_id": event_id}
            await channel.send("tentative_user_transcript", tentative_user_transcription_event=event)
        event = {"user_transcript": text, "event_id": event_id}
        await channel.send("user_transcript", user_transcription_event=event)

    async def _hang_up(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._shop.playback.ends_at_s - loop.time()))
        self._shop.channel.end(1000, "end_call tool was called.", "agent")

    async def _suffer_between_turns(self, turn: int | None) -> None:
        delay_ms = self._shop.faults.delay_ms("between_turns", turn)
        if delay_ms is None:
            return
        action = self._shop.faults.due("between_turns", turn, delay_ms)
        await asyncio.sleep(delay_ms / 1000)
        if action is not None:
            await self._shop.channel.suffer(action)
