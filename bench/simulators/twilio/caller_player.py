"""Plays a caller's script on a call's line."""

import asyncio

from bench.scenarios.caller import (
    BargeIn,
    CallerStep,
    HangUp,
    HangUpMidWord,
    Listen,
    Press,
    Say,
    StaySilent,
    Wait,
)
from bench.simulators.twilio.call import SimulatedCall
from bench.simulators.twilio.call_facts import StepLog
from bench.sound import mulaw

# A click is not speech: this much audible sound counts as having been spoken to.
_SPOKEN_TO_SAMPLES = 60 * mulaw.BYTES_PER_MS


class CallerPlayer:
    """Plays the script of one answered call.

    Args:
        call: the call, already answered.
    """

    def __init__(self, call: SimulatedCall) -> None:
        self._call = call
        self._line = call.line
        self._listening_since = 0

    async def run(self) -> None:
        """Do every step, then stay on the line; hang up when the call has lasted too long."""
        try:
            async with asyncio.timeout(self._call.script.max_call_ms / 1000):
                for step in self._call.script.steps:
                    await self._do(step)
                await self._call.wait_over()
        except TimeoutError:
            self._call.note(None, "the caller gave up: max_call_ms")
            self._call.hang_up("caller")

    async def _do(self, step: CallerStep) -> None:
        started_ms = self._line.now_ms()
        outcome = await self._play(step)
        self._call.steps.append(StepLog(_name(step), started_ms, self._line.now_ms(), outcome))

    async def _play(self, step: CallerStep) -> str:
        match step:
            case Listen(quiet_ms=quiet_ms, limit_ms=limit_ms):
                return await self._listen(quiet_ms, limit_ms)
            case Say(clip=clip):
                await self._say(clip.sound)
            case Wait(ms=ms):
                await asyncio.sleep(ms / 1000)
            case Press(digits=digits, gap_ms=gap_ms):
                for digit in digits:
                    await self._call.press(digit)
                    await asyncio.sleep(gap_ms / 1000)
            case BargeIn(clip=clip, after_ms=after_ms, limit_ms=limit_ms):
                outcome = await self._until_heard_for(after_ms, limit_ms)
                await self._say(clip.sound)
                return outcome
            case HangUp():
                self._call.hang_up("caller")
            case HangUpMidWord(clip=clip, after_ms=after_ms):
                start = self._line.speak(clip.sound)
                await self._line.wait_until(start + after_ms * mulaw.BYTES_PER_MS)
                self._call.hang_up("caller")
            case StaySilent(ms=ms):
                await self._stay_silent(ms)
        return "done"

    async def _say(self, sound: bytes) -> None:
        start = self._line.speak(sound)
        await self._line.wait_until(start + len(sound))
        self._listening_since = self._line.now()

    async def _stay_silent(self, ms: int | None) -> None:
        if ms is None:
            await self._call.wait_over()
        else:
            await asyncio.sleep(ms / 1000)

    async def _listen(self, quiet_ms: int, limit_ms: int) -> str:
        line = self._line
        limit = line.now() + limit_ms * mulaw.BYTES_PER_MS
        while (now := line.now()) < limit:
            spoken_to = line.heard.audible_in(self._listening_since, now) >= _SPOKEN_TO_SAMPLES
            quiet_at = line.quiet_from() + quiet_ms * mulaw.BYTES_PER_MS
            if spoken_to and now >= quiet_at:
                self._listening_since = now
                return "heard"
            await line.wait_change(min(limit, quiet_at) if quiet_at > now else limit)
        return "limit"

    async def _until_heard_for(self, after_ms: int, limit_ms: int) -> str:
        line = self._line
        since = line.now()
        limit = since + limit_ms * mulaw.BYTES_PER_MS
        while (now := line.now()) < limit:
            at = line.heard.when_audible_for(since, after_ms * mulaw.BYTES_PER_MS)
            if at is not None and at <= now:
                return "heard"
            await line.wait_change(min(limit, at) if at is not None else limit)
        return "limit"


def _name(step: CallerStep) -> str:
    match step:
        case Say(clip=clip):
            return f"say {clip.name}"
        case BargeIn(clip=clip):
            return f"barge_in {clip.name}"
        case HangUpMidWord(clip=clip):
            return f"hang_up_mid_word {clip.name}"
        case Press(digits=digits):
            return f"press {digits}"
        case Listen():
            return "listen"
        case Wait(ms=ms):
            return f"wait {ms}"
        case HangUp():
            return "hang_up"
        case StaySilent():
            return "stay_silent"
