"""The one place where the store reads the wall clock."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present as an aware UTC time, microsecond resolution."""
    return datetime.now(UTC)
