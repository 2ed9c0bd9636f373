"""Checks decoded `business_hours_json` and `holidays_json`: every problem with its path."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from flows.problems import Problem

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The days as a flow names them, Monday first; English names in full are understood too."""

_IN_FULL = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_NUMBERS = {name: number for names in (WEEKDAYS, _IN_FULL) for number, name in enumerate(names)}
"""Name of a day → its number, Monday 0."""

MAX_INTERVALS = 24
MAX_HOLIDAYS = 1000
MAX_NAME = 120
DAY_MINUTES = 1440

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00", re.ASCII)
_DATE = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})", re.ASCII)
_LEAP_YEAR = 2024


def check_business_hours(path: str, value: Any) -> Iterator[Problem]:
    """Find what is wrong.

    Args:
        path: Where the value stands, e.g. `business_hours_json`.
        value: The decoded JSON.
    """
    if value == []:
        return
    if not isinstance(value, dict):
        yield Problem(path, "must be an object from a day (mon … sun) to a list of intervals", "wrong_type")
        return
    seen: set[int] = set()
    for day, intervals in value.items():
        number = DAY_NUMBERS.get(day)
        if number is None:
            yield Problem(f"{path}.{day}", f"is no day; days are {', '.join(WEEKDAYS)}", "unknown_key")
        elif number in seen:
            yield Problem(f"{path}.{day}", "this day is given twice", "duplicate")
        else:
            seen.add(number)
            yield from _check_intervals(f"{path}.{day}", intervals)


def check_holidays(path: str, value: Any) -> Iterator[Problem]:
    """Find what is wrong.

    Args:
        path: Where the value stands, e.g. `holidays_json`.
        value: The decoded JSON.
    """
    if value == {}:
        return
    if not isinstance(value, list):
        yield Problem(path, "must be a list of dates", "wrong_type")
        return
    if len(value) > MAX_HOLIDAYS:
        yield Problem(path, f"has {len(value)} dates, at most {MAX_HOLIDAYS}", "too_many")
        return
    seen: set[str] = set()
    for index, holiday in enumerate(value):
        yield from _check_holiday(f"{path}[{index}]", holiday, seen)


def minutes(text: str) -> int:
    """Minutes from midnight of a time that has been found well."""
    return int(text[:2]) * 60 + int(text[3:])


def date_of(text: str) -> date | tuple[int, int]:
    """The date that a text means, or month and day of every year.

    Raises:
        ValueError: It means none.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("not a date")
    year, month, day = match.groups()
    if year is not None:
        return date(int(year), int(month), int(day))
    any_year = date(_LEAP_YEAR, int(month), int(day))
    return any_year.month, any_year.day


def _check_holiday(path: str, value: Any, seen: set[str]) -> Iterator[Problem]:
    if isinstance(value, str):
        yield from _check_date(path, value, seen)
        return
    if not isinstance(value, dict):
        yield Problem(path, "must be a date or an object with a date", "wrong_type")
        return
    yield from _check_date(f"{path}.date", value.get("date"), seen)
    for key, each in value.items():
        place = f"{path}.{key}"
        match key:
            case "date":
                pass
            case "name":
                yield from _check_name(place, each)
            case "hours":
                yield from _check_intervals(place, each)
            case _:
                yield Problem(place, "is not known here; known are date, name, hours", "unknown_key")


def _check_date(path: str, value: Any, seen: set[str]) -> Iterator[Problem]:
    try:
        date_of(value if isinstance(value, str) else "")
    except ValueError:
        yield Problem(path, "must be a date like 2026-12-25, or like 12-25 for every year", "invalid_date")
        return
    if value in seen:
        yield Problem(path, f"{value} is given twice", "duplicate")
    seen.add(value)


def _check_name(path: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_NAME:
        yield Problem(path, f"must be text of 1 to {MAX_NAME} characters", "invalid_name")


def _check_intervals(path: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield Problem(path, 'must be a list of intervals like {"from": "09:00", "to": "17:00"}', "wrong_type")
        return
    if len(value) > MAX_INTERVALS:
        yield Problem(path, f"has {len(value)} intervals, at most {MAX_INTERVALS}", "too_many")
        return
    problems = [each for i, one in enumerate(value) for each in _check_interval(f"{path}[{i}]", one)]
    yield from problems
    if not problems:
        yield from _check_overlaps(path, value)


def _check_interval(path: str, value: Any) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, 'must be an object like {"from": "09:00", "to": "17:00"}', "wrong_type")
        return
    start, end = value.get("from"), value.get("to")
    well = True
    for key, text in (("from", start), ("to", end)):
        if not isinstance(text, str) or not _TIME.fullmatch(text) or (key, text) == ("from", "24:00"):
            well = False
            latest = "24:00" if key == "to" else "23:59"
            yield Problem(f"{path}.{key}", f"must be a time from 00:00 to {latest}", "invalid_time")
    for key in value:
        if key not in ("from", "to"):
            yield Problem(f"{path}.{key}", "is not known here; known are from, to", "unknown_key")
    if well and start == end:
        yield Problem(
            f"{path}.to", "must differ from the beginning; a whole day is 00:00 to 24:00", "empty_interval"
        )


def _check_overlaps(path: str, intervals: list[dict[str, str]]) -> Iterator[Problem]:
    order = sorted(range(len(intervals)), key=lambda index: intervals[index]["from"])
    latest = -1
    for index in order:
        start, end = (minutes(intervals[index][key]) for key in ("from", "to"))
        if start < latest:
            yield Problem(f"{path}[{index}]", "begins before another of that day ends", "overlap")
        latest = max(latest, end if end > start else end + DAY_MINUTES)
