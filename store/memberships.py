"""Memberships: which user has which role in which org. Roles are read here on every request."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.rows import insert_or_update, make
from store.schema import memberships, orgs
from store.times import utc_now

Role = Literal["viewer", "operator", "admin"]
"""What a member may do: read; also place calls; also configure."""


@dataclass(frozen=True, slots=True)
class Membership:
    """A user's place in one org."""

    org_id: str
    org_name: str
    role: Role


async def add_member(
    conn: AsyncConnection, org_id: str, user_id: str, role: Role, *, now: datetime | None = None
) -> None:
    """Make the user a member with this role; an existing member gets the role instead."""
    values = {"org_id": org_id, "user_id": user_id, "role": role, "created_at": now or utc_now()}
    await insert_or_update(conn, memberships, values, unique=["org_id", "user_id"], update=["role"])


async def remove_member(conn: AsyncConnection, org_id: str, user_id: str) -> bool:
    """End a membership, and with it the user's sessions in the org; return whether there was one."""
    m = memberships.c
    result = await conn.execute(
        delete(memberships).where(m.org_id == org_id, m.user_id == user_id).returning(m.user_id)
    )
    return result.first() is not None


async def role_of(conn: AsyncConnection, org_id: str, user_id: str) -> Role | None:
    """Return the user's role in the org, None for a stranger."""
    m = memberships.c
    row = await conn.execute(select(m.role).where(m.org_id == org_id, m.user_id == user_id))
    return cast("Role | None", row.scalar_one_or_none())


async def memberships_of(conn: AsyncConnection, user_id: str) -> list[Membership]:
    """Return the orgs a user belongs to, by name."""
    m = memberships.c
    rows = await conn.execute(
        select(m.org_id, orgs.c.name.label("org_name"), m.role)
        .join_from(memberships, orgs, orgs.c.id == m.org_id)
        .where(m.user_id == user_id)
        .order_by(orgs.c.name, m.org_id)
    )
    return [make(Membership, row) for row in rows]
