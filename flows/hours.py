"""When a flow is open: hours of each weekday, and dates on which others hold, on the wall clock of its zone.

An interval belongs to the day on which it begins, also when it ends on the next one. A holiday replaces the
intervals that begin on its date; a night that began the day before goes on. A date with a year goes before
one that recurs. What clocks that are put forward or back mean for an interval is told in `flows.zones`.

Without hours, or with empty ones, a flow is open on every day but its holidays; without a zone times are UTC.
Whether hours are asked for at all is the flow's `business_hours_enabled`, and for the caller to heed.
"""

from calendar import isleap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flows.document import FlowError, parse_field
from flows.hours_check import (
    DAY_MINUTES,
    DAY_NUMBERS,
    WEEKDAYS,
    check_business_hours,
    check_holidays,
    date_of,
    minutes,
)
from flows.zones import check_zone, closing_instant, opening_instant

HORIZON_DAYS = 3660
"""How far ahead changes are looked for: ten years, more than lie between two 29ths of February."""

_DAY = timedelta(days=1)
_REACH = 2 * _DAY
"""How long after the beginning of its day an interval can still last."""
_LEAP_DAY = (2, 29)
_UNNAMED = "holiday"


@dataclass(frozen=True, slots=True)
class Interval:
    """From one wall-clock time to another.

    Attributes:
        start_minute: Minutes from midnight of its day, 0 to 1439.
        end_minute: The same, after `start_minute`; 1440 and more are on the next day.
    """

    start_minute: int
    end_minute: int


_WHOLE_DAY = (Interval(0, DAY_MINUTES),)


@dataclass(frozen=True, slots=True)
class Holiday:
    """A date on which the weekday's hours do not hold.

    Attributes:
        name: What people call it.
        hours: Those that hold instead; none when closed all day.
    """

    name: str
    hours: tuple[Interval, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """An instant, in UTC, at which it opens or else closes."""

    at: datetime
    opens: bool


@dataclass(frozen=True, slots=True)
class LocalTime:
    """An instant as people in the flow's zone would say it.

    Attributes:
        date: ISO 8601, e.g. `2026-12-28`.
        weekday: `mon` to `sun`.
        time: `HH:MM` on the wall clock.
        at: The instant itself, in UTC.
    """

    date: str
    weekday: str
    time: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OpeningAnswer:
    """The answer to "are you open now, and when next?".

    Attributes:
        is_open: Now.
        now: The time of the question.
        timezone: IANA name of the zone the times are in.
        open_until: When it closes; None when closed, or when no end is in sight.
        next_opening: When it opens next, after the present opening if there is one; None if not in sight.
        reason: Name of the holiday whose rules make it open or closed now, if it is one.
    """

    is_open: bool
    now: LocalTime
    timezone: str
    open_until: LocalTime | None
    next_opening: LocalTime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class _Span:
    opens_at: datetime
    closes_at: datetime
    day: date
    """On which it begins; the first one, where several are joined."""


@dataclass(frozen=True, slots=True)
class Hours:
    """When a flow is open. All instants asked about must be aware, and from 1900 to 9900.

    Attributes:
        zone: Whose wall clock counts.
        weekly: The intervals of each weekday, seven of them, Monday first, each day's in order.
        dated: Holidays of one year.
        yearly: Holidays of every year, by month and day.
    """

    zone: ZoneInfo
    weekly: tuple[tuple[Interval, ...], ...]
    dated: Mapping[date, Holiday]
    yearly: Mapping[tuple[int, int], Holiday]

    def is_open(self, at: datetime) -> bool:
        """Whether it is open at an instant; it is at the one that opens, and no more at the one that closes.

        Raises:
            ValueError: The instant has no zone.
        """
        return self._span_at(at) is not None

    def next_change(self, at: datetime) -> Change | None:
        """The first instant after this one at which it opens or closes; None if not within ten years.

        Raises:
            ValueError: The instant has no zone.
        """
        first = self._first_day(at)
        end = opening_instant(_midnight(first + HORIZON_DAYS * _DAY), self.zone)
        for period in _joined(self._spans(first)):
            if period.closes_at <= at:
                continue
            opens = at < period.opens_at
            change = Change(period.opens_at if opens else period.closes_at, opens)
            return change if change.at < end else None
        return None

    def describe(self, at: datetime) -> OpeningAnswer:
        """What to tell somebody who asks at an instant.

        Raises:
            ValueError: The instant has no zone.
        """
        span = self._span_at(at)
        holiday = self._holiday(at.astimezone(self.zone).date() if span is None else span.day)
        change = self.next_change(at)
        closing = opening = None
        if change is not None and change.opens:
            opening = change
        elif change is not None:
            closing, opening = change, self.next_change(change.at)
        return OpeningAnswer(
            is_open=span is not None,
            now=self._local(at),
            timezone=self.zone.key,
            open_until=None if closing is None else self._local(closing.at),
            next_opening=None if opening is None else self._local(opening.at),
            reason=None if holiday is None else holiday.name,
        )

    def _local(self, at: datetime) -> LocalTime:
        local = at.astimezone(self.zone)
        return LocalTime(
            date=local.date().isoformat(),
            weekday=WEEKDAYS[local.weekday()],
            time=f"{local:%H:%M}",
            at=at.astimezone(UTC),
        )

    def _first_day(self, at: datetime) -> date:
        """The first day whose intervals can reach an instant, however the clocks are put at midnight."""
        if at.utcoffset() is None:
            raise ValueError("an instant without a zone is none")
        return at.astimezone(self.zone).date() - 2 * _DAY

    def _span_at(self, at: datetime) -> _Span | None:
        first = self._first_day(at)
        spans = (span for day in range(4) for span in self._spans_of(first + day * _DAY))
        # Of two that overlap the later one has the say: it is the day's own.
        return max(
            (span for span in spans if span.opens_at <= at < span.closes_at),
            key=lambda span: span.day,
            default=None,
        )

    def _holiday(self, day: date) -> Holiday | None:
        return self.dated.get(day) or self.yearly.get((day.month, day.day))

    def _spans(self, first: date) -> Iterator[_Span]:
        """All up to the horizon, in the order in which they open; they may touch and overlap."""
        last = first + HORIZON_DAYS * _DAY
        always = _covers_the_week(self.weekly)
        if not always and any(self.weekly):
            yield from self._spans_between(first, last)
            return
        # Only holidays make a difference: the days between two need not be looked at one by one.
        for holiday in self._holidays_between(first, last):
            if always:
                yield from self._unbroken(first, holiday)
            yield from self._spans_of(holiday)
            first = holiday + _DAY
        if always:
            yield from self._unbroken(first, last)

    def _unbroken(self, first: date, end: date) -> Iterator[_Span]:
        """The spans of days without a holiday, in a week without a gap: those in the middle are one."""
        if end - first < 3 * _REACH:
            yield from self._spans_between(first, end)
            return
        middle = first + _REACH
        yield from self._spans_between(first, middle)
        opens_at, closes_at = (opening_instant(_midnight(day), self.zone) for day in (middle, end))
        yield _Span(opens_at, closes_at, middle)
        yield from self._spans_between(end - _REACH, end)

    def _spans_between(self, first: date, end: date) -> Iterator[_Span]:
        for ahead in range((end - first).days):
            yield from self._spans_of(first + ahead * _DAY)

    def _holidays_between(self, first: date, end: date) -> Iterator[date]:
        for year in range(first.year, end.year + 1):
            days = {day for day in self.dated if day.year == year}
            days |= {date(year, *day) for day in self.yearly if day != _LEAP_DAY or isleap(year)}
            yield from (day for day in sorted(days) if first <= day < end)

    def _spans_of(self, day: date) -> Iterator[_Span]:
        holiday, midnight = self._holiday(day), _midnight(day)
        for interval in self.weekly[day.weekday()] if holiday is None else holiday.hours:
            yield _Span(
                opening_instant(midnight + timedelta(minutes=interval.start_minute), self.zone),
                closing_instant(midnight + timedelta(minutes=interval.end_minute), self.zone),
                day,
            )


def parse_hours(
    timezone: str | None, business_hours_json: str | None = None, holidays_json: str | None = None
) -> Hours:
    """Read a flow's hours.

    Args:
        timezone: IANA name; None is UTC.
        business_hours_json: Day → intervals, as JSON text; None is all day, every day.
        holidays_json: List of dates, as JSON text.

    Raises:
        FlowError: One of them cannot be read.
    """
    name = "UTC" if timezone is None else timezone
    problems = list(check_zone("timezone", name))
    read = []
    for field, text, check in (
        ("business_hours_json", business_hours_json, check_business_hours),
        ("holidays_json", holidays_json, check_holidays),
    ):
        try:
            read.append(None if text is None else parse_field(field, text, check))
        except FlowError as error:
            problems += error.problems
    if problems:
        raise FlowError(problems)
    business_hours, holidays = read
    dated, yearly = _holidays(holidays or [])
    return Hours(ZoneInfo(name), _weekly(business_hours or {}), dated, yearly)


def _weekly(value: Mapping[str, Any]) -> tuple[tuple[Interval, ...], ...]:
    if not value:
        return (_WHOLE_DAY,) * 7
    by_number = {DAY_NUMBERS[day]: _intervals(given) for day, given in value.items()}
    return tuple(by_number.get(number, ()) for number in range(7))


def _intervals(value: list[dict[str, str]]) -> tuple[Interval, ...]:
    pairs = sorted((minutes(each["from"]), minutes(each["to"])) for each in value)
    return tuple(Interval(start, end if end > start else end + DAY_MINUTES) for start, end in pairs)


def _holidays(value: list[Any]) -> tuple[dict[date, Holiday], dict[tuple[int, int], Holiday]]:
    dated: dict[date, Holiday] = {}
    yearly: dict[tuple[int, int], Holiday] = {}
    for each in value:
        given: dict[str, Any] = {"date": each} if isinstance(each, str) else each
        holiday = Holiday(given.get("name", _UNNAMED).strip(), _intervals(given.get("hours", [])))
        match date_of(given["date"]):
            case date() as day:
                dated[day] = holiday
            case month_and_day:
                yearly[month_and_day] = holiday
    return dated, yearly


def _covers_the_week(weekly: tuple[tuple[Interval, ...], ...]) -> bool:
    """Whether no minute of a week is left out, the nights before it included."""
    week = len(weekly) * DAY_MINUTES
    reached = week
    for number in range(3 * len(weekly)):
        midnight = number * DAY_MINUTES
        for interval in weekly[number % len(weekly)]:
            if midnight + interval.start_minute > reached:
                return False
            reached = max(reached, midnight + interval.end_minute)
    return reached >= 2 * week


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _joined(spans: Iterator[_Span]) -> Iterator[_Span]:
    """Spans that touch or overlap as one; those without length, all within a gap, are none."""
    period: _Span | None = None
    for span in spans:
        if span.opens_at >= span.closes_at:
            continue
        if period is None or period.closes_at < span.opens_at:
            if period is not None:
                yield period
            period = span
        elif span.closes_at > period.closes_at:
            period = replace(period, closes_at=span.closes_at)
    if period is not None:
        yield period
