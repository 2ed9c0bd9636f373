"""What the command line changes in the database: orgs, sessions, keys."""

from collections.abc import Sequence
from dataclasses import dataclass

from store import api_keys, memberships, orgs, users, web_sessions
from store.database import Database
from store.errors import NotFound
from store.memberships import Role
from store.orgs import Org
from store.times import utc_now


@dataclass(frozen=True, slots=True)
class NewOrg:
    """A fresh org and its owner."""

    org_id: str
    user_id: str


async def create_org(database: Database, name: str, owner_email: str) -> NewOrg:
    """Create an org whose owner is its first admin."""
    async with database.write() as conn:
        org = await orgs.create_org(conn, name)
        user = await users.ensure_user(conn, owner_email, owner_email.split("@")[0])
        await memberships.add_member(conn, org.id, user.id, "admin")
    return NewOrg(org.id, user.id)


async def set_providers(database: Database, org_id: str, providers: Sequence[str]) -> Org:
    """Say who speaks in an org's calls where the flow does not; no name leaves it to the service.

    Raises:
        NotFound: No such org.
    """
    async with database.write() as conn:
        return await orgs.set_providers(conn, org_id, providers)


async def read_org(database: Database, org_id: str) -> Org:
    """Return the org.

    Raises:
        NotFound: No such org.
    """
    async with database.read() as conn:
        org = await orgs.get_org(conn, org_id)
    if org is None:
        raise NotFound(f"there is no org {org_id}")
    return org


async def create_session(database: Database, org_id: str, email: str, role: Role | None) -> str:
    """Sign a person in without a browser; with a role the person becomes a member, or changes role.

    Returns:
        The value of a `bh_hum_session` cookie.

    Raises:
        NotFound: No such org, or the person is no member and no role was given.
    """
    async with database.write() as conn:
        if await orgs.get_org(conn, org_id) is None:
            raise NotFound(f"there is no org {org_id}")
        user = await users.ensure_user(conn, email, email.split("@")[0])
        if role is not None:
            await memberships.add_member(conn, org_id, user.id, role)
        elif await memberships.role_of(conn, org_id, user.id) is None:
            raise NotFound(f"{email} is no member of {org_id}: give a role to add them")
        return await web_sessions.create(conn, org_id, user.id, utc_now())


async def create_key(database: Database, org_id: str, role: Role, name: str) -> str:
    """Create an API key and return it; only its hash is kept.

    Raises:
        NotFound: No such org.
    """
    async with database.write() as conn:
        if await orgs.get_org(conn, org_id) is None:
            raise NotFound(f"there is no org {org_id}")
        _, key = await api_keys.create(conn, org_id, role, name, utc_now())
    return key
