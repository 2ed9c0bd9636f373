"""Phone numbers an org owns at the carrier, and the flow each one runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store.errors import Conflict, NotFound
from store.ids import new_id
from store.rows import make, make_or_none
from store.schema import numbers
from store.times import utc_now


@dataclass(frozen=True, slots=True)
class Number:
    """One number. `carrier_sid` is the carrier's own id of it, `e164` like `+15551234567`."""

    id: str
    org_id: str
    carrier_sid: str
    e164: str
    friendly_name: str
    flow_id: str | None
    created_at: datetime
    updated_at: datetime


_CHANGEABLE = frozenset({"friendly_name", "flow_id"})


async def create_number(
    conn: AsyncConnection,
    org_id: str,
    carrier_sid: str,
    e164: str,
    friendly_name: str = "",
    flow_id: str | None = None,
    *,
    now: datetime | None = None,
) -> Number:
    """Register a number for the org.

    Raises:
        Conflict: some org has registered the sid or the number already, or the flow is not the org's. The
            transaction cannot go on after it.
    """
    at = now or utc_now()
    statement = (
        insert(numbers)
        .values(
            id=new_id("num"),
            org_id=org_id,
            carrier_sid=carrier_sid,
            e164=e164,
            friendly_name=friendly_name,
            flow_id=flow_id,
            created_at=at,
            updated_at=at,
        )
        .returning(numbers)
    )
    try:
        return make(Number, (await conn.execute(statement)).one())
    except IntegrityError as error:
        raise Conflict("the number is registered already") from error


async def get_number(conn: AsyncConnection, org_id: str, number_id: str) -> Number | None:
    """Return the org's number, None when it has none of that id."""
    row = await conn.execute(select(numbers).where(numbers.c.org_id == org_id, numbers.c.id == number_id))
    return make_or_none(Number, row.one_or_none())


async def find_number_any_org(conn: AsyncConnection, number_id: str) -> Number | None:
    """Return a number of whichever org: the carrier's webhook knows only our id of it."""
    row = await conn.execute(select(numbers).where(numbers.c.id == number_id))
    return make_or_none(Number, row.one_or_none())


async def update_number(
    conn: AsyncConnection,
    org_id: str,
    number_id: str,
    changes: Mapping[str, Any],
    *,
    now: datetime | None = None,
) -> Number:
    """Change a number's name or flow and return it.

    Args:
        conn: a writing connection.
        org_id: the org.
        number_id: its number.
        changes: `friendly_name` and `flow_id`, either or both; nothing changes without any.
        now: time of the change, aware.

    Raises:
        NotFound: the org has no such number.
        ValueError: a name in `changes` may not change.
    """
    unknown = set(changes) - _CHANGEABLE
    if unknown:
        raise ValueError(f"not changeable in a number: {sorted(unknown)}")
    here = (numbers.c.org_id == org_id) & (numbers.c.id == number_id)
    if changes:
        values = {**changes, "updated_at": now or utc_now()}
        result = await conn.execute(update(numbers).where(here).values(values).returning(numbers))
    else:
        result = await conn.execute(select(numbers).where(here))
    row = result.one_or_none()
    if row is None:
        raise NotFound("there is no such number")
    return make(Number, row)


async def list_numbers(conn: AsyncConnection, org_id: str) -> list[Number]:
    """Return all numbers of an org, oldest first."""
    rows = await conn.execute(
        select(numbers).where(numbers.c.org_id == org_id).order_by(numbers.c.created_at, numbers.c.id)
    )
    return [make(Number, row) for row in rows]
