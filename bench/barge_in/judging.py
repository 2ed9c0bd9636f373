"""What became of each cut, read off the carrier's record of the line.

- `clear_ms` runs from where the caller's speech begins, on the carrier's clock, to the clear. Speech is what
  a flow counts as such: 40 ms in a row clearly over -38 dBFS. Of `clear_ms` those 40 ms are the flow's, and
  up to 20 are the carrier's, which sends a frame when it is over.
- `decide_ms` runs from the moment the carrier sent the frame that decided - the one with which speech has
  lasted for 40 ms - to the clear: the gateway's own share, with both ways over the socket.
- `heard_error_ms` is how far what the gateway reported as heard is from what the carrier had played.

A cut so near the end of the answer that nothing was left to be cut when the speech could be known for speech
is too late: nobody could have done anything. A cut in time without a clear is missed. A call in which an
answer never came counts as unanswered; the cuts it was still to make are not made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.barge_in.caller import ONSET_LEVEL, SPEECH_WINDOWS, Cut, CuttingCaller
from bench.load.lane import spread
from bench.simulators.twilio.playback import Cleared
from bench.simulators.twilio.stream_record import StreamRecord
from bench.sound import mulaw

REPORT_LIMIT_MS = 1000
"""A report of a barge-in belongs to the nearest clear, if that is so near."""

LAST_WORD_MS = 40
"""With less than this left of an answer there is nothing to be cut: it is over before a clear arrives."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A barge-in as the service recorded it, in milliseconds of the stream."""

    at_ms: int
    heard_ms: int


@dataclass(slots=True)
class Outcomes:
    """All cuts of a run, in milliseconds."""

    clear_ms: list[float] = field(default_factory=list)
    decide_ms: list[float] = field(default_factory=list)
    heard_error_ms: list[float] = field(default_factory=list)
    too_late: int = 0
    missed: int = 0
    unreported: int = 0
    unanswered: int = 0

    def figures(self) -> dict[str, object]:
        """The outcomes as plain data."""
        decide = spread(self.decide_ms)
        return {
            "cuts": len(self.clear_ms),
            "clear_ms": spread(self.clear_ms),
            "decide_ms": {"p50": decide["p50"], "p99": decide["p99"]},
            "heard_error_ms": spread(self.heard_error_ms),
            "too_late": self.too_late,
            "missed": self.missed,
            "unreported": self.unreported,
            "unanswered": self.unanswered,
        }


def judge(
    caller: CuttingCaller, stream: StreamRecord, answer_ms: int, reports: Sequence[Reported], into: Outcomes
) -> None:
    """Add what became of one caller's cuts.

    Args:
        caller: after the call.
        stream: the call's media stream.
        answer_ms: how long each answer was.
        reports: what the service recorded about the call.
        into: where to add.
    """
    into.unanswered += caller.unanswered
    ends = [cut.onset for cut in caller.cuts[1:]] + [stream.end_sample]
    for cut, end in zip(caller.cuts, ends, strict=False):
        decided = _deciding_frame(caller, stream, cut)
        clears = [cleared for cleared in stream.clears if cut.onset <= cleared.at < end]
        if clears:
            _judge_clear(caller, stream, decided, cut, clears, reports, into)
        elif cut.item_from + (answer_ms - LAST_WORD_MS) * mulaw.BYTES_PER_MS <= decided + mulaw.FRAME_BYTES:
            into.too_late += 1
        else:
            into.missed += 1


def _judge_clear(
    caller: CuttingCaller,
    stream: StreamRecord,
    decided: int,
    cut: Cut,
    clears: Sequence[Cleared],
    reports: Sequence[Reported],
    into: Outcomes,
) -> None:
    first, last = clears[0], clears[-1]
    line = caller.call.line
    into.clear_ms.append((first.at - cut.onset) / mulaw.BYTES_PER_MS)
    into.decide_ms.append(1000 * (line.time_of(first.at) - caller.said.left_at_s[decided]))
    cleared_ms = last.at / mulaw.BYTES_PER_MS - stream.start_ms
    nearest = min(reports, key=lambda report: abs(report.at_ms - cleared_ms), default=None)
    if nearest is None or abs(nearest.at_ms - cleared_ms) > REPORT_LIMIT_MS:
        into.unreported += 1
        return
    pieces = line.heard.pieces()
    played = sum(max(0, min(last.at, e) - max(cut.item_from, s)) for s, e in pieces)
    into.heard_error_ms.append(abs(nearest.heard_ms - played / mulaw.BYTES_PER_MS))


def _deciding_frame(caller: CuttingCaller, stream: StreamRecord, cut: Cut) -> int:
    """The first sample of the frame with which speech has lasted long enough; of the last if it never has."""
    half = mulaw.FRAME_BYTES // 2
    into_frame = (cut.onset - stream.start_sample) % mulaw.FRAME_BYTES
    loud = 0
    start = cut.onset - into_frame
    for start in range(cut.onset - into_frame, cut.until, half):
        loud = loud + 1 if mulaw.level(caller.said.between(start, start + half)) >= ONSET_LEVEL else 0
        if loud == SPEECH_WINDOWS:
            break
    return start - (start - stream.start_sample) % mulaw.FRAME_BYTES
