"""A caller who cuts into every answer, at a place drawn by lot, and so asks for the next one."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.scenarios.clip import Clip
from bench.simulators.twilio.call import SimulatedCall
from bench.sound import mulaw
from bench.sound.timeline import Timeline

ANSWER_LIMIT_S = 15.0
EDGE_SHARE = 0.1
"""So many cuts each fall into the very beginning and the very end of an answer."""

EDGE_MS = 200
ONSET_LEVEL = 32768 * 10 ** (-38 / 20)
"""-38 dBFS, where speech begins by the default of a flow."""

_ONSET_WINDOW_BYTES = 40

CLEARLY = 2**0.5
"""3 dB."""

SPEECH_WINDOWS = 4
"""So many windows of 10 ms in a row are speech: the 40 ms of a flow's default."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One time the caller spoke into an answer; samples since the call was answered.

    Args:
        item_from: where the answer began to be played.
        onset: where the caller's speech begins: 40 ms clearly over -38 dBFS, to 5 ms.
        until: where the caller's words end.
    """

    item_from: int
    onset: int
    until: int


class DepartingSound(Timeline):
    """What the caller says, with the times at which the carrier took each frame of it to send it."""

    __slots__ = ("left_at_s",)

    def __init__(self) -> None:
        super().__init__()
        self.left_at_s: dict[int, float] = {}
        """Loop time by first sample."""

    def render(self, start: int, end: int) -> bytes:
        """See `Timeline.render`."""
        self.left_at_s.setdefault(start, asyncio.get_running_loop().time())
        return super().render(start, end)

    def between(self, start: int, end: int) -> bytes:
        """Return the same without being asked by the carrier."""
        return super().render(start, end)


class CuttingCaller:
    """Speaks on the line of a call whose script leaves that to this caller.

    Args:
        call: the call; it has just begun to ring.
        clips: what to say, one drawn for each cut.
        answer_ms: how long each answer is.
        draw: the source of chance.
    """

    def __init__(
        self, call: SimulatedCall, clips: Sequence[Clip], answer_ms: int, draw: random.Random
    ) -> None:
        self.call = call
        self.said = DepartingSound()
        self.cuts: list[Cut] = []
        self.unanswered = False
        self._clips = [(clip, onset_of(clip.sound)) for clip in clips]
        self._answer_ms = answer_ms
        self._draw = draw

    async def run(self, cuts: int) -> None:
        """Cut into so many answers, then hang up; earlier when an answer does not come."""
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await self.call.wait_stream()
            line = self.call.line
            line.said = self.said
            since = 0
            for _ in range(cuts):
                since = await self._cut(await self._answer_from(since))
            await line.wait_until(since)
        except TimeoutError:
            self.unanswered = True
        finally:
            self.call.hang_up("caller")

    async def _answer_from(self, since: int) -> int:
        line = self.call.line
        async with asyncio.timeout(ANSWER_LIMIT_S + max(0.0, (since - line.now()) / mulaw.SAMPLE_RATE_HZ)):
            while True:
                for start, _ in line.heard.pieces():
                    if start >= since:
                        return start
                await line.wait_change(None)

    async def _cut(self, item_from: int) -> int:
        line = self.call.line
        # The odd samples make the speech begin anywhere within one of the carrier's frames.
        at = item_from + self._place_ms() * mulaw.BYTES_PER_MS + self._draw.randrange(mulaw.FRAME_BYTES)
        await line.wait_until(at)
        clip, onset = self._draw.choice(self._clips)
        start = self.said.place(max(at, line.now()), clip.sound)
        until = start + len(clip.sound)
        self.cuts.append(Cut(item_from, start + onset, until))
        return until

    def _place_ms(self) -> int:
        where = self._draw.random()
        if where < EDGE_SHARE:
            return self._draw.randrange(EDGE_MS)
        if where < 2 * EDGE_SHARE:
            return self._answer_ms - 1 - self._draw.randrange(EDGE_MS)
        return self._draw.randrange(self._answer_ms)


def onset_of(sound: bytes) -> int:
    """Return the first sample from which on it is clearly over -38 dBFS for 40 ms, as a flow counts speech.

    A click or the burst of a consonant before it is no speech yet, and of sound within 3 dB of a threshold it
    depends on where frames begin on which side it falls. Judged in windows of 10 ms from each 5 ms.

    Args:
        sound: mu-law, loud enough somewhere.
    """
    clearly = ONSET_LEVEL * CLEARLY
    loud = mulaw.window_levels(sound, _ONSET_WINDOW_BYTES) >= clearly
    power = mulaw.window_levels(sound, _ONSET_WINDOW_BYTES).astype(float) ** 2
    pairs = np.sqrt((power[:-1] + power[1:]) / 2) >= clearly  # 10 ms from each 5 ms on
    for first in range(len(pairs) - 2 * SPEECH_WINDOWS + 2):
        if loud[first] and pairs[first : first + 2 * SPEECH_WINDOWS : 2].all():
            return first * _ONSET_WINDOW_BYTES
    return int(loud.argmax()) * _ONSET_WINDOW_BYTES
