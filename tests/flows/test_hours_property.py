"""Hours against a slow reading of their definition, minute by minute, over zones and years.

The reading knows nothing of offsets. By the wall clock at each minute an interval has begun once its
beginning or a later time has been shown; it has not ended while its end will yet be shown or, where that is
in a gap, while a time before it will.
"""

import json
import random
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.hours import Hours, parse_hours
from flows.hours_check import WEEKDAYS
from flows.zones import ZONE_NAMES

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AROUND = 3
"""Days looked at on either side."""

ZONES = sorted(ZONE_NAMES)
JUMPY = [
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Havana",
    "Asia/Beirut",
    "Africa/Casablanca",
    "America/Asuncion",
    "Pacific/Apia",
    "Asia/Tehran",
    "America/Scoresbysund",
]


def jumps(zone: ZoneInfo, year: int) -> list[datetime]:
    """The instants at which a zone's clock jumps in a year."""
    hours = [datetime(year, 1, 1, tzinfo=UTC) + n * HOUR for n in range(365 * 24)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
    return [hour for hour, (a, b) in zip(hours[1:], pairwise(offsets), strict=True) if a != b]


@st.composite
def places(draw: st.DrawFn) -> tuple[str, date]:
    """A zone, and a day on which something happens to its clock if anything does that year."""
    name = draw(st.sampled_from(JUMPY) | st.sampled_from(ZONES))
    year = draw(st.integers(2020, 2035))
    days = [each.date() for each in jumps(ZoneInfo(name), year)]
    return name, draw(st.sampled_from(days) if days else st.dates(date(year, 1, 1), date(year, 12, 31)))


clock = st.builds(
    "{:02}:{:02}".format, st.integers(0, 3) | st.integers(0, 23), st.sampled_from([0, 15, 30, 59])
)


@st.composite
def days(draw: st.DrawFn) -> list[dict[str, str]]:
    """The intervals of a day: some times in order, two by two; the last may end after midnight."""
    times = sorted(draw(st.sets(clock, max_size=6)))
    pairs = [list(pair) for pair in zip(times[::2], times[1::2], strict=False)]
    if pairs:
        pairs[-1][1] = draw(
            st.sampled_from([pairs[-1][1], "24:00", "00:00" if pairs[0][0] != "00:00" else "24:00"])
        )
    if pairs and draw(st.booleans()) and pairs[0][0] > "00:30":
        pairs[-1][1] = "00:30"
    return [{"from": start, "to": end} for start, end in pairs if start != end]


WHOLE = [{"from": "00:00", "to": "24:00"}]
SHIFTS = [{"from": "02:15", "to": "14:00"}, {"from": "14:00", "to": "02:15"}]
weeks = (
    st.fixed_dictionaries(dict.fromkeys(WEEKDAYS, days()))
    | st.fixed_dictionaries(dict.fromkeys(WEEKDAYS, st.just(WHOLE) | st.just(SHIFTS)))
    | st.dictionaries(st.sampled_from(WEEKDAYS), days() | st.just(WHOLE))
)


@st.composite
def flows(draw: st.DrawFn) -> tuple[str, date, dict[str, Any], list[Any]]:
    """A zone, a day there, hours, and holidays near that day."""
    name, day = draw(places())
    near = draw(st.lists(st.integers(-2, 2), max_size=3, unique=True))
    forms = draw(st.sampled_from([["%Y-%m-%d"], ["%m-%d"], ["%m-%d", "%Y-%m-%d"]]))
    dates = [f"{day + n * DAY:{form}}" for n in near for form in forms]
    holidays = [{"date": text, "hours": draw(days())} if draw(st.booleans()) else text for text in dates]
    return name, day, draw(weeks), holidays


def intervals_on(day: date, week: dict[str, Any], holidays: list[Any]) -> list[tuple[datetime, datetime]]:
    found = (week or dict.fromkeys(WEEKDAYS, WHOLE)).get(WEEKDAYS[day.weekday()], [])
    for text in (f"{day:%m-%d}", f"{day:%Y-%m-%d}"):  # the later goes before
        for holiday in holidays:
            if holiday == text:
                found = []
            elif isinstance(holiday, dict) and holiday["date"] == text:
                found = holiday["hours"]
    midnight = datetime(day.year, day.month, day.day)

    def wall(text: str) -> datetime:
        return midnight + timedelta(hours=int(text[:2]), minutes=int(text[3:]))

    return [
        (wall(each["from"]), wall(each["to"]) + (DAY if each["to"] <= each["from"] else 0 * DAY))
        for each in found
    ]


def slow_reading(name: str, day: date, week: dict[str, Any], holidays: list[Any]) -> dict[datetime, bool]:
    """Open or not, minute by minute, for the days around; the outermost two on each side are left out."""
    zone, noon = ZoneInfo(name), datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    instants = [noon + n * MINUTE for n in range(-AROUND * 1440, AROUND * 1440)]
    shown = [instant.astimezone(zone).replace(tzinfo=None) for instant in instants]
    reached = list(accumulate(shown, max))
    last_shown = {time: index for index, time in enumerate(shown)}
    to_come = list(accumulate(reversed(shown), min))[::-1]
    is_open = [False] * len(instants)
    for n in range(-AROUND - 1, AROUND + 2):
        for start, end in intervals_on(day + n * DAY, week, holidays):
            for index in range(len(instants)):
                ended = index >= last_shown[end] if end in last_shown else to_come[index] >= end
                if reached[index] >= start and not ended:
                    is_open[index] = True
    inner = slice(2 * 1440, -2 * 1440)
    return dict(zip(instants[inner], is_open[inner], strict=True))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(flows())
def test_hours_agree_with_the_slow_reading(flow: tuple[str, date, Any, list[Any]]) -> None:
    assert_agreement(*flow)


@pytest.mark.parametrize("year", range(2020, 2036))
def test_ends_near_a_jump_agree_with_the_slow_reading(year: int) -> None:
    dice = random.Random(year)
    for name in dice.sample(JUMPY, 2) + dice.sample(ZONES, 2):
        for jump in jumps(ZoneInfo(name), year)[:2]:
            shown = [each.astimezone(ZoneInfo(name)).replace(tzinfo=None) for each in (jump - MINUTE, jump)]
            first = (min(shown) - HOUR).replace(minute=0)
            quarters = [first + n * 15 * MINUTE for n in range((max(shown) + HOUR - first) // (15 * MINUTE))]
            chosen = sorted({f"{each:%H:%M}" for each in dice.sample(quarters, 4)})
            pairs = zip(chosen[::2], chosen[1::2], strict=False)
            ends = [{"from": start, "to": end} for start, end in pairs]
            assert_agreement(name, jump.date(), dict.fromkeys(WEEKDAYS, ends), [])


def assert_agreement(name: str, day: date, week: dict[str, Any], holidays: list[Any]) -> None:
    hours = parse_hours(name, json.dumps(week), json.dumps(holidays))
    slow = slow_reading(name, day, week, holidays)
    instants = list(slow)
    flips = [b for a, b in pairwise(instants) if slow[a] != slow[b]]
    for instant in {*instants[::37], *flips, *(flip - MINUTE for flip in flips)}:
        assert hours.is_open(instant) is slow[instant], instant
    assert_walked(hours, instants[0], flips, instants[-1], slow)


def assert_walked(
    hours: Hours, asked: datetime, flips: list[datetime], last: datetime, slow: dict[datetime, bool]
) -> None:
    """From change to change come exactly the flips, and after the last of them none within sight."""
    for flip in flips:
        change = hours.next_change(asked)
        assert change is not None
        assert (change.at, change.opens) == (flip, slow[flip])
        asked = change.at
    change = hours.next_change(asked)
    assert change is None or change.at > last


@settings(max_examples=150, deadline=None, derandomize=True)
@given(flows(), st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC)))
def test_answers_agree_with_themselves(flow: tuple[str, date, Any, list[Any]], asked: datetime) -> None:
    name, _, week, holidays = flow
    hours = parse_hours(name, json.dumps(week), json.dumps(holidays))
    answer, change = hours.describe(asked), hours.next_change(asked)
    assert answer.is_open is hours.is_open(asked)
    if change is None:
        assert (answer.open_until, answer.next_opening) == (None, None)
        return
    assert change.opens is not answer.is_open
    assert hours.is_open(change.at) is change.opens
    assert hours.is_open(change.at - timedelta(microseconds=1)) is not change.opens
    told = answer.next_opening if change.opens else answer.open_until
    assert told is not None
    assert told.at == change.at
    assert datetime.fromisoformat(f"{told.date}T{told.time}") == told.at.astimezone(ZoneInfo(name)).replace(
        tzinfo=None
    )
