"""One direction of one call: when each frame was sent, when it arrived, what that says."""

from array import array
from collections.abc import Iterable, Sequence

import numpy as np


class Lane:
    """Send and arrival times of the frames of one direction of one call, in seconds of one clock."""

    __slots__ = ("arrived", "repeated", "sent")

    def __init__(self) -> None:
        self.sent = array("d")
        self.arrived = array("d")
        self.repeated = 0

    def send(self, now_s: float) -> int:
        """Note a frame sent; returns its number."""
        self.sent.append(now_s)
        self.arrived.append(0.0)
        return len(self.sent) - 1

    def arrive(self, frame: int, now_s: float) -> None:
        """Note a frame arrived."""
        if frame >= len(self.arrived) or self.arrived[frame]:
            self.repeated += 1
        else:
            self.arrived[frame] = now_s


def latencies_ms(lanes: Iterable[Lane], from_s: float, until_s: float) -> tuple["np.ndarray", int]:
    """What the frames sent in a window needed, and how many of them never arrived.

    Args:
        lanes: any number of lanes.
        from_s: begin of the window.
        until_s: its end.

    Returns:
        Milliseconds of each frame that arrived, and the number of lost ones.
    """
    needed: list[np.ndarray] = []
    lost = 0
    for lane in lanes:
        sent, arrived = np.asarray(lane.sent), np.asarray(lane.arrived)
        chosen = (sent >= from_s) & (sent < until_s)
        came = chosen & (arrived > 0)
        lost += int(chosen.sum() - came.sum())
        needed.append((arrived[came] - sent[came]) * 1000)
    return (np.concatenate(needed) if needed else np.zeros(0)), lost


def spread(values: "Sequence[float] | np.ndarray") -> dict[str, float]:
    """Median, 99th percentile and maximum; zeros when there are none."""
    if not len(values):
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    p50, p99, highest = (float(x) for x in np.percentile(np.asarray(values), [50, 99, 100]))
    return {"p50": round(p50, 3), "p99": round(p99, 3), "max": round(highest, 3)}
