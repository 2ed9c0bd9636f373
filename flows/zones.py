"""Time zones: their names, and the instants at which a wall clock shows a given time.

Twice a year most wall clocks jump. In a *gap* they leave times out: what opens or closes at one of these does
so at the first instant after the gap. In a *fold* they show times twice: what opens does so the first time,
what closes the second time. What closes when another opens thus never leaves a stretch of time between them.

Source: IANA time zone database, the names of the Python package tzdata.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from flows.problems import Problem

ZONE_NAMES = frozenset(files("tzdata").joinpath("zones").read_text("ascii").split()) - {"Factory"}
"""Every name of a zone in the IANA database, links included."""

_SECOND = timedelta(seconds=1)


def check_zone(path: str, value: Any) -> Iterator[Problem]:
    """Find what is wrong with the name of a zone.

    Args:
        path: Where the value stands, e.g. `timezone`.
        value: The name.
    """
    if not isinstance(value, str) or value not in ZONE_NAMES:
        yield Problem(
            path, "must be a name of the IANA time zone database, like America/New_York", "unknown_zone"
        )


def opening_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """When something opens, in UTC: at the first time the clock shows this, or else after the gap.

    Args:
        wall: What the clock shows, without a zone, in whole seconds.
        zone: Where it hangs.
    """
    first, second = _readings(wall, zone)
    return first if first <= second else _end_of_gap(wall, zone, second, first)


def closing_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """When something closes, in UTC: at the last time the clock shows this, or else after the gap.

    Args:
        wall: What the clock shows, without a zone, in whole seconds.
        zone: Where it hangs.
    """
    first, second = _readings(wall, zone)
    return second if first <= second else _end_of_gap(wall, zone, second, first)


def _readings(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The time by the offset before and after a jump: equal where there is none, descending in a gap."""
    before, after = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return before, after


def _end_of_gap(wall: datetime, zone: ZoneInfo, early: datetime, late: datetime) -> datetime:
    """The jump itself: after `early`, when the clock is before `wall`, and not after `late`."""
    while late - early > _SECOND:
        middle = early + (late - early) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            early = middle
        else:
            late = middle
    return late
