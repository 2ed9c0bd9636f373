"""When a flow is open: examples, clocks that jump, holidays, and what is told to those who ask."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from flows.document import FlowError
from flows.hours import Change, Hours, LocalTime, parse_hours
from flows.hours_check import WEEKDAYS

NEW_YORK = "America/New_York"


def hours(zone: str | None = NEW_YORK, week: Any = None, holidays: Any = None) -> Hours:
    return parse_hours(
        zone,
        None if week is None else json.dumps(week),
        None if holidays is None else json.dumps(holidays),
    )


def daily(*intervals: tuple[str, str]) -> dict[str, list[dict[str, str]]]:
    return {day: each(*intervals) for day in WEEKDAYS}


def each(*intervals: tuple[str, str]) -> list[dict[str, str]]:
    return [{"from": start, "to": end} for start, end in intervals]


def at(text: str, zone: str = NEW_YORK, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


OFFICE = {"mon": each(("09:00", "12:30"), ("13:30", "18:00")), "tuesday": each(("09:00", "24:00"))}


@pytest.mark.parametrize(
    ("when", "is_open"),
    [
        ("2026-11-23T08:59:59", False),
        ("2026-11-23T09:00", True),
        ("2026-11-23T12:29:59.999999", True),
        ("2026-11-23T12:30", False),
        ("2026-11-23T13:30", True),
        ("2026-11-23T18:00", False),
        ("2026-11-24T23:59:59", True),
        ("2026-11-25T00:00", False),
        ("2026-11-25T10:00", False),
    ],
)
def test_several_intervals_a_day(when: str, is_open: bool) -> None:
    assert hours(week=OFFICE).is_open(at(when)) is is_open
    assert hours(week=OFFICE).is_open(at(when).astimezone(ZoneInfo("Asia/Tokyo"))) is is_open


@pytest.mark.parametrize("end", ["02:00", "00:00", "19:59"])
def test_an_interval_across_midnight_ends_on_the_next_day(end: str) -> None:
    night = hours(week={"fri": each(("20:00", end))})
    closing = at(f"2026-11-28T{end}")
    assert night.is_open(at("2026-11-27T20:00"))
    assert night.is_open(closing - timedelta(seconds=1))
    assert not night.is_open(closing)
    assert night.next_change(at("2026-11-27T21:00")) == Change(closing, opens=False)
    assert night.next_change(closing) == Change(at("2026-12-04T20:00"), opens=True)


@pytest.mark.parametrize("end", ["24:00", "00:00"])
def test_a_day_that_is_followed_at_once_has_no_end_of_its_own(end: str) -> None:
    weekend = hours(week={"sat": each(("08:00", end)), "sun": each(("00:00", "09:00"))})
    assert weekend.next_change(at("2026-11-28T10:00")) == Change(at("2026-11-29T09:00"), opens=False)


@pytest.mark.parametrize("nothing", [None, {}, []])
def test_without_hours_every_day_is_open(nothing: Any) -> None:
    assert hours(week=nothing).is_open(at("2026-11-29T03:00"))
    assert hours(week=nothing).next_change(at("2026-11-29T03:00")) is None


def test_one_can_be_closed_for_good() -> None:
    closed = hours(week={"mon": []})
    assert not closed.is_open(at("2026-11-23T12:00"))
    assert closed.next_change(at("2026-11-23T12:00")) is None
    assert closed.describe(at("2026-11-23T12:00")).next_opening is None


def test_without_a_zone_times_are_utc() -> None:
    office = hours(zone=None, week={"mon": each(("09:00", "10:00"))})
    assert office.next_change(utc("2026-11-23T00:00")) == Change(utc("2026-11-23T09:00"), opens=True)
    assert office.describe(utc("2026-11-23T00:00")).timezone == "UTC"


def test_an_instant_must_be_one() -> None:
    for question in (Hours.is_open, Hours.next_change, Hours.describe):
        with pytest.raises(ValueError, match="without a zone"):
            question(hours(), datetime(2026, 11, 23))


# ---- clocks that jump: New York leaves out 02:00–03:00 on 8 March 2026 and repeats 01:00–02:00 on 1 November


def spans(flow: Hours, start: datetime, count: int) -> list[tuple[str, bool]]:
    found = []
    for _ in range(count):
        change = flow.next_change(start)
        assert change is not None
        assert change.at.tzinfo is UTC
        assert flow.is_open(change.at) is change.opens
        found.append((f"{change.at:%d %H:%M}", change.opens))
        start = change.at
    return found


@pytest.mark.parametrize(
    ("interval", "found"),
    [
        (("01:00", "04:00"), [("08 06:00", True), ("08 08:00", False)]),
        (("02:30", "04:00"), [("08 07:00", True), ("08 08:00", False)]),
        (("01:00", "02:30"), [("08 06:00", True), ("08 07:00", False)]),
        (("02:15", "02:45"), [("09 06:15", True), ("09 06:45", False)]),
    ],
)
def test_in_a_gap_an_end_moves_to_the_first_instant_after_it(
    interval: tuple[str, str], found: list[tuple[str, bool]]
) -> None:
    assert spans(hours(week=daily(interval)), utc("2026-03-08T05:00"), 2) == found


@pytest.mark.parametrize(
    ("interval", "found"),
    [
        (("00:30", "03:00"), [("01 04:30", True), ("01 08:00", False)]),
        (("01:30", "03:00"), [("01 05:30", True), ("01 08:00", False)]),
        (("00:30", "01:30"), [("01 04:30", True), ("01 06:30", False)]),
        (("01:15", "01:45"), [("01 05:15", True), ("01 06:45", False)]),
        (("00:30", "01:00"), [("01 04:30", True), ("01 06:00", False)]),
        (("00:30", "02:00"), [("01 04:30", True), ("01 07:00", False)]),
        (("02:00", "03:00"), [("01 07:00", True), ("01 08:00", False)]),
    ],
)
def test_in_a_fold_it_opens_the_first_time_and_closes_the_second(
    interval: tuple[str, str], found: list[tuple[str, bool]]
) -> None:
    assert spans(hours(week=daily(interval)), utc("2026-11-01T04:00"), 2) == found


def test_a_day_that_begins_in_a_gap_begins_after_it() -> None:
    # Beirut goes from 00:00 to 01:00 on 29 March 2026.
    beirut = hours("Asia/Beirut", {"sun": each(("00:00", "24:00"))})
    assert spans(beirut, utc("2026-03-28T12:00"), 2) == [("28 22:00", True), ("29 21:00", False)]


# ---- holidays

HOLIDAYS = [
    {"date": "12-25", "name": " Christmas Day "},
    {"date": "2026-12-24", "name": "Christmas Eve", "hours": each(("09:00", "12:00"))},
    {"date": "2027-12-25", "hours": each(("10:00", "11:00"))},
    "2026-12-31",
]


@pytest.mark.parametrize(
    ("when", "is_open", "reason"),
    [
        ("2026-12-23T17:00", True, None),
        ("2026-12-23T18:00", False, None),
        ("2026-12-24T09:00", True, "Christmas Eve"),
        ("2026-12-24T12:00", False, "Christmas Eve"),
        ("2025-12-24T12:00", True, None),
        ("2026-12-25T12:00", False, "Christmas Day"),
        ("2030-12-25T12:00", False, "Christmas Day"),
        ("2027-12-25T10:30", True, "holiday"),
        ("2027-12-25T12:00", False, "holiday"),
        ("2026-12-31T12:00", False, "holiday"),
    ],
)
def test_on_holidays_other_hours_hold(when: str, is_open: bool, reason: str | None) -> None:
    answer = hours(week=daily(("08:00", "18:00")), holidays=HOLIDAYS).describe(at(when))
    assert (answer.is_open, answer.reason) == (is_open, reason)


def test_a_holiday_replaces_what_begins_on_it_and_not_the_night_before() -> None:
    bar = hours(week=daily(("20:00", "02:00")), holidays=["2026-12-25"])
    assert bar.describe(at("2026-12-25T01:00")).reason is None
    assert spans(bar, at("2026-12-24T21:00"), 2) == [("25 07:00", False), ("27 01:00", True)]


def test_a_flow_without_hours_is_closed_on_its_holidays_alone() -> None:
    flow = hours(holidays=["12-25", "12-26", {"date": "2026-12-28", "hours": each(("00:00", "12:00"))}])
    assert spans(flow, at("2026-11-24T08:00"), 4) == [
        ("25 05:00", False),
        ("27 05:00", True),
        ("28 17:00", False),
        ("29 05:00", True),
    ]


@pytest.mark.parametrize("shifts", [("08:00", "20:00"), ("06:00", "18:00")])
def test_day_and_night_shifts_leave_no_gap_but_after_a_holiday(shifts: tuple[str, str]) -> None:
    week = daily(shifts, shifts[::-1])
    assert hours(week=week).next_change(at("2026-11-24T08:00")) is None
    day_shift = f"T{shifts[0]}"
    assert spans(hours(week=week, holidays=["2030-12-25"]), at("2026-11-24T08:00"), 2) == [
        (f"{at('2030-12-25' + day_shift).astimezone(UTC):%d %H:%M}", False),
        (f"{at('2030-12-26' + day_shift).astimezone(UTC):%d %H:%M}", True),
    ]


def test_the_29th_of_february_comes_when_it_comes() -> None:
    flow = hours("UTC", {"mon": []}, [{"date": "02-29", "hours": each(("09:00", "10:00"))}])
    assert flow.next_change(utc("2096-03-01T00:00")) == Change(utc("2104-02-29T09:00"), opens=True)
    assert flow.next_change(utc("2026-03-01T00:00")) == Change(utc("2028-02-29T09:00"), opens=True)


def test_changes_are_looked_for_ten_years_ahead() -> None:
    flow = hours("UTC", None, ["2040-01-01"])
    assert flow.next_change(utc("2026-01-01T00:00")) is None
    assert flow.next_change(utc("2035-01-01T00:00")) == Change(utc("2040-01-01T00:00"), opens=False)


# ---- what is told


def test_who_asks_while_open_hears_until_when_and_when_again() -> None:
    answer = hours(week=OFFICE).describe(at("2026-11-23T10:15:30"))
    assert answer.is_open
    assert answer.timezone == NEW_YORK
    assert answer.now == LocalTime("2026-11-23", "mon", "10:15", utc("2026-11-23T15:15:30"))
    assert answer.open_until == LocalTime("2026-11-23", "mon", "12:30", utc("2026-11-23T17:30"))
    assert answer.next_opening == LocalTime("2026-11-23", "mon", "13:30", utc("2026-11-23T18:30"))


def test_who_asks_while_closed_hears_when_it_opens_and_why_it_is_closed() -> None:
    answer = hours(week=OFFICE, holidays=[{"date": "2026-11-24", "name": "Stocktaking"}]).describe(
        at("2026-11-24T10:00")
    )
    assert (answer.is_open, answer.open_until, answer.reason) == (False, None, "Stocktaking")
    assert answer.next_opening == LocalTime("2026-11-30", "mon", "09:00", utc("2026-11-30T14:00"))


def test_all_that_cannot_be_read_is_told_at_once() -> None:
    with pytest.raises(FlowError) as caught:
        parse_hours("Mars/Olympus", '{"mon": [{"from": "09:00", "to": "25:00"}]}', "[")
    assert [(p.path, p.code) for p in caught.value.problems] == [
        ("timezone", "unknown_zone"),
        ("business_hours_json.mon[0].to", "invalid_time"),
        ("holidays_json", "invalid_json"),
    ]
