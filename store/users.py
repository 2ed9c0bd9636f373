"""Users: people, who may belong to several orgs."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.ids import new_id
from store.rows import insert_unless_present, make, make_or_none
from store.schema import users
from store.times import utc_now


@dataclass(frozen=True, slots=True)
class User:
    """One person. `email` is lower case and unique."""

    id: str
    email: str
    name: str
    created_at: datetime


async def ensure_user(conn: AsyncConnection, email: str, name: str, *, now: datetime | None = None) -> User:
    """Return the user with this address, created when there is none; an existing name is kept.

    Args:
        conn: a writing connection.
        email: compared without regard to case or surrounding blanks.
        name: for a new user.
        now: creation time, aware.
    """
    address = email.strip().lower()
    values = {"id": new_id("user"), "email": address, "name": name, "created_at": now or utc_now()}
    await insert_unless_present(conn, users, values, unique=["email"])
    return make(User, (await conn.execute(select(users).where(users.c.email == address))).one())


async def get_user(conn: AsyncConnection, user_id: str) -> User | None:
    """Return the user, None when there is none of that id."""
    return make_or_none(User, (await conn.execute(select(users).where(users.c.id == user_id))).one_or_none())
