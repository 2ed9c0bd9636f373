"""Orgs: the tenants."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from store.errors import NotFound
from store.ids import new_id
from store.schema import orgs
from store.times import utc_now


@dataclass(frozen=True, slots=True)
class Org:
    """One tenant.

    Attributes:
        id: its id.
        name: what it is called; need not be unique.
        created_at: when.
        providers: who speaks in its calls where the flow does not say, in order; None: the service decides.
    """

    id: str
    name: str
    created_at: datetime
    providers: tuple[str, ...] | None = None


async def create_org(conn: AsyncConnection, name: str, *, now: datetime | None = None) -> Org:
    """Create an org; names need not be unique."""
    values = {"id": new_id("org"), "name": name, "created_at": now or utc_now()}
    return _org((await conn.execute(insert(orgs).values(values).returning(orgs))).one())


async def get_org(conn: AsyncConnection, org_id: str) -> Org | None:
    """Return the org, None when there is none of that id."""
    row = (await conn.execute(select(orgs).where(orgs.c.id == org_id))).one_or_none()
    return None if row is None else _org(row)


async def set_providers(conn: AsyncConnection, org_id: str, providers: Sequence[str]) -> Org:
    """Say who speaks in the org's calls where the flow does not.

    Args:
        conn: a writing connection.
        org_id: the org.
        providers: names in order; none leaves it to the service.

    Raises:
        NotFound: there is no such org.
    """
    values = {"providers": list(providers) or None}
    statement = update(orgs).where(orgs.c.id == org_id).values(values).returning(orgs)
    row = (await conn.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(f"there is no org {org_id}")
    return _org(row)


def _org(row: Row[*tuple[Any, ...]]) -> Org:
    values = dict(row._mapping)
    names = values.pop("providers")
    return Org(**values, providers=None if names is None else tuple(names))
