"""Orgs: the tenants."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.ids import new_id
from store.rows import make, make_or_none
from store.schema import orgs
from store.times import utc_now


@dataclass(frozen=True, slots=True)
class Org:
    """One tenant."""

    id: str
    name: str
    created_at: datetime


async def create_org(conn: AsyncConnection, name: str, *, now: datetime | None = None) -> Org:
    """Create an org; names need not be unique."""
    values = {"id": new_id("org"), "name": name, "created_at": now or utc_now()}
    return make(Org, (await conn.execute(insert(orgs).values(values).returning(orgs))).one())


async def get_org(conn: AsyncConnection, org_id: str) -> Org | None:
    """Return the org, None when there is none of that id."""
    return make_or_none(Org, (await conn.execute(select(orgs).where(orgs.c.id == org_id))).one_or_none())
