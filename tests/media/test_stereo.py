"""Two lanes placed by time: against a model that paints one sample at a time."""

from hypothesis import given
from hypothesis import strategies as st

from media.mulaw import SILENCE
from media.stereo import MAX_AHEAD_MS, StereoTimeline

FRAMES_OF_15_MINUTES = 45_000


def lanes(stereo: bytes) -> tuple[bytes, bytes]:
    return stereo[0::2], stereo[1::2]


class PaintedTimeline:
    """The same contract, written the slow way: a dictionary of samples per lane."""

    def __init__(self) -> None:
        self.samples: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.horizon = 0
        self.dropped = 0

    def put(self, lane: int, data: bytes, at_ms: float) -> None:
        start = round(at_ms * 8)
        for position, value in enumerate(data, start):
            if position < self.horizon:
                self.dropped += 1
            else:
                self.samples[lane][position] = value

    def cut(self, at_ms: float) -> None:
        for position in [p for p in self.samples[1] if p >= max(round(at_ms * 8), self.horizon)]:
            del self.samples[1][position]

    def settle(self, until_ms: float) -> bytes:
        until = max(self.horizon, round(until_ms * 8))
        positions = range(self.horizon, until)
        self.horizon = until
        return bytes(self.samples[lane].get(p, SILENCE) for p in positions for lane in (0, 1))


times = st.one_of(st.integers(0, 90), st.floats(0, 90))
operations = st.lists(
    st.one_of(
        st.tuples(st.just("caller"), times, st.binary(max_size=200)),
        st.tuples(st.just("agent"), times, st.binary(max_size=400)),
        st.tuples(st.just("cut"), times, st.just(b"")),
        st.tuples(st.just("settle"), times, st.just(b"")),
    ),
    max_size=25,
)


@given(operations, times)
def test_like_the_painted_model(steps: list[tuple[str, float, bytes]], end_ms: float) -> None:
    timeline, model = StereoTimeline(), PaintedTimeline()
    for kind, at_ms, data in steps:
        match kind:
            case "caller":
                timeline.put_caller(data, at_ms)
                model.put(0, data, at_ms)
            case "agent":
                timeline.put_agent(data, at_ms)
                model.put(1, data, at_ms)
            case "cut":
                timeline.cut_agent(at_ms)
                model.cut(at_ms)
            case _:
                assert timeline.settle(at_ms) == model.settle(at_ms)
        assert timeline.dropped_bytes == model.dropped
    assert timeline.finish(end_ms) == model.settle(end_ms)


def test_fifteen_minutes_drift_by_no_frame() -> None:
    timeline = StereoTimeline()
    stereo = bytearray()
    for number in range(FRAMES_OF_15_MINUTES):
        if number % 100 != 7:  # one frame in a hundred is lost on the way
            timeline.put_caller(number.to_bytes(2, "big") * 80, number * 20)
        if number % 500 == 0:  # the agent speaks 10 s at once, ahead of time, in pieces of 120 ms
            for piece in range(0, 500, 6):
                marks = b"".join(
                    (number + piece + i).to_bytes(2, "big") * 80 for i in range(min(6, 500 - piece))
                )
                timeline.put_agent(marks, number * 20 + piece * 20)
        if number % 50 == 0:
            stereo += timeline.settle(number * 20 - 2000)
    stereo += timeline.finish(FRAMES_OF_15_MINUTES * 20)
    caller, agent = lanes(bytes(stereo))
    assert len(caller) == len(agent) == 15 * 60 * 8000
    for number in range(FRAMES_OF_15_MINUTES):
        place = slice(number * 160, (number + 1) * 160)
        mark = number.to_bytes(2, "big") * 80
        assert agent[place] == mark
        assert caller[place] == (bytes([SILENCE]) * 160 if number % 100 == 7 else mark)
    assert timeline.dropped_bytes == 0


def test_what_was_not_heard_is_not_recorded() -> None:
    timeline = StereoTimeline()
    timeline.put_agent(b"\x01" * 80_000, 100)  # ten seconds
    timeline.settle(1000)
    timeline.cut_agent(1500)  # the caller barges in
    timeline.put_agent(b"\x02" * 160, 2500)  # the next answer
    caller, agent = lanes(timeline.finish(3000))
    assert caller == bytes([SILENCE]) * 16_000
    silence_before = bytes([SILENCE]) * 8000
    assert agent == b"\x01" * 4000 + silence_before + b"\x02" * 160 + bytes([SILENCE]) * (16_000 - 12_160)


def test_a_cut_behind_the_horizon_takes_all_that_is_left() -> None:
    timeline = StereoTimeline()
    timeline.put_agent(b"\x01" * 1600, 0)
    assert lanes(timeline.settle(100))[1] == b"\x01" * 800
    timeline.cut_agent(50)
    assert lanes(timeline.finish(200))[1] == bytes([SILENCE]) * 800


def test_late_audio_is_dropped_and_counted_only_behind_the_horizon() -> None:
    timeline = StereoTimeline()
    timeline.settle(100)
    timeline.put_caller(b"\x01" * 160, 70)  # wholly late
    timeline.put_caller(b"\x02" * 160, 90)  # its second half is not
    assert timeline.dropped_bytes == 160 + 80
    assert lanes(timeline.settle(110))[0] == b"\x02" * 80


def test_a_wild_timestamp_takes_no_memory() -> None:
    timeline = StereoTimeline()
    timeline.put_caller(b"\x01" * 160, 10**15)
    timeline.put_agent(b"\x01" * 160, MAX_AHEAD_MS - 19)
    assert timeline.dropped_bytes == 320
    timeline.put_agent(b"\x01" * 160, MAX_AHEAD_MS - 20)
    assert timeline.dropped_bytes == 320
    assert timeline.settle(20) == bytes([SILENCE]) * 320


def test_nothing_comes_after_the_end() -> None:
    timeline = StereoTimeline()
    timeline.put_agent(b"\x01" * 1600, 0)
    assert lanes(timeline.finish(100))[1] == b"\x01" * 800
    timeline.put_caller(b"\x01" * 160, 100)
    assert timeline.dropped_bytes == 160
    assert timeline.finish(500) == b""
    assert timeline.settle(500) == b""
    assert timeline.settled_ms == 100
